"""How many calls may be in flight to one model, and how soon the next may go.

Three limits at once: a window of calls in flight that adapts (additive increase, multiplicative
decrease, as TCP does: Chiu and Jain 1989), requests per minute, and tokens per minute; and a pause
for all while an endpoint says "not before …". First come, first served.

The decrease is weighted by the share of calls that were limited, as in DCTCP (Alizadeh et al.
2010): an endpoint that limits everything halves the window, one that now and then refuses a single
call hardly narrows it. The increase is slow near the width at which calls were last limited, and
fast away from it, as in CUBIC (Ha, Rhee and Xu 2008).

Everything runs in one event loop, so there are no locks; while there is room, taking a slot is a
few comparisons and no `await`.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

_DECREASE = 0.5
_SHARE_GAIN = 0.5  # how much the last round trip weighs in the share of limited calls
# A minute's allowance is spent evenly, save for bursts of this part of it.
_BURST = 1 / 30


class PausedTooLong(Exception):
    """The endpoint wants a longer pause than this call has time for.

    Args:
        pause_s: what is left of the pause, in seconds.
    """

    def __init__(self, pause_s: float) -> None:
        super().__init__(pause_s)
        self.pause_s = pause_s


class Timer(Protocol):
    """Something that will happen, and can be called off."""

    def cancel(self) -> None:
        """Call it off."""
        ...


class _Bucket:
    """An allowance per minute that fills evenly.

    It holds at most a thirtieth of a minute's worth, and fills so much more slowly than the nominal
    rate that no 60 seconds ever see more than the allowance. A single amount larger than the
    bucket goes when the bucket is full, and the next ones wait for the debt to be paid back.
    """

    __slots__ = ("_at", "_capacity", "_level", "_rate")

    def __init__(self, per_minute: int, now: float) -> None:
        self._capacity = max(1.0, per_minute * _BURST)
        self._rate = (per_minute - (self._capacity - 1.0)) / 60.0
        self._level = self._capacity
        self._at = now

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until `amount` may be taken; 0: now."""
        self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
        self._at = now
        missing = min(amount, self._capacity) - self._level
        return missing / self._rate if missing > 1e-9 else 0.0

    def take(self, amount: float) -> None:
        self._level -= amount


class _Waiter:
    __slots__ = ("future", "patience_s", "tokens")

    def __init__(self, future: asyncio.Future[None], tokens: int, patience_s: float) -> None:
        self.future = future
        self.tokens = tokens
        self.patience_s = patience_s


class Limiter:
    """Lets calls go, and learns from how they end.

    Args:
        ceiling: the most calls in flight.
        requests_per_minute, tokens_per_minute: 0: no limit.
        clock: seconds, monotonic. call_later: as the event loop's; both are given by tests.
    """

    def __init__(
        self,
        ceiling: int,
        *,
        requests_per_minute: int = 0,
        tokens_per_minute: int = 0,
        clock: Callable[[], float] = time.monotonic,
        call_later: Callable[[float, Callable[[], None]], Timer] | None = None,
    ) -> None:
        now = clock()
        self.in_flight = 0
        self._ceiling = ceiling
        self._window = float(ceiling)
        self._slots = ceiling
        self._clock = clock
        self._call_later = call_later
        self._requests = _Bucket(requests_per_minute, now) if requests_per_minute else None
        self._tokens = _Bucket(tokens_per_minute, now) if tokens_per_minute else None
        self._waiters: deque[_Waiter] = deque()
        self._paused_until = -math.inf
        self._decreased_at = -math.inf
        self._limited_at = math.inf  # how wide the window was in use when it was last narrowed
        self._peak = 0  # the most in flight since then
        self._limited_share = 1.0  # until something is known: the worst
        self._n_succeeded = 0  # since the window was last narrowed
        self._n_limited = 0
        self._timer: Timer | None = None
        self._timer_at = math.inf
        self._timed = self._requests is not None or self._tokens is not None
        self._gated = self._timed

    @property
    def slots(self) -> int:
        """The most calls in flight at present."""
        return self._slots

    @property
    def waiting(self) -> int:
        """Calls that are held back at present."""
        return len(self._waiters)

    @property
    def counts_tokens(self) -> bool:
        """Whether `tokens` matter, so that an estimate is worth making."""
        return self._tokens is not None

    def lower_ceiling(self, ceiling: int) -> None:
        """Allow fewer calls in flight from now on; never more."""
        self._ceiling = min(self._ceiling, ceiling)
        self._set_window(min(self._window, float(self._ceiling)))

    def try_acquire(self, tokens: int = 0) -> bool:
        """Take a slot if there is one now. Whoever gets True must call `release` once.

        Args:
            tokens: an estimate of what the call will consume.
        """
        if self.in_flight >= self._slots or self._waiters:
            return False
        if self._gated and not self._may_go(tokens):
            return False
        self.in_flight += 1
        if self.in_flight > self._peak:
            self._peak = self.in_flight
        return True

    async def acquire(
        self, tokens: int = 0, *, front: bool = False, patience_s: float = math.inf
    ) -> None:
        """Take a slot, in turn.

        Args:
            tokens: an estimate of what the call will consume.
            front: before all that wait: for a call that has waited once and must be sent again.
            patience_s: the longest pause of the endpoint's that it is worth waiting for.

        Raises:
            PausedTooLong: the endpoint asked for a longer pause than that.
        """
        pause_s = self._paused_until - self._clock()
        if pause_s > patience_s:
            raise PausedTooLong(pause_s)
        future = asyncio.get_running_loop().create_future()
        waiter = _Waiter(future, tokens, patience_s)
        if front:
            self._waiters.appendleft(waiter)
        else:
            self._waiters.append(waiter)
        self._let_go()
        try:
            await future
        except asyncio.CancelledError:
            # A slot may have been given in the same turn of the loop in which we were cancelled.
            if not future.cancelled() and future.exception() is None:
                self.release()
            raise

    def release(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        if self._waiters:
            self._let_go()

    def succeeded(self) -> None:
        """A call got through: widen the window, for each windowful of calls by a thirty-second of
        the ceiling, or by one call near the width at which calls were last limited."""
        self._n_succeeded += 1
        if self._slots < self._ceiling:
            near = abs(self._window - self._limited_at) <= self._limited_at / 8
            step = 1.0 if near else max(1.0, self._ceiling / 32)
            self._set_window(min(float(self._ceiling), self._window + step / self._window))

    def limited(self, sent_at: float) -> None:
        """A call was told to slow down: narrow the window, once per round trip.

        Args:
            sent_at: when it was sent, on the limiter's clock. Calls that were in flight already
                when the window was last narrowed say nothing new.
        """
        self._n_limited += 1
        if sent_at < self._decreased_at:
            return
        share = self._n_limited / (self._n_limited + self._n_succeeded)
        self._limited_share += _SHARE_GAIN * (share - self._limited_share)
        self._n_limited = self._n_succeeded = 0
        self._decreased_at = self._clock()
        used = self._limited_at = min(self._window, float(max(1, self._peak)))
        self._peak = self.in_flight
        self._set_window(max(1.0, used * (1.0 - _DECREASE * self._limited_share)))

    def pause(self, seconds: float) -> None:
        """Let no call go for so long. Those whose patience that exceeds fail now."""
        self._paused_until = max(self._paused_until, self._clock() + seconds)
        self._gated = True
        pause_s = self._paused_until - self._clock()
        for waiter in self._waiters:
            if pause_s > waiter.patience_s and not waiter.future.done():
                waiter.future.set_exception(PausedTooLong(pause_s))
        self._let_go()

    def settle(self, estimated: int, used: int) -> None:
        """Correct the estimate of tokens by what a call really used."""
        if self._tokens is not None:
            self._tokens.take(used - estimated)
            if self._waiters:
                self._let_go()

    def _set_window(self, window: float) -> None:
        self._window = window
        self._slots = int(window)
        if self._waiters:
            self._let_go()

    def _may_go(self, tokens: int) -> bool:
        if self._wait_s(tokens) > 0.0:
            return False
        if self._requests is not None:
            self._requests.take(1)
        if self._tokens is not None:
            self._tokens.take(tokens)
        return True

    def _wait_s(self, tokens: int) -> float:
        now = self._clock()
        wait_s = self._paused_until - now
        if wait_s <= 0.0:
            wait_s = 0.0
            self._gated = self._timed
        if self._requests is not None:
            wait_s = max(wait_s, self._requests.wait_s(1, now))
        if self._tokens is not None:
            wait_s = max(wait_s, self._tokens.wait_s(tokens, now))
        return wait_s

    def _let_go(self) -> None:
        """Give slots to those that wait, as far as all limits allow."""
        waiters = self._waiters
        while waiters:
            waiter = waiters[0]
            if waiter.future.done():  # cancelled, or out of patience
                waiters.popleft()
                continue
            if self.in_flight >= self._slots:
                return
            if self._gated and not self._may_go(waiter.tokens):
                self._wake_in(self._wait_s(waiter.tokens))
                return
            waiters.popleft()
            self.in_flight += 1
            self._peak = max(self._peak, self.in_flight)
            waiter.future.set_result(None)

    def _wake_in(self, seconds: float) -> None:
        at = self._clock() + seconds
        if self._timer is not None:
            if self._timer_at <= at:
                return
            self._timer.cancel()
        call_later = self._call_later or asyncio.get_running_loop().call_later
        self._timer_at = at
        self._timer = call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._timer_at = math.inf
        self._let_go()
