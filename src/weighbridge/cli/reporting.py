"""`weighbridge report`: a run or a comparison as a file to take away."""

import asyncio
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from weighbridge.cli.options import with_settings
from weighbridge.cli.session import Session, in_session
from weighbridge.errors import Invalid
from weighbridge.settings import Settings

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("report")
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option("--html", "html_file", type=_FILE, metavar="FILE", help="Write one file of HTML.")
@click.option(
    "--markdown", "markdown_file", type=_FILE, metavar="FILE", help="Write Markdown; `-`: print it."
)
@click.option(
    "--scorer", metavar="KEY", help="Of several runs: by which cases that changed are picked."
)
@with_settings()
def report(
    *,
    settings: Settings,
    names: tuple[str, ...],
    html_file: Path | None,
    markdown_file: Path | None,
    scorer: str | None,
) -> None:
    """Write the report of a run, or of several beside the first, as a file to take away.

    The HTML holds its figures, and asks no other computer for anything. RUN is a run's id or
    `latest`. Without a FILE, Markdown is printed.
    """
    if scorer is not None and len(names) < 2:
        raise click.UsageError("--scorer goes with several runs")

    async def work(session: Session) -> None:
        document = await _document(session, names, scorer)
        if html_file is not None:
            text = _part("html").write(document)
            await asyncio.to_thread(_write, html_file, text)
        if markdown_file is not None or html_file is None:
            text = _part("markdown").write(document)
            if markdown_file is None or str(markdown_file) == "-":
                click.echo(text, nl=False)
            else:
                await asyncio.to_thread(_write, markdown_file, text)

    in_session(settings, work)


async def _document(session: Session, names: Sequence[str], scorer: str | None) -> Any:
    run_ids = [(await session.run(name)).id for name in names]
    services, caller = session.services, session.caller
    if len(run_ids) == 1:
        return await _part("runs").report_of_run(services, caller, run_ids[0])
    return await _part("comparisons").report_of_comparison(services, caller, run_ids, scorer)


def _part(name: str) -> Any:
    # Figures take longer to load than most commands take to run.
    return importlib.import_module(f"weighbridge.web.reporting.{name}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8", errors="replace")
    except OSError as error:
        raise Invalid(f"cannot write {path}: {error.strerror or error}") from error
    click.echo(f"wrote {path}", err=True)
