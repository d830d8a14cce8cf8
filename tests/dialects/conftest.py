"""What the dialects share: a database that is ready, since to make one takes longer than most
tests."""

import asyncio
from pathlib import Path

import pytest

from weighbridge.store.engine import SQLITE_FILE, Store
from weighbridge.store.migrate import migrate


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database at the newest schema."""
    folder = tmp_path_factory.mktemp("template")

    async def make() -> None:
        store = Store(None, folder)
        await migrate(store)
        async with store.engine.connect() as connection:
            await connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
        await store.close()

    asyncio.run(make())
    return folder / SQLITE_FILE
