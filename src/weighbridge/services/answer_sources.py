"""Answers that are there already: what an evaluation of them takes over from the run that has them,
and how a run's own evaluation becomes one that scores its answers again."""

from collections.abc import Mapping, Sequence
from typing import Any

from weighbridge import scorers as scorer_table
from weighbridge.core.caller import Caller
from weighbridge.core.evaluation import Evaluation
from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import ScorerSpec
from weighbridge.core.run import FINISHED, Run
from weighbridge.datasets.frame import FrameIndex
from weighbridge.errors import Conflict, FieldProblem, InvalidFields, NotFound
from weighbridge.scorers.base import Judge
from weighbridge.spec import EvaluationSpec, parse_spec
from weighbridge.store import evaluations, runs
from weighbridge.store.datasets import find_dataset
from weighbridge.store.engine import Store
from weighbridge.store.evaluations import StoredEvaluation

_KEPT_BY_A_RESCORING = (
    "name",
    "target",
    "cluster",
    "reducer",
    "concurrency",
    "timeout",
    "cache",
    "metadata",
)


class AnswerSources:
    """Finds the answers that evaluations are given.

    Args:
        store: where runs are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def settle(
        self, caller: Caller, spec: EvaluationSpec
    ) -> tuple[EvaluationSpec, JsonObject | None]:
        """The evaluation with everything it takes over from the run whose answers it scores.

        Returns:
            The evaluation, and what tells its answers from others, for the pin; None when a model
            is asked for them.

        Raises:
            InvalidFields: there is no such run, it has not ended, or the evaluation contradicts it.
        """
        if spec.answers is None:
            return spec, None
        run_id = spec.answers.run
        if run_id is None:
            where = {"column": spec.answers.column}
            if spec.answers.files is not None:
                where["files"] = spec.answers.files
            return spec, {"answers": where}
        try:
            run, stored, round_ = await self._find(caller, run_id)
        except (NotFound, Conflict) as error:
            raise InvalidFields([FieldProblem("answers.run", error.message)]) from error
        theirs = parse_spec(stored.spec)
        written = {field: value for field, value in spec.as_json().items() if value is not None}
        problems = [
            FieldProblem(
                field, f"the answers of the run {run_id} have {value!r} here: leave it out"
            )
            for field, value in (
                ("data", stored.dataset_id),
                ("id", theirs.id),
                ("epochs", theirs.epochs),
            )
            if written.get(field, value) != value
        ]
        if problems:
            raise InvalidFields(problems)
        limits = [limit for limit in (spec.limit, theirs.limit) if limit is not None]
        taken_over: dict[str, Any] = {
            "data": stored.dataset_id,
            "id": theirs.id,
            "target": spec.target or theirs.target,
            "cluster": spec.cluster or theirs.cluster,
            "epochs": theirs.epochs,
            "limit": min(limits, default=None),
            "model": spec.model or run.model,
        }
        if not {"prompt", "messages"} & written.keys():  # judges are shown what was asked
            taken_over |= {field: stored.spec.get(field) for field in ("prompt", "messages")}
        settled = parse_spec({**written, **taken_over})
        return settled, {"answers": {"run": run_id, "round": round_}}

    async def opponents(
        self, caller: Caller, evaluation: Evaluation, frame: FrameIndex | None
    ) -> JsonObject:
        """What tells the runs that scorers compare with, for the pin: id → round.

        Args:
            frame: of the evaluation's data set; None: not known yet, and not compared.

        Raises:
            InvalidFields: there is no such run, it has not ended, or it is about other data.
        """
        found: dict[str, Json] = {}
        for place, one in enumerate(evaluation.scorers):
            for run_id in scorer_table.against_runs([scorer_table.build(one)]):
                field = f"scorers.{place}.{one.name}.against_run"
                try:
                    _, stored, round_ = await self._find(caller, run_id)
                except (NotFound, Conflict) as error:
                    raise InvalidFields([FieldProblem(field, error.message)]) from error
                if problem := await self._differs(caller, stored, evaluation, frame):
                    raise InvalidFields([FieldProblem(field, f"the run {run_id} {problem}")])
                found[run_id] = round_
        return found

    async def _differs(
        self,
        caller: Caller,
        theirs: StoredEvaluation,
        evaluation: Evaluation,
        frame: FrameIndex | None,
    ) -> str | None:
        """Why the answers of another evaluation are not about the same cases."""
        async with self._store.begin() as connection:
            data = await find_dataset(connection, caller.workspace_id, theirs.dataset_id)
        if data is None:
            return "has lost its data set"
        if frame is not None and data.frame.sha256 != frame.sha256:
            return f"is about other data ({theirs.dataset_id}): its answers are not to these cases"
        epochs = parse_spec(theirs.spec).epochs
        if epochs < evaluation.epochs:
            return f"has {epochs} repeats of each case, and {evaluation.epochs} are asked for here"
        return None

    async def scored_again(
        self, caller: Caller, run_id: str, changes: Mapping[str, Any]
    ) -> EvaluationSpec:
        """The evaluation that scores the stored answers of a run again.

        Args:
            changes: `scorers`, `judge`, `name`, `budget`, as an evaluation has them; without
                `scorers` those of the run score again, and `judge` takes the place of every single
                model that they name.

        Raises:
            NotFound: the workspace has no such run.
            Conflict: it has not ended.
            InvalidFields: something is wrong with the changes.
        """
        _, stored, _ = await self._find(caller, run_id)
        written = {**changes, "answers": {"run": run_id}}
        theirs = parse_spec(stored.spec)
        for field in _KEPT_BY_A_RESCORING:
            if field in stored.spec:
                written.setdefault(field, stored.spec[field])
        if "scorers" not in changes:
            specs = theirs.to_evaluation().scorers
            if not specs:
                message = f"the run {run_id} was not scored: say by which scorers"
                raise InvalidFields([FieldProblem("scorers", message)])
            written["scorers"] = _asking_the_judge(specs) if "judge" in changes else _as_is(specs)
            if "judge" in stored.spec:
                written.setdefault("judge", stored.spec["judge"])
        spec = parse_spec(written)
        if "judge" in changes:
            scorers = [scorer_table.build(scorer) for scorer in spec.to_evaluation().scorers]
            if None not in scorer_table.asked_by(scorers):
                raise InvalidFields(
                    [FieldProblem("judge", "none of the scorers leaves it open which model judges")]
                )
        return spec

    async def _find(self, caller: Caller, run_id: str) -> tuple[Run, StoredEvaluation, int]:
        async with self._store.begin() as connection:
            run = await runs.find_run(connection, caller.workspace_id, run_id)
            if run is None:
                raise NotFound(f"there is no run {run_id}")
            _, round_ = await runs.read_state(connection, run_id)
            stored = await evaluations.find_evaluation(
                connection, caller.workspace_id, run.evaluation_id
            )
        if stored is None:
            raise NotFound(f"the evaluation of the run {run_id} is gone")
        if run.state not in FINISHED:
            raise Conflict(f"the run {run_id} is {run.state}: wait for its end, or cancel it")
        return run, stored, round_


def _as_is(specs: Sequence[ScorerSpec]) -> list[JsonObject]:
    return [{spec.name: spec.options, "as": spec.key} for spec in specs]


def _asking_the_judge(specs: Sequence[ScorerSpec]) -> list[JsonObject]:
    """The scorers under their keys, none of which names the one model that it asks."""
    return [
        {
            spec.name: {k: v for k, v in spec.options.items() if k != "model"}
            if isinstance(scorer_table.build(spec), Judge)
            else spec.options,
            "as": spec.key,
        }
        for spec in specs
    ]
