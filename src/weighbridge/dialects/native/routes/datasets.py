"""Data sets: uploaded as files, listed, looked at."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.dialects import shared
from weighbridge.dialects.native import answers, translate, wire
from weighbridge.dialects.native.access import CallerHere, Id, IdempotencyKey, ServicesHere
from weighbridge.dialects.native.description import READ, UPLOAD_BODY, WRITE
from weighbridge.dialects.native.upload import receive_upload

Tag = Annotated[
    str, Path(max_length=64, description="A letter, then letters, digits, `.`, `_`, `-`.")
]

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
    services: ServicesHere, caller: CallerHere, query: Annotated[wire.DatasetsQuery, Query()]
) -> Response:
    """The data sets of the workspace, newest first: a name has a version for each content."""
    return await answers.newest(
        query,
        lambda after, limit: services.datasets.list(
            caller,
            after=after,
            limit=limit,
            name=query.name,
            tag=query.tag,
            selected=query.selected,
        ),
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


@router.get("/{dataset_id}/rows", response_model=wire.Rows, responses=READ)
async def list_rows(
    services: ServicesHere,
    caller: CallerHere,
    dataset_id: Id,
    query: Annotated[wire.PageQuery, Query()],
) -> Response:
    """The rows of a data set, in order."""
    start = 0 if query.cursor is None else max(0, shared.decode_cursor(query.cursor, int)[0])
    dataset = await services.datasets.get(caller, dataset_id)
    rows = await services.datasets.page(dataset, start=start, limit=query.limit)
    after = start + len(rows)
    more = after < dataset.frame.rows
    return answers.page(rows, shared.encode_cursor(after) if more else None)


@router.put("/{dataset_id}/tags/{tag}", response_model=wire.Dataset, responses=WRITE)
async def set_tag(
    services: ServicesHere,
    caller: CallerHere,
    dataset_id: Id,
    tag: Tag,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """Give a version a name of its own (`prod`), by which `data: name@prod` finds it. A tag that
    another version of this data set had moves here."""
    return answers.one(translate.from_dataset(await services.datasets.tag(caller, dataset_id, tag)))


@router.delete("/{dataset_id}/tags/{tag}", response_model=wire.Dataset, responses=WRITE)
async def remove_tag(
    services: ServicesHere,
    caller: CallerHere,
    dataset_id: Id,
    tag: Tag,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """Take a tag from a version."""
    return answers.one(
        translate.from_dataset(await services.datasets.untag(caller, dataset_id, tag))
    )
