"""`weighbridge reproduce`: the same work again, and whether it came to the same."""

import asyncio
from contextlib import suppress

import click

from weighbridge.cli import late
from weighbridge.cli.comparison_table import print_comparison
from weighbridge.cli.console import output
from weighbridge.cli.local import execute, start_again
from weighbridge.cli.options import flags_of, with_settings
from weighbridge.cli.order import Overrides
from weighbridge.cli.results import LocalResults
from weighbridge.cli.session import open_session
from weighbridge.core.run import Run
from weighbridge.errors import Invalid
from weighbridge.services.evaluations import Reproduction
from weighbridge.settings import Settings


@click.command("reproduce")
@click.argument("run_id", metavar="RUN")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print both runs as one JSON object a line, the old first.",
)
@click.option("--quiet", is_flag=True, help="No progress and no remarks.")
@with_settings()
def reproduce(*, settings: Settings, run_id: str, as_json: bool, quiet: bool) -> int:
    """Do again exactly what a run did, show both side by side, and compare them.

    The same version of the data, the same prompt, model, judge and scorers. What is no longer what
    it was (other weights, a newer scorer) is named first: then it is not the same work.
    """
    return asyncio.run(_reproduce(settings, run_id, as_json=as_json, quiet=quiet))


async def _reproduce(settings: Settings, run_id: str, *, as_json: bool, quiet: bool) -> int:
    flags = flags_of(settings)
    again: list[Reproduction] = []
    async with open_session(settings) as session:

        async def begin() -> tuple[Run, ...]:
            again.append(await start_again(session, run_id))
            return (again[0].run,)

        ended = await execute(
            session,
            begin(),
            Overrides(),
            late.choose_display(quiet=quiet),
            lambda run_ids: late.say_how_to_resume(run_ids, flags),
        )
        if again:
            ended = ended.with_first(again[0].original.id)
            if not quiet:
                click.echo(_likeness(again[0]), err=True)
        results = LocalResults(session)
        code = await late.tell(results, ended, flags, as_json=as_json, quiet=quiet)
        if again and ended.interrupted is None and not as_json:
            with suppress(Invalid):  # nothing was scored in both: the reports say so
                compared = await results.compare([again[0].original.id, again[0].run.id], (), 0.95)
                print_comparison(output(), compared)
        return code


def _likeness(again: Reproduction) -> str:
    if not again.changed:
        return f"the same work as {again.original.id}: data, model, prompt and scorers are equal"
    return f"not the same work as {again.original.id}: {', '.join(again.changed)} changed since"
