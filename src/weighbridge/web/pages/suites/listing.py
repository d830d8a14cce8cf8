"""Suites: which there are, and how they came out last."""

from dataclasses import dataclass
from enum import StrEnum

from starlette.responses import Response

from weighbridge.core.suite import Suite
from weighbridge.dialects.shared import encode_cursor
from weighbridge.services.suite_results import SuiteResult
from weighbridge.services.suite_statistics import Figures, Wanted
from weighbridge.store.suite_statistics import Order, Standing, Such
from weighbridge.suites.catalog import eval_types
from weighbridge.web.pages.suites.common import start_of
from weighbridge.web.routing import page
from weighbridge.web.visit import Visit

PAGE = 50
_TREND = 12

Point = tuple[float, float | None, float | None]


class Sort(StrEnum):
    """What the list can be put in order by."""

    MADE = "created_at"
    NAME = "name"
    SCORINGS = "scorings"
    SCORED = "last_scored_at"
    RATE = "pass_rate"


class Way(StrEnum):
    """In which direction."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Row:
    """A suite in the list.

    Attributes:
        last: its newest result that is over; None: there is none.
        going_on: how many of its newest results are not.
        points: how its pass rate went, oldest first.
        more: whether it has more results than were looked at.
    """

    suite: Suite
    figures: Figures
    last: SuiteResult | None
    going_on: int
    points: tuple[Point, ...]
    results: int
    more: bool


async def show_suites(visit: Visit) -> Response:
    """All suites that are wanted, with their last pass rates."""
    query = visit.query
    kinds = {it.slug: it.name for it in eval_types()}
    sort = query.choice("sort", Sort) or Sort.MADE
    # Of names, the first letter comes first; of anything else, the most.
    way = query.choice("order", Way) or (Way.UP if sort is Sort.NAME else Way.DOWN)
    wanted = Wanted(
        such=Such(
            name=query.text("q") or None,
            kind=query.text("type") or None,
            standing=query.choice("status", Standing),
        ),
        order="pass_rate" if sort is Sort.RATE else Order(sort.value),
        descending=way is Way.DOWN,
    )
    start = start_of(visit)
    found = await visit.services.suite_statistics.analyse(
        visit.caller, wanted, start=start, limit=PAGE
    )
    latest = await visit.services.suite_results.latest(
        visit.caller, [suite.id for suite, _ in found.results], each=_TREND
    )
    return visit.page(
        "suites.html",
        rows=[_row(suite, figures, latest.get(suite.id, [])) for suite, figures in found.results],
        total=found.total,
        kinds=kinds,
        statuses=[(it.value, it.value) for it in Standing],
        sort=sort,
        descending=way is Way.DOWN,
        next=encode_cursor(start + PAGE) if found.more else None,
        filtered=bool(query.text("q") or query.text("type") or query.text("status")),
    )


def _row(suite: Suite, figures: Figures, results: list[SuiteResult]) -> Row:
    return Row(
        suite=suite,
        figures=figures,
        last=next((it for it in results if it.is_over), None),
        going_on=sum(it.is_going_on for it in results),
        points=points_of(results),
        results=len(results),
        more=len(results) == _TREND,
    )


def points_of(results: list[SuiteResult]) -> tuple[Point, ...]:
    """The pass rates of results that are over, oldest first.

    Args:
        results: newest first.
    """
    return tuple(
        (it.rate.rate, it.rate.low, it.rate.high)
        for it in reversed(results)
        if it.is_over and it.rate.rate is not None
    )


ROUTES = (page("/suites", show_suites),)
