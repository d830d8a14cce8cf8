"""Outcomes become durable in groups, and no more than a few hundred are ever at risk."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from weighbridge.core.outcome import Answer, Record, Scored
from weighbridge.core.shard import Plan
from weighbridge.errors import OutOfSpace, Unavailable, WeighbridgeError
from weighbridge.jobs import recorder as module
from weighbridge.jobs.recorder import MOST_UNSAVED, Recorder
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import stream_outcomes

PLAN = Plan(10_000, 1, 10_000)


def outcome(position: int) -> Record:
    return Record(position, str(position), 0, Answer("yes"), {"exact": Scored(1.0)})


class Trouble(list[WeighbridgeError]):
    """What the recorder complained of."""


@pytest.fixture
def trouble() -> Trouble:
    return Trouble()


@pytest.fixture
async def recorder(store: Store, trouble: Trouble) -> AsyncIterator[Recorder]:
    made = Recorder(store, "ws", "run", trouble.append)
    yield made
    await made.close()


async def count(store: Store) -> int:
    return len([1 async for _ in stream_outcomes(store, "ws", "run")])


async def test_what_was_handed_over_is_durable_after_flushed(
    store: Store, recorder: Recorder
) -> None:
    for position in range(700):
        recorder.put(PLAN[0], outcome(position))
    await recorder.flushed()
    assert await count(store) == 700


async def test_a_single_outcome_is_written_without_being_asked_for(
    store: Store, recorder: Recorder
) -> None:
    recorder.put(PLAN[0], outcome(0))
    await asyncio.sleep(0.6)
    assert await count(store) == 1


async def test_closing_writes_what_is_left(store: Store, recorder: Recorder) -> None:
    recorder.put(PLAN[0], outcome(0))
    await recorder.close()
    assert await count(store) == 1


async def test_it_is_crowded_until_enough_is_durable(recorder: Recorder) -> None:
    for position in range(MOST_UNSAVED):
        assert not recorder.crowded
        recorder.put(PLAN[0], outcome(position))
    assert recorder.crowded
    await recorder.room()
    assert not recorder.crowded


async def test_all_who_wait_for_room_get_it_though_some_give_up(
    recorder: Recorder, trouble: Trouble
) -> None:
    for position in range(MOST_UNSAVED):
        recorder.put(PLAN[0], outcome(position))
    waiting = [asyncio.create_task(recorder.room()) for _ in range(300)]
    await asyncio.sleep(0)
    for task in waiting[::3]:
        task.cancel()
    async with asyncio.timeout(10):
        ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [it is None for it in ended] == [number % 3 != 0 for number in range(300)]
    assert not recorder.crowded


async def test_one_that_is_woken_and_gives_up_wakes_the_next(recorder: Recorder) -> None:
    for position in range(MOST_UNSAVED):
        recorder.put(PLAN[0], outcome(position))
    first, second = (asyncio.create_task(recorder.room()) for _ in range(2))
    while recorder.crowded:
        await asyncio.sleep(0)
    first.cancel()
    async with asyncio.timeout(10):
        await second


async def test_who_waits_for_room_puts_what_there_is_room_for(
    store: Store, recorder: Recorder
) -> None:
    positions = iter(range(3_000))

    async def work() -> None:
        for position in positions:
            recorder.put(PLAN[0], outcome(position))
            if recorder.crowded:
                await recorder.room()

    async with asyncio.timeout(20):
        await asyncio.gather(*(work() for _ in range(64)))
    await recorder.flushed()
    assert await count(store) == 3_000


async def test_no_room_left_is_reported_once_and_lets_everybody_go(
    recorder: Recorder, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> None:
        raise OutOfSpace("no room left")

    monkeypatch.setattr(module, "record_group", full)
    for position in range(MOST_UNSAVED + 1):
        recorder.put(PLAN[0], outcome(position))
    await recorder.flushed()
    await recorder.room()
    assert [str(error) for error in trouble] == ["no room left"]


async def test_a_database_that_comes_back_is_waited_for(
    store: Store, recorder: Recorder, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = module.record_group
    failures = iter([True, True])

    async def restarting(*arguments: object) -> None:
        if next(failures, False):
            raise Unavailable("the database restarts")
        await write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "record_group", restarting)
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    recorder.put(PLAN[0], outcome(0))
    await recorder.flushed()
    assert trouble == []
    assert await count(store) == 1


async def test_a_database_that_stays_away_is_given_up(
    recorder: Recorder, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("nobody there")

    monkeypatch.setattr(module, "record_group", away)
    monkeypatch.setattr(module, "RETRY_S", 0.01)
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    recorder.put(PLAN[0], outcome(0))
    await recorder.flushed()
    assert [str(error) for error in trouble] == ["nobody there"]
