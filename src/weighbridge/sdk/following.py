"""A run, followed live until it has ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

from weighbridge.core.run import FINISHED
from weighbridge.dialects.native import wire
from weighbridge.errors import Unavailable
from weighbridge.sdk.connection import Connection, quoted

_RECONNECTS = 30
_RECONNECT_AFTER_S = 1.0


async def follow_run(connection: Connection, run_id: str) -> AsyncIterator[wire.Run]:
    """The run now and whenever it has changed, until it has ended; goes on by itself when the
    connection breaks.

    Raises:
        NotFound: there is no such run.
        Unavailable: the server could not be reached for half a minute.
    """
    lost = 0
    while True:
        try:
            async with aclosing(connection.events(f"runs/{quoted(run_id)}/events")) as events:
                async for name, data in events:
                    if name not in {"progress", "done"}:
                        continue
                    run = wire.Run.model_validate_json(data)
                    lost = 0
                    yield run
                    if run.status in FINISHED:
                        return
        except Unavailable:
            lost += 1
            if lost > _RECONNECTS:
                raise
        await asyncio.sleep(_RECONNECT_AFTER_S)
