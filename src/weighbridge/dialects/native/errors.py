"""Our error kinds as problem details (RFC 9457): the one shape of every error of this API."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeAlias

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from weighbridge.core.suggest import did_you_mean
from weighbridge.dialects.native import wire
from weighbridge.dialects.shared import answer_errors
from weighbridge.errors import FieldProblem, InvalidFields, WeighbridgeError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "5"

KINDS: dict[str, tuple[int, str]] = {
    "unreadable": (400, "The body cannot be read"),
    "invalid": (422, "The request cannot be carried out as it stands"),
    "invalid_fields": (422, "Some fields are wrong"),
    "idempotency_key_reused": (422, "The Idempotency-Key belongs to another request"),
    "unauthenticated": (401, "A valid API key is needed"),
    "forbidden": (403, "The key's role does not allow this"),
    "not_found": (404, "There is no such thing"),
    "conflict": (409, "It clashes with the present state"),
    "too_large": (413, "The body is too large"),
    "out_of_space": (507, "There is no room left"),
    "unavailable": (503, "A part of the server cannot answer now"),
    "error": (500, "The server failed"),
}
"""Kind of error → status and title."""

_HEADERS: dict[int, dict[str, str]] = {
    401: {"WWW-Authenticate": 'Bearer realm="weighbridge"'},
    503: {"Retry-After": RETRY_AFTER_S},
}

Handler: TypeAlias = Callable[[Request, Exception], Coroutine[Any, Any, Response]]


def problem(
    kind: str,
    detail: str,
    *,
    status: int | None = None,
    title: str | None = None,
    errors: Sequence[wire.FieldError] = (),
    instance: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem as an answer.

    Args:
        kind: a key of `KINDS`, or another word with `status` and `title`.
    """
    known_status, known_title = KINDS.get(kind, KINDS["error"])
    status = status or known_status
    body = wire.Problem(
        type=f"urn:weighbridge:problem:{kind}",
        title=title or known_title,
        status=status,
        detail=detail,
        instance=instance,
        errors=list(errors),
    )
    return Response(
        body.model_dump_json(exclude_none=True).encode("utf-8", "replace"),
        status_code=status,
        media_type=MEDIA_TYPE,
        headers={**_HEADERS.get(status, {}), **(headers or {})},
    )


def from_error(error: WeighbridgeError) -> Response:
    """The answer to an error that the caller should be told about."""
    fields = error.problems if isinstance(error, InvalidFields) else []
    return problem(
        error.kind,
        _whole(error.message),
        errors=[
            wire.FieldError(field=_whole(it.field), message=_whole(it.message), line=it.line)
            for it in fields
        ],
    )


def from_http(error: HTTPException) -> Response:
    """The answer to what the framework refuses: no such route, method or media type."""
    phrase = HTTPStatus(error.status_code).phrase
    detail = error.detail if error.detail != phrase else _DETAILS.get(error.status_code, phrase)
    return problem(
        phrase.lower().replace(" ", "_"),
        detail,
        status=error.status_code,
        title=phrase,
        headers=error.headers,
    )


_DETAILS = {
    404: "there is nothing at this address; /api/v1/openapi.json lists what there is",
    405: "this address does not answer to this method; the Allow header says to which it does",
}


def from_unexpected(reference: str) -> Response:
    """The answer to an error of ours, which the log tells of under this reference."""
    return problem(
        "error",
        "the server failed; its log says more under the reference in `instance`",
        instance=f"urn:weighbridge:incident:{reference}",
    )


def field_problems(error: RequestValidationError | ValidationError) -> list[FieldProblem]:
    """Every field that pydantic refused."""
    problems = []
    for detail in error.errors():
        path = [str(part) for part in detail["loc"]]
        if path and path[0] in {"query", "path", "header", "body"}:
            path = path[1:]
        problems.append(FieldProblem(".".join(path), detail["msg"].removeprefix("Value error, ")))
    return problems


def add_handlers(app: FastAPI) -> None:
    """Have every error of the application answered as a problem."""
    answer_errors(
        app,
        told=from_error,
        refused=from_http,
        invalid=lambda request, error: from_error(InvalidFields(_with_hints(request, error))),
    )


def _with_hints(request: Request, error: RequestValidationError) -> list[FieldProblem]:
    """Parameters that do not exist, with those that do."""
    problems = field_problems(error)
    dependant = getattr(request.scope.get("route"), "dependant", None)
    known = [
        name
        for parameter in getattr(dependant, "query_params", [])
        for name in getattr(parameter.field_info.annotation, "model_fields", {})
    ]
    hinted = []
    for found, detail in zip(problems, error.errors(), strict=True):
        if detail["type"] == "extra_forbidden" and detail["loc"][0] == "query":
            listed = f"it takes {', '.join(known)}" if known else "it takes none"
            hint = did_you_mean(found.field, known)
            message = f"this address has no such parameter{hint} ({listed})"
            hinted.append(FieldProblem(found.field, message))
        else:
            hinted.append(found)
    return hinted


def _whole(text: str) -> str:
    """Text that can be sent: a message may quote what somebody sent, half characters included."""
    return text.encode("utf-8", "replace").decode()
