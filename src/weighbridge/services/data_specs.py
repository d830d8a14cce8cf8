"""Specs: blueprints of samples, made from seeds or from objectives alone, and edited."""

import asyncio
import builtins
import contextlib
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.json import JsonObject
from weighbridge.core.run import FINISHED, RunState
from weighbridge.core.synthesis import Blueprint, DataSpec, Seeds, Shape, SpecState, SpecVersion
from weighbridge.errors import Conflict, FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.jobs.data_specs import MOST_CLASSIFIED
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.services.authors import author_of
from weighbridge.services.evaluations import Evaluations, Owner
from weighbridge.services.runs import Runs
from weighbridge.spec import parse_spec
from weighbridge.store import data_specs as rows
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.store.productions import delete_production
from weighbridge.store.seeds import find_seeds
from weighbridge.synthesis.form import read_blueprint

MOST_CONTENT = 1_000_000
"""Characters of YAML."""

_LONGEST = {"name": 255, "description": 10_000, "objectives": 50_000}
_CALL_S = 300.0  # a blueprint is a long reply
_CONCURRENCY = 100
_REQUIRED = "This field is required."
_OVER = {RunState.FAILED, RunState.CANCELLED}
_WRITTEN = "written"


class DataSpecs:
    """The specs of an installation.

    Args:
        store: where they are kept.
        evaluations: have blueprints proposed. runs: how far that is.
        catalog: which models there are.
    """

    def __init__(
        self, store: Store, evaluations: Evaluations, runs: Runs, catalog: Catalog
    ) -> None:
        self._store = store
        self._evaluations = evaluations
        self._runs = runs
        self._catalog = catalog

    async def create(
        self,
        caller: Caller,
        name: str,
        *,
        seeds_id: str | None = None,
        objectives: str | None = None,
        description: str | None = None,
        model: str | None = None,
        distributions: bool = True,
        conditionals: bool = False,
        extrapolate_values: bool = True,
        extrapolate_axes: bool = False,
        owner: Owner | None = None,
    ) -> DataSpec:
        """Have a blueprint made. Where no model can write, it is what can be measured of the seeds.

        Args:
            name: unique among the specs from the same seeds, or among those without seeds.
            seeds_id: what it is made from; None: from `objectives` alone.
            objectives: what samples are for, in words.
            description: of the spec, for people.
            model: that proposes (`embedded`: none); None: the default generator.
            distributions: whether values get percentages of their own; otherwise all are as
                frequent.
            conditionals: whether percentages may depend on properties before; needs the former.
            extrapolate_values: whether there may be values that no seed shows.
            extrapolate_axes: whether there may be properties in which seeds do not differ.
            owner: who executes the run, when it is not the queue.

        Raises:
            Forbidden: the caller may not start runs.
            NotFound: the workspace has no such seeds.
            InvalidFields: something is wrong with it; nothing was started and nothing was paid.
        """
        caller.must_be(Role.WRITER)
        texts = {
            "name": name.strip(),
            "description": (description or "").strip() or None,
            "objectives": (objectives or "").strip() or None,
        }
        problems = _wrong_texts(texts)
        if conditionals and not distributions:
            message = "Conditional distributions need distributions: ask for both, or neither."
            problems.append(FieldProblem("conditionals", message))
        if seeds_id is None and texts["objectives"] is None:
            message = "Objectives are required where there is no seed dataset."
            problems.append(FieldProblem("objectives", message))
        writer, wrong = self._writer(model, seeded=seeds_id is not None)
        problems += wrong
        seeds = await self._seeds(caller, seeds_id)
        moment = now()
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
            title = str(texts["name"])
            if await rows.spec_is_called(connection, caller.workspace_id, seeds_id, title):
                problems.append(_taken(title, seeds))
        if problems:
            raise InvalidFields(problems)
        made = DataSpec(
            id=new_id("dspec"),
            workspace_id=caller.workspace_id,
            name=title,
            description=texts["description"],
            seeds_id=seeds_id,
            seeds_name=seeds.name if seeds else None,
            shape=seeds.shape if seeds else Shape.MULTI_FILE,
            params={
                "objectives": texts["objectives"],
                "model": writer,
                "distributions": distributions,
                "conditionals": conditionals,
                "extrapolate_values": extrapolate_values,
                "extrapolate_axes": extrapolate_axes,
            },
            state=SpecState.PROCESSING,
            problem=None,
            version=0,
            content=None,
            evaluation_id=None,
            door=caller.door,
            author=author,
            created_at=moment,
            updated_at=moment,
        )

        async def keep(connection: AsyncConnection, evaluation_id: str) -> None:
            whole = replace(made, evaluation_id=evaluation_id)
            if not await rows.add_data_spec(connection, whole):  # somebody else was faster
                raise InvalidFields([_taken(title, seeds)])

        started = await self._evaluations.start(
            caller, parse_spec(_evaluation(made, seeds)), owner=owner, along=keep
        )
        return replace(made, evaluation_id=started.evaluation.id)

    async def get(self, caller: Caller, spec_id: str) -> DataSpec:
        """One spec, with its newest content.

        Raises:
            NotFound: the workspace has no such spec.
        """
        async with self._store.begin() as connection:
            found = await rows.find_data_spec(connection, caller.workspace_id, spec_id)
        if found is None:
            raise NotFound("Spec not found")
        return await self._settled(caller, found)

    async def list(self, caller: Caller) -> builtins.list[DataSpec]:
        """All of the workspace, newest first, without their contents."""
        async with self._store.begin() as connection:
            found = await rows.list_data_specs(connection, caller.workspace_id)
        return [await self._settled(caller, it) for it in found]

    async def versions(self, caller: Caller, spec_id: str) -> builtins.list[SpecVersion]:
        """The versions of a spec, oldest first; none before it has succeeded.

        Raises:
            NotFound: the workspace has no such spec.
        """
        spec = await self.get(caller, spec_id)
        async with self._store.begin() as connection:
            return await rows.list_spec_versions(connection, caller.workspace_id, spec.id)

    async def change(self, caller: Caller, spec_id: str, content: str) -> DataSpec:
        """Give a spec another version; those before stay.

        Args:
            content: YAML, see `synthesis.form`.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such spec.
            Conflict: it has not succeeded.
            InvalidFields: with each field of the YAML that is wrong, and its line.
        """
        caller.must_be(Role.WRITER)
        spec = await self.get(caller, spec_id)
        if spec.state is not SpecState.SUCCEEDED:
            raise Conflict(
                f"Can only update specs in SUCCEEDED status; this one is {spec.state.value}"
            )
        if len(content) > MOST_CONTENT:
            message = f"{len(content):,} characters; {MOST_CONTENT:,} are the most"
            raise InvalidFields([FieldProblem("", message)])
        await asyncio.to_thread(read_blueprint, content)
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
            await rows.add_spec_version(connection, spec, content, author)
        return await self.get(caller, spec_id)

    async def delete(self, caller: Caller, spec_id: str, *, force: bool = False) -> None:
        """Remove a spec; one whose blueprint is being made is stopped.

        Args:
            force: whether what was made by it goes, too.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such spec.
            Conflict: samples were made by it, and they are not to go.
        """
        caller.must_be(Role.WRITER)
        spec = await self.get(caller, spec_id)
        async with self._store.begin() as connection:
            made = await rows.productions_by_spec(connection, caller.workspace_id, spec.id)
            if made and not force:
                raise Conflict(
                    f"Cannot delete a spec with existing runs ({len(made)}): delete them first, or "
                    "use force=true to delete them with it"
                )
            for production_id, _ in made:
                await delete_production(connection, caller.workspace_id, production_id)
            await rows.delete_data_spec(connection, caller.workspace_id, spec.id)
        for _, run_id in made:
            await self._stop(caller, run_id)
        if spec.state is SpecState.PROCESSING and spec.evaluation_id is not None:
            for run in await self._runs.list(caller, evaluation_id=spec.evaluation_id):
                await self._stop(caller, run.id)

    async def blueprint(
        self, caller: Caller, spec_id: str, version: int | None = None
    ) -> Blueprint:
        """What samples are to be like by a spec.

        Args:
            version: 1, 2, …; None: the newest.

        Raises:
            NotFound: there is no such spec, or it has no such version.
            Conflict: it has not succeeded.
        """
        spec = await self.get(caller, spec_id)
        if spec.state is not SpecState.SUCCEEDED:
            raise Conflict(f"the spec has no blueprint: it is {spec.state.value}")
        async with self._store.begin() as connection:
            found = await rows.find_spec_version(
                connection, caller.workspace_id, spec.id, version or spec.version
            )
        if found is None:
            raise NotFound(f"the spec has no version {version}; it has 1 to {spec.version}")
        return await asyncio.to_thread(read_blueprint, found.content)

    async def _settled(self, caller: Caller, spec: DataSpec) -> DataSpec:
        """As it is, or, where the run that was to propose its blueprint has ended without one,
        failed."""
        if spec.state is not SpecState.PROCESSING or spec.evaluation_id is None:
            return spec
        found = await self._runs.list(caller, evaluation_id=spec.evaluation_id, limit=1)
        if not found or found[0].state not in _OVER:
            return spec
        problem = found[0].reason or f"the run that was to make it was {found[0].state}"
        return replace(spec, state=SpecState.FAILED, problem=problem)

    async def _seeds(self, caller: Caller, seeds_id: str | None) -> Seeds | None:
        if seeds_id is None:
            return None
        async with self._store.begin() as connection:
            found = await find_seeds(connection, caller.workspace_id, seeds_id)
        if found is None:
            raise NotFound("Seed dataset not found")
        return found

    def _writer(
        self, wanted: str | None, *, seeded: bool
    ) -> tuple[str | None, builtins.list[FieldProblem]]:
        """The model that proposes, None: none does; and what is wrong with it."""
        name = wanted or self._catalog.defaults.generator
        writer = None
        if name is not None and name != RESERVED_NAME:
            try:
                declared = self._catalog.resolve(name)
            except Invalid as error:
                return None, [FieldProblem("model", _unsupported(name, error.message))]
            writer = None if declared.protocol == "embedded" else name
        if writer is None and not seeded:
            rows_ = self._catalog.list()
            others = ", ".join(it.name for it in rows_ if it.usable and it.name != RESERVED_NAME)
            message = (
                "a spec without seeds needs a model that can write, which the embedded one is "
                "not: declare one in the models file, and name it or make it the default generator "
                f"(names that work: {others or 'none yet'})"
            )
            told = _unsupported(name, message) if name else message[:1].upper() + message[1:]
            return None, [FieldProblem("model", told)]
        return writer, []

    async def _stop(self, caller: Caller, run_id: str) -> None:
        run = await self._runs.get(caller, run_id)
        if run.state not in FINISHED:
            with contextlib.suppress(Conflict):  # it may have ended meanwhile
                await self._runs.cancel(caller, run_id)


def _wrong_texts(texts: dict[str, str | None]) -> list[FieldProblem]:
    problems = []
    for field, text in texts.items():
        if field == "name" and not text:
            problems.append(FieldProblem(field, _REQUIRED))
        elif text is not None and len(text) > _LONGEST[field]:
            message = f"{len(text):,} characters; {_LONGEST[field]:,} are the most"
            problems.append(FieldProblem(field, message))
        elif text is not None and "\x00" in text:
            problems.append(FieldProblem(field, "holds the character U+0000, which nobody sees"))
    return problems


def _taken(name: str, seeds: Seeds | None) -> FieldProblem:
    where = f"for the seed dataset {seeds.name!r}" if seeds else "without a seed dataset"
    return FieldProblem("name", f"A spec with the name {name!r} already exists {where}.")


def _unsupported(name: str, why: str) -> str:
    return f"Unsupported spec generation model: {name[:200]}. {why[:1].upper()}{why[1:]}"


def _evaluation(spec: DataSpec, seeds: Seeds | None) -> JsonObject:
    """The evaluation that makes the blueprint of a spec."""
    fields: JsonObject = {
        "name": f"blueprint of {spec.name}"[:200],
        "metadata": {"data_spec": spec.id},
    }
    model = spec.params["model"]
    if model is None:
        return {
            **fields,
            "cases": [{"task": "measure the seeds", _WRITTEN: "{}"}],
            "answers": {"column": _WRITTEN},
            "scorers": [{"json_schema": {"schema": {"type": "object"}}}],
        }
    looked_at = 0
    if seeds is not None and spec.params["distributions"]:
        looked_at = min(MOST_CLASSIFIED, _count(seeds))
    tasks = ["propose a blueprint"]
    tasks += [f"say which values seed {it + 1} of {looked_at} shows" for it in range(looked_at)]
    # What is sent is put together for each case; this is what all of it rests on.
    about = str(spec.params["objectives"] or f"samples like the seeds {spec.seeds_name}")
    return {
        **fields,
        "cases": [{"task": task} for task in tasks],
        "model": model,
        "messages": [
            {"role": "system", "content": about.replace("{", "{{").replace("}", "}}")},
            {"role": "user", "content": "{task}"},
        ],
        "params": {"temperature": 0.4, "max_tokens": 6_000},
        "scorers": [],
        "concurrency": _CONCURRENCY,
        "timeout": _CALL_S,
    }


def _count(seeds: Seeds) -> int:
    """How many samples seeds are."""
    if seeds.shape is Shape.SINGLE_FILE:
        return seeds.rows or 0
    return seeds.folders if seeds.shape is Shape.MULTI_FOLDER else len(seeds.files)
