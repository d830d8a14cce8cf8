"""Calls in flight that several runs share by turns."""

import asyncio
from collections import Counter

import pytest

from weighbridge.jobs.turns import Lane, Turns


async def use(lane: Lane, name: str, seconds: float, seen: list[str], times: int = 1) -> None:
    for _ in range(times):
        async with lane:
            seen.append(name)
            await asyncio.sleep(seconds)


async def test_a_free_slot_goes_to_the_runs_by_turns_however_many_calls_wait() -> None:
    turns, seen = Turns(1), list[str]()
    one, other = turns.lane(), turns.lane()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(6):
            tasks.create_task(use(one, "a", 0, seen))
        for _ in range(3):
            tasks.create_task(use(other, "b", 0, seen))
    assert "".join(seen) == "abababaaa"


async def test_a_fast_run_does_not_get_ahead_of_a_slow_one() -> None:
    turns, seen = Turns(4), list[str]()
    slow, fast = turns.lane(), turns.lane()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(4):
            tasks.create_task(use(slow, "s", 0.002, seen, times=25))
        for _ in range(4):
            tasks.create_task(use(fast, "f", 0, seen, times=25))
    assert Counter(seen) == {"s": 100, "f": 100}
    ahead = 0
    for name in seen:
        ahead += 1 if name == "f" else -1
        assert abs(ahead) <= 8


async def test_never_more_are_in_flight_than_there_are_slots_and_all_are_given_back() -> None:
    turns, in_flight, most = Turns(3), 0, 0

    async def call(lane: Lane) -> None:
        nonlocal in_flight, most
        async with lane:
            in_flight += 1
            most = max(most, in_flight)
            await asyncio.sleep(0)
            in_flight -= 1

    lanes = [turns.lane() for _ in range(3)]
    tasks = [asyncio.create_task(call(lanes[number % 3])) for number in range(60)]
    await asyncio.sleep(0)
    for task in tasks[5:40:2]:  # some that wait, and some that have just been given one
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 3
    assert [turns.take() for _ in range(4)] == [True, True, True, False]


async def test_a_slot_given_to_a_call_that_is_cancelled_at_that_moment_is_not_lost() -> None:
    turns = Turns(1)
    lane = turns.lane()
    await lane.__aenter__()
    waiting = asyncio.create_task(use(lane, "a", 0, []))
    await asyncio.sleep(0)
    turns.give()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert turns.take()


async def test_what_one_run_does_not_want_the_others_have() -> None:
    turns, seen = Turns(2), list[str]()
    turns.lane()
    await asyncio.wait_for(use(turns.lane(), "a", 0, seen, times=10), 5)
    assert len(seen) == 10
