"""What most tests need: a store on each database, and a real PostgreSQL server for the session."""

import asyncio
import gc
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from weighbridge.store.engine import SQLITE_FILE, Store
from weighbridge.store.migrate import migrate

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # pgserver asks for a runtime folder when it is imported
    import pgserver

_ROOM = 4 << 30
collect_ignore = [] if find_spec("playwright") else ["browser"]
"""`make test` does without a browser; `make test-browser` installs what drives it."""


# How fast a machine is that does other things besides is not what these tests are about.
settings.register_profile(
    "weighbridge", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("weighbridge")


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Leave what has been loaded by now out of garbage collection: it stays to the end, and to look
    through it again and again takes longer than many tests."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """What is taken down at the end of the process is found again."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a PostgreSQL server of our own, gone after the session."""
    folder = _quick_folder() / f"weighbridge-pg-{uuid.uuid4().hex[:8]}"  # short: it names a socket
    server = pgserver.get_server(folder, cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # It has not to outlive a loss of power, and tests that kill kill our own processes.
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(f"alter system set {setting} = off")
            connection.execute("alter system set max_wal_size = '128MB'")
            connection.execute("select pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> str:
    """The name of a database on that server at the newest schema, to be copied."""
    name = "template_weighbridge"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    _migrate(Store(_database(postgres_server, name), Path(tempfile.mkdtemp())))
    return name


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database at the newest schema, to be copied: to make one takes longer than most
    tests."""
    folder = tmp_path_factory.mktemp("template")
    _migrate(Store(None, folder))
    return folder / SQLITE_FILE


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh database on that server, without any table."""
    with _fresh_database(postgres_server, "template1") as url:
        yield url


@pytest.fixture
def migrated_postgres_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A fresh database on that server, at the newest schema."""
    with _fresh_database(postgres_server, postgres_template) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Both databases, one after the other, nothing in them: None for SQLite in the data folder."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("migrated_postgres_url")
    return url


@pytest.fixture
async def store(
    database_url: str | None, empty_database: Path, tmp_path: Path
) -> AsyncIterator[Store]:
    """An empty store at the newest schema."""
    folder = tmp_path / "data"
    folder.mkdir()
    if database_url is None:
        shutil.copy(empty_database, folder)
    store = Store(database_url, folder)
    await migrate(store)
    yield store
    await store.close()


def _migrate(store: Store) -> None:
    async def bring_it_there() -> None:
        await migrate(store)
        if store.is_sqlite:
            async with store.engine.connect() as connection:
                await connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
        await store.close()

    asyncio.run(bring_it_there())


def _quick_folder() -> Path:
    """In memory, if there is enough of it: a database is some five hundred files, which can take
    half a second to make on a disk."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > _ROOM
    return memory if roomy else Path("/tmp")


@contextmanager
def _fresh_database(server: str, template: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"create database {name} template {template} strategy file_copy")
    yield _database(server, name)
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


def _database(server: str, name: str) -> str:
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests do not reach them."""
    for name in list(os.environ):
        if name.startswith("WEIGHBRIDGE_"):
            monkeypatch.delenv(name)
