"""Our error kinds in this dialect: `{"field": ["message"]}`, `{"error": …}` or `{"detail": …}`."""

from http import HTTPStatus
from typing import Any, TypeVar

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from weighbridge.dialects.shared import answer_errors
from weighbridge.errors import Busy, InvalidFields, WeighbridgeError

_Parsed = TypeVar("_Parsed")

KINDS: dict[str, int] = {
    "unreadable": 400,
    "invalid": 400,
    "invalid_fields": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    # Not 409, which the client would send three times.
    "conflict": 400,
    "too_large": 413,
    "unprocessable": 422,
    "busy": 429,
    "not_supported": 501,
    "out_of_space": 507,
    "unavailable": 503,
    "error": 500,
}
"""Kind of error → status."""

_DETAIL = {401, 403, 404}
_REQUIRED = "This field is required."
NON_FIELD = "non_field_errors"


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
    if isinstance(error, InvalidFields):
        fields: dict[str, list[str]] = {}
        for it in error.problems:
            where = f"line {it.line}: " if it.line is not None else ""
            fields.setdefault(it.field or NON_FIELD, []).append(where + it.message)
        return _answer(400, fields)
    status = KINDS.get(error.kind, 500)
    answer = _answer(status, {"detail" if status in _DETAIL else "error": error.message})
    if isinstance(error, Busy):
        answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer


def from_http(error: HTTPException) -> Response:
    """The answer to what the framework refuses: no such route, method or media type."""
    return _answer(
        error.status_code, {"detail": error.detail or HTTPStatus(error.status_code).phrase}
    )


def from_unexpected(reference: str) -> Response:
    """The answer to an error of ours, which the log tells of under this reference."""
    message = f"the server failed; its log says more under the reference {reference}"
    return _answer(500, {"error": message})


def add_handlers(app: FastAPI) -> None:
    """Have every error of the application answered in this dialect."""
    answer_errors(app, told=from_error, refused=from_http, invalid=_from_fields)


def _from_fields(_request: Request, error: RequestValidationError) -> Response:
    fields: dict[str, list[str]] = {}
    for it in error.errors():
        name = ".".join(map(str, it["loc"][1:])) or NON_FIELD
        message = _REQUIRED if it["type"] == "missing" else it["msg"]
        fields.setdefault(name, []).append(message)
    return _answer(400, fields)


def _answer(status: int, body: dict[str, Any]) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return Response(orjson.dumps(_whole(body)), status, headers, media_type="application/json")


def _whole(value: Any) -> Any:
    """Text that can be sent: a message may quote what somebody sent, half characters included."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return (
        {_whole(key): _whole(it) for key, it in value.items()} if isinstance(value, dict) else value
    )
