"""A run stops when it knows enough, and is not taken in by the order in which answers come."""

import asyncio
import math
import random

import pytest

from support.running import Bench
from weighbridge.core.evaluation import Precision
from weighbridge.core.outcome import Answer, Failed, Record, Scored
from weighbridge.core.run import Run, RunState
from weighbridge.jobs.execution import Execution
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.precision import PrecisionWatch
from weighbridge.services.runs import Runs

STOP = {"scorer": "exact", "half_width": 0.1}


@pytest.fixture
def database_url() -> str | None:
    """SQLite; what the databases do differently is tested with `store.scores`."""
    return None


def record(position: int, value: float | None) -> Record:
    if value is None:
        return Record(position, str(position), 0, None, {}, Failed("timeout", "late"))
    return Record(position, str(position), 0, Answer("x"), {"s": Scored(value)})


def watch(binary: bool = True, **options: object) -> PrecisionWatch:
    return PrecisionWatch(Precision("s", 0.1, **options), binary=binary)  # type: ignore[arg-type]


async def ended(bench: Bench, run_id: str) -> Run:
    await run_in_foreground(bench.store, await bench.load(run_id))
    return await Runs(bench.store).get(bench.caller, run_id)


def right_in(share: float, seed: int = 1) -> object:
    chance = random.Random(seed)
    right = [chance.random() < share for _ in range(10_000)]

    def answer(question: str, _: int) -> str:
        return question if right[int(question.rsplit(maxsplit=1)[-1])] else "wrong"

    return answer


async def test_a_run_stops_when_its_metric_is_known_well_enough(bench: Bench) -> None:
    bench.model.answer = right_in(0.7)  # type: ignore[assignment]
    run = await ended(bench, await bench.queue(cases=2_000, stop=STOP, scorers=["exact", "f1"]))
    assert run.state is RunState.SUCCEEDED
    assert run.reason is not None
    assert run.reason.startswith("precise enough: exact 0.")
    exact, f1 = run.metrics
    assert exact.n_total == 2_000
    assert 100 < exact.n_scored <= run.progress.done < 600
    assert (exact.method, exact.level, f1.method) == ("sequential", 0.95, "t")
    assert exact.low is not None
    assert exact.high is not None
    assert exact.high - exact.low <= 0.2
    assert exact.low < 0.7 < exact.high
    assert len(bench.model.asked) == run.progress.done


async def test_data_in_order_is_shuffled_first(bench: Bench) -> None:
    def answer(question: str, _: int) -> str:
        return question if int(question.rsplit(maxsplit=1)[-1]) < 1_000 else "wrong"

    bench.model.answer = answer
    run = await ended(bench, await bench.queue(cases=2_000, stop=STOP))
    [metric] = run.metrics
    assert run.progress.done < 1_000
    assert metric.value == pytest.approx(0.5, abs=0.1)


async def test_quick_answers_are_not_counted_before_the_slow_ones(bench: Bench) -> None:
    async def answer(question: str, _: int) -> str:
        if int(question.rsplit(maxsplit=1)[-1]) % 2:
            return question
        await asyncio.sleep(0.05)
        return "wrong"

    bench.model.answer = answer
    run = await ended(bench, await bench.queue(cases=2_000, stop=STOP, concurrency=100))
    [metric] = run.metrics
    assert run.progress.done < 1_000
    assert metric.value == pytest.approx(0.5, abs=0.1)


async def test_a_run_that_never_knows_enough_does_all_its_cases(bench: Bench) -> None:
    bench.model.answer = right_in(0.5)  # type: ignore[assignment]
    run = await ended(bench, await bench.queue(cases=60, stop=STOP))
    assert (run.state, run.reason, run.progress.done) == (RunState.SUCCEEDED, None, 60)
    [metric] = run.metrics
    assert (metric.method, metric.n_scored, metric.n_total) == ("sequential", 60, 60)


async def test_a_resumed_run_goes_on_from_what_its_rows_say(bench: Bench) -> None:
    bench.model.answer = right_in(0.7)  # type: ignore[assignment]
    whole = await ended(bench, await bench.queue(cases=2_000, stop=STOP))
    run_id = await bench.queue(cases=2_000, stop=STOP, budget={"tokens": 1_200})
    assert (await ended(bench, run_id)).reason == "budget"
    runs = Runs(bench.store)
    await runs.resume(bench.caller, run_id)
    loaded = await bench.load(run_id)
    unlimited = loaded.evaluation.budget.__class__()
    object.__setattr__(loaded.evaluation, "budget", unlimited)
    await run_in_foreground(bench.store, loaded)
    again = await runs.get(bench.caller, run_id)
    assert again.state is RunState.SUCCEEDED
    assert again.reason is not None
    assert again.reason.startswith("precise enough")
    assert abs(again.progress.done - whole.progress.done) < 150


async def test_rows_of_other_processes_count(bench: Bench) -> None:
    bench.model.answer = right_in(0.7)  # type: ignore[assignment]
    run_id = await bench.queue(cases=2_000, stop=STOP)
    loaded = await bench.load(run_id)
    async with Execution(loaded, bench.store) as here, Execution(loaded, bench.store) as there:
        await there.do_shard(loaded.plan[0])
        await there.do_shard(loaded.plan[1])
        assert here.stopped is None
        await here.look_at_precision()
        assert here.stopped is not None
        assert here.stopped.state is RunState.SUCCEEDED


def test_outcomes_behind_a_gap_wait_until_it_is_filled() -> None:
    ours = watch()
    for position in range(1, 500):
        ours.note(record(position, 1.0))
    assert ours.stop is None
    ours.note(record(0, None))
    assert ours.stop is not None


def test_failed_cases_fill_a_gap_and_are_no_score() -> None:
    ours = watch()
    for position in range(1_000):
        ours.note(record(position, None))
    assert ours.stop is None


def test_there_are_at_least_min_cases() -> None:
    ours = watch(min_cases=300)
    for position in range(299):
        ours.note(record(position, 1.0))
    assert ours.stop is None
    ours.note(record(299, 1.0))
    assert ours.stop is not None


@pytest.mark.parametrize(("binary", "value"), [(True, 0.5), (False, 34.2), (False, -0.1)])
def test_scores_that_cannot_be_watched_end_the_run(binary: bool, value: float) -> None:
    ours = watch(binary)
    ours.note(record(0, value))
    assert ours.stop is not None
    assert ours.stop.state is RunState.FAILED
    assert f"{value}" in ours.stop.reason


def test_graded_scores_are_watched_too() -> None:
    ours, chance = watch(binary=False), random.Random(2)
    for position in range(2_000):
        ours.note(record(position, 0.5 + 0.1 * math.sin(chance.random())))
        if ours.stop is not None:
            break
    assert ours.stop is not None
    assert position < 600
