"""Judges with several dimensions: made, changed, and asked about content, one call at a time."""

import builtins
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy.exc import IntegrityError

from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Ungraded
from weighbridge.core.rubric_judge import (
    DimensionalJudge,
    JudgeEvaluation,
    Judgement,
    JudgeVersion,
    Source,
)
from weighbridge.errors import Busy, Conflict, FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.jobs.judges import EmbeddedPlace
from weighbridge.judgefile import JudgeSpec
from weighbridge.providers.base import Askable, CallFailed
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.providers.model import Models
from weighbridge.scorers.judging.dimensions import judge_content
from weighbridge.scorers.panel import Panel
from weighbridge.services.authors import author_of
from weighbridge.services.judge_content import Rendered, Sent, render
from weighbridge.store import judges
from weighbridge.store.engine import Store
from weighbridge.store.moments import now

AT_ONCE = 8
"""Evaluations of one workspace that go on at the same time in one server."""

MAX_VERSIONS = 1_000

_CALL_S = 120.0
_MOST_ERROR = 2_000


class Judges:
    """The judges with dimensions of an installation.

    Args:
        store: where they are kept.
        models: who judges.
        at_once: evaluations of one workspace that may go on at the same time.
    """

    def __init__(self, store: Store, models: Models, at_once: int = AT_ONCE) -> None:
        self._store = store
        self._models = models
        self._at_once = at_once
        self._going_on: Counter[str] = Counter()

    async def create(self, caller: Caller, spec: JudgeSpec) -> DimensionalJudge:
        """Make a judge, at version 1.

        Raises:
            Forbidden: the caller may not write.
            InvalidFields: there is one of that name, or its model cannot be used.
        """
        caller.must_be(Role.WRITER)
        self._check_model("model", spec.model)
        moment = now()
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
        made = DimensionalJudge(
            id=new_id("judge"),
            workspace_id=caller.workspace_id,
            name=spec.name,
            description=spec.description,
            project=spec.project,
            versions=(
                JudgeVersion(
                    1, spec.model, spec.instructions, spec.to_dimensions(), author, moment
                ),
            ),
            author=author,
            created_at=moment,
            updated_at=moment,
        )
        try:
            async with self._store.begin() as connection:
                await judges.add_judge(connection, made)
        except IntegrityError as error:
            raise _taken(spec.name) from error
        return made

    async def change(self, caller: Caller, judge_id: str, spec: JudgeSpec) -> DimensionalJudge:
        """Put a judge in the place of one that is there. Where it judges otherwise than before, it
        gets another version; what was judged before stays with the version that judged it.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such judge.
            InvalidFields: another one is called so, or its model cannot be used.
            Conflict: somebody else changes it at the same time.
        """
        caller.must_be(Role.WRITER)
        self._check_model("model", spec.model)
        judge = await self.get(caller, judge_id)
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
        moment = now()
        latest = judge.latest
        wanted = replace(
            latest,
            model=spec.model,
            instructions=spec.instructions,
            dimensions=spec.to_dimensions(),
        )
        versions = judge.versions
        if wanted != latest:
            if len(versions) >= MAX_VERSIONS:
                raise Conflict(f"a judge has at most {MAX_VERSIONS:,} versions; make another one")
            added = replace(wanted, number=latest.number + 1, author=author, created_at=moment)
            versions = (*versions, added)
        changed = replace(
            judge,
            name=spec.name,
            description=spec.description,
            project=spec.project,
            versions=versions,
            updated_at=moment,
        )
        try:
            async with self._store.begin() as connection:
                kept = await judges.change_judge(connection, changed, len(judge.versions))
        except IntegrityError as error:
            raise _taken(spec.name) from error
        if not kept:
            raise Conflict("somebody else has changed this judge meanwhile; look, and try again")
        return changed

    async def get(self, caller: Caller, judge_id: str) -> DimensionalJudge:
        """One judge.

        Raises:
            NotFound: the workspace has no such judge.
        """
        async with self._store.begin() as connection:
            found = await judges.find_judge(connection, caller.workspace_id, judge_id)
        if found is None:
            raise NotFound(f"there is no judge {judge_id[:80]!r}")
        return found

    async def named(self, caller: Caller, name: str) -> DimensionalJudge:
        """The judge of that name, or with that id.

        Raises:
            NotFound: the workspace has none.
        """
        async with self._store.begin() as connection:
            found = await judges.find_judge_named(connection, caller.workspace_id, name)
        return found or await self.get(caller, name)

    async def list(
        self, caller: Caller, *, project: str | None = None, start: int = 0, limit: int = 100
    ) -> tuple[builtins.list[DimensionalJudge], int]:
        """Newest first, from the 0-based place `start` on, and how many there are in all.

        Args:
            project: only those of it.
        """
        async with self._store.begin() as connection:
            found = await judges.list_judges(
                connection, caller.workspace_id, project=project, start=start, limit=limit
            )
            return found, await judges.count_judges(connection, caller.workspace_id, project)

    async def page(
        self, caller: Caller, *, after: str | None, limit: int
    ) -> builtins.list[DimensionalJudge]:
        """Newest first, those behind the judge with the id `after`."""
        async with self._store.begin() as connection:
            return await judges.list_judges(
                connection, caller.workspace_id, after=after, limit=limit
            )

    async def delete(self, caller: Caller, judge_id: str) -> None:
        """Forget a judge and its evaluations.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such judge.
        """
        caller.must_be(Role.WRITER)
        async with self._store.begin() as connection:
            if not await judges.delete_judge(connection, caller.workspace_id, judge_id):
                raise NotFound(f"there is no judge {judge_id[:80]!r}")

    async def evaluate(
        self,
        caller: Caller,
        judge_id: str,
        sent: Sent,
        *,
        model: str | None = None,
        source: Source = "api",
    ) -> JudgeEvaluation:
        """Have content judged, and wait for it. Where there is no verdict, the evaluation says why.

        Args:
            model: who judges this once; None: whom the judge names.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such judge.
            InvalidFields: the content cannot be read, or there is no such model.
            Unprocessable: the content is more than a judge takes.
            Busy: as many evaluations of this workspace go on as may.
        """
        caller.must_be(Role.WRITER)
        judge = await self.get(caller, judge_id)
        version = judge.latest
        self._check_model("model_override", model)
        with self._place_for(caller):
            begun = time.monotonic()
            rendered = await render(sent, self._store.folder)
            name = model or version.model or self._models.catalog.defaults.judge or RESERVED_NAME
            said, panel = await self._ask(name, version, rendered)
            latency = time.monotonic() - begun
        verdict: JsonObject | None = None
        error = None
        if isinstance(said, Judgement):
            verdict = said.as_json()
        else:
            error = said.reason[:_MOST_ERROR]
        async with self._store.begin() as connection:
            evaluation = JudgeEvaluation(
                id=new_id("jeval"),
                workspace_id=caller.workspace_id,
                judge_id=judge.id,
                judge_version=version.number,
                source=source,
                model=name,
                request=_request(sent, rendered, model),
                verdict=verdict,
                error=error,
                latency_ms=round(latency * 1_000),
                usage=panel.usage,
                author=await author_of(connection, caller),
                created_at=now(),
            )
            # It may have been deleted while it was judging.
            if await judges.find_judge(connection, caller.workspace_id, judge.id) is None:
                raise NotFound(f"there is no judge {judge_id[:80]!r} any more")
            await judges.add_evaluation(connection, evaluation)
        return evaluation

    async def evaluation(
        self, caller: Caller, judge_id: str, evaluation_id: str
    ) -> JudgeEvaluation:
        """One evaluation of a judge.

        Raises:
            NotFound: there is no such judge, or it has made no such evaluation.
        """
        await self.get(caller, judge_id)
        async with self._store.begin() as connection:
            found = await judges.find_evaluation(
                connection, caller.workspace_id, judge_id, evaluation_id
            )
        if found is None:
            raise NotFound(f"there is no evaluation {evaluation_id[:80]!r}")
        return found

    async def evaluations(
        self, caller: Caller, judge_id: str, *, start: int = 0, limit: int = 100
    ) -> tuple[builtins.list[JudgeEvaluation], int]:
        """Those of a judge, newest first, and how many there are in all.

        Raises:
            NotFound: there is no such judge.
        """
        await self.get(caller, judge_id)
        async with self._store.begin() as connection:
            found = await judges.list_evaluations(
                connection, caller.workspace_id, judge_id, start=start, limit=limit
            )
            return found, await judges.count_evaluations(connection, caller.workspace_id, judge_id)

    async def _ask(
        self, name: str, version: JudgeVersion, rendered: Rendered
    ) -> tuple[Judgement | Ungraded, Panel]:
        try:
            panel = Panel({None: await self._open(name)}, _CALL_S)
        except Invalid as error:
            return Ungraded(error.message), Panel({}, _CALL_S)
        try:
            return await judge_content(panel, None, version, rendered.content), panel
        except CallFailed as failed:
            return Ungraded(f"{name} could not be asked: {failed.failure.message}"), panel

    async def _open(self, name: str) -> Askable:
        if name != RESERVED_NAME:
            return await self._models.get(name)
        weigher = self._models.catalog.weigher
        return EmbeddedPlace(self._models, await self._models.get(weigher) if weigher else None)

    def _check_model(self, field: str, name: str | None) -> None:
        if name is None or name == RESERVED_NAME:
            return
        try:
            self._models.catalog.resolve(name)
        except Invalid as error:
            message = f"Unsupported judge model: {name[:200]}. {error.message}"
            raise InvalidFields([FieldProblem(field, message)]) from error

    @contextmanager
    def _place_for(self, caller: Caller) -> Iterator[None]:
        if self._going_on[caller.workspace_id] >= self._at_once:
            raise Busy(f"{self._at_once} evaluations go on already; try again in a moment")
        self._going_on[caller.workspace_id] += 1
        try:
            yield
        finally:
            self._going_on[caller.workspace_id] -= 1
            self._going_on += Counter()  # those that are at 0 are let go


def _request(sent: Sent, rendered: Rendered, model: str | None) -> dict[str, Any]:
    """What is kept of what was sent: its text, without the bytes of files."""
    return {
        "name": sent.name,
        "generation_model": sent.generation_model,
        "metadata": sent.metadata,
        "model_override": model,
        "rendered_text": rendered.text,
    }


def _taken(name: str) -> InvalidFields:
    return InvalidFields([FieldProblem("name", f"there is a judge called {name!r} already")])
