"""Anonymisation runs: seed datasets with the personal data in them masked."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.responses import Response

from weighbridge.core.ids import id_of
from weighbridge.core.synthesis import ProductionState
from weighbridge.dialects import shared
from weighbridge.dialects.dataframer.access import CallerHere, ServicesHere, read_id, shown_id
from weighbridge.dialects.dataframer.downloads import download
from weighbridge.dialects.dataframer.errors import parsed
from weighbridge.dialects.dataframer.wire import empty_answer, json_answer, moment
from weighbridge.errors import FieldProblem, InvalidFields, NotFound
from weighbridge.services.anonymizations import AnonymizationView
from weighbridge.store.anonymizations import anonymized_key

router = APIRouter(prefix="/anonymization-runs")

_RUN, _FILE = "Anonymization run", "File"
_Type = Annotated[str, Field(max_length=200)]


class NewRun(BaseModel):
    """What is to be anonymised; fields that we do not know are passed over."""

    model_config = ConfigDict(extra="ignore")

    dataset_id: UUID
    detection_method: str
    pii_types: list[_Type]
    llm_model_name: Annotated[str, Field(max_length=500)] | None = None
    mask_config: dict[str, str] | None = None
    threshold: Annotated[float, Field(allow_inf_nan=False)] | None = None


_NEW = TypeAdapter(NewRun)


@router.post("")
async def create(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Have a seed dataset anonymised."""
    body, _ = await shared.read_json(request)
    new = parsed(_NEW, body)
    try:
        view = await services.anonymizations.create(
            caller,
            id_of("seeds", new.dataset_id),
            detection=new.detection_method,
            types=new.pii_types,
            model=new.llm_model_name,
            masks=new.mask_config,
            threshold=new.threshold,
        )
    except NotFound as error:
        message = "Seed dataset not found"
        raise InvalidFields([FieldProblem("dataset_id", message)]) from error
    return json_answer(_shown(view), 202)


@router.get("")
async def list_all(services: ServicesHere, caller: CallerHere) -> Response:
    """All of the workspace, newest first, without results."""
    return json_answer([_summary(it) for it in await services.anonymizations.list(caller)])


@router.get("/{run_id}")
async def get(services: ServicesHere, caller: CallerHere, run_id: str) -> Response:
    """One, with its results once they are there."""
    view = await services.anonymizations.get(caller, read_id("anon", run_id, _RUN))
    return json_answer(_shown(view))


@router.delete("/{run_id}")
async def delete(services: ServicesHere, caller: CallerHere, run_id: str) -> Response:
    """Forget one."""
    await services.anonymizations.delete(caller, read_id("anon", run_id, _RUN))
    return empty_answer()


@router.get("/{run_id}/download")
async def link_to_archive(
    request: Request, services: ServicesHere, caller: CallerHere, run_id: str
) -> Response:
    """Where all files can be had as a ZIP for an hour; it is there as soon as the files are."""
    archive = await services.anonymizations.archive(caller, read_id("anon", run_id, _RUN))
    link = await download(
        request,
        services,
        caller,
        blob=anonymized_key(archive.sha256),
        filename=archive.path,
        media_type=archive.media_type,
    )
    ready = {"status": "ready", "size_bytes": archive.size}
    return json_answer({**ready, "download_url": link["download_url"]})


@router.get("/{run_id}/files/{file_id}/download")
async def link_to_file(
    request: Request, services: ServicesHere, caller: CallerHere, run_id: str, file_id: str
) -> Response:
    """Where a file can be had for an hour."""
    file = await services.anonymizations.file(
        caller, read_id("anon", run_id, _RUN), read_id("afile", file_id, _FILE)
    )
    link = await download(
        request,
        services,
        caller,
        blob=anonymized_key(file.sha256),
        filename=file.path.rpartition("/")[2],
        media_type=file.media_type,
    )
    link["file_name"] = link.pop("filename")
    return json_answer(link)


def _summary(view: AnonymizationView) -> dict[str, Any]:
    made = view.made
    return {
        "id": shown_id(made.id),
        "dataset_id": shown_id(made.seeds_id),
        "dataset_name": made.seeds_name,
        "detection_method": made.request.detection.value,
        "llm_model_name": made.request.model,
        "status": view.state.value,
        "created_at": moment(made.created_at),
        "completed_at": moment(made.finished_at),
        "created_by_email": made.author,
    }


def _shown(view: AnonymizationView) -> dict[str, Any]:
    made, request = view.made, view.made.request
    results: dict[str, Any] | None = None
    if view.state is ProductionState.SUCCEEDED:
        results = {**(made.result or {}), "error": None}
    elif view.state is ProductionState.FAILED:
        results = {
            "entities_found": [],
            "entity_summary": {},
            "samples_processed": 0,
            "error": view.problem,
        }
    ended = made.finished_at
    return {
        **_summary(view),
        "pii_types": list(request.types),
        "mask_config": dict(request.masks),
        "threshold": request.threshold,
        "results": results,
        "anonymized_files": [
            {
                "id": shown_id(it.id),
                "path": it.path,
                "content_type": it.media_type,
                "size_in_bytes": it.size,
            }
            for it in made.files
        ],
        "duration_seconds": round((ended - made.created_at).total_seconds()) if ended else None,
        "warnings": list(view.warnings),
    }
