"""What monitoring wants to know: the state of a workspace, counted at most every few seconds."""

import asyncio
import time

from weighbridge.core.caller import Caller
from weighbridge.providers.model import ModelLoad, Models
from weighbridge.store.census import Census, take_census
from weighbridge.store.engine import Store

FRESH_S = 5.0
"""For so long a count is good for everybody who asks."""


class Monitoring:
    """Counts for monitoring.

    Args:
        store: where everything is. models: those of this process.
        worker_lease_s: for how long a worker that gave no sign of life counts as alive.
    """

    def __init__(self, store: Store, models: Models, worker_lease_s: float) -> None:
        self._store = store
        self._models = models
        self._worker_lease_s = worker_lease_s
        self._counted: dict[str, tuple[float, Census]] = {}
        self._counting = asyncio.Lock()

    async def census(self, caller: Caller) -> Census:
        """What there is in the caller's workspace."""
        async with self._counting:
            counted_at, census = self._counted.get(caller.workspace_id, (-FRESH_S, None))
            moment = time.monotonic()
            if census is None or moment - counted_at >= FRESH_S:
                async with self._store.begin() as connection:
                    census = await take_census(
                        connection, caller.workspace_id, self._worker_lease_s
                    )
                self._counted[caller.workspace_id] = (moment, census)
            return census

    def loads(self) -> list[ModelLoad]:
        """How busy the models are that this process has asked."""
        return self._models.loads()
