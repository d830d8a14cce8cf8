"""The cache of replies: looked up and kept in groups, so that asking thousands of times a second
costs a few statements; pruned by what was used longest ago.

It is a convenience, never the truth: when the database cannot be used, nothing is found and nothing
is kept, and the run goes on by asking.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.errors import WeighbridgeError
from weighbridge.store.moments import now
from weighbridge.store.tables import UtcDateTime, replies
from weighbridge.store.upsert import raw_insert

log = logging.getLogger(__name__)

GROUP_SECONDS = 0.1
GROUP_ROWS = 250
TOUCH_AFTER = timedelta(days=1)
"""How exactly it is known when a reply was last used."""
PRUNE_EVERY_S = 600.0
_PRUNE_TO = 0.9  # of the ceiling, so that it is not pruned again at once
_PRUNED_AT_ONCE = 1_000

# One parameter for all keys, so that the statement is the same however many there are.
_FIND = (
    "select key, reply, last_used_at < :stale from replies "
    "where workspace_id = :workspace_id and key "
)
_STALE = bindparam("stale", type_=UtcDateTime)
_FIND_SQLITE = text(_FIND + "in (select value from json_each(:keys))").bindparams(_STALE)
_FIND_POSTGRESQL = text(_FIND + "= any(:keys)").bindparams(_STALE)

Begin = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How much is kept, over all workspaces. None: no limit.

    Attributes:
        bytes: of replies. age: since a reply was last used.
    """

    bytes: int | None = None
    age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class CacheStats:
    """What the cache of one workspace holds.

    Attributes:
        replies: how many. size: bytes.
        oldest, used: when the oldest was kept, and when one was last used (to the day).
    """

    replies: int
    size: int
    oldest: datetime | None
    used: datetime | None


async def find_replies(
    connection: AsyncConnection, workspace_id: str, keys: list[str]
) -> dict[str, bytes]:
    """The replies kept under these keys; notes that they were used."""
    found: dict[str, bytes] = {}
    stale: list[str] = []
    moment = now()
    sqlite = connection.dialect.name == "sqlite"
    rows = await connection.execute(
        _FIND_SQLITE if sqlite else _FIND_POSTGRESQL,
        {
            "workspace_id": workspace_id,
            "keys": orjson.dumps(keys).decode() if sqlite else keys,
            "stale": moment - TOUCH_AFTER,
        },
    )
    for key, reply, is_stale in rows:
        found[key] = reply.encode()
        if is_stale:
            stale.append(key)
    for start in range(0, len(stale), GROUP_ROWS):
        await connection.execute(
            update(replies)
            .where(
                replies.c.workspace_id == workspace_id,
                replies.c.key.in_(stale[start : start + GROUP_ROWS]),
            )
            .values(last_used_at=moment)
        )
    return found


async def keep_replies(
    connection: AsyncConnection, workspace_id: str, kept: dict[str, bytes]
) -> None:
    """Keep replies; where there is one already, it stays."""
    insert = raw_insert(replies, connection.dialect)
    moment = insert.moment(now())
    rows = [
        {
            "workspace_id": workspace_id,
            "key": key,
            "reply": reply.decode(),
            "size": len(reply),
            "created_at": moment,
            "last_used_at": moment,
        }
        for key, reply in kept.items()
    ]
    await connection.exec_driver_sql(insert.sql, insert.parameters(rows))


async def cache_stats(connection: AsyncConnection, workspace_id: str) -> CacheStats:
    """What the cache of a workspace holds."""
    row = (
        await connection.execute(
            select(
                func.count().label("replies"),
                func.coalesce(func.sum(replies.c.size), 0).label("size"),
                func.min(replies.c.created_at).label("oldest"),
                func.max(replies.c.last_used_at).label("used"),
            ).where(replies.c.workspace_id == workspace_id)
        )
    ).one()
    return CacheStats(row.replies, int(row.size), row.oldest, row.used)


async def clear_replies(
    connection: AsyncConnection, workspace_id: str, before: datetime | None = None
) -> int:
    """Forget the replies of a workspace; how many there were.

    Args:
        before: only those that were kept before then.
    """
    conditions = [replies.c.workspace_id == workspace_id]
    if before is not None:
        conditions.append(replies.c.created_at < before)
    result = await connection.execute(delete(replies).where(*conditions))
    return int(result.rowcount)


async def prune_replies(connection: AsyncConnection, ceiling: Ceiling) -> int:
    """Forget what is over the ceiling, used longest ago first; how many there were."""
    forgotten = 0
    if ceiling.age is not None:
        result = await connection.execute(
            delete(replies).where(replies.c.last_used_at < now() - ceiling.age)
        )
        forgotten += result.rowcount
    if ceiling.bytes is None:
        return forgotten
    size = int(await connection.scalar(select(func.coalesce(func.sum(replies.c.size), 0))) or 0)
    if size <= ceiling.bytes:
        return forgotten
    while size > ceiling.bytes * _PRUNE_TO:
        oldest = (
            await connection.execute(
                select(replies.c.workspace_id, replies.c.key, replies.c.size)
                .order_by(replies.c.last_used_at, replies.c.created_at)
                .limit(_PRUNED_AT_ONCE)
            )
        ).all()
        gone = []
        for row in oldest:
            if size <= ceiling.bytes * _PRUNE_TO:
                break
            gone.append((row.workspace_id, row.key))
            size -= row.size
        if not gone:
            break
        await connection.execute(
            delete(replies).where(tuple_(replies.c.workspace_id, replies.c.key).in_(gone))
        )
        forgotten += len(gone)
    return forgotten


class Replies:
    """The caches of this process, one for each workspace.

    Args:
        begin: opens a transaction, as `Store.begin`.
        ceiling: how much is kept.
    """

    def __init__(self, begin: Begin, ceiling: Ceiling) -> None:
        self._begin = begin
        self._ceiling = ceiling
        self._caches: dict[str, WorkspaceReplies] = {}
        self._pruned_at = -PRUNE_EVERY_S

    def of(self, workspace_id: str) -> "WorkspaceReplies":
        """The cache of a workspace: always the same object, so that two runs share what they are
        asking."""
        cache = self._caches.get(workspace_id)
        if cache is None:
            cache = self._caches[workspace_id] = WorkspaceReplies(
                self._begin, workspace_id, self._prune
            )
        return cache

    async def close(self) -> None:
        """Write what is not written yet."""
        for cache in self._caches.values():
            await cache.close()

    async def _prune(self) -> None:
        """Called after each group that was kept; does something every ten minutes at most."""
        moment = time.monotonic()
        if moment - self._pruned_at < PRUNE_EVERY_S:
            return
        self._pruned_at = moment
        async with self._begin() as connection:
            await prune_replies(connection, self._ceiling)


class WorkspaceReplies:
    """The cache of one workspace. A `providers.cached.ReplyCache`.

    Args:
        begin: opens a transaction. workspace_id: whose replies.
        kept: called after each group that was written.
    """

    def __init__(self, begin: Begin, workspace_id: str, kept: Callable[[], Any]) -> None:
        self._begin = begin
        self._workspace_id = workspace_id
        self._kept = kept
        self.asking: dict[str, asyncio.Future[Any]] = {}
        self._wanted: list[tuple[str, asyncio.Future[bytes | None]]] = []
        self._unwritten: dict[str, bytes] = {}
        self._full = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._closing = False

    async def get(self, key: str) -> bytes | None:
        """What was kept under a key, or None. While one look into the database is under way, the
        next ones are gathered, so that there is one statement for many."""
        unwritten = self._unwritten.get(key)
        if unwritten is not None:
            return unwritten
        found: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._wanted.append((key, found))
        if self._reader is None:
            self._reader = asyncio.create_task(self._read(), name="cache: read")
        return await found

    def put(self, key: str, reply: bytes) -> None:
        """Keep a reply; it is written within 100 ms."""
        self._unwritten[key] = reply
        if len(self._unwritten) >= GROUP_ROWS:
            self._full.set()
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="cache: write")

    async def close(self) -> None:
        """Write what is not written yet."""
        self._closing = True
        self._full.set()
        while self._writer is not None:
            await self._writer

    async def _read(self) -> None:
        while self._wanted:
            wanted, self._wanted = self._wanted, []
            found: dict[str, bytes] = {}
            try:
                async with self._begin() as connection:
                    keys = [key for key, _ in wanted]
                    found = await find_replies(connection, self._workspace_id, keys)
            except WeighbridgeError as error:
                log.warning("the cache cannot be read, so models are asked: %s", error)
            except Exception:
                log.exception("the cache cannot be read, so models are asked")
            finally:
                for key, future in wanted:
                    if not future.done():
                        future.set_result(found.get(key))
        self._reader = None

    async def _write(self) -> None:
        while self._unwritten:
            if not self._closing:
                await self._fill_group()
            self._full.clear()
            group = dict(self._unwritten)
            try:
                async with self._begin() as connection:
                    await keep_replies(connection, self._workspace_id, group)
                await self._kept()
            except WeighbridgeError as error:
                log.warning("%d replies were not kept in the cache: %s", len(group), error)
            except Exception:
                log.exception("%d replies were not kept in the cache", len(group))
            for key in group:
                self._unwritten.pop(key, None)
        self._writer = None

    async def _fill_group(self) -> None:
        try:
            async with asyncio.timeout(GROUP_SECONDS):
                await self._full.wait()
        except TimeoutError:
            return
