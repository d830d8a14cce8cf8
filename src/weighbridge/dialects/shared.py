"""What no vendor owns: which key a request carries, opaque cursors, JSON bodies, body limits."""

import asyncio
import base64
import binascii
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weighbridge.core.caller import Caller
from weighbridge.errors import Invalid, TooLarge, WeighbridgeError
from weighbridge.wiring import Services

log = logging.getLogger(__name__)

MAX_DEPTH = 64
"""The deepest that arrays and objects of a request may be nested."""

_MANY_BYTES = 1 << 18
_JSON_TYPE = re.compile(r"application/(json|[\w.+-]+\+json)\s*(;.*)?", re.IGNORECASE)
_TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_NUL = b"\\u0000"


class Unreadable(Invalid):
    """`Invalid`, and not even readable as what it says it is."""

    kind = "unreadable"


# Keys


class NotSupported(WeighbridgeError):
    """A part of a vendor's API that we do not have; the message says what to use instead."""

    kind = "not_supported"


def secret_of(headers: Headers) -> str | None:
    """The API key a request carries: `Authorization: Bearer …`, or else `x-api-key`."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    return headers.get("x-api-key", "").strip() or None


async def caller_of(services: Services, headers: Headers, door: str) -> Caller:
    """Who sent a request.

    Raises:
        Unauthenticated: no key, or one that is not known, revoked or expired.
    """
    caller = await services.keys.authenticate(secret_of(headers), door)
    traceparent = headers.get("traceparent", "")
    return replace(caller, traceparent=traceparent) if _TRACE.fullmatch(traceparent) else caller


# Cursors


def encode_cursor(*place: str | int) -> str:
    """Where a page ended, as text that says nothing to others."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).rstrip(b"=").decode()


def decode_cursor(cursor: str, *types: type[str] | type[int]) -> tuple[Any, ...]:
    """What `encode_cursor` was given.

    Args:
        types: of each part. Numbers are 0 to 2⁶³ - 1.

    Raises:
        Invalid: nobody got this cursor from us.
    """
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        place = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error, orjson.JSONDecodeError):
        place = None
    if (
        not isinstance(place, list)
        or [type(part) for part in place] != list(types)
        or any(isinstance(part, int) and not 0 <= part < 2**63 for part in place)
        or any(isinstance(part, str) and "\0" in part for part in place)
    ):
        raise Invalid("the cursor is not one that this list gave out; begin again without it")
    return tuple(place)


# JSON bodies


async def read_json(request: Request) -> tuple[Any, bytes]:
    """The value in a request's JSON body, and the body.

    Raises:
        HTTPException: 415, the body says that it is something else.
        Unreadable: it is not JSON in UTF-8.
        Invalid: it is nested too deeply, or holds a NUL character, which no database keeps.
    """
    content_type = request.headers.get("content-type", "")
    if not _JSON_TYPE.fullmatch(content_type.strip()):
        said = f"not {content_type[:100]}" if content_type else "and its Content-Type must say so"
        raise HTTPException(415, f"the body must be application/json, {said}")
    body = await request.body()
    if len(body) < _MANY_BYTES:
        return parse_json(body), body
    return await asyncio.to_thread(parse_json, body), body


def parse_json(body: bytes) -> Any:
    """The value in JSON text that came from outside.

    Raises:
        Unreadable: it is not JSON in UTF-8.
        Invalid: it is nested too deeply, or holds a NUL character.
    """
    if not body.strip():
        raise Unreadable("the body is empty; JSON was expected")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if error.msg.startswith("depth limit"):
            raise Invalid(f"the body is nested more than {MAX_DEPTH} levels deep") from error
        raise Unreadable(
            f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from error
    if _deeper_than(value, MAX_DEPTH):
        raise Invalid(f"the body is nested more than {MAX_DEPTH} levels deep")
    if _NUL in body and _holds_nul(value):
        raise Invalid("the body holds a NUL character (\\u0000), which cannot be kept")
    return value


def _deeper_than(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [child for node in level for child in _children(node) if _is_container(child)]
        if not level:
            return False
    return True


def _holds_nul(value: Any) -> bool:
    level = [value]
    while level:
        if any("\0" in node for node in level if isinstance(node, str)):
            return True
        keys = [key for node in level if isinstance(node, dict) for key in node]
        level = [child for node in level for child in _children(node)] + keys
    return False


def _children(node: Any) -> Any:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _is_container(node: Any) -> bool:
    return isinstance(node, dict | list)


# Limits on bodies


class BodyLimit:
    """ASGI middleware: a request whose body is over its limit is refused while it still comes in,
    whether it announced its length or not.

    Args:
        limit: the most bytes that a request of this scope may have.
        refuse: answers in the dialect's manner.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit: Callable[[Scope], int],
        refuse: Callable[[TooLarge], ASGIApp],
    ) -> None:
        self._app = app
        self._limit = limit
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope)
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > limit:
            await self._refuse(_over(limit))(scope, receive, send)
            return
        counted = _Counted(receive, send, limit)
        try:
            await self._app(scope, counted.receive, counted.send)
        except Exception:
            if not counted.over:
                raise
        if counted.over and not counted.answered:
            await self._refuse(_over(limit))(scope, receive, send)


class _Counted:
    """A request's two channels; once the body is over the limit, nothing is passed on any more,
    whatever the application makes of the error that it then gets to see."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._left = limit
        self._limit = limit
        self.over = False
        self.answered = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                self.over = True
                raise _over(self._limit)
        return message

    async def send(self, message: Message) -> None:
        if not self.over:
            self.answered = True
            await self._send(message)


def _over(limit: int) -> TooLarge:
    return TooLarge(f"the body is over the limit of {limit / 2**20:g} MiB")


# Addresses


class WithoutSlash:
    """ASGI middleware: an address means the same with and without a slash at its end."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        await self._app(scope, receive, send)


# Everything else that goes wrong


def answer_errors(
    app: FastAPI,
    *,
    told: Callable[[WeighbridgeError], Response],
    refused: Callable[[HTTPException], Response],
    invalid: Callable[[Request, RequestValidationError], Response],
) -> None:
    """Have every error of an application answered in its dialect's manner.

    Args:
        told: the answer to an error that the caller should be told about.
        refused: to what the framework refuses: no such route, method or media type.
        invalid: to a request that has not the shape it should have.
    """

    async def tell(_request: Request, error: Exception) -> Response:
        assert isinstance(error, WeighbridgeError)  # noqa: S101 (it is registered for these)
        return told(error)

    async def refuse(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 (it is registered for these)
        return refused(error)

    async def point_out(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 (it is registered for these)
        return invalid(request, error)

    app.add_exception_handler(WeighbridgeError, tell)
    app.add_exception_handler(HTTPException, refuse)
    app.add_exception_handler(RequestValidationError, point_out)


class LastResort:
    """ASGI middleware: an error that nobody expected is logged in full and becomes the dialect's
    answer for it, so that no client ever sees a traceback.

    Args:
        answer: makes the answer, which tells of the error only by the reference that it is given.
    """

    def __init__(self, app: ASGIApp, answer: Callable[[str], ASGIApp]) -> None:
        self._app = app
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            # An answer that has begun cannot be taken back: break it off, so that it is not taken
            # for a whole one.
            if begun or scope["type"] != "http":
                raise
            if isinstance(error, ClientDisconnect):  # nobody is there to read the answer
                await Response(status_code=400)(scope, receive, send)
                return
            reference = secrets.token_hex(8)
            log.error("%s: %s %s failed", reference, scope["method"], scope["path"], exc_info=error)
            await self._answer(reference)(scope, receive, send)
