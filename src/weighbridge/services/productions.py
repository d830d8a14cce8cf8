"""Productions: samples made by a spec."""

import asyncio
import builtins
import contextlib
import secrets
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller, Role
from weighbridge.core.evaluation import Budget
from weighbridge.core.ids import new_id
from weighbridge.core.production import (
    FILTERS,
    REVISIONS,
    ROLES,
    SHUFFLING,
    TOOLS,
    Archive,
    Making,
    ProductionView,
    Sample,
    making_to_json,
)
from weighbridge.core.run import FINISHED, RunState
from weighbridge.core.suggest import did_you_mean
from weighbridge.core.synthesis import (
    Blueprint,
    DataSpec,
    MadeFile,
    Production,
    Seeds,
    Shape,
    SpecState,
    SpecVersion,
    sample_name,
)
from weighbridge.errors import Conflict, FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.jobs.data_specs import MOST_MEASURED
from weighbridge.jobs.sample_files import stream_samples
from weighbridge.jobs.sample_seeds import MOST_SEEDS
from weighbridge.providers.base import ChatRequest, Message
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.providers.model import Models
from weighbridge.providers.thinking import LEAST_BUDGET, SUFFIX
from weighbridge.services.authors import author_of
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations, Owner
from weighbridge.services.production_archives import ProductionArchives
from weighbridge.services.runs import Runs
from weighbridge.spec import parse_spec
from weighbridge.store import productions
from weighbridge.store.data_specs import find_data_spec, find_spec_version
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.store.runs import find_runs, list_runs
from weighbridge.store.seeds import find_seeds
from weighbridge.synthesis.drawing import draw
from weighbridge.synthesis.form import read_blueprint
from weighbridge.synthesis.measuring import measure
from weighbridge.synthesis.names import extension_of
from weighbridge.synthesis.reading import SeedSample, seed_samples
from weighbridge.synthesis.recombining import Recombining
from weighbridge.synthesis.sample_form import SampleForm, form_of, form_to_json

MOST_SAMPLES = 20_000
MOST_CYCLES = 20
MOST_EXAMPLES = 1_000
MOST_THINKING = 200_000

_CALL_S = 300.0
"""Seconds that one call may take: a long text takes longer than most answers."""
_MOST_TOLD = 10
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class Settled:
    """What samples are made of.

    Attributes:
        used: the version of the spec that is meant.
        making: with the model that writes, or None where nobody does.
        seeds, samples: what they are made from; None and empty without seeds.
    """

    spec: DataSpec
    used: SpecVersion
    making: Making
    blueprint: Blueprint
    form: SampleForm
    seeds: Seeds | None
    samples: list[SeedSample]


class Productions:
    """The productions of an installation.

    Args:
        store: where they are kept.
        datasets: keep what is drawn. evaluations: have samples made. runs: how far that is.
        models: which models there are. archives: put files together.
    """

    def __init__(
        self,
        store: Store,
        datasets: Datasets,
        evaluations: Evaluations,
        runs: Runs,
        models: Models,
        archives: ProductionArchives,
    ) -> None:
        self._store = store
        self._datasets = datasets
        self._evaluations = evaluations
        self._runs = runs
        self._models = models
        self._archives = archives

    async def create(
        self,
        caller: Caller,
        spec_id: str,
        wanted: int,
        *,
        version: int | None = None,
        making: Making | None = None,
        seed: int | None = None,
        budget: Budget | None = None,
        owner: Owner | None = None,
    ) -> ProductionView:
        """Have samples made. Without a model that can write, rows are put together out of the rows
        of the seeds; of anything else nothing can be made then.

        Args:
            wanted: how many, 1 to `MOST_SAMPLES`.
            version: of the spec; None: the newest.
            making: how they are made; the model that writes is the default generator where it
                names none.
            seed: of all that is drawn; None: another one each time.
            budget: where to stop.
            owner: who executes the run, when it is not the queue.

        Raises:
            Forbidden: the caller may not start runs.
            NotFound: the workspace has no such spec.
            InvalidFields: something is wrong with the request; nothing was started and nothing was
                paid.
            Conflict: the seeds of the spec are gone.
        """
        caller.must_be(Role.WRITER)
        making = making or Making()
        making = replace(making, seed=secrets.randbelow(2**31) if seed is None else seed)
        settled = await self.settle(caller, spec_id, wanted, version=version, making=making)
        spec, used, making = settled.spec, settled.used, settled.making
        blueprint, form = settled.blueprint, settled.form
        seeds, samples = settled.seeds, settled.samples
        moment = now()
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
        made = Production(
            id=new_id("prod"),
            workspace_id=caller.workspace_id,
            spec_id=spec.id,
            spec_name=spec.name,
            spec_version=used.number,
            seeds_id=spec.seeds_id,
            seeds_name=spec.seeds_name,
            shape=spec.shape,
            wanted=wanted,
            params={
                "making": making_to_json(making),
                "content": used.content,
                "form": form_to_json(form),
            },
            evaluation_id="",
            run_id="",
            files=0,
            problem=None,
            door=caller.door,
            author=author,
            created_at=moment,
            updated_at=moment,
        )
        rows, note = await asyncio.to_thread(_rows, made, blueprint, making, form, seeds, samples)
        made = replace(made, params={**made.params, "note": note}, problem=note)
        dataset = await self._datasets.import_rows(caller, f"slots of {made.id}", rows)

        async def keep(connection: AsyncConnection, evaluation_id: str) -> None:
            [run] = await list_runs(
                connection, caller.workspace_id, after=None, limit=1, evaluation_id=evaluation_id
            )
            whole = replace(made, evaluation_id=evaluation_id, run_id=run.id)
            await productions.add_production(connection, whole)

        fields = _evaluation(made, blueprint, making, form, dataset.id, budget or Budget())
        try:
            started = await self._evaluations.start(
                caller, parse_spec(fields), owner=owner, along=keep
            )
        except InvalidFields as error:
            raise self._about_model(error, making) from error
        run = started.runs[0]
        whole = replace(made, evaluation_id=run.evaluation_id, run_id=run.id)
        return ProductionView(whole, run)

    async def settle(
        self,
        caller: Caller,
        spec_id: str,
        wanted: int,
        *,
        version: int | None = None,
        making: Making | None = None,
    ) -> Settled:
        """What samples would be made of; refuses what `create` would refuse, and keeps nothing.
        Arguments and errors as for `create`."""
        caller.must_be(Role.WRITER)
        spec, used = await self._spec(caller, spec_id, version)
        making = self._with_writer(making or Making())
        problems = list(_problems(wanted, making, seeded=spec.seeds_id is not None))
        problems += await self._model_problems(spec, making)
        if used is None or problems:
            raise InvalidFields([*_version_problems(spec, version, used), *problems])
        blueprint = await asyncio.to_thread(read_blueprint, used.content)
        # Without a model the more rows there are to choose from, the better.
        most = MOST_SEEDS if making.model is not None else MOST_MEASURED
        seeds, samples = await self._seeds(spec, most)
        form = await asyncio.to_thread(form_of, spec.shape, seeds, samples)
        return Settled(spec, used, making, blueprint, form, seeds, samples)

    async def seeded(self, caller: Caller, spec_id: str) -> bool:
        """Whether a spec has seeds, with which samples can be compared.

        Raises:
            NotFound: the workspace has no such spec.
        """
        async with self._store.begin() as connection:
            spec = await find_data_spec(connection, caller.workspace_id, spec_id)
        if spec is None:
            raise NotFound("Spec not found")
        return spec.seeds_id is not None

    async def get(self, caller: Caller, production_id: str) -> ProductionView:
        """One production.

        Raises:
            NotFound: the workspace has no such production, or it is deleted.
        """
        found = await self._find(caller, production_id)
        run = await self._runs.get(caller, found.run_id)
        if run.state is RunState.SUCCEEDED and not found.files:  # it ended in between
            found = await self._find(caller, production_id)
        return ProductionView(found, run)

    async def list(
        self, caller: Caller, *, spec_id: str | None = None
    ) -> builtins.list[ProductionView]:
        """Newest first.

        Args:
            spec_id: only those by this spec.
        """
        async with self._store.begin() as connection:
            found = await productions.list_productions(
                connection, caller.workspace_id, spec_id=spec_id
            )
            runs = await find_runs(connection, caller.workspace_id, [it.run_id for it in found])
        return [ProductionView(it, runs[it.run_id]) for it in found if it.run_id in runs]

    async def cancel(self, caller: Caller, production_id: str) -> ProductionView:
        """Stop making samples; whoever does so notices within a second.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such production.
            Conflict: it has ended already.
        """
        caller.must_be(Role.WRITER)
        view = await self.get(caller, production_id)
        run = await self._runs.cancel(caller, view.run.id)
        return replace(view, run=run)

    async def delete(self, caller: Caller, production_id: str) -> None:
        """Take a production out of sight, with its files; one in work is stopped.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is no such production.
        """
        caller.must_be(Role.WRITER)
        view = await self.get(caller, production_id)
        if view.run.state not in FINISHED:
            with contextlib.suppress(Conflict):  # it may have ended meanwhile
                await self._runs.cancel(caller, view.run.id)
        async with self._store.begin() as connection:
            await productions.delete_production(connection, caller.workspace_id, production_id)

    async def files(self, caller: Caller, production: Production) -> builtins.list[MadeFile]:
        """What it has made, in the order of the samples; nothing before it has succeeded."""
        async with self._store.begin() as connection:
            return await productions.list_files(connection, caller.workspace_id, production.id)

    async def file(self, caller: Caller, production_id: str, file_id: str) -> MadeFile:
        """One file; its bytes are at `store.productions.made_key`.

        Raises:
            NotFound: there is no such production, or it has no such file.
        """
        view = await self.get(caller, production_id)
        async with self._store.begin() as connection:
            found = await productions.find_file(
                connection, caller.workspace_id, view.production.id, file_id
            )
        if found is None:
            raise NotFound("File not found")
        return found

    async def archive(self, caller: Caller, production_id: str) -> Archive:
        """All files in a ZIP, which is begun by the first who asks.

        Raises:
            NotFound: there is no such production.
            Conflict: it has made no files.
        """
        view = await self.get(caller, production_id)
        if view.run.state is not RunState.SUCCEEDED or not view.production.files:
            raise Conflict("Can only download files of completed runs")
        return await self._archives.get(view)

    async def samples(
        self, caller: Caller, production_id: str
    ) -> AsyncGenerator[builtins.list[Sample], None]:
        """The samples that it has made so far, with the values that were drawn for them, in pages.

        Raises:
            NotFound: there is no such production.
        """
        view = await self.get(caller, production_id)
        async with aclosing(stream_samples(self._store, view.production)) as pages:
            async for page in pages:
                yield page

    async def _find(self, caller: Caller, production_id: str) -> Production:
        async with self._store.begin() as connection:
            found = await productions.find_production(
                connection, caller.workspace_id, production_id
            )
        if found is None:
            raise NotFound("Run not found")
        return found

    async def _spec(
        self, caller: Caller, spec_id: str, version: int | None
    ) -> tuple[DataSpec, SpecVersion | None]:
        """A spec that samples can be made by, and the version that is meant; None: it has none.

        Raises:
            NotFound: there is no such spec.
            InvalidFields: it is not there yet, or has failed.
        """
        async with self._store.begin() as connection:
            spec = await find_data_spec(connection, caller.workspace_id, spec_id)
            if spec is None:
                raise NotFound("Spec not found")
            if spec.state is not SpecState.SUCCEEDED:
                message = f"Spec must be in SUCCEEDED status; it is {spec.state.value}."
                raise InvalidFields([FieldProblem("spec_id", message)])
            number = spec.version if version is None else version
            if not 1 <= number <= spec.version:
                return spec, None
            used = await find_spec_version(connection, caller.workspace_id, spec_id, number)
        return spec, used

    async def _seeds(
        self, spec: DataSpec, most: int
    ) -> tuple[Seeds | None, builtins.list[SeedSample]]:
        if spec.seeds_id is None:
            return None, []
        async with self._store.begin() as connection:
            seeds = await find_seeds(connection, spec.workspace_id, spec.seeds_id)
        if seeds is None:
            raise Conflict("the seeds of this spec were deleted; make a spec from others")
        return seeds, await seed_samples(self._store, seeds, most)

    def _with_writer(self, making: Making) -> Making:
        """How samples are made, with the model that writes: the default one where none is named.
        The embedded one cannot."""
        defaults = self._models.catalog.defaults
        name = making.model or defaults.generator
        return replace(making, model=None if name in {None, RESERVED_NAME} else name)

    async def _model_problems(self, spec: DataSpec, making: Making) -> builtins.list[FieldProblem]:
        if making.model is None:
            if spec.shape is not Shape.SINGLE_FILE or spec.seeds_id is None:
                return [FieldProblem("model", self._nobody_writes())]
            needing = {
                "revisions": making.revisions,
                "filters": "conformance" in making.filters,
                "tools": making.tools,
            }
            message = "this needs a model that writes, and none is declared"
            return [FieldProblem(name, message) for name, asked in needing.items() if asked]
        problems = []
        for role in ROLES:
            named = {"generation": making.model, "outline": making.outline_model}.get(
                role, making.revision_model
            )
            if named is None:
                continue
            field = "model" if role == "generation" else f"{role}_model"
            if named == RESERVED_NAME:
                problems.append(
                    FieldProblem(field, self._unsupported(role, named, self._nobody_writes()))
                )
                continue
            try:
                await self._models.check(named, _LIKE_OURS)
            except Invalid as error:
                problems.append(FieldProblem(field, self._unsupported(role, named, error.message)))
        return problems

    def _about_model(self, error: InvalidFields, making: Making) -> InvalidFields:
        """The error, in the words of this request."""
        told = [
            replace(it, message=self._unsupported("generation", making.model or "", it.message))
            if it.field == "model"
            else it
            for it in error.problems
        ]
        return InvalidFields(told)

    def _nobody_writes(self) -> str:
        return (
            "a model that can write is needed, which the embedded one is not: declare one in the "
            f"models file, and name it or make it the default generator. {self._names()}"
        )

    def _names(self) -> str:
        usable = [row for row in self._models.catalog.list() if row.usable]
        names = [
            name for row in usable if row.name != RESERVED_NAME for name in (row.name, *row.aliases)
        ]
        return f"Names that work: {', '.join(names) or 'none yet'}."

    def _unsupported(self, role: str, name: str, why: str) -> str:
        """What is said of a model that cannot be used."""
        message = f"Unsupported {role} model: {name[:200]}. {why[:1].upper()}{why[1:]}"
        known = "ames that work" in message
        return message if known else f"{message.rstrip('.')}. {self._names()}"


_LIKE_OURS = ChatRequest(
    (Message("system", "…"), Message("user", "…")), {"temperature": 0.9, "max_tokens": 4_096}
)
"""A request as samples are asked for."""


def _version_problems(
    spec: DataSpec, version: int | None, used: SpecVersion | None
) -> Iterator[FieldProblem]:
    if used is None:
        yield FieldProblem(
            "version", f"The spec has no version {version}; it has 1 to {spec.version}."
        )


def _problems(wanted: int, making: Making, *, seeded: bool) -> Iterator[FieldProblem]:
    """What is wrong with a request, but for its models."""
    if not 1 <= wanted <= MOST_SAMPLES:
        yield FieldProblem("wanted", f"1 to {MOST_SAMPLES:,} samples can be made, not {wanted:,}.")
    known = {"revisions": REVISIONS, "filters": FILTERS, "tools": TOOLS}
    for field, names in known.items():
        for name in list(dict.fromkeys(getattr(making, field)))[:_MOST_TOLD]:
            if name not in names:
                hint = did_you_mean(name, names)
                message = f"{name[:_LONGEST_NAME]!r} is not a valid choice{hint}: "
                yield FieldProblem(field, message + ", ".join(names))
    if "distinguishability" in making.revisions and not seeded:
        message = "'distinguishability' compares with seeds, and this spec has none."
        yield FieldProblem("revisions", message)
    if making.shuffling not in SHUFFLING:
        message = f"{making.shuffling[:_LONGEST_NAME]!r} is not a valid choice: "
        yield FieldProblem("shuffling", message + ", ".join(SHUFFLING))
    if not 0 <= making.cycles <= MOST_CYCLES:
        yield FieldProblem("cycles", f"0 to {MOST_CYCLES} cycles, not {making.cycles}.")
    if making.examples is not None and not 0 <= making.examples <= MOST_EXAMPLES:
        yield FieldProblem("examples", f"0 to {MOST_EXAMPLES:,} examples, not {making.examples}.")
    yield from _thinking_problems(making)


def _thinking_problems(making: Making) -> Iterator[FieldProblem]:
    for role, budget in making.thinking.items():
        field = f"thinking.{role}"
        name = making.name_of(role)
        if name is None or not name.endswith(SUFFIX):
            message = f"Only models whose name ends in {SUFFIX} take a thinking budget"
            yield FieldProblem(field, f"{message}, and {name or 'none'} does not.")
        elif not LEAST_BUDGET <= budget <= MOST_THINKING:
            message = f"{LEAST_BUDGET:,} to {MOST_THINKING:,} tokens, not {budget:,}."
            yield FieldProblem(field, message)


def _rows(
    production: Production,
    blueprint: Blueprint,
    making: Making,
    form: SampleForm,
    seeds: Seeds | None,
    samples: builtins.list[SeedSample],
) -> tuple[builtins.list[dict[str, Any]], str | None]:
    """A slot for each sample, and what is to be said of all of them."""
    drawn = draw(blueprint, production.wanted, making.seed)
    rows: builtins.list[dict[str, Any]] = [
        {"sample": sample_name(number), "tags": tags} for number, tags in enumerate(drawn)
    ]
    if making.model is not None:
        first = extension_of(seeds.files[0].path) if seeds else ""
        note = (
            "the seeds are PDF files; samples are written as plain text"
            if first == ".pdf"
            else None
        )
        return rows, note
    known = {it.name: it.values for it in blueprint.properties}
    rows_of_seeds = [it.row for it in samples if it.row is not None]
    recombining = Recombining(rows_of_seeds, known, making.seed, measure(samples).traits)
    for number, row in enumerate(rows):
        made = recombining.row(number, row["tags"])
        row[_ROW] = {name: made.get(name) for name in form.keys}
    note = (
        "no model that writes is declared: the samples are rows of the seeds, chosen and changed "
        "so that they show the values that were drawn"
    )
    if recombining.hidden:
        names = ", ".join(recombining.hidden[:_MOST_TOLD])
        note += f"; they do not show what is no column of the seeds ({names})"
    return rows, note


_ROW = "row"


def _evaluation(
    production: Production,
    blueprint: Blueprint,
    making: Making,
    form: SampleForm,
    dataset_id: str,
    budget: Budget,
) -> dict[str, Any]:
    """The evaluation that makes the samples."""
    fields: dict[str, Any] = {
        "name": f"samples of {production.spec_name}"[:200],
        "data": dataset_id,
        "id": "sample",
        "scorers": [],
        "timeout": _CALL_S,
        "metadata": {
            "production": production.id,
            "asks": sorted({*filter(None, (making.outline_model, making.revision_model))}),
        },
    }
    limits = {"usd": budget.usd, "tokens": budget.tokens}
    if kept := {name: value for name, value in limits.items() if value is not None}:
        fields["budget"] = kept
    if making.model is None:
        whole = {"type": "object", "required": list(form.keys)}
        scorers = [{"json_schema": {"schema": whole}}]
        return {**fields, "answers": {"column": _ROW}, "scorers": scorers}
    # What is sent is put together for each sample; this is what all of it rests on.
    about = f"{blueprint.description}\n\n{blueprint.requirements}".strip()
    return {
        **fields,
        "model": making.model,
        "messages": [
            {"role": "system", "content": about.replace("{", "{{").replace("}", "}}")},
            {"role": "user", "content": "{tags}"},
        ],
    }
