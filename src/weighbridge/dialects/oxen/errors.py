"""Our error kinds as this dialect tells them: `status`, `status_message`, and what was wrong."""

from http import HTTPStatus
from typing import Any, TypeVar

import orjson
from fastapi import FastAPI
from pydantic import TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from weighbridge.dialects.native.errors import field_problems
from weighbridge.dialects.shared import answer_errors
from weighbridge.errors import FieldProblem, InvalidFields, WeighbridgeError

_Parsed = TypeVar("_Parsed")

KINDS: dict[str, tuple[int, str]] = {
    "unreadable": (400, "bad_request"),
    "invalid": (400, "bad_request"),
    "invalid_fields": (400, "bad_request"),
    "unauthenticated": (401, "unauthenticated"),
    "forbidden": (403, "forbidden"),
    "not_found": (404, "resource_not_found"),
    "conflict": (409, "conflict"),
    "already_exists": (409, "resource_already_exists"),
    "too_large": (413, "payload_too_large"),
    "not_supported": (501, "not_implemented"),
    "out_of_space": (507, "insufficient_storage"),
    "unavailable": (503, "service_unavailable"),
    "error": (500, "internal_server_error"),
}
"""Kind of error → status and `status_message`."""


class AlreadyExists(WeighbridgeError):
    """What is to be made is there."""

    kind = "already_exists"


def parsed(shape: TypeAdapter[_Parsed], body: object) -> _Parsed:
    """A body as what it should be.

    Raises:
        InvalidFields: with every field that is wrong.
    """
    try:
        return shape.validate_python(body)
    except ValidationError as error:
        raise InvalidFields(_problems(error)) from error


def _problems(error: ValidationError) -> list[FieldProblem]:
    """Every field that is wrong, without the names of our classes."""
    told = zip(error.errors(), field_problems(error), strict=True)
    return [
        FieldProblem(problem.field, "a JSON object was expected")
        if detail["type"] in {"model_type", "model_attributes_type", "dict_type"}
        else problem
        for detail, problem in told
    ]


def failure(kind: str, description: str, *, status: int | None = None, **fields: Any) -> Response:
    """An error as an answer.

    Args:
        kind: a key of `KINDS`, or another word with `status`.
        description: what was wrong, and what would be right.
    """
    known, message = KINDS.get(kind, (500, kind))
    description = description.encode("utf-8", "replace").decode()
    body = {
        "status": "error",
        "status_message": message,
        "status_description": description,
        "error": {"type": message, "title": description, "detail": description},
        **fields,
    }
    headers = (
        {"WWW-Authenticate": 'Bearer realm="weighbridge"'} if kind == "unauthenticated" else {}
    )
    return Response(orjson.dumps(body), status or known, headers, "application/json")


def from_error(error: WeighbridgeError) -> Response:
    """The answer to an error that the caller should be told about."""
    return failure(error.kind, error.message)


def from_http(error: HTTPException) -> Response:
    """The answer to what the framework refuses: no such route, method or media type."""
    phrase = HTTPStatus(error.status_code).phrase
    if error.status_code == 404:
        return failure("not_found", "there is nothing at this address")
    word = phrase.lower().replace(" ", "_")
    return failure(word, str(error.detail), status=error.status_code)


def from_unexpected(reference: str) -> Response:
    """The answer to an error of ours, which the log tells of under this reference."""
    return failure("error", f"the server failed; its log says more under {reference}")


def add_handlers(app: FastAPI) -> None:
    """Have every error of the application answered in this dialect."""
    answer_errors(
        app,
        told=from_error,
        refused=from_http,
        invalid=lambda _request, error: from_error(InvalidFields(field_problems(error))),
    )
