"""Answers that take their time: they are worked on for as long as the client is there."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Coroutine
from contextlib import aclosing, suppress
from typing import Any, TypeVar

import orjson
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

PATIENCE_S = 60.0
"""A client that takes nothing for so long is given up: what is told it is held up meanwhile."""

_Result = TypeVar("_Result")


async def while_there(receive: Receive, work: Coroutine[Any, Any, _Result]) -> _Result:
    """Work for a client, whose request has been read.

    Raises:
        ClientDisconnect: it has gone; the work was called off.
    """
    working = asyncio.create_task(work)
    going = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait((working, going), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        going.cancel()
        await asyncio.gather(working, going, return_exceptions=True)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def event(data: object) -> bytes:
    """A server-sent event."""
    return b"data: " + orjson.dumps(data) + b"\n\n"


class EventStream(StreamingResponse):
    """Server-sent events. What is behind them is closed when the client goes, or takes nothing any
    more.

    Args:
        events: whole events, as bytes. source: what they are made of; closed after them, also when
            not a single one was asked for.
    """

    def __init__(
        self, events: AsyncGenerator[bytes, None], source: AsyncGenerator[Any, None]
    ) -> None:
        # Without the header, some proxies gather a stream before they pass it on.
        super().__init__(
            events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
        )
        self._events = events
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the events."""
        async with aclosing(self._source), aclosing(self._events):
            with suppress(ClientDisconnect, OSError):  # nobody is there
                await while_there(receive, self._send_all(send))

    async def _send_all(self, send: Send) -> None:
        head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await _patiently(send(head))
        async for part in self._events:
            await _patiently(send(_body(part)))
        await _patiently(send(_body(b"", more=False)))


def _body(part: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": part, "more_body": more}


async def _patiently(sending: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(PATIENCE_S):
            await sending
    except TimeoutError:
        raise ClientDisconnect from None
