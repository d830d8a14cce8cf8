"""Our API as a client sees it: the real application over HTTP in this process."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

from support.native import MODELS, MakeClient
from weighbridge.app import build_app
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
async def services(
    database_url: str | None, tmp_path: Path, empty_database: Path, models: str
) -> AsyncIterator[Services]:
    config = tmp_path / "models.toml"
    config.write_text(models)
    (tmp_path / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path / "data")
    settings = Settings(
        data=tmp_path / "data",
        config=config,
        database_url=database_url,
        max_body_mb=1,
        max_upload_mb=2,
    )
    async with open_services(settings) as services:
        yield services


@pytest.fixture(scope="session")
def apps() -> list[Starlette]:
    """The application, once it was built: what FastAPI works out at the first request to each of
    its routes takes longer than most tests."""
    return []


@pytest.fixture
async def make_client(services: Services, apps: list[Starlette]) -> AsyncIterator[MakeClient]:
    """Clients with a key of any role, in any workspace."""
    if not apps:
        apps.append(build_app(services))
    [app] = apps
    [native] = [route.app for route in app.routes if getattr(route, "path", "") == "/api/v1"]
    native.state.services = services
    clients = []

    async def make(role: Role = Role.ADMIN, workspace: str | None = None) -> httpx2.AsyncClient:
        operator = await services.keys.operator()
        _, secret = await services.keys.create(
            operator, name="test", role=role, workspace=workspace
        )
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app),
            base_url="http://server/api/v1",
            headers={"Authorization": f"Bearer {secret}"},
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
async def client(make_client: MakeClient) -> httpx2.AsyncClient:
    return await make_client()
