"""Which work a run has."""

from dataclasses import replace
from typing import cast

from support.producing import Kitchen
from support.running import Bench
from weighbridge.jobs.case_work import CaseWork
from weighbridge.jobs.execution import Execution
from weighbridge.jobs.loading import LoadedRun
from weighbridge.jobs.sample_work import SampleWork
from weighbridge.jobs.work import work_for
from weighbridge.store.engine import Store


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


async def test_an_execution_does_what_its_work_does(bench: Bench) -> None:
    run_id = await bench.queue(1)
    loaded = await bench.load(run_id)
    execution = Execution(loaded, bench.store)
    assert type(execution._work) is type(work_for(loaded, cast("Store", bench.store)))
    assert isinstance(replace(loaded), LoadedRun)
