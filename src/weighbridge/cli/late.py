"""What `weighbridge run` needs only at its end, or only on some ways through it.

A run over a small file is over in seconds, and rich, the report and the HTTP client would each cost
a tenth of one before the first call. They are loaded here, when they are called for.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any, cast

from weighbridge.cli.progress import Display, Lines, Silence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from weighbridge.cli.local import Ended
    from weighbridge.cli.options import Address
    from weighbridge.cli.order import EvaluationFile
    from weighbridge.cli.results import Results
    from weighbridge.cli.session import Session


def choose_display(*, quiet: bool) -> Display:
    """The display that suits where stderr goes."""
    if quiet:
        return Silence()
    if not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return Lines()
    return cast("Display", importlib.import_module("weighbridge.cli.progress_bar").Bar())


def local_results(session: "Session") -> "Results":
    """Results out of this process's services."""
    module = importlib.import_module("weighbridge.cli.results")
    return cast("Results", module.LocalResults(session))


async def tell(
    results: "Results", ended: "Ended", flags: "Sequence[str]", *, as_json: bool, quiet: bool
) -> int:
    """Print what runs came to; the exit code for it (see `ending.tell`)."""
    ending = importlib.import_module("weighbridge.cli.ending")
    return cast("int", await ending.tell(results, ended, flags, as_json=as_json, quiet=quiet))


async def print_report(results: "Results", run_ids: "Sequence[str]") -> None:
    """Print one run in full, or several side by side, on stdout."""
    report = importlib.import_module("weighbridge.cli.report")
    console = importlib.import_module("weighbridge.cli.console")
    found = [await report.find(results, run_id) for run_id in run_ids]
    report.print_reports(console.output(), found)


def say_how_to_resume(run_ids: "Sequence[str]", flags: "Sequence[str]") -> None:
    """Print the command that goes on with these runs."""
    importlib.import_module("weighbridge.cli.ending").say_how_to_resume(run_ids, flags)


async def run_at_server(
    address: "Address",
    asked: "EvaluationFile | None",
    resume: "Sequence[str]",
    *,
    retry_failed: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Have a server do it (see `remote_run.run_at_server`)."""
    remote = importlib.import_module("weighbridge.cli.remote_run")
    work = remote.run_at_server(
        address, asked, resume, retry_failed=retry_failed, as_json=as_json, quiet=quiet
    )
    return cast("int", await work)


async def rescore_at_server(
    address: "Address", name: str, changes: "Mapping[str, Any]", *, as_json: bool, quiet: bool
) -> int:
    """Have a server do it (see `remote_run.rescore_at_server`)."""
    remote = importlib.import_module("weighbridge.cli.remote_run")
    work = remote.rescore_at_server(address, name, changes, as_json=as_json, quiet=quiet)
    return cast("int", await work)
