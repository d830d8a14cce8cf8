"""Parts of pages that follow what happens: server-sent events, each the part as it is now.

The script of the page puts each into its place, and loads the page anew at the end.
"""

from collections.abc import AsyncIterator

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from weighbridge.errors import WeighbridgeError

_HEARTBEAT_S = 15
_BREAK = "\n"


def follow(parts: AsyncIterator[str]) -> Response:
    """An answer that sends every part (HTML) when it comes, then says that there are no more."""
    return EventSourceResponse(_events(parts), ping=_HEARTBEAT_S, sep=_BREAK)


async def _events(parts: AsyncIterator[str]) -> AsyncIterator[ServerSentEvent]:
    try:
        async for part in parts:
            yield ServerSentEvent(part, event="part", sep=_BREAK)
    except WeighbridgeError as error:
        # The answer has begun: what went wrong can only be told as one more event.
        yield ServerSentEvent(error.message, event="gone", sep=_BREAK)
        return
    yield ServerSentEvent("", event="end", sep=_BREAK)
