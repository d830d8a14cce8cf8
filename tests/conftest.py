"""What most tests need: a store on each database, and a real PostgreSQL server for the session."""

import asyncio
import os
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from weighbridge.store.engine import SQLITE_FILE, Store
from weighbridge.store.migrate import migrate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pgserver asks for a runtime folder when it is imported
    import pgserver

collect_ignore = [] if find_spec("playwright") else ["browser"]
"""`make test` does without a browser; `make test-browser` installs what drives it."""


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server of our own, gone after the session."""
    folder = Path("/tmp") / f"weighbridge-pg-{uuid.uuid4().hex[:8]}"  # short: it names a socket
    server = pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh database on that server."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Both databases, one after the other: None for SQLite in the data folder."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def store(database_url: str | None, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store at the newest schema."""
    store = Store(database_url, tmp_path / "data")
    await migrate(store)
    yield store
    await store.close()


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests do not reach them."""
    for name in list(os.environ):
        if name.startswith("WEIGHBRIDGE_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database at the newest schema: to make one takes longer than most tests."""
    folder = tmp_path_factory.mktemp("template")

    async def make() -> None:
        store = Store(None, folder)
        await migrate(store)
        async with store.engine.connect() as connection:
            await connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
        await store.close()

    asyncio.run(make())
    return folder / SQLITE_FILE
