"""Heartbeats of worker processes, by the database's own clock (machines' clocks differ)."""

from sqlalchemy import ColumnElement, delete, func, insert, literal_column, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.store.tables import workers

_FORGET_AFTER_S = 86_400.0


async def join(connection: AsyncConnection, worker_id: str) -> None:
    """Be alive from now on."""
    moment = _clock(connection)
    await connection.execute(delete(workers).where(workers.c.id == worker_id))
    await connection.execute(
        insert(workers).values(id=worker_id, started_at=moment, last_seen=moment)
    )


async def beat(connection: AsyncConnection, worker_id: str, ttl_s: float) -> bool:
    """Stay alive; False when the lease ran out and others may own our work now."""
    moment = _clock(connection)
    result = await connection.execute(
        update(workers)
        .where(workers.c.id == worker_id, workers.c.last_seen > moment - ttl_s)
        .values(last_seen=moment)
    )
    return result.rowcount == 1


async def leave(connection: AsyncConnection, worker_id: str) -> None:
    """Stop being alive at once, so that others need not wait for the lease to run out."""
    await connection.execute(delete(workers).where(workers.c.id == worker_id))


async def alive(connection: AsyncConnection, ttl_s: float) -> set[str]:
    """Workers whose lease has not run out; forgets those gone for a day."""
    moment = _clock(connection)
    await connection.execute(delete(workers).where(workers.c.last_seen < moment - _FORGET_AFTER_S))
    rows = await connection.execute(
        select(workers.c.id).where(workers.c.last_seen > moment - ttl_s)
    )
    return {row.id for row in rows}


async def count_alive(connection: AsyncConnection, ttl_s: float) -> int:
    """How many workers there are whose lease has not run out."""
    moment = _clock(connection)
    found = await connection.scalar(
        select(func.count()).select_from(workers).where(workers.c.last_seen > moment - ttl_s)
    )
    return int(found or 0)


async def end_sessions(connection: AsyncConnection, dead: set[str]) -> int:
    """End the PostgreSQL sessions of processes taken for dead; how many there were.

    One of them may be frozen in the middle of a write, and would keep its locks for as long.
    """
    if connection.dialect.name != "postgresql":
        return 0
    rows = await connection.execute(
        text(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = any(:dead)"
        ),
        {"dead": sorted(dead)},
    )
    return len(rows.all())


def _clock(connection: AsyncConnection) -> ColumnElement[float]:
    if connection.dialect.name == "sqlite":
        return literal_column("(julianday('now') - 2440587.5) * 86400.0")
    return func.extract("epoch", func.clock_timestamp()).cast(workers.c.last_seen.type)
