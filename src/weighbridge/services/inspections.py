"""Inspections: which values samples show, beside those that were drawn for them."""

import asyncio
import builtins
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.json import JsonObject
from weighbridge.core.run import Run, RunState
from weighbridge.core.synthesis import Inspection, Production
from weighbridge.errors import FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.jobs.inspections import KEY, Classified, stream_classified
from weighbridge.providers.base import ChatRequest, Message
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.providers.model import Models
from weighbridge.services.authors import author_of
from weighbridge.services.evaluations import Evaluations, Owner
from weighbridge.services.productions import Productions
from weighbridge.services.runs import Runs
from weighbridge.spec import parse_spec
from weighbridge.store import inspections
from weighbridge.store.datasets import find_dataset
from weighbridge.store.engine import Store
from weighbridge.store.evaluations import find_evaluation
from weighbridge.store.moments import now
from weighbridge.store.runs import find_runs, list_runs
from weighbridge.synthesis.form import DESCRIPTIONS, read_blueprint

NOT_COMPLETED = "Can only evaluate completed runs"

_CONCURRENCY = 256
_CALL_S = 180.0
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class InspectionView:
    """An inspection, and the run that looks at the samples."""

    inspection: Inspection
    run: Run

    @property
    def result(self) -> JsonObject | None:
        """What it has found, see `jobs.inspections`; None: it has not succeeded (yet)."""
        return self.inspection.result if self.run.state is RunState.SUCCEEDED else None


class Inspections:
    """The inspections of an installation.

    Args:
        store: where they are kept.
        productions: whose samples are looked at.
        evaluations: have them looked at. runs: how far that is.
        models: which models there are.
    """

    def __init__(
        self,
        store: Store,
        productions: Productions,
        evaluations: Evaluations,
        runs: Runs,
        models: Models,
    ) -> None:
        self._store = store
        self._productions = productions
        self._evaluations = evaluations
        self._runs = runs
        self._models = models

    async def create(
        self,
        caller: Caller,
        production_id: str,
        model: str | None = None,
        *,
        owner: Owner | None = None,
    ) -> InspectionView:
        """Have the samples of a production looked at.

        Args:
            model: who looks; None: the default judge, or else the embedded one.
            owner: who executes the run, when it is not the queue.

        Raises:
            Forbidden: the caller may not start runs.
            NotFound: the workspace has no such production.
            Invalid: it has not succeeded.
            InvalidFields: there is no such model, or it cannot judge.
        """
        caller.must_be(Role.WRITER)
        view = await self._productions.get(caller, production_id)
        if view.run.state is not RunState.SUCCEEDED:
            raise Invalid(NOT_COMPLETED)
        production = view.production
        name = model or self._models.catalog.defaults.judge or RESERVED_NAME
        await self._check(name)
        moment = now()
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
        made = Inspection(
            id=new_id("insp"),
            workspace_id=caller.workspace_id,
            production_id=production.id,
            model=name,
            evaluation_id="",
            run_id="",
            result=None,
            door=caller.door,
            author=author,
            created_at=moment,
            updated_at=moment,
        )

        async def keep(connection: AsyncConnection, evaluation_id: str) -> None:
            [run] = await list_runs(
                connection, caller.workspace_id, after=None, limit=1, evaluation_id=evaluation_id
            )
            whole = replace(made, evaluation_id=evaluation_id, run_id=run.id)
            await inspections.add_inspection(connection, whole)

        fields = await asyncio.to_thread(_evaluation, made, production)
        try:
            started = await self._evaluations.start(
                caller, parse_spec(fields), owner=owner, along=keep
            )
        except InvalidFields as error:
            raise _about_model(error, name) from error
        run = started.runs[0]
        return InspectionView(replace(made, evaluation_id=run.evaluation_id, run_id=run.id), run)

    async def get(self, caller: Caller, inspection_id: str) -> InspectionView:
        """One inspection.

        Raises:
            NotFound: the workspace has no such inspection.
        """
        found = await self._find(caller, inspection_id)
        run = await self._runs.get(caller, found.run_id)
        if run.state is RunState.SUCCEEDED and found.result is None:  # it ended in between
            found = await self._find(caller, inspection_id)
        return InspectionView(found, run)

    async def list_of(self, caller: Caller, production_id: str) -> builtins.list[InspectionView]:
        """Those of a production, newest first, without their results.

        Raises:
            NotFound: the workspace has no such production.
        """
        await self._productions.get(caller, production_id)
        async with self._store.begin() as connection:
            found = await inspections.list_inspections(
                connection, caller.workspace_id, production_id
            )
            runs = await find_runs(connection, caller.workspace_id, [it.run_id for it in found])
        return [InspectionView(it, runs[it.run_id]) for it in found if it.run_id in runs]

    async def classified(
        self, caller: Caller, view: InspectionView
    ) -> AsyncGenerator[builtins.list[Classified], None]:
        """What was seen in each sample, in their order, in pages; nothing before it has
        succeeded."""
        if view.run.state is not RunState.SUCCEEDED:
            return
        inspection = view.inspection
        async with self._store.begin() as connection:
            workspace_id = caller.workspace_id
            stored = await find_evaluation(connection, workspace_id, inspection.evaluation_id)
            dataset = stored and await find_dataset(connection, workspace_id, stored.dataset_id)
        if not dataset:
            return
        pages = stream_classified(self._store, workspace_id, inspection.run_id, dataset)
        async with aclosing(pages):
            async for page in pages:
                yield page

    async def _find(self, caller: Caller, inspection_id: str) -> Inspection:
        async with self._store.begin() as connection:
            found = await inspections.find_inspection(
                connection, caller.workspace_id, inspection_id
            )
        if found is None:
            raise NotFound("Evaluation not found")
        return found

    async def _check(self, name: str) -> None:
        if name == RESERVED_NAME:
            return
        try:
            await self._models.check(name, _LIKE_OURS)
        except Invalid as error:
            raise InvalidFields([_unsupported(name, error.message)]) from error


_LIKE_OURS = ChatRequest(
    (Message("system", "…"), Message("user", "…")), {"temperature": 0.0, "max_tokens": 1_024}
)
"""A request as judges are asked."""


def _evaluation(inspection: Inspection, production: Production) -> dict[str, Any]:
    """The evaluation that looks at the samples: the answers of the run that made them."""
    blueprint = read_blueprint(str(production.params["content"]))
    described = blueprint.more.get(DESCRIPTIONS)
    names = {it.name for it in blueprint.properties}
    descriptions = {
        name: str(text)
        for name, text in (described.items() if isinstance(described, dict) else ())
        if name in names and text
    }
    options: dict[str, Any] = {
        "properties": {it.name: list(it.values) for it in blueprint.properties},
        "descriptions": descriptions or None,
        "about": blueprint.description or None,
        "requirements": blueprint.requirements or None,
        "tags": "tags",
    }
    kept = {name: value for name, value in options.items() if value is not None}
    return {
        "name": f"evaluation of {production.spec_name}"[:_LONGEST_NAME],
        "answers": {"run": production.run_id},
        "scorers": [{"as": KEY, "properties": kept}],
        "judge": inspection.model,
        "concurrency": _CONCURRENCY,
        "timeout": _CALL_S,
        "metadata": {"inspection": inspection.id},
    }


def _about_model(error: InvalidFields, name: str) -> InvalidFields:
    """The error, in the words of this request."""
    return InvalidFields(
        [
            _unsupported(name, it.message) if it.field in {"judge", "scorers"} else it
            for it in error.problems
        ]
    )


def _unsupported(name: str, why: str) -> FieldProblem:
    shown = f"Unsupported evaluation model: {name[:200]}"
    return FieldProblem("model", f"{shown}. {why[:1].upper()}{why[1:]}")
