"""`weighbridge compare`: two runs or more on the cases that they share."""

import asyncio
from itertools import product

import click
import orjson

from weighbridge.cli.comparison_table import print_comparison, print_flips
from weighbridge.cli.console import output
from weighbridge.cli.options import Address, with_server, with_settings
from weighbridge.cli.remote import connect
from weighbridge.cli.results import LocalResults, Results
from weighbridge.cli.session import Session, in_session
from weighbridge.dialects.native import wire
from weighbridge.settings import Settings

_MOST_FLIPS = 200


@click.command("compare")
@click.argument("names", metavar="RUN RUN...", nargs=-1, required=True)
@click.option("--scorer", "scorers", multiple=True, metavar="KEY", help="Only by this scorer.")
@click.option(
    "--level",
    type=click.FloatRange(0.5, 0.9999),
    default=0.95,
    show_default=True,
    help="Confidence level of the intervals.",
)
@click.option(
    "--flips",
    type=click.IntRange(0, _MOST_FLIPS),
    default=0,
    help="Show so many cases that score differently, for each scorer and each run against the "
    "first.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_settings()
@with_server
def compare(
    *,
    settings: Settings,
    address: Address | None,
    names: tuple[str, ...],
    scorers: tuple[str, ...],
    level: float,
    flips: int,
    as_json: bool,
) -> None:
    """Compare runs on the cases that they share, the first one being the baseline.

    RUN is a run's id, or `latest`. Cases match by id. Differences are those of the later run less
    the earlier; tests are paired, and their p-values corrected for their number (Holm).
    """

    async def work(results: Results) -> None:
        run_ids = [(await results.called(name)).id for name in names]
        comparison = await results.compare(run_ids, scorers, level)
        found = []
        for scorer, other in product(comparison.scorers if flips else (), run_ids[1:]):
            found += await results.flips(run_ids[0], other, scorer, flips)
        _show(comparison, found, as_json=as_json, with_flips=flips > 0)

    async def at_server(address: Address) -> None:
        async with connect(address) as server:
            await work(server)

    async def here(session: Session) -> None:
        await work(LocalResults(session))

    if address is not None:
        asyncio.run(at_server(address))
    else:
        in_session(settings, here)


def _show(
    comparison: wire.Comparison, flips: list[wire.Flip], *, as_json: bool, with_flips: bool
) -> None:
    if as_json:
        shown = comparison.model_dump(mode="json")
        if with_flips:
            shown["flips"] = [flip.model_dump(mode="json") for flip in flips]
        click.echo(orjson.dumps(shown))
        return
    console = output()
    print_comparison(console, comparison)
    if with_flips:
        print_flips(console, comparison, flips)
