"""Our API as a client sees it: the real application over HTTP in this process."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from support.native import MODELS, MakeClient, client_of
from weighbridge.core.caller import Role
from weighbridge.settings import Settings
from weighbridge.wiring import Services, open_services


@pytest.fixture
def database_url() -> str | None:
    """SQLite; modules that ask the database something of their own use both."""
    return None


@pytest.fixture
def models() -> str:
    """The models file; modules that ask others add theirs."""
    return MODELS


@pytest.fixture
def beginning(empty_database: Path) -> Path:
    """The data folder that a test begins with; in modules whose tests all need the same, more."""
    return empty_database.parent


@pytest.fixture
async def services(
    database_url: str | None, tmp_path: Path, beginning: Path, models: str
) -> AsyncIterator[Services]:
    config = tmp_path / "models.toml"
    config.write_text(models)
    await asyncio.to_thread(shutil.copytree, beginning, tmp_path / "data")
    settings = Settings(
        data=tmp_path / "data",
        config=config,
        database_url=database_url,
        max_body_mb=1,
        max_upload_mb=2,
    )
    async with open_services(settings) as services:
        yield services


@pytest.fixture
async def make_client(services: Services) -> AsyncIterator[MakeClient]:
    """Clients with a key of any role, in any workspace."""
    clients = []

    async def make(role: Role = Role.ADMIN, workspace: str | None = None) -> httpx2.AsyncClient:
        client = await client_of(services, role, workspace)
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
async def client(make_client: MakeClient) -> httpx2.AsyncClient:
    return await make_client()
