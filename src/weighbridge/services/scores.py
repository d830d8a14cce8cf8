"""The scores of a run as columns, for comparisons and gates. numpy is loaded when they are read."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weighbridge import scorers as scorer_table
from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Evaluation
from weighbridge.core.scale import Bounds
from weighbridge.core.suggest import did_you_mean
from weighbridge.errors import FieldProblem, InvalidFields, NotFound
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.reports.metrics import bounds_of_cases
from weighbridge.services.runs import Runs, RunView
from weighbridge.spec import parse_spec
from weighbridge.store.datasets import Dataset, find_dataset
from weighbridge.store.engine import Store
from weighbridge.store.runs import read_pin_parts
from weighbridge.store.scores import stream_grades

if TYPE_CHECKING:
    from weighbridge.reports.comparison import RunScores


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """A run with what says how its scores came about.

    Attributes:
        pin_parts: a hash for each part of its pin; empty for a run older than these.
    """

    view: RunView
    evaluation: Evaluation
    dataset: Dataset
    pin_parts: dict[str, str]

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
    def judges(self) -> tuple[str, ...]:
        """Names of the models that judge its answers, each once."""
        built = [scorer_table.build(spec) for spec in self.evaluation.scorers]
        names = (name or self.evaluation.judge for name in scorer_table.asked_by(built))
        return tuple(dict.fromkeys(name or RESERVED_NAME for name in names))


class Scores:
    """The scores of an installation's runs.

    Args:
        store: where they are kept.
        runs: where the runs come from.
    """

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs

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
        if dataset is None:
            raise NotFound(f"the data set of the run {run_id} is gone")
        return ScoredRun(view, parse_spec(view.evaluation.spec).to_evaluation(), dataset, parts)

    async def read(
        self, run: ScoredRun, scorers: Sequence[str], after: int = -1, until: int | None = None
    ) -> "RunScores":
        """The scores of a run, as far as it is done.

        Args:
            scorers: keys that the run has.
            after, until: 0-based positions: only cases behind the one and not behind the other.
        """
        comparison: Any = importlib.import_module("weighbridge.reports.comparison")
        builder = comparison.RunScoresBuilder(
            scorers,
            reducer=run.evaluation.reducer,
            epochs=run.evaluation.epochs,
            clustered=run.evaluation.cluster_column is not None,
        )
        add = builder.add
        stored = run.view.run
        async for page in stream_grades(
            self._store, stored.workspace_id, stored.id, scorers, after=after, until=until
        ):
            for row in page:
                add(row.position, row.case_id, row.cluster, row.latency_s, row.grades)
        scores: RunScores = builder.finish()
        return scores


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
