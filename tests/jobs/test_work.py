"""Which work a run has."""

import pytest

from support.producing import Kitchen
from support.running import Bench
from weighbridge.core.case import Case
from weighbridge.core.outcome import Answer, Given, Record
from weighbridge.jobs.case_work import CaseWork
from weighbridge.jobs.foreground import run_in_foreground
from weighbridge.jobs.sample_work import SampleWork
from weighbridge.jobs.work import work_for
from weighbridge.store.outcomes import stream_outcomes


async def test_most_runs_ask_once_and_score(bench: Bench) -> None:
    loaded = await bench.load(await bench.queue(2))
    assert type(work_for(loaded, bench.store)) is CaseWork


async def test_a_run_that_makes_samples_has_work_of_its_own(bench: Bench) -> None:
    kitchen = Kitchen(bench)
    view = await kitchen.create(await kitchen.spec())
    loaded = await bench.load(view.run.id)
    assert loaded.production is not None
    assert loaded.production.id == view.production.id
    assert type(work_for(loaded, bench.store)) is SampleWork


async def test_metadata_of_somebodys_own_makes_no_samples(bench: Bench) -> None:
    told = {"production": "prod_of_somebody_else", "asks": ["other", 7]}
    loaded = await bench.load(await bench.queue(1, metadata=told))
    assert loaded.production is None
    assert list(loaded.others) == ["other"]
    assert type(work_for(loaded, bench.store)) is CaseWork


async def test_an_execution_does_its_cases_by_the_work_of_the_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Own:
        async def do(self, case: Case, epoch: int, given: Given) -> Record:
            assert given.answer is None
            return Record(case.position, case.id, epoch, Answer(f"own {case.id}"), {})

    monkeypatch.setattr("weighbridge.jobs.execution.work_for", lambda *_: Own())
    run_id = await bench.queue(3)
    await run_in_foreground(bench.store, await bench.load(run_id))
    workspace = bench.caller.workspace_id
    records = [it async for it in stream_outcomes(bench.store, workspace, run_id)]
    assert [it.answer.text for it in records if it.answer] == ["own c0", "own c1", "own c2"]
    assert bench.model.asked == []
