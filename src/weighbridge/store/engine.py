"""The connection to the database, and the differences between SQLite and PostgreSQL."""

import errno
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from weighbridge.errors import Invalid, OutOfSpace, Unavailable
from weighbridge.store.blobs import Blobs
from weighbridge.store.leftovers import occupy
from weighbridge.store.replies import Ceiling, Replies

SQLITE_FILE = "weighbridge.sqlite"
BUSY_TIMEOUT_MS = 30_000
FROZEN_TRANSACTION_MS = 10_000


class Store:
    """Rows and blobs of one installation.

    Args:
        database_url: `postgresql://…`, or None for SQLite in `folder`.
        folder: the data folder; made when missing.
        blob_url: an object store for the blobs, or None for `folder/blobs`.
        ceiling: how much the cache of replies keeps.

    Attributes:
        process: a name for this process that no other has; its PostgreSQL sessions carry it, so
            that others can end them when it is taken for dead.

    Raises:
        Invalid: the URL is not one that weighbridge can use, or the folder cannot be made.
    """

    def __init__(
        self,
        database_url: str | None,
        folder: Path,
        blob_url: str | None = None,
        *,
        ceiling: Ceiling | None = None,
    ) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._let_go = occupy(folder, self)
        except OSError as error:
            raise Invalid(f"the data folder {folder} cannot be used: {error.strerror}") from error
        self.folder = folder
        self.url = async_url(database_url, folder)
        self.is_sqlite = self.url.startswith("sqlite")
        self.process = f"wb-{socket.gethostname()[:30]}-{os.getpid()}-{secrets.token_hex(3)}"
        self.engine = _create_engine(self.url, self.process, sqlite=self.is_sqlite)
        self.blobs = Blobs(blob_url, folder / "blobs")
        self.replies = Replies(self.begin, ceiling or Ceiling())

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One unit of work: committed when the block ends, rolled back when it raises.

        Raises:
            OutOfSpace: the disk or the database is full; nothing of this block was kept.
            Unavailable: the database cannot be reached.
        """
        try:
            async with self.engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise _translated(error) from error

    async def close(self) -> None:
        """Write what waits to be written, and let go of all connections."""
        await self.replies.close()
        await self.engine.dispose()
        self._let_go()


def async_url(database_url: str | None, folder: Path) -> str:
    """The SQLAlchemy URL with the driver we use."""
    if database_url is None:
        return f"sqlite+aiosqlite:///{(folder / SQLITE_FILE).resolve()}"
    try:
        url = make_url(database_url)
    except ArgumentError as error:
        raise Invalid(
            "the database URL cannot be read; it looks like postgresql://user@host/name"
        ) from error
    if url.get_backend_name() in {"postgresql", "postgres"}:
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite+aiosqlite").render_as_string(hide_password=False)
    raise Invalid(
        f"{url.get_backend_name()} is not supported as a database: use postgresql://… or leave the "
        "URL out for SQLite in the data folder"
    )


def _create_engine(url: str, process: str, *, sqlite: bool) -> AsyncEngine:
    options: dict[str, Any] = {
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": orjson.loads,
        "hide_parameters": True,  # errors are logged, and rows are customers' data
    }
    if not sqlite:
        options |= {"pool_size": 10, "max_overflow": 10, "pool_pre_ping": True}
    engine = create_async_engine(url, **options)
    tune = _tune_sqlite if sqlite else partial(_tune_postgresql, process)
    event.listen(engine.sync_engine, "connect", tune)
    return engine


def _tune_sqlite(connection: Any, _record: object) -> None:
    # A write transaction takes its lock when it begins: one that started by reading and upgrades
    # later fails at once when somebody else wrote in between, whatever the busy timeout.
    connection.isolation_level = "IMMEDIATE"
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=wal",
        "synchronous=normal",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        "foreign_keys=on",
        "journal_size_limit=67108864",
    ):
        cursor.execute(f"pragma {pragma}")
    cursor.close()


def _tune_postgresql(process: str, connection: Any, _record: object) -> None:
    # A process that is frozen inside a transaction keeps its locks: whoever takes over its cases
    # would wait for them until it wakes. (One frozen in the middle of sending a statement is not
    # idle for PostgreSQL: `store.workers.end_sessions` is for that.)
    cursor = connection.cursor()
    cursor.execute(f"set application_name = '{process}'")
    cursor.execute(f"set idle_in_transaction_session_timeout = {FROZEN_TRANSACTION_MS}")
    cursor.close()
    connection.commit()


def _translated(error: DBAPIError) -> Exception:
    text = str(error.orig)
    if "disk is full" in text or "No space left" in text or f"errno {errno.ENOSPC}" in text.lower():
        return OutOfSpace(f"no room left in the database ({text.splitlines()[0]})")
    if isinstance(error, OperationalError) or error.connection_invalidated:
        return Unavailable(f"the database cannot be used now: {text.splitlines()[0]}")
    return error
