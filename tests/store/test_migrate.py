"""The schema a database is brought to is the schema the code speaks of."""

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from weighbridge.errors import Invalid
from weighbridge.store.engine import Store
from weighbridge.store.migrate import HEAD, migrate
from weighbridge.store.tables import metadata
from weighbridge.store.upgrade import MIGRATIONS, schema_version, upgrade_to_head


def test_head_is_the_newest_migration_file() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    assert script.get_current_head() == HEAD


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_a_new_database_has_exactly_the_tables_of_the_code(store: Store) -> None:
    async with store.begin() as connection:
        assert await connection.run_sync(differences) == []


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database_url(request: pytest.FixtureRequest) -> str | None:
    url: str | None = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    return url


async def test_the_migrations_make_exactly_the_tables_of_the_code(
    new_database_url: str | None, tmp_path: Path
) -> None:
    store = Store(new_database_url, tmp_path / "data")
    async with store.begin() as connection:
        await connection.run_sync(upgrade_to_head)
    async with store.begin() as connection:
        assert await connection.run_sync(differences) == []
        assert await connection.run_sync(schema_version) == HEAD
    await store.close()


async def test_migrating_twice_changes_nothing(store: Store) -> None:
    await migrate(store)
    async with store.begin() as connection:
        assert await connection.run_sync(schema_version) == HEAD


async def test_several_processes_may_migrate_at_once(
    new_database_url: str | None, tmp_path: Path
) -> None:
    stores = [Store(new_database_url, tmp_path / "data") for _ in range(4)]
    await asyncio.gather(*(migrate(store) for store in stores))
    async with stores[0].begin() as connection:
        assert await connection.run_sync(schema_version) == HEAD
    for store in stores:
        await store.close()


async def test_a_database_of_a_newer_release_is_refused(store: Store) -> None:
    async with store.begin() as connection:
        await connection.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(Invalid, match=r"newer release \(schema 9999"):
        await migrate(store)
