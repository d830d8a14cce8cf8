"""Data sets: uploaded as files, listed, looked at."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.dialects.native import answers, translate, wire
from weighbridge.dialects.native.access import CallerHere, Id, IdempotencyKey, ServicesHere
from weighbridge.dialects.native.description import READ, UPLOAD_BODY, WRITE
from weighbridge.dialects.native.upload import receive_upload

router = APIRouter(prefix="/datasets", tags=["datasets"])


@router.post(
    "",
    status_code=201,
    response_model=wire.Dataset,
    responses=WRITE,
    openapi_extra=UPLOAD_BODY,
)
async def upload(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Upload a csv, tsv, jsonl, json, parquet or arrow file. The same content under the same name
    is kept once."""
    caller.must_be(Role.WRITER)  # before gigabytes come in, and not only after
    async with receive_upload(request, services.store.folder) as file:

        async def take_in() -> wire.Dataset:
            return translate.from_dataset(
                await services.datasets.import_file(
                    caller, file.path, name=file.name, format=file.format
                )
            )

        return await answers.idempotently(
            request, services, caller, idempotency_key, file.sha256, take_in, 201
        )


@router.get("", response_model=wire.Page[wire.Dataset], responses=READ)
async def list_datasets(
    services: ServicesHere, caller: CallerHere, query: Annotated[wire.PageQuery, Query()]
) -> Response:
    """The data sets of the workspace, newest first."""
    return await answers.newest(
        query,
        lambda after, limit: services.datasets.list(caller, after=after, limit=limit),
        lambda dataset: dataset.id,
        translate.from_dataset,
    )


@router.get("/{dataset_id}", response_model=wire.Dataset, responses=READ)
async def get_dataset(
    services: ServicesHere,
    caller: CallerHere,
    dataset_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """One data set."""
    return answers.one(translate.from_dataset(await services.datasets.get(caller, dataset_id)))
