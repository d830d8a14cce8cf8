"""A run in this process: every case once, whatever comes in between."""

import asyncio
import os
import socket
from collections import Counter

import pytest
from sqlalchemy import event

from support.running import Bench, refuse
from weighbridge.core.outcome import Status
from weighbridge.core.run import RunState
from weighbridge.errors import Conflict, OutOfSpace, Unavailable
from weighbridge.jobs import foreground
from weighbridge.jobs.execution import Execution
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.stop import Stop
from weighbridge.services.runs import Runs
from weighbridge.store.outcomes import stream_outcomes
from weighbridge.store.runs import take_ownership


async def statuses(bench: Bench, run_id: str) -> Counter[Status]:
    rows = stream_outcomes(bench.store, bench.caller.workspace_id, run_id)
    return Counter([record.status async for record in rows])


async def execute(bench: Bench, run_id: str, started: object = None) -> RunState:
    loaded = await bench.load(run_id)
    if started is None:
        return await run_in_foreground(bench.store, loaded)
    return await run_in_foreground(bench.store, loaded, started)  # type: ignore[arg-type]


async def test_every_case_is_asked_once_and_scored(bench: Bench) -> None:
    run_id = await bench.queue(cases=600)
    assert await execute(bench, run_id) is RunState.SUCCEEDED
    run = await Runs(bench.store).get(bench.caller, run_id)
    assert Counter(bench.model.asked) == Counter(f"question {n}" for n in range(600))
    assert (run.progress.done, run.progress.total, run.progress.failed) == (600, 600, 0)
    (metric,) = run.metrics
    assert (metric.value, metric.n_scored, metric.n_total) == (1.0, 600, 600)
    assert run.usage.calls == 600
    assert run.usage.cost_usd == pytest.approx(0.6)


async def test_no_more_calls_are_in_flight_than_the_evaluation_allows(bench: Bench) -> None:
    bench.model.latency_s = 0.002
    run_id = await bench.queue(cases=300, concurrency=7)
    await execute(bench, run_id)
    assert bench.model.most_in_flight == 7


async def test_the_pool_does_not_run_dry_between_two_shards(bench: Bench) -> None:
    two_shards_on = asyncio.Event()

    async def answer(question: str, _: int) -> str:
        if question == "question 600":
            two_shards_on.set()
        if question == "question 3":  # in flight until a case of the third shard is asked
            async with asyncio.timeout(20):
                await two_shards_on.wait()
        return question

    bench.model.answer = answer
    run_id = await bench.queue(cases=700, concurrency=4)
    await execute(bench, run_id)
    assert await statuses(bench, run_id) == {Status.SCORED: 700}


async def test_repeats_are_cases_of_their_own_and_are_reduced(bench: Bench) -> None:
    bench.model.answer = lambda question, repeat: question if repeat == 2 else "wrong"
    run_id = await bench.queue(cases=20, epochs=3, reducer="pass@k")
    await execute(bench, run_id)
    run = await Runs(bench.store).get(bench.caller, run_id)
    assert run.progress.total == len(bench.model.asked) == 60
    assert (run.metrics[0].value, run.metrics[0].n_total) == (1.0, 20)


async def test_a_failed_call_is_failed_and_not_wrong(bench: Bench) -> None:
    def answer(question: str, _: int) -> str:
        if question.endswith("3"):
            raise refuse()
        return question

    bench.model.answer = answer
    run_id = await bench.queue(cases=40)
    assert await execute(bench, run_id) is RunState.SUCCEEDED
    run = await Runs(bench.store).get(bench.caller, run_id)
    (metric,) = run.metrics
    assert (metric.value, metric.n_scored, metric.n_failed, metric.n_total) == (1.0, 36, 4, 40)
    assert run.progress.failed == 4


async def test_a_bug_in_one_case_costs_that_case_only(bench: Bench) -> None:
    def answer(question: str, _: int) -> str:
        if question.endswith("3"):
            raise ZeroDivisionError("a bug")
        return question

    bench.model.answer = answer
    run_id = await bench.queue(cases=20)
    assert await execute(bench, run_id) is RunState.SUCCEEDED
    assert await statuses(bench, run_id) == {Status.SCORED: 18, Status.FAILED: 2}


async def test_retry_failed_asks_the_failed_cases_again_and_no_other(bench: Bench) -> None:
    broken = True

    def answer(question: str, _: int) -> str:
        if broken and question.endswith("3"):
            raise refuse()
        return question

    bench.model.answer = answer
    run_id = await bench.queue(cases=40)
    await execute(bench, run_id)
    broken = False
    bench.model.asked.clear()
    await Runs(bench.store).retry_failed(bench.caller, run_id)
    assert await execute(bench, run_id) is RunState.SUCCEEDED
    assert sorted(bench.model.asked) == [
        "question 13", "question 23", "question 3", "question 33",
    ]  # fmt: skip
    assert await statuses(bench, run_id) == {Status.SCORED: 40}


async def test_a_run_of_which_no_case_was_answered_has_failed_and_says_why(bench: Bench) -> None:
    def answer(question: str, _: int) -> str:
        raise refuse("timeout", 408)

    bench.model.answer = answer
    run_id = await bench.queue(cases=5)
    assert await execute(bench, run_id) is RunState.FAILED
    run = await Runs(bench.store).get(bench.caller, run_id)
    assert run.reason is not None
    assert "the endpoint said 408" in run.reason


async def test_an_endpoint_that_refuses_the_key_stops_the_run_early(bench: Bench) -> None:
    def answer(question: str, _: int) -> str:
        raise refuse("unauthorized", 401)

    bench.model.answer = answer
    run_id = await bench.queue(cases=500)
    assert await execute(bench, run_id) is RunState.FAILED
    assert len(bench.model.asked) < 50


async def test_a_budget_stops_the_run_and_keeps_what_was_done(bench: Bench) -> None:
    bench.model.latency_s = 0.001
    run_id = await bench.queue(cases=400, budget={"usd": 0.1}, concurrency=4)
    assert await execute(bench, run_id) is RunState.CANCELLED
    run = await Runs(bench.store).get(bench.caller, run_id)
    assert run.reason == "budget"
    assert 100 <= run.progress.done <= 103  # the calls in flight are paid for, so they are kept
    assert run.progress.done == len(bench.model.asked)
    assert run.metrics[0].n_scored == run.progress.done


async def test_a_run_whose_budget_is_used_up_asks_nothing_when_it_is_resumed(bench: Bench) -> None:
    run_id = await bench.queue(cases=40, budget={"tokens": 120}, concurrency=1)
    await execute(bench, run_id)
    asked = len(bench.model.asked)
    await Runs(bench.store).resume(bench.caller, run_id)
    assert await execute(bench, run_id) is RunState.CANCELLED
    assert len(bench.model.asked) == asked == 10


async def test_a_budget_that_the_last_case_uses_up_stops_nothing(bench: Bench) -> None:
    run_id = await bench.queue(cases=10, budget={"tokens": 120}, concurrency=1)
    assert await execute(bench, run_id) is RunState.SUCCEEDED


async def test_a_budget_does_not_keep_a_complete_run_from_its_report(bench: Bench) -> None:
    run_id = await bench.queue(cases=10, budget={"tokens": 120}, concurrency=1)
    loaded = await bench.load(run_id)
    async with Execution(loaded, bench.store) as execution:
        assert await execution.do_shard(loaded.plan[0])
    assert await execute(bench, run_id) is RunState.SUCCEEDED
    assert len(bench.model.asked) == 10


async def test_cancelling_from_elsewhere_takes_effect_within_a_second(bench: Bench) -> None:
    bench.model.latency_s = 30.0
    run_id = await bench.queue(cases=50)
    execution = asyncio.create_task(execute(bench, run_id))
    while not bench.model.in_flight:
        await asyncio.sleep(0.01)
    clock = asyncio.get_running_loop().time
    began = clock()
    await Runs(bench.store).cancel(bench.caller, run_id)
    await execution
    assert clock() - began < 1.5  # a second, and the report
    run = await Runs(bench.store).get(bench.caller, run_id)
    assert run.state is RunState.CANCELLED


async def test_a_stopped_run_resumes_with_the_missing_cases_only(bench: Bench) -> None:
    bench.model.latency_s = 0.001
    run_id = await bench.queue(cases=2_000, concurrency=4)

    def stop_later(execution: Execution) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(0.15, lambda: execution.stop(Stop(RunState.CANCELLED, "interrupted"), 5.0))

    assert await execute(bench, run_id, stop_later) is RunState.CANCELLED
    first = len(bench.model.asked)
    assert 0 < first < 2_000
    await Runs(bench.store).resume(bench.caller, run_id)
    assert await execute(bench, run_id) is RunState.SUCCEEDED
    assert len(bench.model.asked) == 2_000


async def test_a_succeeded_run_cannot_be_resumed(bench: Bench) -> None:
    run_id = await bench.queue()
    await execute(bench, run_id)
    with pytest.raises(Conflict, match="has succeeded"):
        await Runs(bench.store).resume(bench.caller, run_id)


async def test_a_run_in_work_elsewhere_is_left_alone(bench: Bench) -> None:
    run_id = await bench.queue()
    async with bench.store.begin() as connection:
        await take_ownership(connection, run_id, "another-host:77", 60.0)
    with pytest.raises(Conflict, match="another-host:77"):
        await execute(bench, run_id)
    assert bench.model.asked == []


async def test_a_run_whose_process_is_dead_is_taken_over_at_once(bench: Bench) -> None:
    dead = await asyncio.create_subprocess_exec("true")
    await dead.wait()
    run_id = await bench.queue(owner=f"{socket.gethostname()}:{dead.pid}")
    assert await execute(bench, run_id) is RunState.SUCCEEDED


async def test_a_run_owned_by_this_process_goes_on(bench: Bench) -> None:
    run_id = await bench.queue(owner=f"{socket.gethostname()}:{os.getpid()}")
    assert await execute(bench, run_id) is RunState.SUCCEEDED


async def test_who_lost_a_run_to_another_process_stops_asking(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foreground, "RENEW_EVERY_S", 0.05)
    bench.model.latency_s = 30.0
    run_id = await bench.queue()
    execution = asyncio.create_task(execute(bench, run_id))
    while not bench.model.in_flight:
        await asyncio.sleep(0.01)
    async with bench.store.begin() as connection:
        await take_ownership(connection, run_id, foreground.this_process(), -1.0)
        assert await take_ownership(connection, run_id, "another-host:77", 60.0) is None
    with pytest.raises(Conflict, match="another-host:77 has taken it over"):
        async with asyncio.timeout(10):
            await execution
    run = await Runs(bench.store).get(bench.caller, run_id)
    assert run.state is RunState.RUNNING


async def test_a_database_away_for_a_moment_does_not_end_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = 0

    async def away(*_: object) -> None:
        nonlocal tried
        tried += 1
        raise Unavailable("it is away")

    run_id = await bench.queue()
    bench.model.latency_s = 0.1
    with monkeypatch.context() as patch:
        patch.setattr(foreground, "RENEW_EVERY_S", 0.01)

        def began(_: Execution) -> None:
            patch.setattr(foreground, "take_ownership", away)

        assert await execute(bench, run_id, began) is RunState.SUCCEEDED
    assert tried > 1


class TestNoRoomLeft:
    """No disk space: the run stops with the reason, loses nothing, and resumes later."""

    @pytest.fixture
    def database_url(self) -> None:
        """SQLite only: its page limit is a full disk that a test can make and undo."""
        return

    async def test_a_full_database_stops_the_run_which_then_resumes(self, bench: Bench) -> None:
        run_id = await bench.queue(cases=3_000)
        bench.model.answer = lambda question, _: question + " " + "x" * 500
        limit = _PageLimit(bench)
        limit.set(pages=limit.pages + 60)
        state = await execute(bench, run_id)
        assert state is RunState.FAILED
        limit.set(pages=1_000_000)
        run = await Runs(bench.store).get(bench.caller, run_id)
        assert run.state is RunState.FAILED
        assert "no room left" in (run.reason or "")
        kept = sum((await statuses(bench, run_id)).values())
        assert kept == run.progress.done < 3_000
        await Runs(bench.store).resume(bench.caller, run_id)
        assert await execute(bench, run_id) is RunState.SUCCEEDED
        assert sum((await statuses(bench, run_id)).values()) == 3_000

    async def test_a_full_database_refuses_a_new_evaluation_in_plain_words(
        self, bench: Bench
    ) -> None:
        limit = _PageLimit(bench)
        limit.set(pages=limit.pages)
        with pytest.raises(OutOfSpace, match="no room left"):
            for _ in range(200):
                await bench.queue(cases=1, metadata={"filler": "x" * 2_000})
        assert bench.model.asked == []


class _PageLimit:
    """SQLite's `max_page_count`, on every connection of the store."""

    def __init__(self, bench: Bench) -> None:
        self._engine = bench.store.engine.sync_engine
        self._pages = 1_000_000
        path = bench.store.folder / "weighbridge.sqlite"
        self.pages = path.stat().st_size // 4096
        event.listen(self._engine, "checkout", self._apply)

    def set(self, pages: int) -> None:
        self._pages = pages

    def _apply(self, connection: object, *_: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute(f"pragma max_page_count={self._pages}")
        cursor.close()
