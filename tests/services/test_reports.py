"""What is counted over all outcomes is counted once for a run that has ended, and anew after it was
taken up again."""

import pytest

from support.running import Bench, refuse
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.services import reports as module
from weighbridge.services.reports import Reports
from weighbridge.services.runs import Runs


class Counted:
    """How often outcomes were gone through."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.times = 0
        summarise = module.summarise

        async def counting(*arguments: object) -> object:
            self.times += 1
            return await summarise(*arguments)  # type: ignore[arg-type]

        patch.setattr(module, "summarise", counting)


async def test_a_run_that_has_ended_is_counted_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    run_id = await bench.ran(cases=8)
    reports = Reports(bench.store, Runs(bench.store))
    first = await reports.get(bench.caller, run_id)
    again = await reports.get(bench.caller, run_id)
    assert counted.times == 1
    assert first.summary == again.summary
    assert dict(first.summary.answered_by) == {"fake-1": 8}
    assert first.latency_p50_s is not None
    assert first.latency_p50_s <= (first.latency_p95_s or 0)


async def test_a_run_that_goes_on_is_counted_each_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    run_id = await bench.queue(3)
    reports = Reports(bench.store, Runs(bench.store))
    await reports.get(bench.caller, run_id)
    await reports.get(bench.caller, run_id)
    assert counted.times == 2


async def test_failed_cases_that_were_done_again_are_counted_anew(bench: Bench) -> None:
    def refusing(question: str, _epoch: int) -> str:
        if question.endswith("2"):
            raise refuse()
        return question

    bench.model.answer = refusing
    runs = Runs(bench.store)
    reports = Reports(bench.store, runs)
    run_id = await bench.queue(4)
    await run_in_foreground(bench.store, await bench.load(run_id))
    assert (await reports.get(bench.caller, run_id)).summary.failures == {"server_error": 1}
    bench.model.answer = None
    await runs.retry_failed(bench.caller, run_id)
    await run_in_foreground(bench.store, await bench.load(run_id))
    assert (await reports.get(bench.caller, run_id)).summary.failures == {}


async def test_a_large_run_is_at_hand_only_when_it_was_counted(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_QUICK", 5)
    runs = Runs(bench.store)
    reports = Reports(bench.store, runs)
    small, large = await bench.ran(cases=5), await bench.ran(cases=6)
    assert await reports.at_hand(await runs.view(bench.caller, small)) is not None
    view = await runs.view(bench.caller, large)
    assert await reports.at_hand(view) is None
    await reports.get(bench.caller, large)
    assert await reports.at_hand(view) is not None


async def test_quantiles_are_the_nearest_ranks(bench: Bench) -> None:
    run_id = await bench.ran(cases=4)
    async with bench.store.begin() as connection:
        await connection.exec_driver_sql(
            "update outcomes set latency_s = position + 1 where kind = 'asked'"
        )
    report = await Reports(bench.store, Runs(bench.store)).get(bench.caller, run_id)
    assert (report.latency_p50_s, report.latency_p95_s) == (2.0, 4.0)
