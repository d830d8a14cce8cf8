"""Comparing runs on the cases that they share."""

import asyncio
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeAlias

from weighbridge.core.caller import Caller
from weighbridge.datasets.cases import shortened
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.services.kept import Kept
from weighbridge.services.remarks import remarks, what_differs
from weighbridge.services.runs import Runs
from weighbridge.services.scores import ScoredRun, Scores, common_bounds, common_scorers
from weighbridge.store.comparable import Comparable, comparable_of, newest_runs
from weighbridge.store.engine import Store

if TYPE_CHECKING:
    from weighbridge.reports.comparison import Comparison, RunScores

MOST_RUNS = 20
_LISTED = 200
_AT_ONCE = 2
"""Comparisons at the same time: each holds the scores of its runs."""
_MOST_BYTES = 64 << 20
_MOST_KEPT = 256
_BYTES_OF_A_DIFFERENCE = 1_500
_Key: TypeAlias = tuple[tuple[tuple[str, str | None], ...], tuple[str, ...], float]
"""Runs and how far they have come, scorers, confidence level."""


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """One of the runs compared.

    Attributes:
        scores: what was read of it.
        differs: what of all that determines its result is not as in the baseline, in words.
    """

    run: ScoredRun
    scores: "RunScores"
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ComparisonView:
    """Runs compared.

    Attributes:
        runs: in the order in which they were named; the first is the baseline.
        scorers: keys of those compared by.
        warnings: what to know before believing it, in plain words.
    """

    runs: tuple[ComparedRun, ...]
    scorers: tuple[str, ...]
    comparison: "Comparison"
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """Runs over the same data.

    Attributes:
        data: the name of the data set, as the newest of them has it. rows: how many it has.
        runs: newest first.
    """

    data: str
    rows: int
    runs: tuple[Comparable, ...]


class Comparisons:
    """Comparisons of an installation's runs. Those of runs that have ended are kept for a while.

    Args:
        store: where the outcomes are.
        runs: where the runs come from.
    """

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._scores = Scores(store, runs)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._kept: Kept[_Key, Comparison] = Kept(_MOST_BYTES, _MOST_KEPT)

    async def compare(
        self,
        caller: Caller,
        run_ids: Sequence[str],
        *,
        scorers: Sequence[str] = (),
        level: float = 0.95,
    ) -> ComparisonView:
        """Compare runs on the cases that they share.

        Args:
            run_ids: 2 to 20 of them, the baseline first.
            scorers: keys; none: all that every run has.
            level: confidence level of the intervals.

        Raises:
            NotFound: the workspace has no such run.
            Invalid: too few or too many runs, or one twice; a scorer that a run does not have; a
                run without a case in common with the first.
        """
        check_runs(run_ids)
        runs = [await self._scores.run(caller, run_id) for run_id in run_ids]
        keys = common_scorers(runs, scorers)
        marks = tuple((run.id, run.mark) for run in runs)
        if any(mark is None for _, mark in marks):
            scores, comparison = await self._compared(runs, keys, level)
        else:
            make = partial(self._made, runs, keys, level)
            comparison = await self._kept.get((marks, keys, level), make)
            scores = [await self._scores.whole(run, keys) for run in runs]
        return ComparisonView(
            tuple(
                ComparedRun(run, its_scores, what_differs(run, runs[0]))
                for run, its_scores in zip(runs, scores, strict=True)
            ),
            keys,
            comparison,
            tuple(remarks(runs, keys, comparison)),
        )

    async def choices(
        self, caller: Caller, *, search: str = "", chosen: Sequence[str] = ()
    ) -> list[Shared]:
        """What could be compared, of the newest runs: those over the same data together, first the
        data of those that are chosen already.

        Args:
            search: part of a name of an evaluation, a model or a data set, or of a run's id.
            chosen: ids of runs that are there in any case.
        """
        workspace = caller.workspace_id
        async with self._store.begin() as connection:
            theirs = await comparable_of(connection, workspace, chosen[:MOST_RUNS])
            found = list(theirs)
            for sha256 in dict.fromkeys(it.sha256 for it in theirs):
                found += await newest_runs(
                    connection, workspace, search=search, sha256=sha256, limit=_LISTED
                )
            found += await newest_runs(connection, workspace, search=search, limit=_LISTED)
        groups: dict[str, dict[str, Comparable]] = {}
        for run in found:
            groups.setdefault(run.sha256, {}).setdefault(run.id, run)
        return [
            Shared(next(iter(group.values())).data, next(iter(group.values())).rows, runs)
            for group in groups.values()
            for runs in [tuple(sorted(group.values(), key=lambda it: it.id, reverse=True))]
        ]

    async def _made(
        self, runs: Sequence[ScoredRun], keys: tuple[str, ...], level: float
    ) -> tuple["Comparison", int]:
        _, comparison = await self._compared(runs, keys, level)
        return comparison, len(comparison.differences) * _BYTES_OF_A_DIFFERENCE

    async def _compared(
        self, runs: Sequence[ScoredRun], keys: tuple[str, ...], level: float
    ) -> tuple[list["RunScores"], "Comparison"]:
        async with self._slots:
            scores = [await self._scores.whole(run, keys) for run in runs]
            compare: Any = importlib.import_module("weighbridge.reports.comparison")
            for other in range(1, len(runs)):
                if not compare.n_matched(scores[0], scores[other]):
                    raise nothing_in_common(runs[0], scores[0], runs[other], scores[other])
            comparison = await asyncio.to_thread(
                compare.compare_runs, scores, keys, level, common_bounds(runs, keys)
            )
        return scores, comparison


def check_runs(run_ids: Sequence[str]) -> None:
    """Refuse what cannot be compared, whatever the runs are.

    Raises:
        InvalidFields: fewer than 2 or more than 20 runs, or one of them twice.
    """
    if not 2 <= len(run_ids) <= MOST_RUNS:
        raise InvalidFields(
            [FieldProblem("run", f"2 to {MOST_RUNS} runs are compared, not {len(run_ids)}")]
        )
    for one, other in combinations(run_ids, 2):
        if one == other:
            raise InvalidFields(
                [FieldProblem("run", f"{one} is named twice; a run does not differ from itself")]
            )


def nothing_in_common(
    run_a: ScoredRun, a: "RunScores", run_b: ScoredRun, b: "RunScores", field: str = "run"
) -> Invalid:
    """The refusal of two runs that share no case.

    Args:
        field: which part of the request is to blame.
    """
    return InvalidFields(
        [
            FieldProblem(
                field,
                f"no case matches: {_cases(run_a, a)}, {_cases(run_b, b)}, 0 are in both. Cases "
                "match when they have the same id: let both evaluations name the `id` column that "
                "says which question it is",
            )
        ]
    )


def _cases(run: ScoredRun, scores: "RunScores") -> str:
    cases = f"{run.id} has {len(scores):,} {'case' if len(scores) == 1 else 'cases'}"
    if scores.first_id is None:
        return f"{cases} with an outcome"
    return f"{cases} (the first is `{shortened(scores.first_id)}`)"
