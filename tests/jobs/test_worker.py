"""A worker executes what is queued, and its death or its sleep costs nothing."""

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.running import Bench, refuse
from weighbridge.core.run import FINISHED, Run, RunState
from weighbridge.datasets.frame import SEGMENT
from weighbridge.errors import Conflict, OutOfSpace, Unavailable
from weighbridge.jobs import delivery, recorder
from weighbridge.jobs import worker as worker_module
from weighbridge.jobs.loading import LoadedRun, load_run
from weighbridge.jobs.worker import Worker
from weighbridge.services.runs import Runs
from weighbridge.store import runs, workers
from weighbridge.store.engine import Store


@asynccontextmanager
async def working(bench: Bench, **options: float) -> AsyncIterator[Worker]:
    worker = Worker(bench.store, bench.models, shards_at_once=2, **options)  # type: ignore[arg-type]
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop()


async def ended(bench: Bench, run_id: str) -> Run:
    runs = Runs(bench.store)
    async with asyncio.timeout(30):
        while (run := await runs.get(bench.caller, run_id)).state not in FINISHED:
            await asyncio.sleep(0.02)
        while run.state in FINISHED and not run.metrics:
            await asyncio.sleep(0.02)
            run = await runs.get(bench.caller, run_id)
    return run


async def asked(bench: Bench, at_least: int) -> None:
    async with asyncio.timeout(30):
        while len(bench.model.asked) < at_least:
            await asyncio.sleep(0.01)


async def test_a_queued_run_is_executed_and_delivered(bench: Bench) -> None:
    run_id = await bench.queue(cases=600)
    async with working(bench):
        run = await ended(bench, run_id)
    assert run.state is RunState.SUCCEEDED
    assert (run.progress.done, run.metrics[0].n_scored) == (600, 600)
    assert Counter(bench.model.asked) == Counter(f"question {n}" for n in range(600))


async def test_several_runs_are_executed_at_the_same_time(bench: Bench) -> None:
    asked_runs: set[str] = set()
    both = asyncio.Event()

    async def wait_for_the_other(question: str) -> str:
        asked_runs.add(question[:5])
        if len(asked_runs) == 2:
            both.set()
        async with asyncio.timeout(60):
            await both.wait()  # no answer to one run before the other has begun, too
        return question

    bench.model.answer = lambda question, _repeat: wait_for_the_other(question)
    run_ids = [await bench.queue(cases=30, prompt=f"run {n}: {{q}}") for n in range(2)]
    async with working(bench):
        states = [(await ended(bench, run_id)).state for run_id in run_ids]
    assert states == [RunState.SUCCEEDED] * 2
    assert asked_runs == {"run 0", "run 1"}


async def test_a_cancelled_run_stops_and_can_be_resumed(bench: Bench) -> None:
    bench.model.latency_s = 0.01
    run_id = await bench.queue(cases=900, concurrency=4)
    async with working(bench):
        await asked(bench, 20)
        await Runs(bench.store).cancel(bench.caller, run_id)
        run = await ended(bench, run_id)
        assert run.state is RunState.CANCELLED
        assert run.progress.done < 900
        await asyncio.sleep(0.6)
        quiet = len(bench.model.asked)
        await asyncio.sleep(0.4)
        assert len(bench.model.asked) == quiet
        bench.model.latency_s = 0.0
        await Runs(bench.store).resume(bench.caller, run_id)
        run = await ended(bench, run_id)
    assert run.state is RunState.SUCCEEDED
    assert run.progress.done == 900


async def test_a_run_cancelled_and_resumed_at_once_pays_for_no_case_twice(bench: Bench) -> None:
    bench.model.latency_s = 0.01
    run_id = await bench.queue(cases=900, concurrency=4)
    async with working(bench):
        await asked(bench, 20)
        await Runs(bench.store).cancel(bench.caller, run_id)
        await Runs(bench.store).resume(bench.caller, run_id)
        run = await ended(bench, run_id)
    assert (run.state, run.progress.done) == (RunState.SUCCEEDED, 900)
    assert run.metrics[0].n_scored == 900
    assert len(bench.model.asked) == 900  # calls in flight had time to be answered


async def test_the_metrics_of_a_stopped_run_count_the_last_calls_in_flight(bench: Bench) -> None:
    last_shard = 44

    async def answer(question: str, _: int) -> str:
        await asked(bench, SEGMENT + last_shard)  # both shards are in flight, in whatever order
        await asyncio.sleep(0.0 if int(question.split()[1]) >= SEGMENT else 0.3)
        return question

    bench.model.answer = answer
    run_id = await bench.queue(
        cases=SEGMENT + last_shard, concurrency=SEGMENT + last_shard, budget={"tokens": 12 * 44}
    )
    async with working(bench):
        await ended(bench, run_id)
        await asyncio.sleep(0.4)
    run = await Runs(bench.store).get(bench.caller, run_id)
    assert (run.state, run.reason) == (RunState.CANCELLED, "budget")
    assert run.metrics[0].n_scored == run.progress.done == SEGMENT + last_shard


async def test_a_worker_that_shuts_down_leaves_the_rest_for_the_next_start(bench: Bench) -> None:
    bench.model.latency_s = 0.005
    run_id = await bench.queue(cases=600, concurrency=4)
    async with working(bench):
        await asked(bench, 50)
    run = await Runs(bench.store).get(bench.caller, run_id)
    assert run.state is RunState.RUNNING
    assert run.progress.done == len(bench.model.asked)  # what was paid for is stored
    bench.model.latency_s = 0.0
    async with working(bench, lease_s=5.0):  # whoever misses it ends the process
        gc.collect()  # what the first worker left unfinished is not garbage
        run = await ended(bench, run_id)
    assert run.state is RunState.SUCCEEDED
    assert len(bench.model.asked) == 600


async def test_a_run_whose_model_is_gone_fails_with_that_reason(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await bench.queue()

    async def gone(*_: object) -> None:
        raise Conflict("no model of that name")

    monkeypatch.setattr("support.running.FakeModels.get", gone)
    async with working(bench):
        async with asyncio.timeout(20):
            while (await Runs(bench.store).get(bench.caller, run_id)).state not in FINISHED:
                await asyncio.sleep(0.02)
    run = await Runs(bench.store).get(bench.caller, run_id)
    assert run.state is RunState.FAILED
    assert run.reason == "no model of that name"


async def test_a_database_that_is_away_for_a_moment_ends_no_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = iter([True, True, False])
    monkeypatch.setattr(worker_module, "WAIT_S", 0.01)

    async def load(*arguments: Any, **options: Any) -> LoadedRun:
        if next(away, False):
            raise Unavailable("the database restarts")
        return await load_run(*arguments, **options)

    monkeypatch.setattr(worker_module, "load_run", load)
    run_id = await bench.queue()
    async with working(bench):
        assert (await ended(bench, run_id)).state is RunState.SUCCEEDED


async def test_a_bug_of_ours_ends_the_run_with_that_reason(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(worker_module, "load_run", broken)
    run_id = await bench.queue()
    async with working(bench):
        async with asyncio.timeout(20):
            while (await Runs(bench.store).get(bench.caller, run_id)).state not in FINISHED:
                await asyncio.sleep(0.02)
    run = await Runs(bench.store).get(bench.caller, run_id)
    assert (run.state, run.reason) == (
        RunState.FAILED,
        "internal error (ZeroDivisionError); the server's log says more",
    )


async def test_failed_cases_of_an_ended_run_are_retried_by_the_worker(bench: Bench) -> None:
    broken = True

    def answer(question: str, _: int) -> str:
        if broken and question.endswith("7"):
            raise refuse()
        return question

    bench.model.answer = answer
    run_id = await bench.queue(cases=30)
    async with working(bench):
        assert (await ended(bench, run_id)).progress.failed == 3
        broken = False
        await Runs(bench.store).retry_failed(bench.caller, run_id)
        run = await ended(bench, run_id)
    assert run.progress.failed == 0
    assert len(bench.model.asked) == 33


async def test_a_full_disk_ends_the_run_as_soon_as_that_can_be_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise OutOfSpace("no room left in the database")

    monkeypatch.setattr(worker_module, "WAIT_S", 0.05)
    run_id = await bench.queue(cases=600)
    async with working(bench):
        with monkeypatch.context() as patch:
            patch.setattr(recorder, "record_group", full)
            patch.setattr(delivery, "move_run", full)
            moved = runs.move_run

            async def full_at_the_end(*arguments: Any, **named: Any) -> bool:
                if RunState.FAILED in arguments:
                    raise OutOfSpace("no room left in the database")
                return await moved(*arguments, **named)

            patch.setattr(runs, "move_run", full_at_the_end)
            await asked(bench, 1)
            await asyncio.sleep(0.5)
            paid = len(bench.model.asked)
            await asyncio.sleep(0.3)
            assert len(bench.model.asked) == paid  # nothing more is asked while it is full
        async with asyncio.timeout(20):
            while (run := await Runs(bench.store).get(bench.caller, run_id)).state not in FINISHED:
                await asyncio.sleep(0.02)
        assert (run.state, run.reason) == (RunState.FAILED, "no room left in the database")
        await Runs(bench.store).resume(bench.caller, run_id)
        run = await ended(bench, run_id)
    assert (run.state, run.progress.done) == (RunState.SUCCEEDED, 600)


async def test_a_budget_stops_a_queued_run_cleanly(bench: Bench) -> None:
    bench.model.latency_s = 0.001
    run_id = await bench.queue(cases=900, budget={"usd": 0.05}, concurrency=4)
    async with working(bench):
        run = await ended(bench, run_id)
    assert (run.state, run.reason) == (RunState.CANCELLED, "budget")
    assert 50 <= run.progress.done <= 53


class TestOnSqlite:
    """One worker to a data folder."""

    @pytest.fixture
    def database_url(self) -> None:
        """SQLite only."""
        return

    async def test_a_second_worker_is_refused(self, bench: Bench, tmp_path: Path) -> None:
        second = Store(None, bench.store.folder)
        async with working(bench):
            with pytest.raises(Conflict, match="another worker"):
                await Worker(second, bench.models).start()
        await second.close()


async def test_a_heartbeat_keeps_a_worker_alive_and_a_missing_one_does_not(store: Store) -> None:
    async with store.begin() as connection:
        await workers.join(connection, "one")
        await workers.join(connection, "two")
    await asyncio.sleep(2.5)
    async with store.begin() as connection:
        assert await workers.beat(connection, "one", ttl_s=60)
        assert await workers.alive(connection, ttl_s=2) == {"one"}
        assert not await workers.beat(connection, "two", ttl_s=0.2)
        await workers.leave(connection, "one")
        assert await workers.alive(connection, ttl_s=60) == {"two"}
