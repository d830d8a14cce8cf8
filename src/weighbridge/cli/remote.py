"""A client of the native HTTP API: as much of it as the command line needs."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import orjson
from pydantic import ValidationError

from weighbridge.cli.options import Address
from weighbridge.core.outcome import Status
from weighbridge.core.run import FINISHED
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

_CONNECT_S = 10.0
_SILENCE_S = 60.0
"""The server sends a heartbeat every 15 s while a run is followed."""
_RECONNECTS = 30
_RECONNECT_AFTER_S = 1.0
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


class Server:
    """A weighbridge server, reached over HTTP. Also the source of its runs' `Results`.

    Args:
        http: an open session, with the base address and the key.
        url: for messages.

    Every method raises what the server answered as the error that a service would have raised
    here, and `Unavailable` when it cannot be reached or does not speak our API.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def upload(self, path: Path) -> wire.Dataset:
        """Send a data file; it is streamed."""
        form = aiohttp.FormData()
        with await asyncio.to_thread(path.open, "rb") as file:
            form.add_field("file", file, filename=path.name)
            return wire.Dataset.model_validate(await self._json("POST", "datasets", data=form))

    async def create(self, spec: Mapping[str, Any]) -> wire.EvaluationWithRuns:
        """Start an evaluation."""
        answer = await self._json("POST", "evaluations", json=spec)
        return wire.EvaluationWithRuns.model_validate(answer)

    async def move(self, run_id: str, verb: str) -> wire.Run:
        """Have a run `cancel`led, `resume`d or `retry-failed`."""
        return wire.Run.model_validate(await self._json("POST", f"runs/{_quoted(run_id)}/{verb}"))

    async def run(self, run_id: str) -> wire.Run:
        """One run."""
        return wire.Run.model_validate(await self._json("GET", f"runs/{_quoted(run_id)}"))

    async def called(self, name: str) -> wire.Run:
        """The run with this id; `latest` is the newest one.

        Raises:
            NotFound: there is none.
        """
        if name != "latest":
            return await self.run(name)
        page = await self._json("GET", "runs", params={"limit": "1"})
        if not page["data"]:
            raise NotFound("there is no run yet")
        return wire.Run.model_validate(page["data"][0])

    async def report(self, run_id: str) -> wire.Report:
        """What it came to."""
        return wire.Report.model_validate(await self._json("GET", f"runs/{_quoted(run_id)}/report"))

    async def dataset(self, dataset_id: str) -> wire.Dataset:
        """The data it was about."""
        return wire.Dataset.model_validate(
            await self._json("GET", f"datasets/{_quoted(dataset_id)}")
        )

    async def outcomes(self, run_id: str, status: Status, limit: int) -> list[wire.Outcome]:
        """Its first outcomes with that status, at most 500."""
        params = {"status": status.value, "limit": str(limit)}
        page = await self._json("GET", f"runs/{_quoted(run_id)}/outcomes", params=params)
        return [wire.Outcome.model_validate(outcome) for outcome in page["data"]]

    async def export(self, run_id: str, file_format: str) -> AsyncIterator[bytes]:
        """Its outcomes as a file, piece by piece."""
        params = {"format": file_format}
        async with self._request(
            "GET", f"runs/{_quoted(run_id)}/export", params=params
        ) as response:
            try:
                async for piece in response.content.iter_any():
                    yield piece
            except (aiohttp.ClientError, TimeoutError) as error:
                raise self._unreachable(error) from error

    async def follow(self, run_id: str) -> AsyncIterator[wire.Run]:
        """The run now and whenever it has changed, until it has ended; goes on by itself when the
        connection breaks."""
        lost = 0
        while True:
            try:
                async for run in self._events(run_id):
                    lost = 0
                    yield run
                    if run.status in FINISHED:
                        return
            except Unavailable:
                lost += 1
                if lost > _RECONNECTS:
                    raise
            await asyncio.sleep(_RECONNECT_AFTER_S)

    async def _events(self, run_id: str) -> AsyncIterator[wire.Run]:
        async with self._request("GET", f"runs/{_quoted(run_id)}/events") as response:
            try:
                async for name, data in server_sent_events(response.content.iter_any()):
                    if name == "error":
                        raise _error(orjson.loads(data))
                    if name in {"progress", "done"}:
                        yield wire.Run.model_validate_json(data)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise self._unreachable(error) from error

    async def _json(self, method: str, path: str, **options: Any) -> Any:
        async with self._request(method, path, **options) as response:
            try:
                return orjson.loads(await response.read())
            except (aiohttp.ClientError, TimeoutError) as error:
                raise self._unreachable(error) from error
            except orjson.JSONDecodeError as error:
                raise self._strange(response.status) from error

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A response that is not an error."""
        headers = {"Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {}
        try:
            response = await self._http.request(
                method, f"/api/v1/{path}", headers=headers, allow_redirects=False, **options
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error
        async with response:
            if response.status >= 300:
                raise await self._refusal(response)
            yield response

    async def _refusal(self, response: aiohttp.ClientResponse) -> WeighbridgeError:
        try:
            return _error(orjson.loads(await response.read()))
        except (aiohttp.ClientError, TimeoutError) as error:
            return self._unreachable(error)
        except (orjson.JSONDecodeError, ValidationError):
            return self._strange(response.status)

    def _unreachable(self, error: Exception) -> Unavailable:
        detail = str(error) or type(error).__name__
        return Unavailable(f"the server {self._url} cannot be reached: {detail}")

    def _strange(self, status: int) -> Unavailable:
        return Unavailable(
            f"{self._url} answered with HTTP {status} and nothing that this command understands; "
            "is it a weighbridge server?"
        )


@asynccontextmanager
async def connect(address: Address) -> AsyncIterator[Server]:
    """A server, until the block ends. Nothing is sent before the first call.

    Raises:
        Invalid: the address is not one.
    """
    parts = urlsplit(address.url)
    if parts.username or parts.password:
        raise Invalid("the address of a server holds no name or password; its key is --api-key")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Invalid(
            f"{address.url!r} is not the address of a server, as http://127.0.0.1:8080 is"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise Invalid(f"the address of a server ends with its host and port: {address.url!r}")
    headers = {"Authorization": f"Bearer {address.key}"} if address.key else {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
    async with aiohttp.ClientSession(
        f"{parts.scheme}://{parts.netloc}", headers=headers, timeout=timeout
    ) as http:
        yield Server(http, address.url)


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


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _error(body: Any) -> WeighbridgeError:
    problem = wire.Problem.model_validate(body)
    if problem.errors:
        return InvalidFields([FieldProblem(e.field, e.message, e.line) for e in problem.errors])
    kind = problem.type.removeprefix(_PROBLEM)
    where = f" ({problem.instance})" if problem.instance else ""
    return _ERRORS.get(kind, WeighbridgeError)(f"{problem.detail}{where}")
