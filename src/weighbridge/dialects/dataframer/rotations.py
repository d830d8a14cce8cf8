"""How often keys are rotated from one address: so often, and then not for a while."""

import math
import time
from collections import deque
from collections.abc import Callable

from weighbridge.errors import Busy

MOST = 5
"""Rotations from one address in `WINDOW_S`."""
WINDOW_S = 3_600.0

_MOST_ADDRESSES = 10_000


class Rotations:
    """Counts the rotations that this server was asked for.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_address: dict[str, deque[float]] = {}

    def note(self, address: str) -> None:
        """There is another one.

        Raises:
            Busy: there were `MOST` in the last `WINDOW_S` already.
        """
        at = self._clock()
        if len(self._by_address) >= _MOST_ADDRESSES:
            self._forget(at)
        before = self._by_address.setdefault(address, deque())
        while before and before[0] <= at - WINDOW_S:
            before.popleft()
        if len(before) >= MOST:
            wait = math.ceil(before[0] + WINDOW_S - at)
            raise Busy(f"at most {MOST} rotations in an hour; try again in {wait} s", wait)
        before.append(at)

    def _forget(self, at: float) -> None:
        """Let go of addresses from which nothing counts any more."""
        self._by_address = {
            address: times
            for address, times in self._by_address.items()
            if times and times[-1] > at - WINDOW_S
        }
