"""The one policy of trying again: when, how often, and how long to wait first.

Full jitter over an exponential ceiling (the "full jitter" of Brooker 2015, "Exponential Backoff
And Jitter"); an endpoint's `Retry-After` is obeyed as it is. Being told to slow down (429) is not
an error of the case: it uses up no tries, only the time that the call has. Whatever the reason,
nothing is waited for that the call's deadline would cut off.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from weighbridge.providers.base import CallFailed

_waiting = True


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How to go on after a call failed.

    Attributes:
        tries: the most times a request is sent, not counting those answered by a 429.
        base_s, cap_s: before try n+1 the wait is drawn from 0 to min(cap, base * 2^(n-1)) seconds.
    """

    tries: int = 6
    base_s: float = 0.5
    cap_s: float = 30.0

    def delay_s(
        self,
        failed: CallFailed,
        *,
        errors: int,
        limited: int,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> float | None:
        """Seconds to wait before the request is sent again; None: it is not to be sent again.

        Args:
            failed: how the last try ended.
            errors: tries so far that failed, without those that ended in a 429; this one included.
            limited: tries so far that ended in a 429, this one included.
            uniform: draws between two bounds; given by tests.
        """
        if not failed.retry:
            return None
        is_limit = failed.failure.kind == "rate_limited"
        if not _waiting:
            return 0.0 if errors + limited < self.tries else None
        if not is_limit and errors >= self.tries:
            return None
        if failed.retry_after_s is not None:
            return failed.retry_after_s
        exponent = min((limited if is_limit else errors) - 1, 30)
        return uniform(0.0, min(self.cap_s, self.base_s * 2.0**exponent))


@contextmanager
def no_waiting() -> Iterator[None]:
    """For tests: within it no try waits for anything, and a 429 uses up a try like an error."""
    global _waiting
    before, _waiting = _waiting, False
    try:
        yield
    finally:
        _waiting = before


def is_waiting() -> bool:
    """False within `no_waiting`."""
    return _waiting
