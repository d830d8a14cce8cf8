"""Starting an evaluation: everything that can be wrong with it is found here, before any call."""

import builtins
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge import scorers as scorer_table
from weighbridge.core.caller import Caller, Role
from weighbridge.core.evaluation import Evaluation
from weighbridge.core.json import Json, JsonObject
from weighbridge.core.pin import pin, pin_parts
from weighbridge.core.run import Run
from weighbridge.core.shard import Plan
from weighbridge.datasets.rows import Row
from weighbridge.errors import FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.jobs.case_work import sample_request
from weighbridge.jobs.judges import open_judge, why_not_embedded
from weighbridge.jobs.loading import plan_of
from weighbridge.providers import NOT_WEIGHING
from weighbridge.providers.base import Askable
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.providers.model import Models
from weighbridge.services.answer_sources import AnswerSources
from weighbridge.services.case_sources import CaseSources
from weighbridge.services.datasets import Datasets
from weighbridge.services.frame_sources import FrameSources, Source, of_run
from weighbridge.services.repositories import Repositories
from weighbridge.spec import EvaluationSpec, parse_spec
from weighbridge.store import evaluations, runs
from weighbridge.store.engine import Store
from weighbridge.store.evaluations import Standing, StoredEvaluation
from weighbridge.store.inferences import add_inference
from weighbridge.versions.local import LocalVersions

Along: TypeAlias = Callable[[AsyncConnection, str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Started:
    """An evaluation that was accepted, with its runs, one per model, all queued."""

    evaluation: StoredEvaluation
    runs: tuple[Run, ...]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A run that does again what another did.

    Attributes:
        changed: parts of the pin (`model`, `scorers`, `judging`…) that are not what they were:
            empty when it is the same work.
    """

    original: Run
    evaluation: StoredEvaluation
    run: Run
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """An evaluation that could be started.

    Attributes:
        evaluation: with its judge settled.
        plan: the cases and epochs of the run that each of its models would get.
        examples: some of its rows.
    """

    evaluation: Evaluation
    plan: Plan
    examples: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Owner:
    """A process that will execute the runs itself, outside the queue."""

    name: str
    seconds: float


class Evaluations:
    """The evaluations of an installation.

    Args:
        store: where they are kept.
        models: which models there are.
        datasets: which data there is.
        repositories: where more data are; None: those of the store.
    """

    def __init__(
        self,
        store: Store,
        models: Models,
        datasets: Datasets,
        repositories: Repositories | None = None,
    ) -> None:
        self._store = store
        self._models = models
        repositories = repositories or Repositories(LocalVersions(store))
        self._frames = FrameSources(store, repositories, datasets)
        self._sources = CaseSources(datasets, self._frames)
        self._answers = AnswerSources(store)

    async def start(
        self,
        caller: Caller,
        spec: EvaluationSpec,
        *,
        folder: Path | None = None,
        owner: Owner | None = None,
        along: Along | None = None,
    ) -> Started:
        """Accept an evaluation and queue a run for each of its models.

        Args:
            folder: where relative `data` files are looked for; None through an API, which never
                reads files of the server's machine.
            owner: who executes the runs, when it is not the queue.
            along: is written in the same transaction, and is told the evaluation's id.

        Raises:
            Forbidden: the caller may not start runs.
            Invalid: something is wrong with it; nothing was started and nothing was paid.
        """
        caller.must_be(Role.WRITER)
        spec, source = await self._source(caller, spec)
        spec, answers = await self._answers.settle(caller, spec)
        evaluation = spec.to_evaluation()
        identities = [answers or await self._identify(evaluation, n) for n in evaluation.models]
        inference = await self._frames.inference(caller, source, evaluation) if source else None
        dataset = await self._sources.take(caller, spec, evaluation, folder, source)
        plan = plan_of(evaluation, dataset.frame.rows)
        versions = scorer_table.versions(evaluation.scorers)
        evaluation, judging = await self._judging(evaluation)
        if opponents := await self._answers.opponents(caller, evaluation, dataset.frame):
            judging = {**judging, "against": opponents}
        stored_spec = spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for taken in ("cases", "where", "sample"):  # the data set that came of them is kept
            stored_spec.pop(taken, None)
        stored_spec["data"] = dataset.id
        if evaluation.judge is not None:
            stored_spec["judge"] = evaluation.judge
        async with self._store.begin() as connection:
            stored = await evaluations.add_evaluation(
                connection, caller, evaluation.name, stored_spec, dataset.id
            )
            made = []
            for name, identity in zip(evaluation.models, identities, strict=True):
                run_id = await runs.add_run(
                    connection,
                    workspace_id=caller.workspace_id,
                    evaluation_id=stored.id,
                    model=name,
                    pin=pin(evaluation, dataset.frame.sha256, identity, versions, judging),
                    pin_parts=pin_parts(
                        evaluation, dataset.frame.sha256, identity, versions, judging
                    ),
                    total=plan.cases * plan.epochs,
                    owner=owner.name if owner else None,
                    owned_for_s=owner.seconds if owner else 0.0,
                    traceparent=caller.traceparent,
                )
                if inference is not None:
                    await add_inference(connection, of_run(inference, run_id))
                run = await runs.find_run(connection, caller.workspace_id, run_id)
                assert run is not None  # noqa: S101 (it was made in this transaction)
                made.append(run)
            if along is not None:
                await along(connection, stored.id)
        return Started(stored, tuple(made))

    async def reproduce(
        self, caller: Caller, run_id: str, *, owner: Owner | None = None
    ) -> Reproduction:
        """Do again what a run did: the same rows, model, prompt, judge and scorers.

        Raises:
            NotFound: the workspace has no such run.
            Invalid: its model, its judge or a scorer is no longer there.
        """
        caller.must_be(Role.WRITER)
        async with self._store.begin() as connection:
            original = await runs.find_run(connection, caller.workspace_id, run_id)
            stored = original and await evaluations.find_evaluation(
                connection, caller.workspace_id, original.evaluation_id
            )
        if not original or not stored:
            raise NotFound(f"there is no run {run_id}")
        left_out = {"models", "deliver"}  # the first delivery stays what it is
        again = {name: value for name, value in stored.spec.items() if name not in left_out}
        spec = parse_spec({**again, "model": original.model})
        started = await self.start(caller, spec, owner=owner)
        run = started.runs[0]
        async with self._store.begin() as connection:
            before = await runs.read_pin_parts(connection, run_id)
            after = await runs.read_pin_parts(connection, run.id)
        changed = tuple(part for part in after if before.get(part) != after[part]) if before else ()
        return Reproduction(original, started.evaluation, run, changed)

    async def rescore(
        self,
        caller: Caller,
        run_id: str,
        changes: Mapping[str, Any],
        *,
        owner: Owner | None = None,
    ) -> Started:
        """Score the stored answers of a run again, as a new evaluation with a run of its own; the
        model is not asked, and the run stays as it is.

        Args:
            changes: `scorers`, `judge`, `name`, `budget`, as an evaluation has them; without
                `scorers` those of the run score again, with `judge` by another judge.
            owner: as for `start`.

        Raises:
            Forbidden: the caller may not start runs.
            NotFound: the workspace has no such run.
            Conflict: it has not ended.
            Invalid: something is wrong with the changes.
        """
        caller.must_be(Role.WRITER)
        spec = await self._answers.scored_again(caller, run_id, changes)
        return await self.start(caller, spec, owner=owner)

    async def check(
        self, caller: Caller, spec: EvaluationSpec, *, folder: Path | None = None
    ) -> Plan:
        """Refuse what `start` would refuse, and keep nothing.

        Returns:
            The cases and epochs of the run that each of its models would get.

        Raises:
            Forbidden: the caller may not start runs.
            Invalid: something is wrong with it.
        """
        return (await self.look(caller, spec, folder=folder)).plan

    async def look(
        self,
        caller: Caller,
        spec: EvaluationSpec,
        *,
        folder: Path | None = None,
        examples: int = 0,
    ) -> Looked:
        """As `check`, with what is known of the evaluation then.

        Args:
            examples: the most rows that are read along, of those that would be taken.

        Raises:
            Forbidden, Invalid: as `check`.
        """
        caller.must_be(Role.WRITER)
        spec, source = await self._source(caller, spec)
        spec, answers = await self._answers.settle(caller, spec)
        evaluation = spec.to_evaluation()
        if source is not None:
            await self._frames.inference(caller, source, evaluation)
        for name in evaluation.models if answers is None else ():
            await self._identify(evaluation, name)
        evaluation, _ = await self._judging(evaluation)
        await self._answers.opponents(caller, evaluation, None)
        rows = await self._sources.count(caller, spec, evaluation, folder, source)
        seen = await self._sources.examples(caller, spec, folder, source, examples)
        return Looked(evaluation, plan_of(evaluation, rows), tuple(seen))

    async def warnings(self, spec: EvaluationSpec) -> tuple[str, ...]:
        """What may start, and will not bring what was wanted: a sentence each.

        Raises:
            Invalid: something is wrong with its judges.
        """
        evaluation, _ = await self._judging(spec.to_evaluation())
        scorers = {one.key: scorer_table.build(one) for one in evaluation.scorers}
        return scorer_table.embedded_limits(scorers, evaluation.judge)

    async def get(self, caller: Caller, evaluation_id: str) -> StoredEvaluation:
        """One evaluation.

        Raises:
            NotFound: the workspace has no such evaluation.
        """
        async with self._store.begin() as connection:
            found = await evaluations.find_evaluation(
                connection, caller.workspace_id, evaluation_id
            )
        if found is None:
            raise NotFound(f"there is no evaluation {evaluation_id}")
        return found

    async def list(
        self, caller: Caller, *, after: str | None, limit: int
    ) -> list[StoredEvaluation]:
        """Newest first."""
        async with self._store.begin() as connection:
            return await evaluations.list_evaluations(
                connection, caller.workspace_id, after=after, limit=limit
            )

    async def of_door(
        self,
        caller: Caller,
        door: str,
        *,
        model: str | None = None,
        standing: Standing | None = None,
        start: int = 0,
        limit: int = 100,
    ) -> tuple[builtins.list[StoredEvaluation], int]:
        """Those that came through a door, newest first, and how many there are in all.

        Args:
            model: only those with a run of this model. standing: only those that stand so.
            start: how many to skip.
        """
        async with self._store.begin() as connection:
            return await evaluations.list_of_door(
                connection,
                caller.workspace_id,
                door,
                model=model,
                standing=standing,
                start=start,
                limit=limit,
            )

    async def _source(
        self, caller: Caller, spec: EvaluationSpec
    ) -> tuple[EvaluationSpec, Source | None]:
        """What was said of data in a repository, settled; what is wrong with it is said of the
        field, but for what is not there."""
        try:
            return await self._frames.settle(caller, spec)
        except InvalidFields:
            raise
        except (Invalid, NotFound) as error:
            raise InvalidFields([FieldProblem("data", error.message)]) from error

    async def _identify(self, evaluation: Evaluation, name: str) -> Any:
        try:
            model = await self._models.get(name)
        except Invalid as error:
            raise InvalidFields([FieldProblem("model", error.message)]) from error
        if evaluation.choose is not None and evaluation.choose.ask == "text":
            declared = self._models.catalog.resolve(name)
            if declared.protocol in NOT_WEIGHING or declared.batch:
                asked = "in batches" if declared.batch else f"by the protocol {declared.protocol}"
                message = f"{name} is asked {asked}, which gives no log-probabilities of a text"
                raise InvalidFields([FieldProblem("choose", message)])
        try:
            sample = sample_request(evaluation)
            await self._models.check(name, sample, makes=evaluation.output.value)
        except Invalid as error:
            raise InvalidFields([FieldProblem("model", error.message)]) from error
        _check_price(evaluation, model)
        return model.identity

    async def _judging(self, evaluation: Evaluation) -> tuple[Evaluation, JsonObject]:
        """The evaluation with its judge settled, and what pins the judges, when models judge."""
        scorers = {spec.key: scorer_table.build(spec) for spec in evaluation.scorers}
        asked = scorer_table.asked_by(scorers.values())
        if not asked:
            return replace(evaluation, judge=None), {}
        if None in asked and evaluation.judge is None:
            default = self._models.catalog.defaults.judge or RESERVED_NAME
            evaluation = replace(evaluation, judge=default)
        models: dict[str, Json] = {}
        for name in asked:
            try:
                model = await open_judge(self._models, evaluation, name, scorers.values())
            except Invalid as error:
                field = "judge" if name is None else "scorers"
                raise InvalidFields([FieldProblem(field, error.message)]) from error
            _check_price(evaluation, model)
            models[name or ""] = model.identity
        judging: dict[str, Json] = {"models": models, "wording": scorer_table.wordings(scorers)}
        embedded = scorer_table.embedded_identities(scorers, evaluation.judge)
        if any(embedded.values()):
            if missing := why_not_embedded():
                raise InvalidFields([FieldProblem("judge", missing)])
            judging["embedded"] = embedded
        return evaluation, judging


def _check_price(evaluation: Evaluation, model: Askable) -> None:
    if evaluation.budget.usd is not None and not model.has_price:
        message = (
            f"the price of {model.name} is not known, so a budget in USD could not be kept; "
            "declare its price in the models file, or use budget.tokens"
        )
        raise InvalidFields([FieldProblem("budget.usd", message)])
