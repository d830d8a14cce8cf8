"""HTTP to a weighbridge server: requests, tried again where that is safe; answers or errors."""

import asyncio
import random
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import orjson
from pydantic import ValidationError

from weighbridge.dialects.native import wire
from weighbridge.errors import (
    Conflict,
    FieldProblem,
    Forbidden,
    Invalid,
    InvalidFields,
    NotFound,
    OutOfSpace,
    TooLarge,
    Unauthenticated,
    Unavailable,
    WeighbridgeError,
)

CONNECT_S = 10.0
SILENCE_S = 60.0
"""The server sends a heartbeat every 15 s while a run is followed."""
_PAGE = "100"
_FIRST_DELAY_S = 0.25
_LONGEST_DELAY_S = 8.0
_PROBLEM = "urn:weighbridge:problem:"
_ERRORS: dict[str, type[WeighbridgeError]] = {
    kind.kind: kind
    for kind in (
        Invalid,
        Unauthenticated,
        Forbidden,
        NotFound,
        Conflict,
        TooLarge,
        OutOfSpace,
        Unavailable,
    )
}


class Connection:
    """A server, reached over HTTP.

    Args:
        http: an open session, with the base address and the key.
        url: for messages.
        retries: how often a request that did not get through is sent again. Requests that change
            something carry an `Idempotency-Key`, so that none is carried out twice.

    Every method raises what the server answered as the error that a service would have raised
    here, and `Unavailable` when it cannot be reached or does not speak our API.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, retries: int = 0) -> None:
        self._http = http
        self._url = url
        self._retries = retries

    async def json(self, method: str, path: str, **options: Any) -> Any:
        """The answer's JSON.

        Args:
            path: below `/api/v1/`. options: as `aiohttp` takes them.
        """
        headers = {"Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {}
        for left in range(self._retries, -1, -1):
            try:
                async with self.request(method, path, headers=headers, **options) as response:
                    return await self._parsed(response)
            except Unavailable:
                if not left or "data" in options:  # a form is used up when it has been sent
                    raise
            delay_s = min(_FIRST_DELAY_S * 2 ** (self._retries - left), _LONGEST_DELAY_S)
            await asyncio.sleep(delay_s * random.uniform(0.5, 1.0))  # noqa: S311 (no secret)
        raise AssertionError("unreachable")

    async def nothing(self, method: str, path: str, **options: Any) -> None:
        """A request whose answer holds nothing; sent once."""
        async with self.request(method, path, **options):
            return

    async def items(self, path: str, params: Mapping[str, str]) -> AsyncIterator[dict[str, Any]]:
        """The items of a list, fetched a page at a time."""
        asked = {**params, "limit": _PAGE}
        while True:
            page = await self.json("GET", path, params=asked)
            for item in page["data"]:
                yield item
            if page["next_cursor"] is None:
                return
            asked["cursor"] = page["next_cursor"]

    async def stream(
        self, path: str, params: Mapping[str, str] | None = None
    ) -> AsyncIterator[bytes]:
        """A file, piece by piece."""
        async with self.request("GET", path, params=params) as response:
            try:
                async for piece in response.content.iter_any():
                    yield piece
            except (aiohttp.ClientError, TimeoutError) as error:
                raise self._unreachable(error) from error

    async def events(self, path: str) -> AsyncGenerator[tuple[str, bytes], None]:
        """Server-sent events, until the server ends them or tells of an error."""
        async with self.request("GET", path) as response:
            try:
                async for name, data in server_sent_events(response.content.iter_any()):
                    if name == "error":
                        raise to_error(orjson.loads(data))
                    yield name, data
            except (aiohttp.ClientError, TimeoutError) as error:
                raise self._unreachable(error) from error

    @asynccontextmanager
    async def request(
        self, method: str, path: str, **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response that is not an error."""
        try:
            response = await self._http.request(
                method, f"/api/v1/{path}", allow_redirects=False, **options
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error
        async with response:
            if response.status >= 300:
                raise await self._refusal(response)
            yield response

    async def _parsed(self, response: aiohttp.ClientResponse) -> Any:
        try:
            return orjson.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._unreachable(error) from error
        except orjson.JSONDecodeError as error:
            raise self._strange(response.status) from error

    async def _refusal(self, response: aiohttp.ClientResponse) -> WeighbridgeError:
        try:
            return to_error(orjson.loads(await response.read()))
        except (aiohttp.ClientError, TimeoutError) as error:
            return self._unreachable(error)
        except (orjson.JSONDecodeError, ValidationError):
            return self._strange(response.status)

    def _unreachable(self, error: Exception) -> Unavailable:
        detail = str(error) or type(error).__name__
        return Unavailable(f"the server {self._url} cannot be reached: {detail}")

    def _strange(self, status: int) -> Unavailable:
        return Unavailable(
            f"{self._url} answered with HTTP {status} and nothing that we understand; is it a "
            "weighbridge server?"
        )


def open_http(url: str, key: str | None) -> aiohttp.ClientSession:
    """A session with a server. Nothing is sent before the first request.

    Raises:
        Invalid: the address is not one.
    """
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise Invalid("the address of a server holds no name or password; its key is --api-key")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Invalid(f"{url!r} is not the address of a server, as http://127.0.0.1:8080 is")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise Invalid(f"the address of a server ends with its host and port: {url!r}")
    return aiohttp.ClientSession(
        f"{parts.scheme}://{parts.netloc}",
        headers={"Authorization": f"Bearer {key}"} if key else {},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENCE_S),
    )


def quoted(name: str) -> str:
    """A name as one part of a path."""
    return quote(name, safe="")


def to_error(body: Any) -> WeighbridgeError:
    """The error behind a problem document.

    Raises:
        ValidationError: it is no problem document.
    """
    problem = wire.Problem.model_validate(body)
    if problem.errors:
        return InvalidFields([FieldProblem(e.field, e.message, e.line) for e in problem.errors])
    kind = problem.type.removeprefix(_PROBLEM)
    where = f" ({problem.instance})" if problem.instance else ""
    return _ERRORS.get(kind, WeighbridgeError)(f"{problem.detail}{where}")


async def server_sent_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[str, bytes]]:
    """Name and data of each event of a stream whose lines end with a line feed."""
    pending = b""
    name, data = "message", b""
    async for chunk in chunks:
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            field, _, value = line.rstrip(b"\r").partition(b":")
            value = value.removeprefix(b" ")
            if field == b"event":
                name = value.decode()
            elif field == b"data":
                data = data + b"\n" + value if data else value
            elif not line.rstrip(b"\r"):
                if data:
                    yield name, data
                name, data = "message", b""
