"""Comparing runs on the cases that they share."""

import asyncio
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from weighbridge.core.caller import Caller
from weighbridge.datasets.cases import shortened
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.services.remarks import remarks, what_differs
from weighbridge.services.runs import Runs
from weighbridge.services.scores import ScoredRun, Scores, common_bounds, common_scorers
from weighbridge.store.engine import Store

if TYPE_CHECKING:
    from weighbridge.reports.comparison import Comparison, RunScores

MOST_RUNS = 20
_AT_ONCE = 2
"""Comparisons at the same time: each holds the scores of its runs."""


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


class Comparisons:
    """Comparisons of an installation's runs.

    Args:
        store: where the outcomes are.
        runs: where the runs come from.
    """

    def __init__(self, store: Store, runs: Runs) -> None:
        self._scores = Scores(store, runs)
        self._slots = asyncio.Semaphore(_AT_ONCE)

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
        async with self._slots:
            scores = [await self._scores.read(run, keys) for run in runs]
            compare: Any = importlib.import_module("weighbridge.reports.comparison")
            for other in range(1, len(runs)):
                if not compare.n_matched(scores[0], scores[other]):
                    raise nothing_in_common(runs[0], scores[0], runs[other], scores[other])
            comparison = await asyncio.to_thread(
                compare.compare_runs, scores, keys, level, common_bounds(runs, keys)
            )
        return ComparisonView(
            tuple(
                ComparedRun(run, its_scores, what_differs(run, runs[0]))
                for run, its_scores in zip(runs, scores, strict=True)
            ),
            keys,
            comparison,
            tuple(remarks(runs, keys, comparison)),
        )


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
