"""kill -9 of a worker that makes samples, and what the endpoint says was paid twice."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from benchmarks.harness import Endpoint, Project, endpoint, project

from support.producing import Kitchen
from support.running import Bench, FakeModel
from weighbridge.core.production import Making, ProductionView
from weighbridge.core.run import FINISHED, RunState
from weighbridge.jobs.recorder import MOST_UNSAVED
from weighbridge.settings import Settings
from weighbridge.wiring import Services, open_services

SAMPLES = 1_200
CALLS_EACH = 2
AT_ONCE = 64


@pytest.fixture
def other() -> Iterator[Endpoint]:
    with endpoint() as started:
        started.configure(latency_ms=50)
        yield started


@pytest.fixture
def made(other: Endpoint, tmp_path: Path) -> Project:
    return project(tmp_path / "project", other.url, 1)


@pytest.fixture
async def services(made: Project) -> AsyncIterator[Services]:
    settings = Settings(data=made.folder / "data", config=made.models)
    async with open_services(settings) as opened:
        yield opened


def worker(made: Project) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "weighbridge", "worker"),
            *("--data", str(made.folder / "data"), "--config", str(made.models)),
        ],
        env=os.environ | {"WEIGHBRIDGE_WORKER_LEASE_S": "8"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def test_a_killed_worker_loses_no_samples_and_pays_few_twice(
    made: Project, other: Endpoint, services: Services
) -> None:
    caller = await services.keys.operator()
    spec = await Kitchen(Bench(services.store, FakeModel(), caller)).spec()
    making = Making(model="mock", skip_outline=True, revisions=("consistency",))
    view = await services.productions.create(caller, spec, SAMPLES, making=making)

    async def until(done: int) -> ProductionView:
        for _ in range(1_200):
            found = await services.productions.get(caller, view.production.id)
            if found.run.progress.done >= done or found.run.state in FINISHED:
                return found
            await asyncio.sleep(0.05)
        raise AssertionError(found.run)

    first = worker(made)
    try:
        await until(SAMPLES // 4)
    finally:
        first.kill()
        first.wait()
    broken_off = await services.productions.get(caller, view.production.id)
    assert broken_off.run.progress.done < SAMPLES
    second = worker(made)
    try:
        await until(SAMPLES)
        while (ended := await until(SAMPLES)).run.state not in FINISHED:
            await asyncio.sleep(0.1)
    finally:
        second.kill()
        second.wait()
    assert ended.run.state is RunState.SUCCEEDED
    assert (ended.run.progress.done, ended.run.progress.failed) == (SAMPLES, 0)
    files = await services.productions.files(caller, ended.production)
    assert [file.path for file in files] == [f"sample_{n}.txt" for n in range(1, SAMPLES + 1)]
    asked = other.stats()["requests"]
    assert SAMPLES * CALLS_EACH <= asked <= CALLS_EACH * (SAMPLES + AT_ONCE + MOST_UNSAVED)
