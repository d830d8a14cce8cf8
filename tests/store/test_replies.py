"""The cache of replies: kept in groups, found by its workspace only, never above its ceiling."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.errors import Unavailable
from weighbridge.store import replies as module
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.store.replies import (
    Ceiling,
    Replies,
    cache_stats,
    clear_replies,
    find_replies,
    keep_replies,
    prune_replies,
)
from weighbridge.store.tables import replies


def key(number: int) -> str:
    return f"{number:064x}"


@pytest.fixture
def statements(store: Store) -> list[str]:
    """The statements sent to the database."""
    seen: list[str] = []
    event.listen(
        store.engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_: seen.append(statement.split()[0].lower()),
    )
    return seen


async def test_what_was_kept_is_found_by_another_process(store: Store) -> None:
    reply = '{"text": "\\u0000 é"}'.encode()
    cache = Replies(store.begin, Ceiling())
    cache.of("ws").put(key(1), reply)
    assert await cache.of("ws").get(key(1)) == reply  # before it is written
    await cache.close()
    other = Replies(store.begin, Ceiling())
    assert await other.of("ws").get(key(1)) == reply
    assert await other.of("ws").get(key(2)) is None
    assert await other.of("another").get(key(1)) is None


async def test_many_looks_are_few_statements(store: Store, statements: list[str]) -> None:
    cache = Replies(store.begin, Ceiling()).of("ws")
    for number in range(600):
        cache.put(key(number), b"{}")
    await cache.close()
    assert statements.count("insert") <= 3
    fresh = Replies(store.begin, Ceiling()).of("ws")
    found = await asyncio.gather(*(fresh.get(key(number)) for number in range(700)))
    assert found.count(b"{}") == 600
    assert statements.count("select") <= 6


async def test_a_waiter_that_goes_away_takes_nothing_from_the_others(store: Store) -> None:
    cache = Replies(store.begin, Ceiling()).of("ws")
    cache.put(key(1), b"{}")
    await cache.close()
    cache = Replies(store.begin, Ceiling()).of("ws")
    one, other = (asyncio.create_task(cache.get(key(1))) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    assert await other == b"{}"


async def test_what_is_kept_twice_stays_as_it_was(store: Store) -> None:
    async with store.begin() as connection:
        await keep_replies(connection, "ws", {key(1): b"first"})
        await keep_replies(connection, "ws", {key(1): b"second", key(2): b"other"})
        assert await find_replies(connection, "ws", [key(1), key(2), key(3)]) == {
            key(1): b"first",
            key(2): b"other",
        }


async def test_a_workspace_sees_and_clears_its_own(store: Store) -> None:
    async with store.begin() as connection:
        await keep_replies(connection, "ws", {key(1): b"12345", key(2): b"123"})
        await keep_replies(connection, "other", {key(1): b"1"})
        await _age(connection, key(1), days=40)
        stats = await cache_stats(connection, "ws")
        assert (stats.replies, stats.size) == (2, 8)
        assert stats.oldest is not None
        assert now() - stats.oldest > timedelta(days=39)
        assert await clear_replies(connection, "ws", now() - timedelta(days=30)) == 1
        assert await clear_replies(connection, "ws") == 1
        assert (await cache_stats(connection, "ws")).replies == 0
        assert (await cache_stats(connection, "other")).replies == 1


async def test_what_was_used_longest_ago_goes_first(store: Store) -> None:
    async with store.begin() as connection:
        await keep_replies(connection, "ws", {key(n): b"x" * 100 for n in range(20)})
        for number in range(20):
            await _age(connection, key(number), days=20 - number)
        await find_replies(connection, "ws", [key(0)])  # used just now
        assert await prune_replies(connection, Ceiling(bytes=2_000)) == 0
        assert await prune_replies(connection, Ceiling(bytes=1_000)) == 11
        left = {row.key for row in await connection.execute(select(replies.c.key))}
        assert left == {key(0), *(key(n) for n in range(12, 20))}
        assert await prune_replies(connection, Ceiling(age=timedelta(days=5, hours=1))) == 3


async def _age(connection: AsyncConnection, which: str, days: int) -> None:
    moment = now() - timedelta(days=days)
    await connection.execute(
        update(replies).where(replies.c.key == which).values(created_at=moment, last_used_at=moment)
    )


async def test_the_ceiling_is_kept_while_replies_come_in(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PRUNE_EVERY_S", 0.0)
    cache = Replies(store.begin, Ceiling(bytes=10_000))
    for number in range(300):
        cache.of("ws").put(key(number), os.urandom(50).hex().encode())
    await cache.close()
    async with store.begin() as connection:
        assert (await cache_stats(connection, "ws")).size <= 10_000


async def test_without_a_database_nothing_is_found_and_nothing_breaks(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    @asynccontextmanager
    async def gone() -> AsyncIterator[AsyncConnection]:
        raise Unavailable("the database cannot be used now")
        yield

    cache = Replies(gone, Ceiling()).of("ws")
    assert await cache.get(key(1)) is None
    cache.put(key(1), b"{}")
    await cache.close()
    assert "cannot be read" in caplog.text
    assert "not kept" in caplog.text
