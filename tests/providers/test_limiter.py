"""The limiter, with a clock that only moves when told to."""

import asyncio
import math
import sys
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.providers.limiter import Limiter, PausedTooLong


class Handle:
    def __init__(self, at: float, run: Callable[[], None]) -> None:
        self.at = at
        self.run = run
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """Time and timers that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.handles: list[Handle] = []

    def __call__(self) -> float:
        return self.now

    def call_later(self, delay: float, run: Callable[[], None]) -> Handle:
        handle = Handle(self.now + delay, run)
        self.handles.append(handle)
        return handle

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            due = [h for h in self.handles if not h.cancelled and h.at <= end]
            if not due:
                break
            first = min(due, key=lambda handle: handle.at)
            self.handles.remove(first)
            self.now = max(self.now, first.at)
            first.run()
        self.now = end


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(clock: Clock, ceiling: int, **limits: int) -> Limiter:
    return Limiter(ceiling, clock=clock, call_later=clock.call_later, **limits)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_than_the_ceiling_are_in_flight(clock: Clock) -> None:
    limiter = make(clock, 2)
    assert limiter.try_acquire()
    assert limiter.try_acquire()
    assert not limiter.try_acquire()
    limiter.release()
    assert limiter.try_acquire()


async def test_first_come_first_served(clock: Clock) -> None:
    limiter = make(clock, 1)
    assert limiter.try_acquire()
    order: list[int] = []

    async def call(number: int) -> None:
        await limiter.acquire()
        order.append(number)
        limiter.release()

    tasks = [asyncio.create_task(call(number)) for number in range(5)]
    await settle()
    assert order == []
    assert not limiter.try_acquire(), "nobody may overtake those that wait"
    limiter.release()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]
    assert limiter.in_flight == 0


async def test_a_call_that_is_sent_again_goes_first(clock: Clock) -> None:
    limiter = make(clock, 1)
    assert limiter.try_acquire()
    order: list[str] = []

    async def call(name: str, *, front: bool) -> None:
        await limiter.acquire(front=front)
        order.append(name)
        limiter.release()

    first = asyncio.create_task(call("new", front=False))
    await settle()
    second = asyncio.create_task(call("again", front=True))
    await settle()
    limiter.release()
    await asyncio.gather(first, second)
    assert order == ["again", "new"]


async def test_a_429_narrows_the_window_once_per_round_trip(clock: Clock) -> None:
    limiter = make(clock, 100)
    for _ in range(100):
        assert limiter.try_acquire()
    sent_at = clock()
    clock.now += 1
    for _ in range(40):  # all of them were in flight together
        limiter.limited(sent_at)
    assert limiter.slots == 50
    clock.now += 1
    limiter.limited(clock() - 0.5)  # sent after the window was narrowed
    assert limiter.slots == 25


async def test_an_endpoint_that_refuses_one_call_in_a_hundred_keeps_its_window(
    clock: Clock,
) -> None:
    limiter = make(clock, 256)
    for _ in range(256):
        assert limiter.try_acquire()
    for _ in range(1000):
        clock.now += 1
        for _ in range(99):
            limiter.succeeded()
        limiter.limited(clock())
        while limiter.try_acquire():
            pass
    assert limiter.slots > 128


async def test_a_window_that_is_twice_too_wide_comes_down_to_what_is_let_through(
    clock: Clock,
) -> None:
    limiter = make(clock, 256)
    allowed = 20  # per second, and a round trip takes a second
    for _ in range(40):
        sent_at = clock()
        in_flight = 0
        while limiter.try_acquire():
            in_flight += 1
        clock.now += 1
        for number in range(in_flight):
            if number < allowed:
                limiter.succeeded()
            else:
                limiter.limited(sent_at)
            limiter.release()
    assert allowed / 2 <= limiter.slots <= allowed * 2


async def test_the_window_never_falls_below_one_call(clock: Clock) -> None:
    limiter = make(clock, 4)
    for _ in range(20):
        clock.now += 1
        limiter.limited(clock())
    assert limiter.slots == 1
    assert limiter.try_acquire()


async def test_success_widens_the_window_by_a_fixed_step_per_windowful(clock: Clock) -> None:
    limiter = make(clock, 320)
    for _ in range(320):
        limiter.try_acquire()
    limiter.limited(clock())
    before = limiter.slots
    assert before == 160
    for _ in range(before):
        limiter.succeeded()
    assert before + 9 <= limiter.slots <= before + 10, "a thirty-second of 320"
    for _ in range(20_000):
        limiter.succeeded()
    assert limiter.slots == 320


async def test_a_narrowed_window_lets_waiting_calls_go_as_it_widens(clock: Clock) -> None:
    limiter = make(clock, 2)
    limiter.try_acquire()
    limiter.try_acquire()
    limiter.limited(clock())
    assert limiter.slots == 1
    waiting = asyncio.create_task(limiter.acquire())
    await settle()
    limiter.release()
    await settle()
    assert not waiting.done(), "one call is in flight, and the window is one"
    limiter.succeeded()
    await settle()
    assert waiting.done()


async def test_a_pause_holds_back_every_call_for_exactly_that_long(clock: Clock) -> None:
    limiter = make(clock, 10)
    limiter.pause(7.0)
    assert not limiter.try_acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await settle()
    clock.advance(6.999)
    await settle()
    assert not waiting.done()
    clock.advance(0.002)
    await settle()
    assert waiting.done()
    assert limiter.try_acquire(), "after the pause the fast way is open again"


async def test_a_longer_pause_replaces_a_shorter_one_and_not_the_other_way(clock: Clock) -> None:
    limiter = make(clock, 10)
    limiter.pause(1.0)
    limiter.pause(5.0)
    limiter.pause(2.0)
    clock.advance(4.9)
    assert not limiter.try_acquire()
    clock.advance(0.2)
    assert limiter.try_acquire()


async def test_calls_without_time_for_a_pause_fail_at_once(clock: Clock) -> None:
    limiter = make(clock, 1)
    limiter.try_acquire()
    hurried = asyncio.create_task(limiter.acquire(patience_s=10))
    patient = asyncio.create_task(limiter.acquire(patience_s=100))
    await settle()
    limiter.pause(60)
    await settle()
    with pytest.raises(PausedTooLong) as caught:
        await hurried
    assert caught.value.pause_s == pytest.approx(60)
    with pytest.raises(PausedTooLong):
        await limiter.acquire(patience_s=10)
    limiter.release()
    clock.advance(61)
    await patient


async def test_a_cancelled_waiter_takes_no_slot(clock: Clock) -> None:
    limiter = make(clock, 1)
    limiter.try_acquire()
    first = asyncio.create_task(limiter.acquire())
    second = asyncio.create_task(limiter.acquire())
    await settle()
    first.cancel()
    await settle()
    limiter.release()
    await second
    assert limiter.in_flight == 1


async def test_a_waiter_cancelled_in_the_moment_it_is_let_go_gives_its_slot_back(
    clock: Clock,
) -> None:
    limiter = make(clock, 1)
    limiter.try_acquire()
    waiting = asyncio.create_task(limiter.acquire())
    await settle()
    limiter.release()  # the slot is the waiter's now, but its task has not run yet
    waiting.cancel()
    await settle()
    assert waiting.cancelled()
    assert limiter.in_flight == 0


async def run_for_minutes(
    clock: Clock, limiter: Limiter, minutes: float, tokens: int
) -> list[float]:
    """Start calls as fast as they are let go; when each of them went."""
    went: list[float] = []

    async def loop() -> None:
        while True:
            if not limiter.try_acquire(tokens):
                await limiter.acquire(tokens)
            went.append(clock())
            limiter.release()

    task = asyncio.create_task(loop())
    end = clock() + minutes * 60
    while clock() < end:
        await settle()
        due = [handle.at for handle in clock.handles if not handle.cancelled]
        clock.advance(min(min(due, default=math.inf), end) - clock() + 1e-9)
    task.cancel()
    await settle()
    return went


@settings(deadline=None, max_examples=30)
@given(per_minute=st.integers(min_value=1, max_value=400))
def test_no_minute_ever_sees_more_requests_than_declared(per_minute: int) -> None:
    clock = Clock()
    went = asyncio.run(
        run_for_minutes(clock, make(clock, 50, requests_per_minute=per_minute), 3, 0)
    )
    for index, start in enumerate(went):
        in_minute = sum(1 for at in went[index:] if at < start + 60 - 1e-6)
        assert in_minute <= per_minute
    assert len(went) >= 3 * per_minute * 0.96 - 1, "and hardly fewer"


async def test_tokens_per_minute_hold_over_minutes(clock: Clock) -> None:
    went = await run_for_minutes(clock, make(clock, 50, tokens_per_minute=6000), 3, 500)
    assert 3 * 6000 / 500 * 0.95 <= len(went) <= 3 * 6000 / 500 + 1


async def test_a_call_larger_than_the_bucket_goes_and_is_paid_back(clock: Clock) -> None:
    limiter = make(clock, 50, tokens_per_minute=600)
    assert limiter.try_acquire(300), "half a minute's worth, at once"
    assert not limiter.try_acquire(10)
    clock.advance(15)
    assert not limiter.try_acquire(10)
    clock.advance(20)
    assert limiter.try_acquire(10)


async def test_what_was_estimated_too_high_is_given_back(clock: Clock) -> None:
    limiter = make(clock, 50, tokens_per_minute=600)
    assert limiter.try_acquire(20)
    assert not limiter.try_acquire(20)
    limiter.settle(20, 0)
    assert limiter.try_acquire(20)


async def test_what_was_estimated_too_low_is_held_against_the_next(clock: Clock) -> None:
    limiter = make(clock, 50, tokens_per_minute=600)
    assert limiter.try_acquire(1)
    limiter.settle(1, 100)
    clock.advance(5)
    assert not limiter.try_acquire(1)


async def test_the_ceiling_can_only_be_lowered(clock: Clock) -> None:
    limiter = make(clock, 10)
    limiter.lower_ceiling(3)
    limiter.lower_ceiling(20)
    assert limiter.slots == 3
    for _ in range(1000):
        limiter.succeeded()
    assert limiter.slots == 3


@settings(deadline=None)
@given(st.lists(st.sampled_from(["take", "give", "limit", "win"]), max_size=200))
def test_slots_are_never_lost_or_made_up(moves: list[str]) -> None:
    clock = Clock()
    limiter = make(clock, 8)
    held = 0
    for move in moves:
        clock.now += 0.1
        if move == "take":
            room = held < limiter.slots
            assert limiter.try_acquire() == room
            held += room
        elif move == "give" and held:
            limiter.release()
            held -= 1
        elif move == "limit":
            limiter.limited(clock())
        else:
            limiter.succeeded()
        assert limiter.in_flight == held
        assert 1 <= limiter.slots <= 8


def test_a_free_slot_costs_about_a_microsecond() -> None:
    limiter = Limiter(256)
    best = math.inf
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(10_000):
            limiter.try_acquire()
            limiter.release()
        best = min(best, (time.perf_counter() - start) / 10_000)
    allowed = 1e-4 if sys.gettrace() else 1e-5  # ten times what it is: other work runs beside it
    assert best < allowed
