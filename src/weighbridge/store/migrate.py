"""Is the database at the schema of this release? If not, bring it there."""

import importlib
from typing import cast

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from weighbridge.errors import Invalid
from weighbridge.store.engine import Store
from weighbridge.store.tables import metadata

HEAD = "0009"
"""The newest migration; a test compares it with the files in `migrations/versions`."""
_LOCK = 7_241_001  # any number, the same in every weighbridge process


async def migrate(store: Store) -> None:
    """Bring the database to `HEAD`; cheap when it is there already.

    Safe when several processes start at once: they do it one after the other.

    Raises:
        Invalid: a newer release has been here.
    """
    version = await _version(store)
    if version == HEAD:
        return
    if version is not None and version > HEAD:
        raise Invalid(
            f"the database is of a newer release (schema {version}; this one knows up to {HEAD}): "
            "use that release, or restore a backup from before the upgrade"
        )
    async with store.begin() as connection:
        if await connection.run_sync(_create_if_empty):
            return
    # Alembic costs a fifth of a second to import, and only an old database needs it.
    upgrade = importlib.import_module("weighbridge.store.upgrade")
    async with store.begin() as connection:
        await connection.run_sync(take_turns)
        await connection.run_sync(upgrade.upgrade_to_head)


def take_turns(connection: Connection) -> None:
    """Wait until no other process is migrating, and keep others waiting until we commit."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    else:
        connection.exec_driver_sql("begin immediate")


def _create_if_empty(connection: Connection) -> bool:
    """Make the whole schema at once in a new database: a test holds it equal to the migrations'."""
    take_turns(connection)
    if inspect(connection).get_table_names():
        return False
    metadata.create_all(connection, checkfirst=False)  # it has just been seen to be empty
    connection.exec_driver_sql(
        "create table alembic_version (version_num varchar(32) not null, "
        "constraint alembic_version_pkc primary key (version_num))"
    )
    connection.execute(text("insert into alembic_version values (:head)"), {"head": HEAD})
    return True


async def _version(store: Store) -> str | None:
    try:
        async with store.engine.connect() as connection:
            return cast(
                "str | None",
                await connection.scalar(text("select version_num from alembic_version")),
            )
    except DBAPIError:
        return None  # no such table: a new database
