"""Suites with figures over all that was answered to them: filtered, put in order, page by page.

Pass rates follow from the reports of runs and from what people said since, so that no column has
them. Where suites are chosen or put in order by them, the figures of all suites that are wanted
otherwise are made, a chunk of suites at a time; of each only its id and one number is kept.
"""

import math
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller
from weighbridge.core.suite import PassRate, ScoringState, Suite
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.services.pass_rates import pass_rates
from weighbridge.services.scorings import state_of
from weighbridge.services.suites import Suites
from weighbridge.store.engine import Store
from weighbridge.store.scorings import standings
from weighbridge.store.suite_statistics import (
    Order,
    ScoringOf,
    Such,
    count_such,
    scorings_of,
    suites_such,
)

OrderedBy: TypeAlias = Order | Literal["pass_rate"]
"""`pass_rate`: the mean over a suite's scorings; suites without one stand last."""

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which suites are wanted, and in which order.

    Attributes:
        such: what the database knows of them.
        scoring_state: whether any scoring (of those made when `such` says) is there.
        min_rate, max_rate: of the mean pass rate, 0 to 1, both included; suites without one are
            left out.
        order, descending: of those that are alike, the newest stands first.
    """

    such: Such = field(default_factory=Such)
    scoring_state: ScoringState | None = None
    min_rate: float | None = None
    max_rate: float | None = None
    order: OrderedBy = Order.CREATED_AT
    descending: bool = True

    @property
    def by_verdicts(self) -> bool:
        """Whether it takes more than the database knows."""
        return self.order == "pass_rate" or any(
            it is not None for it in (self.scoring_state, self.min_rate, self.max_rate)
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What was answered to a suite, in sum. Rates are 0 to 1, of its finished scorings; None:
    there is none with a verdict.

    Attributes:
        scorings: how many there are. scored: responses with a verdict.
    """

    scorings: int = 0
    scored: int = 0
    mean: float | None = None
    best: float | None = None
    worst: float | None = None
    last_scored_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Analysis:
    """A page of suites with their figures.

    Attributes:
        total: how many there are on all pages. more: whether any stands behind this page.
    """

    results: tuple[tuple[Suite, Figures], ...]
    total: int
    more: bool


class SuiteStatistics:
    """Figures on the suites of an installation.

    Args:
        store: where they are kept.
        suites: the suites.
    """

    def __init__(self, store: Store, suites: Suites) -> None:
        self._store = store
        self._suites = suites

    async def analyse(
        self, caller: Caller, wanted: Wanted, *, start: int = 0, limit: int = 100
    ) -> Analysis:
        """A page of the suites that are wanted, with their figures.

        Args:
            start: how many to leave out. limit: the most on the page, 1 or more.

        Raises:
            InvalidFields: no pass rate can be as is wanted.
        """
        _check(wanted)
        if wanted.by_verdicts:
            every = await self._chosen(caller, wanted)
            total, page = len(every), every[start : start + limit]
        else:
            total, page = await self._looked_up(caller, wanted, start, limit)
        async with self._store.begin() as connection:
            known = await _known(connection, caller.workspace_id, page)
        there = await self._suites.find(caller, page)
        results = [
            (await self._suites.settled(caller, there[it]), _figures(known.get(it, ())))
            for it in page
            if it in there
        ]
        return Analysis(tuple(results), total, start + len(page) < total)

    async def _looked_up(
        self, caller: Caller, wanted: Wanted, start: int, limit: int
    ) -> tuple[int, list[str]]:
        order = Order(wanted.order)
        async with self._store.begin() as connection:
            total = await count_such(connection, caller.workspace_id, wanted.such)
            page = await suites_such(
                connection,
                caller.workspace_id,
                wanted.such,
                order=order,
                descending=wanted.descending,
                start=start,
                limit=limit,
            )
        return total, page

    async def _chosen(self, caller: Caller, wanted: Wanted) -> list[str]:
        """The ids of all suites that are wanted, in order."""
        found: list[tuple[str, float | None]] = []
        async for suite_id, scorings in self._all(caller, wanted):
            mean = _figures(scorings).mean
            if _has_state(scorings, wanted) and _within(mean, wanted):
                found.append((suite_id, mean))
        if wanted.order == "pass_rate":
            sign = -1 if wanted.descending else 1
            # Stable: those that are alike stay as they stood, newest first.
            found.sort(key=lambda it: math.inf if it[1] is None else sign * it[1])
        return [suite_id for suite_id, _ in found]

    async def _all(
        self, caller: Caller, wanted: Wanted
    ) -> AsyncIterator[tuple[str, Sequence["_Known"]]]:
        """All suites that are wanted as far as the database knows, in its order."""
        order = Order.CREATED_AT if wanted.order == "pass_rate" else wanted.order
        descending = wanted.order == "pass_rate" or wanted.descending
        async with self._store.begin() as connection:
            ids = await suites_such(
                connection, caller.workspace_id, wanted.such, order=order, descending=descending
            )
        for start in range(0, len(ids), _CHUNK):
            chunk = ids[start : start + _CHUNK]
            async with self._store.begin() as connection:
                known = await _known(connection, caller.workspace_id, chunk)
            for suite_id in chunk:
                yield suite_id, known.get(suite_id, ())


@dataclass(frozen=True, slots=True)
class _Known:
    scoring: ScoringOf
    state: ScoringState
    rate: PassRate


async def _known(
    connection: AsyncConnection, workspace_id: str, suite_ids: Sequence[str]
) -> Mapping[str, Sequence[_Known]]:
    """The scorings of some suites, by the suite's id."""
    scorings = await scorings_of(connection, workspace_id, suite_ids)
    found: dict[str, list[_Known]] = defaultdict(list)
    for start in range(0, len(scorings), _CHUNK):
        chunk = scorings[start : start + _CHUNK]
        ids = [it.id for it in chunk]
        standing = await standings(connection, workspace_id, ids)
        rates = await pass_rates(connection, workspace_id, ids, standing)
        for it in chunk:
            state = state_of(standing.get(it.id, ()))
            found[it.suite_id].append(_Known(it, state, rates[it.id]))
    return found


def _figures(scorings: Sequence[_Known]) -> Figures:
    finished = [it.rate.rate for it in scorings if it.state is ScoringState.FINISHED]
    rates = [it for it in finished if it is not None]
    return Figures(
        scorings=len(scorings),
        scored=sum(it.rate.n_scored for it in scorings),
        mean=math.fsum(rates) / len(rates) if rates else None,
        best=max(rates, default=None),
        worst=min(rates, default=None),
        last_scored_at=max((it.scoring.created_at for it in scorings), default=None),
    )


def _has_state(scorings: Sequence[_Known], wanted: Wanted) -> bool:
    if wanted.scoring_state is None:
        return True
    after, before = wanted.such.scored_after, wanted.such.scored_before
    return any(
        it.state is wanted.scoring_state
        and (after is None or it.scoring.created_at >= after)
        and (before is None or it.scoring.created_at <= before)
        for it in scorings
    )


def _within(mean: float | None, wanted: Wanted) -> bool:
    if wanted.min_rate is None and wanted.max_rate is None:
        return True
    low = 0.0 if wanted.min_rate is None else wanted.min_rate
    high = 1.0 if wanted.max_rate is None else wanted.max_rate
    return mean is not None and low <= mean <= high


def _check(wanted: Wanted) -> None:
    problems = [
        FieldProblem(name, "a pass rate is 0 to 1")
        for name, rate in (("min_pass_rate", wanted.min_rate), ("max_pass_rate", wanted.max_rate))
        if rate is not None and not 0 <= rate <= 1
    ]
    low = 0.0 if wanted.min_rate is None else wanted.min_rate
    high = 1.0 if wanted.max_rate is None else wanted.max_rate
    if not problems and low > high:
        problems.append(FieldProblem("min_pass_rate", "it is above max_pass_rate"))
    if problems:
        raise InvalidFields(problems)
