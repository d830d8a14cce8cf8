"""How far scorers agree with people, and the rates that people would have found."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from weighbridge import scorers as scorer_table
from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Evaluation, Reducer
from weighbridge.core.json import Json
from weighbridge.core.outcome import Scored, ScorerSpec
from weighbridge.core.run import Run
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.reports.people import Beside, Pair, Rate, RateBuilder, beside_people
from weighbridge.scorers.base import AnyScorer, Judge
from weighbridge.services.runs import Runs, RunView
from weighbridge.spec import parse_spec
from weighbridge.store import overrides
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import verdicts_at
from weighbridge.store.overrides import Place
from weighbridge.store.scores import stream_grades

_LOOKED_UP = 500
_PART = 1 << 32  # more positions than a part of a whole has
_QUICK = 5_000  # outcomes that are gone through in a few hundredths of a second
_MOST_KEPT = 64
_Known: TypeAlias = tuple[Run, int, str | None]  # with its tallies, the seed, what was said last


@dataclass(frozen=True, slots=True)
class ScorerAndPeople:
    """A scorer of a run, and what people said about its scores.

    Attributes:
        scorer: its key.
        n_reviewed: outcomes that people have reviewed. n_compared: of these, graded by the scorer.
        beside: how far it agrees with them.
        rate: what it found, and what people would have found.
    """

    scorer: str
    n_reviewed: int
    n_compared: int
    beside: Beside
    rate: Rate


@dataclass(frozen=True, slots=True)
class JudgeAndPeople:
    """A judge with a rubric, over all runs of a workspace that people have reviewed.

    Attributes:
        scorer: name of the scorer (`judge`, `jury`…).
        judge: the model, or the models of a jury, joined by ` + `.
        rubric: its name or text; None where the scorer has none.
        runs: their ids, newest first. n_compared: outcomes that both have graded.
    """

    scorer: str
    judge: str
    rubric: str | None
    runs: tuple[str, ...]
    n_compared: int
    beside: Beside


class Agreements:
    """Agreement between scorers and people in an installation's runs.

    Args:
        store: where the outcomes are, and what people said.
        runs: where runs come from.
    """

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs
        self._kept: OrderedDict[_Known, tuple[ScorerAndPeople, ...]] = OrderedDict()

    async def at_hand(
        self, caller: Caller, run_id: str, seed: int = 0
    ) -> tuple[ScorerAndPeople, ...] | None:
        """As `of_run`, where that is quick; None: the run is large, and has to be gone through.

        Raises:
            NotFound: the workspace has no such run.
        """
        run = await self._runs.get(caller, run_id)
        if run.progress.done > _QUICK and await self._known(run, seed) not in self._kept:
            return None
        return await self.of_run(caller, run_id, seed)

    async def beside(self, caller: Caller, run_id: str) -> dict[str, Beside]:
        """How far the scorers of a run agree with people, by their keys; only what was reviewed is
        looked at.

        Raises:
            NotFound: the workspace has no such run.
        """
        _, built = _scorers_of(await self._runs.view(caller, run_id))
        async with self._store.begin() as connection:
            said = await overrides.current_overrides(connection, caller.workspace_id, run_id)
        pairs = await self._pairs(caller, run_id, said)
        return {
            key: beside_people(pairs[key], scorer.metric, scorer_table.verdicts_of(scorer))
            for key, scorer in built.items()
            if pairs.get(key)
        }

    async def of_run(
        self, caller: Caller, run_id: str, seed: int = 0
    ) -> tuple[ScorerAndPeople, ...]:
        """The scorers of a run about which people have said something, in the run's order.

        Goes through the run's scores once, and remembers what came of it until somebody says
        something more. Memory: 8 bytes an outcome and scorer, 16 with clusters.

        Args:
            seed: of the review sample that people went by.

        Raises:
            NotFound: the workspace has no such run.
        """
        view = await self._runs.view(caller, run_id)
        known = await self._known(view.run, seed)
        if known not in self._kept:
            self._kept[known] = await self._of_run(caller, view, seed)
        self._kept.move_to_end(known)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return self._kept[known]

    async def _known(self, run: Run, seed: int) -> "_Known":
        async with self._store.begin() as connection:
            newest = await overrides.newest_override(connection, run.workspace_id, run.id)
        return run, seed, newest

    async def _of_run(
        self, caller: Caller, view: RunView, seed: int
    ) -> tuple[ScorerAndPeople, ...]:
        run_id = view.run.id
        evaluation, built = _scorers_of(view)
        async with self._store.begin() as connection:
            said = await overrides.current_overrides(connection, caller.workspace_id, run_id)
        keys = [key for key in built if key in said]
        if not keys:
            return ()
        pairs = await self._pairs(caller, run_id, said)
        reasons = {key: _why_no_rate(built[key], evaluation) for key in keys}
        builders = {
            key: RateBuilder(
                {place: value for place, (value, _) in said[key].items()},
                seed=seed,
                clustered=evaluation.cluster_column is not None or evaluation.epochs > 1,
            )
            for key in keys
            if reasons[key] is None
        }
        grades = stream_grades(self._store, caller.workspace_id, run_id, list(builders))
        async for rows in grades:
            for row in rows:
                for builder, grade in zip(builders.values(), row.grades, strict=True):
                    if isinstance(grade, float):
                        builder.add(row.position, row.epoch, row.cluster, grade)

        def work_out() -> tuple[ScorerAndPeople, ...]:
            return tuple(
                ScorerAndPeople(
                    scorer=key,
                    n_reviewed=len(said[key]),
                    n_compared=len(pairs[key]),
                    beside=beside_people(
                        pairs[key], built[key].metric, scorer_table.verdicts_of(built[key])
                    ),
                    rate=builders[key].finish()
                    if key in builders
                    else Rate(None, drawn=False, reason=reasons[key]),
                )
                for key in keys
            )

        return await asyncio.to_thread(work_out)

    async def of_parts(
        self, caller: Caller, run_ids: Sequence[str], scorer: str, seed: int = 0
    ) -> ScorerAndPeople | None:
        """A scorer over runs that are the parts of one whole, as `of_run` tells it of one.

        Args:
            run_ids: all of them, in the order of the parts; all score by the same scorers.
            scorer: its key.
            seed: of the review sample that people went by, which is one of the first part.

        Returns:
            None: people have said nothing about its scores.

        Raises:
            NotFound: the workspace has no such run.
        """
        said: dict[str, dict[Place, tuple[float, str | None]]] = {}
        async with self._store.begin() as connection:
            for run_id in run_ids:
                of_all = await overrides.current_overrides(connection, caller.workspace_id, run_id)
                if scorer in of_all:
                    said[run_id] = of_all[scorer]
        if not said:
            return None
        evaluation, built = _scorers_of(await self._runs.view(caller, next(iter(said))))
        pairs: list[Pair] = []
        for run_id, places in said.items():
            pairs += (await self._pairs(caller, run_id, {scorer: places}))[scorer]
        parts = {run_id: number * _PART for number, run_id in enumerate(run_ids)}
        builder = RateBuilder(
            {
                (parts[run_id] + position, epoch): value
                for run_id, places in said.items()
                for (position, epoch), (value, _) in places.items()
            },
            seed=seed,
            clustered=evaluation.cluster_column is not None or evaluation.epochs > 1,
        )
        reason = _why_no_rate(built[scorer], evaluation)
        for run_id, first in parts.items() if reason is None else ():
            grades = stream_grades(self._store, caller.workspace_id, run_id, [scorer])
            async for rows in grades:
                for row in rows:
                    if isinstance(row.grades[0], float):
                        builder.add(first + row.position, row.epoch, row.cluster, row.grades[0])

        def work_out() -> ScorerAndPeople:
            verdicts = scorer_table.verdicts_of(built[scorer])
            rate = builder.finish() if reason is None else Rate(None, drawn=False, reason=reason)
            return ScorerAndPeople(
                scorer=scorer,
                n_reviewed=sum(map(len, said.values())),
                n_compared=len(pairs),
                beside=beside_people(pairs, built[scorer].metric, verdicts),
                rate=rate,
            )

        return await asyncio.to_thread(work_out)

    async def of_judges(self, caller: Caller) -> tuple[JudgeAndPeople, ...]:
        """The judges of all runs that people have reviewed, those with most reviews first."""
        async with self._store.begin() as connection:
            reviewed = await overrides.runs_reviewed(connection, caller.workspace_id)
        pairs: dict[tuple[str, str, str | None], list[Pair]] = defaultdict(list)
        of_runs: dict[tuple[str, str, str | None], list[str]] = defaultdict(list)
        scorers: dict[tuple[str, str, str | None], AnyScorer] = {}
        for run_id in reviewed:
            evaluation, built = _scorers_of(await self._runs.view(caller, run_id))
            async with self._store.begin() as connection:
                said = await overrides.current_overrides(connection, caller.workspace_id, run_id)
            found = await self._pairs(caller, run_id, said)
            for spec in evaluation.scorers:
                scorer = built[spec.key]
                if isinstance(scorer, Judge) and found.get(spec.key):
                    who = (spec.name, _judge_of(scorer, evaluation), _rubric_of(spec, scorer))
                    pairs[who] += found[spec.key]
                    of_runs[who].append(run_id)
                    scorers[who] = scorer

        def work_out() -> tuple[JudgeAndPeople, ...]:
            return tuple(
                JudgeAndPeople(
                    *who,
                    tuple(of_runs[who]),
                    len(both),
                    beside_people(
                        both, scorers[who].metric, scorer_table.verdicts_of(scorers[who])
                    ),
                )
                for who, both in sorted(pairs.items(), key=lambda item: -len(item[1]))
            )

        return await asyncio.to_thread(work_out)

    async def _pairs(
        self, caller: Caller, run_id: str, said: dict[str, dict[Place, tuple[float, str | None]]]
    ) -> dict[str, list[Pair]]:
        """What people and scorers said of the same outcomes, by scorer."""
        positions = sorted({position for places in said.values() for position, _ in places})
        pairs: dict[str, list[Pair]] = {key: [] for key in said}
        for start in range(0, len(positions), _LOOKED_UP):
            chunk = positions[start : start + _LOOKED_UP]
            async with self._store.begin() as connection:
                found = await verdicts_at(connection, caller.workspace_id, run_id, chunk)
            for place, outcomes in found.items():
                for key, places in said.items():
                    outcome = outcomes.get(key)
                    if place in places and isinstance(outcome, Scored):
                        pairs[key].append((places[place], (outcome.value, outcome.label)))
        return pairs


def _scorers_of(view: RunView) -> tuple[Evaluation, dict[str, AnyScorer]]:
    evaluation = parse_spec(view.evaluation.spec).to_evaluation()
    return evaluation, {spec.key: scorer_table.build(spec) for spec in evaluation.scorers}


def _why_no_rate(scorer: AnyScorer, evaluation: Evaluation) -> str | None:
    if scorer.metric == "labels":
        return "it only labels: there is no rate"
    if evaluation.epochs > 1 and evaluation.reducer is not Reducer.MEAN:
        return f"reduced by {evaluation.reducer} over repeats, its rate is no mean of its scores"
    return None


def _judge_of(scorer: Judge, evaluation: Evaluation) -> str:
    return " + ".join(name or evaluation.judge or RESERVED_NAME for name in scorer.asks)


def _rubric_of(spec: ScorerSpec, scorer: Judge) -> str | None:
    rubric: Json = spec.options.get("rubric", getattr(scorer, "rubric", None))
    if isinstance(rubric, str) or rubric is None:
        return rubric
    purpose = rubric.get("purpose") if isinstance(rubric, dict) else None
    return str(purpose) if purpose else "of its own"
