"""Columns that runs deliver into a file of a repository: looked at, read, committed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from weighbridge.core.caller import Caller
from weighbridge.dialects.native import answers, translate_repositories, wire
from weighbridge.dialects.native import wire_repositories as sent
from weighbridge.dialects.native.access import CallerHere, Id, IdempotencyKey, ServicesHere
from weighbridge.dialects.native.description import READ, WRITE, json_body
from weighbridge.dialects.native.routes.repository_files import BYTES_ANSWER, streamed
from weighbridge.services.deliveries import view_delivery
from weighbridge.wiring import Services

router = APIRouter(prefix="/runs/{run_id}/delivery", tags=["deliveries"])


@router.get("", response_model=sent.ColumnDelivery, responses=READ)
async def get_delivery(
    services: ServicesHere, caller: CallerHere, run_id: Id, _query: Annotated[wire.NoQuery, Query()]
) -> Response:
    """Where the answers of a run go (`deliver` of its evaluation), and what has become of that."""
    return answers.one(await _shown(services, caller, run_id))


@router.get("/content", response_class=StreamingResponse, responses=READ | BYTES_ANSWER)
async def get_delivered(
    services: ServicesHere, caller: CallerHere, run_id: Id, _query: Annotated[wire.NoQuery, Query()]
) -> Response:
    """The file with the column, whether it is committed or waits for that."""
    repo, content, path = await services.inferences.result(caller, run_id)
    return streamed(repo, content, path)


@router.post(
    "/commit",
    response_model=sent.ColumnDelivery,
    responses=WRITE,
    openapi_extra=json_body("DeliveryCommit", required=False),
)
async def commit_delivery(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Commit a file that is held, or one that met a conflict; to another branch, if one is named.
    What is committed there already stays as it is."""
    body = await request.body()
    told = await answers.read_body(request, sent.DeliveryCommit) if body else sent.DeliveryCommit()

    async def commit() -> sent.ColumnDelivery:
        await services.inferences.commit(caller, run_id, message=told.message, branch=told.branch)
        return await _shown(services, caller, run_id)

    return await answers.idempotently(request, services, caller, idempotency_key, body, commit)


async def _shown(services: Services, caller: Caller, run_id: str) -> sent.ColumnDelivery:
    return translate_repositories.from_delivery(
        await view_delivery(
            services.inferences, services.repositories, services.runs, caller, run_id
        )
    )
