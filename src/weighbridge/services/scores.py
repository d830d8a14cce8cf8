"""The scores of a run as columns, for comparisons and gates. numpy is loaded when they are read."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from weighbridge import scorers as scorer_table
from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Evaluation
from weighbridge.core.run import FINISHED
from weighbridge.core.scale import Bounds
from weighbridge.core.suggest import did_you_mean
from weighbridge.errors import FieldProblem, InvalidFields, NotFound
from weighbridge.jobs.score_columns import ended_scores, mark_of, read_scores
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.reports.metrics import bounds_of_cases
from weighbridge.services.kept import Kept
from weighbridge.services.runs import Runs, RunView
from weighbridge.spec import parse_spec
from weighbridge.store.datasets import Dataset, find_dataset
from weighbridge.store.engine import Store
from weighbridge.store.runs import read_pin_parts, read_state

if TYPE_CHECKING:
    from weighbridge.reports.comparison import RunScores

_MOST_BYTES = 192 << 20
_MOST_KEPT = 64
_MOST_OF_A_RUN = 64 << 20
_BYTES_OF_A_CASE, _BYTES_OF_A_SCORE = 20, 9


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A run with what says how its scores came about.

    Attributes:
        pin_parts: a hash for each part of its pin; empty for a run older than these.
        round: how often it was queued.
    """

    view: RunView
    evaluation: Evaluation
    dataset: Dataset
    pin_parts: dict[str, str]
    round: int = 1

    @property
    def id(self) -> str:
        """Of the run."""
        return self.view.run.id

    @property
    def scorers(self) -> tuple[str, ...]:
        """Keys of its scorers, in the order of the evaluation, but for those that give labels and
        no number that could be compared."""
        return tuple(
            spec.key
            for spec in self.evaluation.scorers
            if scorer_table.build(spec).metric != "labels"
        )

    @property
    def bounds(self) -> dict[str, Bounds]:
        """Key of each scorer → within which bounds it scores a case, its repeats reduced."""
        built = {spec.key: scorer_table.build(spec) for spec in self.evaluation.scorers}
        return {
            key: bounds_of_cases(one.metric, scorer_table.bounds_of(one), self.evaluation.reducer)
            for key, one in built.items()
        }

    @property
    def lower_is_better(self) -> frozenset[str]:
        """Keys of the scorers whose low scores are the good ones, such as error rates."""
        built = {spec.key: scorer_table.build(spec) for spec in self.evaluation.scorers}
        return frozenset(k for k, one in built.items() if getattr(one, "lower_is_better", False))

    @property
    def mark(self) -> str | None:
        """Changes with every outcome; None: the run has not ended."""
        run = self.view.run
        return mark_of(self.round, run.progress) if run.state in FINISHED else None

    @property
    def judges(self) -> tuple[str, ...]:
        """Names of the models that judge its answers, each once."""
        built = [scorer_table.build(spec) for spec in self.evaluation.scorers]
        names = (name or self.evaluation.judge for name in scorer_table.asked_by(built))
        return tuple(dict.fromkeys(name or RESERVED_NAME for name in names))


class Scores:
    """The scores of an installation's runs. Those of runs that have ended are kept for a while.

    Args:
        store: where they are kept.
        runs: where the runs come from.
    """

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs
        self._kept: Kept[tuple[str, str], RunScores] = Kept(_MOST_BYTES, _MOST_KEPT)

    async def run(self, caller: Caller, run_id: str) -> ScoredRun:
        """A run with its evaluation and its data set.

        Raises:
            NotFound: the workspace has no such run.
        """
        view = await self._runs.view(caller, run_id)
        async with self._store.begin() as connection:
            dataset = await find_dataset(
                connection, caller.workspace_id, view.evaluation.dataset_id
            )
            parts = await read_pin_parts(connection, run_id)
            _, round_ = await read_state(connection, run_id)
        if dataset is None:
            raise NotFound(f"the data set of the run {run_id} is gone")
        evaluation = parse_spec(view.evaluation.spec).to_evaluation()
        return ScoredRun(view, evaluation, dataset, parts, round_)

    async def read(
        self, run: ScoredRun, scorers: Sequence[str], after: int = -1, until: int | None = None
    ) -> "RunScores":
        """The scores of a run out of its rows, as far as it is done.

        Args:
            scorers: keys that the run has.
            after, until: 0-based positions: only cases behind the one and not behind the other.
        """
        stored = run.view.run
        return await read_scores(
            self._store, stored.workspace_id, stored.id, run.evaluation, scorers, after, until
        )

    async def whole(self, run: ScoredRun, scorers: Sequence[str]) -> "RunScores":
        """All scores of a run, as far as it is done, and maybe those of other scorers of its own:
        of a run that has ended from memory, or from the file that is kept of them.

        Args:
            scorers: keys that the run has.
        """
        mark = run.mark
        if mark is None or self._size(run) > _MOST_OF_A_RUN:
            return await self.read(run, scorers)
        return await self._kept.get((run.id, mark), partial(self._make, run))

    async def _make(self, run: ScoredRun) -> tuple["RunScores", int]:
        stored = run.view.run
        found = await ended_scores(
            self._store, stored.workspace_id, stored.id, run.evaluation, run.scorers
        )
        if found is None:  # it was taken up again just now
            return await self.read(run, run.scorers), _MOST_BYTES + 1
        columns: Any = importlib.import_module("weighbridge.reports.columns")
        return found, columns.size_of(found)

    def _size(self, run: ScoredRun) -> int:
        each = _BYTES_OF_A_CASE + _BYTES_OF_A_SCORE * len(run.scorers)
        return run.view.run.progress.done * each


def common_scorers(runs: Sequence[ScoredRun], wanted: Sequence[str] = ()) -> tuple[str, ...]:
    """Keys of the scorers that every run has.

    Args:
        wanted: only these; none: all of them.

    Raises:
        InvalidFields: a run lacks one that is wanted, or the runs share none.
    """
    problems = [
        FieldProblem(
            "scorer",
            f"{run.id} has no scorer `{key}`{did_you_mean(key, run.scorers)} "
            f"(it has: {', '.join(run.scorers) or 'none'})",
        )
        for key in dict.fromkeys(wanted)
        for run in runs
        if key not in run.scorers
    ]
    if problems:
        raise InvalidFields(problems)
    if wanted:
        return tuple(dict.fromkeys(wanted))
    shared = tuple(key for key in runs[0].scorers if all(key in run.scorers for run in runs))
    if not shared:
        listed = "; ".join(f"{run.id} has {', '.join(run.scorers) or 'none'}" for run in runs)
        raise InvalidFields(
            [FieldProblem("run", f"these runs have no scorer in common ({listed})")]
        )
    return shared


def common_bounds(runs: Sequence[ScoredRun], scorers: Sequence[str]) -> dict[str, Bounds]:
    """Key of each of these scorers → the bounds that hold in every run."""
    each = [run.bounds for run in runs]
    return {
        key: (min(of[key][0] for of in each), max(of[key][1] for of in each)) for key in scorers
    }
