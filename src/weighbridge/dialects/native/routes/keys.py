"""API keys: made, listed, rotated, revoked, by an administrator."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from weighbridge.dialects.native import answers, translate, wire
from weighbridge.dialects.native.access import CallerHere, Id, IdempotencyKey, ServicesHere
from weighbridge.dialects.native.description import READ, WRITE, json_body

router = APIRouter(prefix="/keys", tags=["keys"])


@router.get("", response_model=wire.Page[wire.Key], responses=READ | WRITE)
async def list_keys(
    services: ServicesHere, caller: CallerHere, _query: Annotated[wire.NoQuery, Query()]
) -> Response:
    """All keys of the workspace, oldest first, without the keys themselves."""
    return answers.page([translate.from_key(key) for key in await services.keys.list(caller)], None)


@router.post(
    "",
    status_code=201,
    response_model=wire.KeyWithSecret,
    responses=WRITE,
    openapi_extra=json_body("NewKey"),
)
async def create_key(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A new key. The key itself is in this answer and nowhere else, ever again."""
    answers.refuse_idempotency(idempotency_key, "keys")
    new = await answers.read_body(request, wire.NewKey)
    made = await services.keys.create(
        caller, name=new.name, role=new.role, expires_at=new.expires_at
    )
    return answers.one(translate.with_secret(made), 201)


@router.post(
    "/{key_id}/rotate", status_code=201, response_model=wire.KeyWithSecret, responses=WRITE
)
async def rotate_key(
    services: ServicesHere,
    caller: CallerHere,
    key_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A new key with the name, role and expiry of an old one, which stops working at once."""
    answers.refuse_idempotency(idempotency_key, "keys")
    return answers.one(translate.with_secret(await services.keys.rotate(caller, key_id)), 201)


@router.delete("/{key_id}", status_code=204, responses=WRITE)
async def revoke_key(
    services: ServicesHere,
    caller: CallerHere,
    key_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """Make a key unusable from now on. Revoking it again changes nothing."""
    await services.keys.revoke(caller, key_id)
    return Response(status_code=204)
