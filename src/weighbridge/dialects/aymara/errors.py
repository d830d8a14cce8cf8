"""Our error kinds in this dialect: `{"error": {code, message, details}, "request_id"}`."""

from collections.abc import Sequence
from contextvars import ContextVar
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import uuid4

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weighbridge.dialects.aymara.ids import in_their_words
from weighbridge.dialects.shared import answer_errors
from weighbridge.errors import ExpiredKey, InvalidFields, WeighbridgeError

_Parsed = TypeVar("_Parsed")
_request_id: ContextVar[str] = ContextVar("request_id", default="")

KINDS: dict[str, tuple[int, str]] = {
    "unreadable": (400, "validation.invalid_format"),
    "invalid": (400, "validation.invalid_request"),
    "invalid_fields": (422, "validation.invalid_request"),
    "unauthenticated": (401, "auth.invalid_key"),
    "forbidden": (403, "auth.insufficient_permissions"),
    "not_found": (404, "resource.not_found"),
    "conflict": (409, "resource.conflict"),
    "too_large": (413, "validation.invalid_request"),
    "busy": (429, "quota.limit_exceeded"),
    "not_supported": (501, "server.internal_error"),
    "out_of_space": (507, "quota.limit_exceeded"),
    "unavailable": (503, "server.internal_error"),
    "error": (500, "server.internal_error"),
}
"""Kind of error → status and code."""

_STATUSES = {
    401: "auth.invalid_key",
    403: "auth.insufficient_permissions",
    404: "resource.not_found",
    409: "resource.conflict",
    429: "quota.limit_exceeded",
}


class Busy(WeighbridgeError):
    """As much as may go on at once does already; the same request may succeed in a moment."""

    kind = "busy"


def parsed(shape: TypeAdapter[_Parsed], body: object) -> _Parsed:
    """A body as what it should be.

    Raises:
        RequestValidationError: with every field that is wrong.
    """
    try:
        return shape.validate_python(body)
    except ValidationError as error:
        problems = [{**it, "loc": ("body", *it["loc"])} for it in error.errors()]
        raise RequestValidationError(problems) from error


def from_error(error: WeighbridgeError) -> Response:
    """The answer to an error that the caller should be told about."""
    status, code = KINDS.get(error.kind, KINDS["error"])
    details: dict[str, Any] = {}
    if isinstance(error, ExpiredKey):
        code = "auth.expired_key"
    if isinstance(error, InvalidFields):
        details["fields"] = [
            {"field": it.field, "message": in_their_words(it.message)} for it in error.problems
        ]
    return _answer(status, code, in_their_words(error.message), details)


def from_http(error: HTTPException) -> Response:
    """The answer to what the framework refuses: no such route, method or media type."""
    otherwise = (
        "server.internal_error" if error.status_code >= 500 else "validation.invalid_request"
    )
    message = error.detail or HTTPStatus(error.status_code).phrase
    return _answer(error.status_code, _STATUSES.get(error.status_code, otherwise), message, {})


def from_unexpected(reference: str) -> Response:
    """The answer to an error of ours, which the log tells of under this reference."""
    message = f"the server failed; its log says more under the reference {reference}"
    return _answer(500, "server.internal_error", message, {})


def add_handlers(app: FastAPI) -> None:
    """Have every error of the application answered in this dialect."""
    answer_errors(app, told=from_error, refused=from_http, invalid=_from_fields)


class RequestIds:
    """ASGI middleware: every answer says which request it is of, in its header `x-request-id`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid4())
        _request_id.set(request_id)

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        await self._app(scope, receive, with_id)


def _from_fields(_request: Request, error: RequestValidationError) -> Response:
    problems = [
        {"field": _field(it["loc"]), "message": it["msg"].removeprefix("Value error, ")}
        for it in error.errors()
    ]
    message = "; ".join(
        f"{it['field']}: {it['message']}" if it["field"] else it["message"] for it in problems[:20]
    )
    return _answer(422, "validation.invalid_format", message, {"fields": problems})


def _field(place: Sequence[str | int]) -> str:
    """The path of a field within a request; the tags of unions are no part of it."""
    return ".".join(str(part) for part in place[1:] if not str(part).startswith("("))


def _answer(status: int, code: str, message: str, details: dict[str, Any]) -> Response:
    body = {
        "error": {"code": code, "message": message, "details": details},
        "request_id": _request_id.get(),
    }
    headers = {"Retry-After": "1"} if status == 429 else {}
    return Response(orjson.dumps(_whole(body)), status, headers, media_type="application/json")


def _whole(value: Any) -> Any:
    """Text that can be sent: a message may quote what somebody sent, half characters included."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return {key: _whole(item) for key, item in value.items()} if isinstance(value, dict) else value
