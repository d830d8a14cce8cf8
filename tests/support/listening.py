"""A client of an application in this process that reads an answer part by part, and may hang up:
`httpx2.ASGITransport` gives an answer only when it is whole."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.types import ASGIApp, Message


class Call:
    """A request under way."""

    def __init__(self) -> None:
        self.head: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self.taken = asyncio.Semaphore(1_000)
        """How many messages the client still takes."""
        self._parts: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._gone = asyncio.Event()
        self._sent = False
        self._body = b""

    async def parts(self) -> AsyncIterator[bytes]:
        """What comes, as it comes."""
        while (part := await self._parts.get()) is not None:
            yield part

    async def events(self) -> AsyncIterator[Any]:
        """The JSON of each event, `[DONE]` as text."""
        async for part in self.parts():
            data = part.removeprefix(b"data: ").strip()
            yield "[DONE]" if data == b"[DONE]" else orjson.loads(data)

    async def status(self) -> int:
        """Of the answer, as soon as it begins."""
        return int((await self.head)["status"])

    def hang_up(self) -> None:
        self._gone.set()

    async def receive(self) -> Message:
        if not self._sent:
            self._sent = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.taken.acquire()
        if message["type"] == "http.response.start":
            self.head.set_result(message)
            return
        if message.get("body"):
            self._parts.put_nowait(message["body"])
        if not message.get("more_body"):
            self._parts.put_nowait(None)


@asynccontextmanager
async def calling(
    app: ASGIApp, path: str, body: object, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Call]:
    """Post JSON, and be there while it is answered. At the end the client hangs up, and the
    application must have finished with it soon."""
    call = Call()
    call._body = orjson.dumps(body)
    found = {"content-type": "application/json", **(headers or {})}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in found.items()],
        "server": ("test", 80),
        "client": ("127.0.0.1", 1),
    }
    task = asyncio.create_task(_run(app, scope, call))
    try:
        async with asyncio.timeout(10):
            yield call
            call.hang_up()
            await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _run(app: ASGIApp, scope: dict[str, Any], call: Call) -> None:
    await app(scope, call.receive, call.send)
