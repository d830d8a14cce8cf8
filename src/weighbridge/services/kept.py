"""What took long to work out, kept in memory for whoever asks next."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Kept(Generic[_Key, _Value]):
    """The values that were asked for last, as far as there is room for them.

    Who asks for one that is being made waits for it: nothing is made twice at the same time.

    Args:
        most_bytes, most: how much, and how many, are kept.
    """

    def __init__(self, most_bytes: int, most: int) -> None:
        self._most_bytes = most_bytes
        self._most = most
        self._bytes = 0
        self._values: OrderedDict[_Key, tuple[_Value, int]] = OrderedDict()
        self._making: dict[_Key, asyncio.Task[_Value]] = {}

    async def get(self, key: _Key, make: Callable[[], Awaitable[tuple[_Value, int]]]) -> _Value:
        """The value of a key, made when it is not there.

        Args:
            make: the value, and the bytes it takes.

        Raises:
            Exception: what `make` raises, to all who wait for it; it is not kept.
        """
        found = self._values.get(key)
        if found is not None:
            self._values.move_to_end(key)
            return found[0]
        task = self._making.get(key)
        if task is None:
            task = asyncio.create_task(self._make(key, make))
            self._making[key] = task
            task.add_done_callback(lambda done: self._made(key, done))
        # Whoever goes away leaves the others waiting.
        return await asyncio.shield(task)

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: _Key) -> bool:
        """Whether its value is there at once."""
        return key in self._values

    async def _make(self, key: _Key, make: Callable[[], Awaitable[tuple[_Value, int]]]) -> _Value:
        value, size = await make()
        if size > self._most_bytes:
            return value
        self._values[key] = (value, size)
        self._bytes += size
        while self._bytes > self._most_bytes or len(self._values) > self._most:
            _, (_, gone) = self._values.popitem(last=False)
            self._bytes -= gone
        return value

    def _made(self, key: _Key, task: asyncio.Task[_Value]) -> None:
        del self._making[key]
        if not task.cancelled():
            task.exception()  # it was told to those who waited, if any still did
