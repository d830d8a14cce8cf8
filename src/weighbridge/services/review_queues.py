"""What people have before them when they review a run: which scorers, which cases in which order,
and how far they are."""

import asyncio
import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from weighbridge import scorers as scorer_table
from weighbridge.core.caller import Caller
from weighbridge.core.outcome import Scored
from weighbridge.core.review import Override, place_in_sample
from weighbridge.core.run import Run
from weighbridge.core.scale import Bounds
from weighbridge.errors import NotFound
from weighbridge.scorers.base import AnyScorer, Bounded, Judge, MetricKind
from weighbridge.services.runs import Runs, RunView
from weighbridge.spec import parse_spec
from weighbridge.store import overrides
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import verdicts_at
from weighbridge.store.overrides import Place, Reviewed
from weighbridge.store.scores import least_confident

MOST_QUEUED = 500
_MARGIN = 20  # outcomes looked at beyond those wanted: a few have no verdict
_MOST_KEPT = 32


class Order(StrEnum):
    """In which order cases are reviewed."""

    RANDOM = "random"
    """that of the review sample, which is what makes the corrected rate valid"""
    UNSURE = "unsure"
    """where the scorer was least sure first: finds mistakes soon, and corrects no rate"""


@dataclass(frozen=True, slots=True)
class ReviewedScorer:
    """A scorer of a run, as somebody who reviews it sees it.

    Attributes:
        key: its key. name: of the scorer (`judge`, `exact`…).
        judges: whether models are asked.
        metric: what its scores are.
        verdicts: its labels → what each is worth, where that is known; None: its labels are not.
        bounds: within which its scores lie; None: nobody says.
    """

    key: str
    name: str
    judges: bool
    metric: MetricKind
    verdicts: Mapping[str, float | None] | None
    bounds: Bounds | None = None


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    """The cases to be reviewed.

    Attributes:
        places: position and epoch of each, in order, reviewed ones included.
        done: those of them that people have reviewed.
        reviewed: how much of the whole run is.
    """

    places: tuple[Place, ...]
    done: frozenset[Place]
    reviewed: Reviewed

    @property
    def left(self) -> tuple[Place, ...]:
        """Those that nobody has reviewed."""
        return tuple(place for place in self.places if place not in self.done)


@dataclass(frozen=True, slots=True)
class ReviewedRun:
    """A run in the list of those that can be reviewed.

    Attributes:
        scorers: those that ask models first. reviewed: by the scorer's key, where anything is.
    """

    view: RunView
    scorers: tuple[ReviewedScorer, ...]
    reviewed: Mapping[str, Reviewed]


class ReviewQueues:
    """What people have before them.

    Args:
        store: where outcomes are, and what people said. runs: where runs come from.
    """

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs
        self._unsure: dict[tuple[Run, str, int], tuple[Place, ...]] = {}

    async def scorers(self, caller: Caller, run_id: str) -> tuple[ReviewedScorer, ...]:
        """The scorers of a run, those that ask models first.

        Raises:
            NotFound: the workspace has no such run.
        """
        return _scorers_of(await self._runs.view(caller, run_id))

    async def page(
        self, caller: Caller, *, after: str | None = None, limit: int = 50
    ) -> list[ReviewedRun]:
        """Runs, newest first, with what of each is reviewed."""
        views = await self._runs.views(caller, after=after, limit=limit)
        return await self._with_reviews(caller, views)

    async def begun(self, caller: Caller, limit: int = 20) -> list[ReviewedRun]:
        """Runs about whose scores people have said something, the newest first."""
        async with self._store.begin() as connection:
            found = await overrides.runs_reviewed(connection, caller.workspace_id)
        views = [await self._runs.view(caller, run_id) for run_id in found[:limit]]
        return await self._with_reviews(caller, views)

    async def queue(
        self,
        caller: Caller,
        run_id: str,
        scorer: str,
        *,
        n: int = 50,
        seed: int = 0,
        order: Order = Order.RANDOM,
    ) -> ReviewQueue:
        """The first n cases that somebody who reviews a scorer's verdicts looks at. Of a random
        order they are those that `Reviews.sample` draws, but no more of the run is looked at.

        Args:
            scorer: its key; only what it has graded can be reviewed.
            seed: of the random order.

        Raises:
            NotFound: the workspace has no such run, or the run no such scorer.
        """
        view = await self._runs.view(caller, run_id)
        if scorer not in {it.key for it in _scorers_of(view)}:
            raise NotFound(f"the run {run_id} has no scorer `{scorer[:80]}`")
        n = min(n, MOST_QUEUED)
        if order is Order.RANDOM:
            places = await self._sampled(view, scorer, n, seed)
        else:
            places = await self._least_sure(view.run, scorer, n)
        async with self._store.begin() as connection:
            said = await overrides.current_overrides(connection, caller.workspace_id, run_id)
            tally = await overrides.tally_reviews(connection, caller.workspace_id, [run_id])
        done = frozenset(said.get(scorer, {})).intersection(places)
        return ReviewQueue(places, done, tally.get(run_id, {}).get(scorer, Reviewed(0, 0)))

    async def last_of(
        self, caller: Caller, run_id: str, scorer: str, author: str
    ) -> Override | None:
        """What this author said last about this scorer's verdicts, if it still counts: what can be
        taken back."""
        async with self._store.begin() as connection:
            recent = await overrides.page_of_overrides(
                connection, caller.workspace_id, run_id, after=None, limit=50, scorer=scorer
            )
        seen: set[Place] = set()
        for said in recent:
            place = (said.position, said.epoch)
            if said.author == author and said.value is not None and place not in seen:
                return said
            seen.add(place)
        return None

    async def _sampled(self, view: RunView, scorer: str, n: int, seed: int) -> tuple[Place, ...]:
        run = view.run
        epochs = parse_spec(view.evaluation.spec).to_evaluation().epochs
        total = run.progress.total
        wanted = n + _MARGIN
        while True:
            order = await asyncio.to_thread(_order, seed, total // epochs, epochs, wanted)
            graded = await self._graded(run, scorer, order)
            if len(graded) >= n or wanted >= total:
                return graded[:n]
            wanted *= 4

    async def _graded(self, run: Run, scorer: str, places: Sequence[Place]) -> tuple[Place, ...]:
        """Those of these places that a scorer has graded."""
        async with self._store.begin() as connection:
            found = await verdicts_at(
                connection, run.workspace_id, run.id, {position for position, _ in places}
            )
        return tuple(it for it in places if _is_graded(found.get(it, {}).get(scorer)))

    async def _least_sure(self, run: Run, scorer: str, n: int) -> tuple[Place, ...]:
        known = (run, scorer, n)
        if known not in self._unsure:
            async with self._store.begin() as connection:
                found = await least_confident(connection, run.workspace_id, run.id, scorer, n)
            while len(self._unsure) >= _MOST_KEPT:
                self._unsure.pop(next(iter(self._unsure)))
            self._unsure[known] = tuple(found)
        return self._unsure[known]

    async def _with_reviews(self, caller: Caller, views: Sequence[RunView]) -> list[ReviewedRun]:
        ids = [view.run.id for view in views]
        async with self._store.begin() as connection:
            tally = await overrides.tally_reviews(connection, caller.workspace_id, ids)
        return [
            ReviewedRun(view, _scorers_of(view), tally.get(view.run.id, {}))
            for view in views
            if view.evaluation.spec.get("scorers")
        ]


@lru_cache(maxsize=64)
def _order(seed: int, cases: int, epochs: int, n: int) -> tuple[Place, ...]:
    """The first n of the random order in which a seed puts all outcomes of a run."""
    drawn = heapq.nsmallest(
        n,
        (
            (place_in_sample(seed, position, epoch), position, epoch)
            for position in range(cases)
            for epoch in range(epochs)
        ),
    )
    return tuple((position, epoch) for _, position, epoch in drawn)


def _is_graded(outcome: object) -> bool:
    # What was no number is kept as null: it is no grade.
    return isinstance(outcome, Scored) and isinstance(outcome.value, int | float)


def _scorers_of(view: RunView) -> tuple[ReviewedScorer, ...]:
    specs = parse_spec(view.evaluation.spec).to_evaluation().scorers
    made = [_scorer(spec.key, spec.name, scorer_table.build(spec)) for spec in specs]
    return tuple(sorted(made, key=lambda it: not it.judges))


def _scorer(key: str, name: str, built: AnyScorer) -> ReviewedScorer:
    return ReviewedScorer(
        key=key,
        name=name,
        judges=isinstance(built, Judge),
        metric=built.metric,
        verdicts=scorer_table.verdicts_of(built),
        bounds=built.bounds if isinstance(built, Bounded) else None,
    )
