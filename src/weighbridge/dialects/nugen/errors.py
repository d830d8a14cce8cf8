"""Our error kinds in this dialect: `{"detail": …}`, a text, or FastAPI's list of fields."""

from http import HTTPStatus
from typing import Any, TypeVar

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from weighbridge.dialects.openai_like import headers_of, status_of
from weighbridge.dialects.shared import answer_errors
from weighbridge.errors import InvalidFields, WeighbridgeError
from weighbridge.providers.base import CallFailed

_Parsed = TypeVar("_Parsed")

KINDS: dict[str, int] = {
    "unreadable": 400,
    "invalid": 400,
    "invalid_fields": 422,
    "not_finished": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_found": 404,
    "conflict": 409,
    "too_large": 413,
    "not_supported": 501,
    "out_of_space": 507,
    "unavailable": 503,
    "error": 500,
}
"""Kind of error → status."""


class NotFinished(WeighbridgeError):
    """Results are asked for, and the evaluation goes on, or has failed."""

    kind = "not_finished"


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
        return _answer(
            422,
            [
                {"loc": ["body", *_path(it.field)], "msg": it.message, "type": "value_error"}
                for it in error.problems
            ],
        )
    return _answer(KINDS.get(error.kind, 500), error.message)


def from_call(failed: CallFailed) -> Response:
    """The answer to a call of a model that failed."""
    status = 422 if failed.failure.kind == "unsupported" else status_of(failed)
    return _answer(status, failed.failure.message, headers_of(failed))


def from_http(error: HTTPException) -> Response:
    """The answer to what the framework refuses: no such route, method or media type."""
    return _answer(error.status_code, error.detail or HTTPStatus(error.status_code).phrase)


def from_unexpected(reference: str) -> Response:
    """The answer to an error of ours, which the log tells of under this reference."""
    return _answer(500, f"the server failed; its log says more under the reference {reference}")


def add_handlers(app: FastAPI) -> None:
    """Have every error of the application answered in this dialect."""
    answer_errors(app, told=from_error, refused=from_http, invalid=_from_fields)


def _from_fields(_request: Request, error: RequestValidationError) -> Response:
    problems = [
        {"loc": list(it["loc"]), "msg": it["msg"], "type": it["type"]} for it in error.errors()
    ]
    return _answer(422, problems)


def _path(field: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in field.split(".") if part]


def _answer(status: int, detail: Any, more: dict[str, str] | None = None) -> Response:
    body = orjson.dumps({"detail": _whole(detail)})
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return Response(body, status, {**headers, **(more or {})}, media_type="application/json")


def _whole(value: Any) -> Any:
    """Text that can be sent: a message may quote what somebody sent, half characters included."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return {key: _whole(item) for key, item in value.items()} if isinstance(value, dict) else value
