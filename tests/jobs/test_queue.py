"""What we take for granted of DBOS, the private parts included: guards the pinned version."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from dbos import DBOS

from weighbridge.jobs.queue import Queue, queue_database_url
from weighbridge.store.engine import async_url


@dataclass
class Diary:
    """Work that writes down what it was asked to do."""

    shards: int = 3
    stop_at: int | None = None
    hold: asyncio.Event = field(default_factory=asyncio.Event)
    begun: list[tuple[str, int, int]] = field(default_factory=list)
    done: list[tuple[str, int, int]] = field(default_factory=list)
    finished: list[tuple[str, int]] = field(default_factory=list)
    planned: list[tuple[str, int]] = field(default_factory=list)

    async def plan(self, run_id: str, round_: int) -> int:
        self.planned.append((run_id, round_))
        return self.shards

    async def do_shard(self, run_id: str, round_: int, number: int) -> bool:
        self.begun.append((run_id, round_, number))
        await self.hold.wait()
        self.done.append((run_id, round_, number))
        return number != self.stop_at

    async def finish(self, run_id: str, round_: int) -> None:
        self.finished.append((run_id, round_))


@pytest.fixture
async def queue_url(database_url: str | None, tmp_path: Path) -> AsyncIterator[str]:
    return queue_database_url(async_url(database_url, tmp_path), tmp_path, "test")


async def until(condition: object, seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.02)


async def test_a_run_goes_through_all_its_shards_and_is_then_delivered(queue_url: str) -> None:
    diary, queue = Diary(shards=20), Queue(queue_url, "solo", 2)
    diary.hold.set()
    await queue.start(diary)
    try:
        await queue.submit("run_a", 1)
        await until(lambda: diary.finished)
    finally:
        await queue.stop()
    assert sorted(diary.done) == [("run_a", 1, number) for number in range(20)]
    assert diary.finished == [("run_a", 1)]


async def test_submitting_the_same_round_again_changes_nothing_and_a_new_round_runs(
    queue_url: str,
) -> None:
    diary, queue = Diary(shards=1), Queue(queue_url, "solo", 2)
    diary.hold.set()
    await queue.start(diary)
    try:
        await queue.submit("run_a", 1)
        await until(lambda: diary.finished)
        await queue.submit("run_a", 1)
        await queue.submit("run_a", 2)
        await until(lambda: len(diary.finished) == 2)
    finally:
        await queue.stop()
    assert diary.planned == [("run_a", 1), ("run_a", 2)]


async def test_a_stopped_shard_ends_the_run_without_delivery(queue_url: str) -> None:
    diary, queue = Diary(shards=50, stop_at=0), Queue(queue_url, "solo", 1)
    diary.hold.set()
    await queue.start(diary)
    try:
        await queue.submit("run_a", 1)
        await until(lambda: diary.done)
        await queue.submit("run_b", 1)
        await until(lambda: ("run_b", 1) in diary.planned)
        await asyncio.sleep(0.5)
    finally:
        await queue.stop()
    assert diary.finished == []
    assert len(diary.done) < 50


async def test_work_left_behind_is_taken_up_at_the_next_start(queue_url: str) -> None:
    first, queue = Diary(shards=2), Queue(queue_url, "solo", 2)
    await queue.start(first)
    await queue.submit("run_a", 1)
    await until(lambda: first.planned)
    await asyncio.sleep(0.5)
    await queue.stop()  # while both shards hold
    second, queue = Diary(shards=2), Queue(queue_url, "solo", 2)
    second.hold.set()
    await queue.start(second)
    try:
        await until(lambda: second.finished)
    finally:
        await queue.stop()
    assert sorted(second.done) == [("run_a", 1, 0), ("run_a", 1, 1)]


async def test_work_of_a_dead_worker_is_recovered_under_another_id(queue_url: str) -> None:
    first, queue = Diary(shards=2), Queue(queue_url, "worker-1", 2)
    await queue.start(first)
    await queue.submit("run_a", 1)
    await until(lambda: first.planned)
    await asyncio.sleep(0.5)
    await queue.stop()
    second, queue = Diary(shards=2), Queue(queue_url, "worker-2", 2)
    second.hold.set()
    await queue.start(second)
    try:
        assert await queue.workers_with_work() == {"worker-1"}
        await queue.recover({"worker-1"})
        await queue.recover({"worker-1"})
        await until(lambda: second.finished)
    finally:
        await queue.stop()
    assert sorted(second.done) == [("run_a", 1, 0), ("run_a", 1, 1)]


async def held_and_released(
    queue_url: str, monkeypatch: pytest.MonkeyPatch, later_s: int
) -> list[tuple[str, int]]:
    """Two runs of 12 shards, the second submitted when the first has filled its window of 8, and
    before any of its shards is done: in which order they are."""
    now = 1_000
    monkeypatch.setattr("weighbridge.jobs.queue._seconds", lambda: now)
    diary, queue = Diary(shards=12), Queue(queue_url, "solo", 4)
    await queue.start(diary)
    try:
        for run_id in ("run_a", "run_b"):
            await queue.submit(run_id, 1)
            await until(lambda: len(diary.begun) == 4)
            await has_filled_its_window(run_id)
            now += later_s
        diary.hold.set()
        await until(lambda: len(diary.finished) == 2)
    finally:
        await queue.stop()
    return [(run_id, number) for run_id, _, number in diary.done]


async def has_filled_its_window(run_id: str) -> None:
    async with asyncio.timeout(15):
        while len(await DBOS.list_workflows_async(workflow_id_prefix=f"{run_id}:1:")) < 8:
            await asyncio.sleep(0.05)


async def test_runs_that_begin_together_take_turns(
    queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = await held_and_released(queue_url, monkeypatch, later_s=0)
    ahead = 0
    for run_id, _ in done:
        ahead += 1 if run_id == "run_a" else -1
        assert -4 <= ahead <= 5  # four at once, of which the first four began alone
    assert {run_id for run_id, _ in done[4:8]} == {"run_b"}


async def test_shards_that_wait_are_not_overtaken_by_those_of_a_later_run(
    queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = await held_and_released(queue_url, monkeypatch, later_s=100)
    assert {run_id for run_id, _ in done[:8]} == {"run_a"}


async def test_ended_workflows_are_swept_away(
    queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.jobs.queue._KEEP_FINISHED", timedelta(days=-1))
    diary, queue = Diary(shards=3), Queue(queue_url, "solo", 2)
    diary.hold.set()
    await queue.start(diary)
    try:
        await queue.submit("run_a", 1)
        await until(lambda: diary.finished)
        await asyncio.sleep(0.3)
        await queue.sweep()
        await queue.submit("run_a", 1)  # unknown again, so it runs again
        await until(lambda: len(diary.finished) == 2)
    finally:
        await queue.stop()
