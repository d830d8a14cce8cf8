"""One server for the module, and the application in this process for what needs no client."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from support.application import application_over
from support.oxen_client import KEY, MODELS, Server, serving
from weighbridge.jobs.worker import Worker
from weighbridge.settings import Settings
from weighbridge.wiring import Services, open_services


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
async def services(tmp_path: Path, empty_database: Path) -> AsyncIterator[Services]:
    config = tmp_path / "models.toml"
    config.write_text(MODELS)
    (tmp_path / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path / "data")
    settings = Settings(data=tmp_path / "data", config=config, max_body_mb=1, max_upload_mb=2)
    async with open_services(settings) as services:
        await services.keys.ensure_first_key(KEY)
        yield services


@pytest.fixture
async def client(services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    """With the administrator's key."""
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(application_over(services)),
        base_url="http://test/api",
        headers={"Authorization": f"Bearer {KEY}"},
    ) as client:
        yield client


@pytest.fixture
async def working(services: Services) -> AsyncIterator[None]:
    """A worker that executes what is queued."""
    worker = Worker(services.store, services.models)
    await worker.start()
    yield
    await worker.stop()
