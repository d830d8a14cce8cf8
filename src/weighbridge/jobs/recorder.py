"""Group commits: outcomes reach the store at most 100 ms or 500 rows after they are known.

No case is begun while 500 outcomes are not durable yet, so that a crash costs at most the calls in
flight and 500 answers, however slow the disk is.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from weighbridge.core.outcome import Record
from weighbridge.core.shard import Shard
from weighbridge.errors import Unavailable, WeighbridgeError
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import record_group
from weighbridge.store.upsert import TOGETHER

GROUP_ROWS = TOGETHER
GROUP_SECONDS = 0.1
MOST_UNSAVED = 500
RETRY_S = 0.5
PATIENCE_S = 60.0
"""How long a database that cannot be reached is waited for before the run is stopped."""


class Recorder:
    """Writes the outcomes of one run.

    Args:
        store: where to.
        workspace_id, run_id: whose they are.
        on_trouble: called once, with the error, when outcomes cannot be written any more.
    """

    def __init__(
        self,
        store: Store,
        workspace_id: str,
        run_id: str,
        on_trouble: Callable[[WeighbridgeError], None],
    ) -> None:
        self._store = store
        self._workspace_id = workspace_id
        self._run_id = run_id
        self._on_trouble = on_trouble
        self._waiting: list[tuple[Shard, Record]] = []
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._durable = asyncio.Condition()
        self._held_back: deque[asyncio.Future[None]] = deque()
        self._received = 0
        self._written = 0
        self._closing = False
        self.broken: WeighbridgeError | None = None
        self._task = asyncio.create_task(self._write_groups(), name=f"recorder {run_id}")

    def put(self, shard: Shard, record: Record) -> None:
        """Hand over an outcome; returns at once."""
        self._waiting.append((shard, record))
        self._received += 1
        if not self._wake.is_set():
            self._wake.set()
        if len(self._waiting) >= GROUP_ROWS:
            self._full.set()

    @property
    def crowded(self) -> bool:
        """The store does not keep up: ask no further model until there is `room`."""
        return self._received - self._written >= MOST_UNSAVED

    async def room(self) -> None:
        """Wait until fewer than `MOST_UNSAVED` outcomes are not durable.

        Those who wait wake each other one by one: the first may fill all the room at once, and to
        wake hundreds for nothing costs as much as what they do.
        """
        while self.crowded and not self._ended:
            waiter = asyncio.get_running_loop().create_future()
            self._held_back.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                self._wake_next()
                raise
        self._wake_next()

    def _wake_next(self) -> None:
        while self._held_back:
            waiter = self._held_back.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def flushed(self) -> None:
        """Wait until everything handed over so far is durable, or never will be."""
        goal = self._received
        self._full.set()
        async with self._durable:
            await self._durable.wait_for(lambda: self._written >= goal or self._ended)

    @property
    def _ended(self) -> bool:
        return self.broken is not None or self._task.done()

    async def close(self) -> None:
        """Write what is left and stop."""
        self._closing = True
        self._wake.set()
        self._full.set()
        await self._task
        self._wake_next()

    async def _write_groups(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not self._closing:
                await self._fill_group()
            self._full.clear()
            while self._waiting and self.broken is None:
                group, self._waiting = self._waiting[:GROUP_ROWS], self._waiting[GROUP_ROWS:]
                await self._write(group)
            if self._closing or self.broken is not None:
                return

    async def _fill_group(self) -> None:
        try:
            async with asyncio.timeout(GROUP_SECONDS):
                await self._full.wait()
        except TimeoutError:
            return

    async def _write(self, group: list[tuple[Shard, Record]]) -> None:
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + PATIENCE_S
        while True:
            try:
                async with self._store.begin() as connection:
                    await record_group(connection, self._workspace_id, self._run_id, group)
                break
            except Unavailable as error:
                if loop.time() >= give_up_at:
                    await self._give_up(error)
                    return
                await asyncio.sleep(RETRY_S)
            except WeighbridgeError as error:
                await self._give_up(error)
                return
        self._written += len(group)
        self._wake_next()
        async with self._durable:
            self._durable.notify_all()

    async def _give_up(self, error: WeighbridgeError) -> None:
        self.broken = error
        self._wake_next()
        async with self._durable:
            self._durable.notify_all()
        self._on_trouble(error)
