"""What came of runs over a suite, as a part of a page: by policy or category, how sure the judge
was, and how far people agree with it.

To count it goes through all verdicts: where these are few, it is done with the page; where they are
many, the page comes first, and its script asks for the part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from weighbridge.core.suite import PassRate
from weighbridge.figures.pass_rates import GroupRate, pass_rates_figure
from weighbridge.services.agreement import ScorerAndPeople
from weighbridge.services.pass_rates import KEY
from weighbridge.services.suite_tallies import UNSURE, SuiteTally
from weighbridge.web.charts import Chart
from weighbridge.web.visit import Visit

AT_ONCE = 2_000
"""Verdicts that are counted with the page."""

_MOST_GROUPS = 40
_WORDS = {
    "policy": ("policy", "policies"),
    "family": ("kind of attack", "kinds of attack"),
    "technique": ("technique", "techniques"),
    "category": ("category", "categories"),
}


@dataclass(frozen=True, slots=True)
class Group:
    """A policy, say, and what came of the prompts about it.

    Attributes:
        to: the address with the answers to these prompts; None: there is none.
    """

    value: str
    rate: PassRate
    to: str | None


@dataclass(frozen=True, slots=True)
class Grouping:
    """All that the prompts of a suite are told apart by in one regard.

    Attributes:
        name: of the regard, in the words of the store. one: for people.
        groups: the worst first.
        left_out: how many groups are not shown.
    """

    name: str
    one: str
    groups: tuple[Group, ...]
    chart: Chart
    left_out: int


async def tally_part(
    visit: Visit, run_ids: Sequence[str], *, list_at: str | None = None
) -> dict[str, Any]:
    """What the template `_suite_tally.html` shows.

    Args:
        run_ids: the parts of one whole, at least one.
        list_at: the address of the list of answers, to which filters can be added; None: none.
    """
    tally = await visit.services.suite_tallies.of_runs(visit.caller, run_ids)
    people: ScorerAndPeople | None = None
    if tally.overridden:
        people = await visit.services.agreements.of_parts(visit.caller, run_ids, KEY)
    groupings = groupings_of(tally, list_at)
    return {
        "tally": tally,
        "people": people,
        "groupings": groupings,
        "list_at": list_at,
        "unsure_below": UNSURE,
    }


def groupings_of(tally: SuiteTally, list_at: str | None = None) -> list[Grouping]:
    """The pass rates by policy, category and the like, each with its figure.

    Args:
        list_at: as for `tally_part`.
    """
    return [_grouping(name, rates, tally, list_at) for name, rates in tally.groups.items() if rates]


def _grouping(name: str, rates: Any, tally: SuiteTally, list_at: str | None) -> Grouping:
    worst_first = sorted(rates.items(), key=lambda it: (_rank(it[1]), it[0]))
    shown = worst_first[:_MOST_GROUPS]
    one, _ = _WORDS[name]
    chart = Chart(
        caption=f"Passed by {one}, with 95 % intervals; the dotted line is all of it together",
        figure=pass_rates_figure(
            [
                GroupRate(_shown(it), rate.rate, rate.low, rate.high, rate.n_passed, rate.n_scored)
                for it, rate in shown
            ],
            tally.overall.rate,
        ),
        columns=(one, "passed", "of", "rate", "low", "high", "no verdict", "failed"),
        rows=[
            (
                *(_shown(it), rate.n_passed, rate.n_scored, rate.rate, rate.low, rate.high),
                *(rate.n_ungraded, rate.n_failed),
            )
            for it, rate in shown
        ],
    )
    groups = tuple(
        Group(_shown(it), rate, None if list_at is None else _filtered(list_at, name, it))
        for it, rate in shown
    )
    return Grouping(name, one, groups, chart, len(worst_first) - len(shown))


def _rank(rate: PassRate) -> float:
    return 2.0 if rate.rate is None else rate.rate


def _shown(value: str) -> str:
    """A slug as people read it."""
    return value.replace("_", " ")


def _filtered(list_at: str, name: str, value: str) -> str:
    return f"{list_at}?{urlencode({'about': f'{name}:{value}'})}#responses"
