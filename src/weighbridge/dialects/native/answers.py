"""How our API answers: one object, a page of a list, or what an earlier request was answered."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from weighbridge.core.caller import Caller
from weighbridge.dialects import shared
from weighbridge.dialects.idempotency import Answered, fingerprint_of, once
from weighbridge.dialects.native import wire
from weighbridge.dialects.native.errors import field_problems
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.wiring import Services

JSON = "application/json"
Parsed = TypeVar("Parsed", bound=BaseModel)
Item = TypeVar("Item")


def one(value: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An object as the answer."""
    return Response(value.model_dump_json(), status, headers, JSON)


def page(data: Sequence[BaseModel | dict[str, Any]], next_cursor: str | None) -> Response:
    """A part of a list as the answer.

    Args:
        next_cursor: None when nothing follows.
    """
    items = [item.model_dump(mode="json") if isinstance(item, BaseModel) else item for item in data]
    body = {"data": items, "next_cursor": next_cursor, "has_more": next_cursor is not None}
    return Response(orjson.dumps(body), media_type=JSON)


async def newest(
    query: wire.PageQuery,
    read: Callable[[str | None, int], Awaitable[list[Item]]],
    id_of: Callable[[Item], str],
    show: Callable[[Item], BaseModel],
) -> Response:
    """A part of a list that goes by id, newest first.

    Args:
        read: the items below an id, at most so many.
    """
    after = None if query.cursor is None else shared.decode_cursor(query.cursor, str)[0]
    items = await read(after, query.limit + 1)
    more = len(items) > query.limit
    items = items[: query.limit]
    return page(
        [show(item) for item in items],
        shared.encode_cursor(id_of(items[-1])) if more else None,
    )


async def idempotently(
    request: Request,
    services: Services,
    caller: Caller,
    key: str | None,
    content: bytes,
    do: Callable[[], Awaitable[BaseModel]],
    status: int = 200,
) -> Response:
    """Do something once for an `Idempotency-Key`, and answer with its result.

    Args:
        content: tells this request from others to the same address.
    """

    async def answered() -> Answered:
        return Answered(status, (await do()).model_dump_json().encode())

    fingerprint = fingerprint_of(request.method, request.scope["path"], content)
    result = await once(services.store, caller, key, fingerprint, answered)
    headers = {"Idempotency-Replayed": "true"} if result.replayed else None
    return Response(result.body, result.status, headers, JSON)


def refuse_idempotency(key: str | None, secret: str) -> None:
    """Refuse an `Idempotency-Key` where the answer holds something that is shown once.

    Args:
        secret: what it holds, in the plural.
    """
    if key is not None:
        raise InvalidFields(
            [
                FieldProblem(
                    "Idempotency-Key",
                    "not here: the answer could only be repeated if it were stored, and "
                    f"{secret} are shown once",
                )
            ]
        )


async def read_body(request: Request, model: type[Parsed]) -> Parsed:
    """The request's JSON body.

    Raises:
        InvalidFields: some field is wrong.
    """
    value, _ = await shared.read_json(request)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise InvalidFields(field_problems(error)) from error
