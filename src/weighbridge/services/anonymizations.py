"""Anonymisations: personal data in seeds is found by a run, and masked at its end."""

import builtins
import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.anonymization import (
    Anonymization,
    AnonymizationRequest,
    AnonymizedFile,
    Detection,
)
from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.run import FINISHED, Run, RunState
from weighbridge.core.synthesis import ProductionState, Seeds
from weighbridge.errors import Conflict, FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.jobs.anonymizing import KEY, passages_of, undetected
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.personal.types import BY_PATTERN, NAMES, meant
from weighbridge.scorers.personal_data import MOST_TYPES, PersonalData
from weighbridge.services.authors import author_of
from weighbridge.services.datasets import Datasets
from weighbridge.services.evaluations import Evaluations
from weighbridge.services.runs import Runs
from weighbridge.services.seeds import Seeding
from weighbridge.spec import parse_spec
from weighbridge.store import anonymizations as rows
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.store.runs import find_runs, list_runs
from weighbridge.store.seeds import seed_key
from weighbridge.synthesis.masking import check_masks

DEFAULT_THRESHOLD = 0.5

_METHODS = {Detection.LOCAL: "patterns", Detection.MODEL: "model", Detection.ALL: "both"}
_PDF = ".pdf"
_WITH_FIELDS = {".csv", ".json", ".jsonl"}
_GOING_ON = {RunState.RUNNING, RunState.DELIVERING}
_CONCURRENCY = 64
_REQUIRED = "This field is required."


@dataclass(frozen=True, slots=True)
class AnonymizationView:
    """An anonymisation with how far it is.

    Attributes:
        problem: why it has failed; None: it has not.
        warnings: what to know about its outcome, for people.
    """

    made: Anonymization
    state: ProductionState
    problem: str | None
    warnings: tuple[str, ...]


class Anonymizations:
    """The anonymisations of an installation.

    Args:
        store: where they are kept.
        seeding: what they are made of. datasets: where passages lie that are looked through.
        evaluations: have it done. runs: how far that is.
        catalog: which models there are.
    """

    def __init__(
        self,
        store: Store,
        seeding: Seeding,
        datasets: Datasets,
        evaluations: Evaluations,
        runs: Runs,
        catalog: Catalog,
    ) -> None:
        self._store = store
        self._seeding = seeding
        self._datasets = datasets
        self._evaluations = evaluations
        self._runs = runs
        self._catalog = catalog

    async def create(
        self,
        caller: Caller,
        seeds_id: str,
        *,
        detection: str | None,
        types: Sequence[str],
        model: str | None = None,
        masks: Mapping[str, str] | None = None,
        threshold: float | None = None,
    ) -> AnonymizationView:
        """Have seeds anonymised.

        Args:
            detection: a value of `Detection`. types: of personal data, in lower case.
            model: that finds it; needed where one does.
            masks: see `Masks`. threshold: 0 to 1; None: `DEFAULT_THRESHOLD`.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there are no such seeds.
            InvalidFields: by the vendor's names of the fields.
        """
        caller.must_be(Role.WRITER)
        request = self._checked(detection, types, model, masks or {}, threshold)
        seeds = await self._seeding.get(caller, seeds_id)
        _check_formats(seeds, request)
        texts = await self._passages(seeds)
        if not texts:
            raise InvalidFields([FieldProblem("dataset_id", "The dataset holds no text.")])
        name = f"personal data in {seeds.name}"[:200]
        dataset = await self._datasets.import_rows(caller, name, texts)
        moment = now()
        async with self._store.begin() as connection:
            author = await author_of(connection, caller)
        made = Anonymization(
            id=new_id("anon"),
            workspace_id=caller.workspace_id,
            seeds_id=seeds.id,
            seeds_name=seeds.name,
            request=request,
            evaluation_id="",
            run_id="",
            result=None,
            files=(),
            archive=None,
            problem=None,
            door=caller.door,
            author=author,
            created_at=moment,
            updated_at=moment,
            finished_at=None,
        )

        async def keep(connection: AsyncConnection, evaluation_id: str) -> None:
            [run] = await list_runs(
                connection, caller.workspace_id, after=None, limit=1, evaluation_id=evaluation_id
            )
            await rows.add_anonymization(
                connection, replace(made, evaluation_id=evaluation_id, run_id=run.id)
            )

        spec = parse_spec(
            {
                "name": name,
                "data": dataset.id,
                "id": "passage",
                "model": "seeds",
                "answers": {"column": "text"},
                "scorers": [{"as": KEY, "personal_data": _scorer(request)}],
                "concurrency": _CONCURRENCY,
                "metadata": {"anonymization": made.id},
            }
        )
        await self._evaluations.start(caller, spec, along=keep)
        return await self.get(caller, made.id)

    async def get(self, caller: Caller, anonymization_id: str) -> AnonymizationView:
        """One.

        Raises:
            NotFound: the workspace has none with this id.
        """
        async with self._store.begin() as connection:
            found = await rows.find_anonymization(connection, caller.workspace_id, anonymization_id)
            if found is None:
                raise NotFound("Anonymization run not found")
            runs = await find_runs(connection, caller.workspace_id, [found.run_id])
            if _is_behind(found, runs.get(found.run_id)):
                again = await rows.find_anonymization(
                    connection, caller.workspace_id, anonymization_id
                )
                found = again or found
        return _view(found, runs.get(found.run_id))

    async def list(self, caller: Caller) -> builtins.list[AnonymizationView]:
        """All of the workspace, newest first."""
        async with self._store.begin() as connection:
            found = await rows.list_anonymizations(connection, caller.workspace_id)
            runs = await find_runs(connection, caller.workspace_id, [it.run_id for it in found])
            if any(_is_behind(it, runs.get(it.run_id)) for it in found):
                found = await rows.list_anonymizations(connection, caller.workspace_id)
        return [_view(it, runs.get(it.run_id)) for it in found]

    async def delete(self, caller: Caller, anonymization_id: str) -> None:
        """Forget one, and stop it where it goes on.

        Raises:
            Forbidden: the caller may not write.
            NotFound: there is none with this id.
        """
        caller.must_be(Role.WRITER)
        view = await self.get(caller, anonymization_id)
        if view.state in {ProductionState.PENDING, ProductionState.PROCESSING}:
            with contextlib.suppress(Conflict):  # it has ended meanwhile
                await self._runs.cancel(caller, view.made.run_id)
        async with self._store.begin() as connection:
            await rows.delete_anonymization(connection, caller.workspace_id, anonymization_id)

    async def file(self, caller: Caller, anonymization_id: str, file_id: str) -> AnonymizedFile:
        """One of the files.

        Raises:
            NotFound: there is none with this id.
            Conflict: it has not ended well.
        """
        view = await self._ended(caller, anonymization_id)
        for file in view.made.files:
            if file.id == file_id:
                return file
        raise NotFound("File not found")

    async def archive(self, caller: Caller, anonymization_id: str) -> AnonymizedFile:
        """All files as a ZIP.

        Raises:
            NotFound: there is none with this id.
            Conflict: it has not ended well.
        """
        view = await self._ended(caller, anonymization_id)
        assert view.made.archive is not None  # noqa: S101 (it came with the files)
        return view.made.archive

    async def _ended(self, caller: Caller, anonymization_id: str) -> AnonymizationView:
        view = await self.get(caller, anonymization_id)
        if view.state is not ProductionState.SUCCEEDED:
            raise Conflict("Can only download files of succeeded anonymization runs")
        return view

    async def _passages(self, seeds: Seeds) -> builtins.list[dict[str, Any]]:
        found: builtins.list[dict[str, Any]] = []
        for file in seeds.files:
            data = await self._store.blobs.get(seed_key(file.sha256))
            try:
                texts = list(passages_of(file.path, data))
            except Invalid as error:
                raise InvalidFields([FieldProblem("dataset_id", error.message)]) from error
            found += [
                {"passage": f"{file.path}#{number}", "text": text}
                for number, text in enumerate(texts, start=1)
            ]
        return found

    def _checked(
        self,
        detection: str | None,
        types: Sequence[str],
        model: str | None,
        masks: Mapping[str, str],
        threshold: float | None,
    ) -> AnonymizationRequest:
        problems = list(_check(detection, types, threshold))
        problems += check_masks(masks, types)
        asks = detection in {Detection.MODEL, Detection.ALL}
        if asks:
            problems += self._check_model(model)
        if problems:
            raise InvalidFields(problems)
        return AnonymizationRequest(
            Detection(str(detection)),
            tuple(dict.fromkeys(types)),
            model if asks else None,
            masks,
            DEFAULT_THRESHOLD if threshold is None else threshold,
            secrets.token_hex(16),
        )

    def _check_model(self, model: str | None) -> Iterator[FieldProblem]:
        field = "llm_model_name"
        if not model:
            yield FieldProblem(field, "This field is required when detection_method is llm or all.")
            return
        try:
            declared = self._catalog.resolve(model)
        except Invalid as error:
            yield FieldProblem(field, f"Unsupported LLM model: {model[:200]}. {error.message}")
            return
        if declared.name == RESERVED_NAME:
            yield FieldProblem(field, "Unsupported LLM model: the embedded model finds no names.")


def _check(
    detection: str | None, types: Sequence[str], threshold: float | None
) -> Iterator[FieldProblem]:
    if detection is None:
        yield FieldProblem("detection_method", _REQUIRED)
    elif detection not in {it.value for it in Detection}:
        offer = ", ".join(it.value for it in Detection)
        message = f"{detection[:80]!r} is not a valid choice (valid are {offer})."
        yield FieldProblem("detection_method", message)
    if threshold is not None and not 0 <= threshold <= 1:
        yield FieldProblem("threshold", "Ensure this value is between 0.0 and 1.0.")
    if not types:
        yield FieldProblem("pii_types", "This list may not be empty.")
        return
    if len(types) > MOST_TYPES:
        yield FieldProblem("pii_types", f"At most {MOST_TYPES} types, not {len(types)}.")
        return
    upper = [it for it in types if it != it.lower()]
    if upper:
        listed = ", ".join(it[:80] for it in upper[:10])
        yield FieldProblem("pii_types", f"All types must be lowercase: {listed}.")
        return
    try:
        PersonalData(tuple(types), "model")
    except OptionError as error:
        yield FieldProblem("pii_types", str(error))
        return
    if detection == Detection.LOCAL and not any(_is_known(it) for it in types):
        yield FieldProblem(
            "pii_types",
            f"pii_m1 finds none of these types ({', '.join(types)[:200]}); use llm or all.",
        )


def _scorer(request: AnonymizationRequest) -> dict[str, Any]:
    """The options of the scorer that looks through passages."""
    scorer: dict[str, Any] = {
        "types": list(request.types),
        "method": _METHODS[request.detection],
        "threshold": request.threshold,
    }
    if request.model is not None:
        scorer["model"] = request.model
    if request.detection is Detection.LOCAL and not _by_pattern(request.types):
        # The names of columns alone tell; no pattern is as sure as this.
        scorer |= {"types": ["email"], "threshold": 1.0}
    return scorer


def _by_pattern(types: Sequence[str]) -> bool:
    return any(meant(it) in BY_PATTERN for it in types)


def _is_known(name: str) -> bool:
    """Whether a type can be found without a model: by patterns, or by the names of columns."""
    return meant(name) in NAMES


def _check_formats(seeds: Seeds, request: AnonymizationRequest) -> None:
    pdfs = [it.path for it in seeds.files if it.path.lower().endswith(_PDF)]
    if pdfs:
        message = (
            "PDF files cannot be anonymized, as they could not be written out again as PDF; "
            f"upload their text as .txt or .md ({', '.join(pdfs[:5])[:300]})."
        )
        raise InvalidFields([FieldProblem("dataset_id", message)])
    fields = any(PurePosixPath(it.path.lower()).suffix in _WITH_FIELDS for it in seeds.files)
    if request.detection is Detection.LOCAL and not fields and not _by_pattern(request.types):
        listed = ", ".join(request.types)[:200]
        message = f"pii_m1 finds none of these types in texts ({listed}); use llm or all."
        raise InvalidFields([FieldProblem("pii_types", message)])


def _is_behind(made: Anonymization, run: Run | None) -> bool:
    """Whether the run ended after this was read, which must be read again then."""
    return made.finished_at is None and run is not None and run.state is RunState.SUCCEEDED


def _view(made: Anonymization, run: Run | None) -> AnonymizationView:
    state, problem = ProductionState.PENDING, made.problem
    if made.finished_at is not None:
        state = ProductionState.FAILED if made.result is None else ProductionState.SUCCEEDED
    elif run is None or run.state in FINISHED:
        state = ProductionState.FAILED
        problem = (run and run.reason) or f"the run was {run.state if run else 'deleted'}"
    elif run.state in _GOING_ON:
        state = ProductionState.PROCESSING
    missed = undetected(made)
    warning = (
        f"pii_m1 has no patterns for {', '.join(missed)}: such data is found where a column or "
        "field is called so, and not in running text; use detection_method llm or all."
    )
    warnings = (warning,) if missed else ()
    return AnonymizationView(made, state, problem, warnings)
