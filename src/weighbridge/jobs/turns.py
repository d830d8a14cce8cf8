"""Calls in flight that several runs share by turns."""

import asyncio
from collections import deque
from types import TracebackType


class Turns:
    """So many calls in flight at once, over several runs.

    A free one goes to the run that has had the fewest of those that wait: so one whose model
    answers at once does not get ahead of one whose model is slow. What a run does not want, the
    others have.

    Args:
        slots: calls at the same time, 1 or more.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._lanes: list[Lane] = []

    def lane(self) -> "Lane":
        """What a run enters for each call (`async with`)."""
        self._lanes.append(Lane(self))
        return self._lanes[-1]

    def take(self) -> bool:
        """Take a slot if one is free: then nobody waits."""
        if not self._free:
            return False
        self._free -= 1
        return True

    def give(self) -> None:
        """Give a slot back, to whose turn it is."""
        for lane in sorted(self._lanes, key=lambda lane: lane.had):
            if lane.go():
                return
        self._free += 1


class Lane:
    """The calls of one run. Made by `Turns.lane`.

    Attributes:
        had: how many calls it has had.
    """

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.had = 0

    def go(self) -> bool:
        """Let the first go that still waits; False: nobody does."""
        while self._waiting:
            first = self._waiting.popleft()
            if not first.done():
                first.set_result(None)
                self.had += 1
                return True
        return False

    async def __aenter__(self) -> None:
        if self._turns.take():
            self.had += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it had just been given one
                self._turns.give()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._turns.give()
