"""Two worker processes share a run on PostgreSQL; one is killed, one is frozen; nothing is lost."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from benchmarks.harness import CONCURRENCY, Endpoint, Project, endpoint, project

from weighbridge.core.run import FINISHED, Run, RunState
from weighbridge.jobs.recorder import MOST_UNSAVED
from weighbridge.jobs.worker import EXIT_LEASE_LOST
from weighbridge.settings import Settings
from weighbridge.specfile import load_spec
from weighbridge.wiring import Services, open_services

CASES = 4_000
LEASE_S = 8


@pytest.fixture
def other() -> AsyncIterator[Endpoint]:
    with endpoint() as started:
        started.configure(latency_ms=100)
        yield started  # type: ignore[misc]


@pytest.fixture
def made(other: Endpoint, tmp_path: Path) -> Project:
    return project(tmp_path / "project", other.url, CASES)


@pytest.fixture
async def services(made: Project, postgres_url: str) -> AsyncIterator[Services]:
    settings = Settings(data=made.folder / "data", config=made.models, database_url=postgres_url)
    async with open_services(settings) as opened:
        yield opened


class WorkerProcess:
    """A `weighbridge worker` of this test."""

    def __init__(self, made: Project, database_url: str) -> None:
        environment = os.environ | {
            "WEIGHBRIDGE_DATABASE_URL": database_url,
            "WEIGHBRIDGE_WORKER_LEASE_S": str(LEASE_S),
        }
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "weighbridge",
                "worker",
                "--data",
                str(made.folder / "data"),
                "--config",
                str(made.models),
            ],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def send(self, number: int) -> None:
        self._process.send_signal(number)

    async def exit_code(self) -> int:
        return await asyncio.to_thread(self._process.wait, 30)

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
        self._process.wait()


@pytest.fixture
def two_workers(made: Project, postgres_url: str, services: Services) -> object:
    pair = WorkerProcess(made, postgres_url), WorkerProcess(made, postgres_url)
    yield pair
    for worker in pair:
        worker.end()


async def begin(services: Services, made: Project) -> str:
    spec = load_spec(made.evaluation.read_text(), "evaluation.yaml")
    caller = await services.keys.operator()
    started = await services.evaluations.start(caller, spec, folder=made.folder)
    return started.runs[0].id


async def wait_for(services: Services, run_id: str, done: int) -> Run:
    caller = await services.keys.operator()
    async with asyncio.timeout(120):
        while True:
            run = await services.runs.get(caller, run_id)
            if run.state in FINISHED or (done < CASES and run.progress.done >= done):
                return run
            await asyncio.sleep(0.05)


async def test_one_worker_finishes_what_a_killed_one_began(
    services: Services,
    made: Project,
    other: Endpoint,
    two_workers: tuple[WorkerProcess, WorkerProcess],
) -> None:
    run_id = await begin(services, made)
    await wait_for(services, run_id, done=CASES // 4)
    two_workers[0].send(signal.SIGKILL)
    run = await wait_for(services, run_id, done=CASES)
    assert run.state is RunState.SUCCEEDED
    assert (run.progress.done, run.progress.failed) == (CASES, 0)
    counted = other.stats()
    assert counted["labels"] == CASES
    assert counted["asked_twice"] <= CONCURRENCY + MOST_UNSAVED


async def test_a_frozen_worker_ends_itself_when_it_wakes_and_changes_nothing(
    services: Services,
    made: Project,
    two_workers: tuple[WorkerProcess, WorkerProcess],
) -> None:
    run_id = await begin(services, made)
    await wait_for(services, run_id, done=CASES // 4)
    two_workers[0].send(signal.SIGSTOP)
    run = await wait_for(services, run_id, done=CASES)
    assert (run.state, run.progress.done) == (RunState.SUCCEEDED, CASES)
    before = run.usage
    two_workers[0].send(signal.SIGCONT)
    assert await two_workers[0].exit_code() == EXIT_LEASE_LOST
    caller = await services.keys.operator()
    assert (await services.runs.get(caller, run_id)).usage == before


async def test_a_worker_told_to_stop_ends_cleanly_and_the_other_goes_on(
    services: Services,
    made: Project,
    other: Endpoint,
    two_workers: tuple[WorkerProcess, WorkerProcess],
) -> None:
    run_id = await begin(services, made)
    await wait_for(services, run_id, done=CASES // 4)
    two_workers[0].send(signal.SIGTERM)
    assert await two_workers[0].exit_code() == 0
    run = await wait_for(services, run_id, done=CASES)
    assert (run.state, run.progress.done) == (RunState.SUCCEEDED, CASES)
    assert other.stats()["asked_twice"] == 0
