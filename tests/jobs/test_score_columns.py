"""The scores of an ended run are kept as a file, which is believed only as long as it is true."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from support.running import Bench
from weighbridge.core.run import RunState
from weighbridge.jobs import score_columns, worker
from weighbridge.jobs.loading import LoadedRun
from weighbridge.jobs.score_columns import ended_scores, read_scores, standing
from weighbridge.jobs.worker import Worker
from weighbridge.reports.comparison import RunScores
from weighbridge.store.runs import move_run


@pytest.fixture
def database_url() -> str | None:
    """SQLite; rows are read by `store.scores`, which is tested on both."""
    return None


@pytest.fixture(autouse=True)
def _small_ones_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score_columns, "WORTH_KEEPING", 5)


def files(bench: Bench) -> list[Path]:
    return sorted((bench.store.folder / "blobs" / "scores").glob("*.npz"))


async def scores_of(bench: Bench, loaded: LoadedRun, *keys: str) -> RunScores | None:
    run = loaded.run
    wanted = keys or ("exact",)
    return await ended_scores(bench.store, run.workspace_id, run.id, loaded.evaluation, wanted)


async def test_the_file_says_what_the_rows_say(bench: Bench) -> None:
    run_id = await bench.ran(lambda n: n % 2 == 0, cases=20)
    loaded = await bench.load(run_id)
    first = await scores_of(bench, loaded)
    assert len(files(bench)) == 1
    again = await scores_of(bench, loaded)
    workspace = loaded.run.workspace_id
    rows = await read_scores(bench.store, workspace, run_id, loaded.evaluation, ["exact"])
    for found in (first, again):
        assert found is not None
        np.testing.assert_array_equal(found.values["exact"], rows.values["exact"])
        np.testing.assert_array_equal(found.ids, rows.ids)
        assert (found.latencies, found.first_id) == (rows.latencies, rows.first_id)


async def test_small_runs_leave_no_file(bench: Bench) -> None:
    loaded = await bench.load(await bench.ran(cases=4))
    assert await scores_of(bench, loaded) is not None
    assert files(bench) == []


async def test_a_damaged_file_is_made_anew(bench: Bench) -> None:
    loaded = await bench.load(await bench.ran(cases=20))
    await scores_of(bench, loaded)
    [file] = files(bench)
    whole = file.stat().st_size
    file.write_bytes(file.read_bytes()[:100])
    found = await scores_of(bench, loaded)
    assert found is not None
    assert len(found) == 20
    assert file.stat().st_size == whole


async def test_a_file_without_a_scorer_is_not_enough(bench: Bench) -> None:
    loaded = await bench.load(await bench.ran(cases=20, scorers=["exact", "f1"]))
    await scores_of(bench, loaded, "exact")
    found = await scores_of(bench, loaded, "exact", "f1")
    assert found is not None
    assert set(found.values) == {"exact", "f1"}


async def test_a_run_that_goes_on_has_none_and_one_taken_up_again_another(bench: Bench) -> None:
    run_id = await bench.ran(cases=20)
    loaded = await bench.load(run_id)
    before = await standing(bench.store, loaded.run.workspace_id, run_id)
    assert before is not None
    async with bench.store.begin() as connection:
        await move_run(connection, run_id, RunState.QUEUED)
    assert await standing(bench.store, loaded.run.workspace_id, run_id) is None
    assert await scores_of(bench, loaded) is None
    async with bench.store.begin() as connection:
        await move_run(connection, run_id, RunState.CANCELLED)
    after = await standing(bench.store, loaded.run.workspace_id, run_id)
    assert after not in (None, before)


async def test_a_worker_makes_the_file_of_a_large_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "WORTH_KEEPING", 5)
    small, large = await bench.queue(cases=4), await bench.queue(cases=20)
    async with asyncio.timeout(30):
        executing = Worker(bench.store, bench.models)
        await executing.start()
        while not files(bench):
            await asyncio.sleep(0.05)
        while await standing(bench.store, bench.caller.workspace_id, small) is None:
            await asyncio.sleep(0.05)
        await executing.stop()
    [file] = files(bench)
    mark = await standing(bench.store, bench.caller.workspace_id, large)
    assert file.name == f"{large}-{mark}.npz"
