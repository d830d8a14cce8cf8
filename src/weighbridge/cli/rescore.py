"""`weighbridge rescore`: the stored answers of a run, scored again."""

import asyncio
from collections.abc import Mapping
from typing import Any

import click

from weighbridge.cli import late
from weighbridge.cli.local import execute, start_rescoring
from weighbridge.cli.options import Address, flags_of, with_server, with_settings
from weighbridge.cli.order import Overrides, read_part
from weighbridge.cli.session import open_session
from weighbridge.settings import Settings

_FIELDS = ("scorers", "judge", "name", "budget")


@click.command("rescore")
@click.argument("run_id", metavar="RUN")
@click.option(
    "--scorers",
    "file",
    metavar="FILE",
    help="YAML with `scorers:`, and maybe `judge:`, `name:` and `budget:`, as an evaluation file "
    "has them; `-`: standard input. Without it the scorers of the run score again.",
)
@click.option(
    "--judge",
    metavar="MODEL",
    help="Have this model judge: where a scorer names none, and, without --scorers, in place of "
    "any one model that they name.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the new run as one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress and no remarks.")
@with_settings()
@with_server
def rescore(
    *,
    settings: Settings,
    run_id: str,
    file: str | None,
    judge: str | None,
    as_json: bool,
    quiet: bool,
    address: Address | None,
) -> int:
    """Score the stored answers of a run again, by other scorers or another judge.

    RUN is the id of a run that has ended, or `latest`. The model is not asked again: the answers
    stay as they are, and so does the run. The result is a run of its own, to be compared with it.
    """
    changes = read_part(file, _FIELDS) if file is not None else {}
    if judge is not None:
        changes["judge"] = judge
    if address is not None:
        return asyncio.run(
            late.rescore_at_server(address, run_id, changes, as_json=as_json, quiet=quiet)
        )
    return asyncio.run(_rescore(settings, run_id, changes, as_json=as_json, quiet=quiet))


async def _rescore(
    settings: Settings, run_id: str, changes: Mapping[str, Any], *, as_json: bool, quiet: bool
) -> int:
    flags = flags_of(settings)
    async with open_session(settings) as session:
        ended = await execute(
            session,
            start_rescoring(session, run_id, changes),
            Overrides(),
            late.choose_display(quiet=quiet),
            lambda run_ids: late.say_how_to_resume(run_ids, flags),
        )
        return await late.tell(
            late.local_results(session), ended, flags, as_json=as_json, quiet=quiet
        )
