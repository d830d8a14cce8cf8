"""With the cache a run pays for nothing that its workspace paid for before."""

import asyncio

from support.running import Bench
from weighbridge.core.caller import Caller, Role
from weighbridge.core.outcome import Record
from weighbridge.core.run import Run
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.loading import load_run
from weighbridge.services.runs import Runs
from weighbridge.store.keys import ensure_workspace
from weighbridge.store.outcomes import stream_outcomes
from weighbridge.store.runs import read_pin


async def execute(
    bench: Bench, cases: int = 20, *, override: bool | None = None, **fields: object
) -> Run:
    run_id = await bench.queue(cases, **fields)
    loaded = await load_run(bench.store, bench.models, run_id, cache=override)
    await run_in_foreground(bench.store, loaded)
    return await Runs(bench.store).get(bench.caller, run_id)


async def records(bench: Bench, run: Run) -> list[Record]:
    return [it async for it in stream_outcomes(bench.store, run.workspace_id, run.id)]


async def test_a_second_run_is_not_paid_twice(bench: Bench) -> None:
    first = await execute(bench, cache=True)
    assert (first.usage.calls, first.usage.cached) == (20, 0)
    second = await execute(bench, 25, cache=True)
    assert (second.usage.calls, second.usage.cached) == (5, 20)
    assert second.usage.input_tokens == 50
    assert second.usage.cost_usd is not None
    assert abs(second.usage.cost_usd - 0.005) < 1e-9
    assert len(bench.model.asked) == 25
    kept = (await records(bench, second))[0]
    assert kept.answer is not None
    assert (kept.answer.text, kept.answer.details) == ("question 0", {"cached": True})
    assert kept.usage.cached == 1


async def test_without_the_cache_nothing_is_looked_for_and_nothing_is_kept(bench: Bench) -> None:
    await execute(bench)
    await execute(bench, cache=True)
    await execute(bench)
    assert len(bench.model.asked) == 60
    assert (await execute(bench, cache=True)).usage.cached == 20
    assert (await execute(bench, cache=True, override=False)).usage.cached == 0
    assert (await execute(bench, override=True)).usage.cached == 20


async def test_each_repeat_has_a_reply_of_its_own(bench: Bench) -> None:
    bench.model.answer = lambda question, repeat: f"{question} {repeat}"
    await execute(bench, 5, epochs=2, cache=True)
    run = await execute(bench, 5, epochs=3, cache=True)
    assert (run.usage.calls, run.usage.cached) == (5, 10)
    texts = {it.answer.text for it in await records(bench, run) if it.answer}
    assert len(texts) == 15


async def test_the_cache_is_not_part_of_the_pin(bench: Bench) -> None:
    ids = [await bench.queue(2, cache=cache) for cache in (True, False)]
    async with bench.store.begin() as connection:
        assert len({await read_pin(connection, run_id) for run_id in ids}) == 1


async def test_another_workspace_pays_for_itself(bench: Bench) -> None:
    await execute(bench, cache=True)
    async with bench.store.begin() as connection:
        workspace = await ensure_workspace(connection, "another")
    other = Bench(bench.store, bench.model, Caller(workspace, Role.ADMIN))
    assert (await execute(other, cache=True)).usage.calls == 20


async def test_cases_that_ask_the_same_are_asked_once(bench: Bench) -> None:
    bench.model.latency_s = 0.01
    run = await execute(bench, 50, prompt="What is the time?", scorers=[], cache=True)
    assert (run.usage.calls, run.usage.cached) == (1, 49)


async def test_two_runs_at_the_same_time_share_what_they_ask(bench: Bench) -> None:
    bench.model.latency_s = 0.02
    runs = await asyncio.gather(*(execute(bench, 10, cache=True) for _ in range(2)))
    assert sum(run.usage.calls for run in runs) == 10
