"""Is the database at the schema of this release? If not, bring it there."""

import importlib
from typing import cast

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from weighbridge.store.engine import Store

HEAD = "0001"
"""The newest migration; a test compares it with the files in `migrations/versions`."""


async def migrate(store: Store) -> None:
    """Bring the database to `HEAD`; cheap when it is there already."""
    if await _version(store) == HEAD:
        return
    # Alembic costs a fifth of a second to import, and most starts do not need it.
    upgrade = importlib.import_module("weighbridge.store.upgrade")
    async with store.begin() as connection:
        await connection.run_sync(upgrade.upgrade_to_head)


async def _version(store: Store) -> str | None:
    try:
        async with store.engine.connect() as connection:
            return cast(
                "str | None",
                await connection.scalar(text("select version_num from alembic_version")),
            )
    except DBAPIError:
        return None  # no such table: a new database
