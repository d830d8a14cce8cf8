"""Requests that carry an `Idempotency-Key`: the first answer is the answer of every repeat."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.store.moments import now
from weighbridge.store.tables import idempotency

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class FirstAnswer:
    """What the first request with this key asked and got.

    Attributes:
        fingerprint: SHA-256 of its method, path and body.
        status, body: its answer; None while it is still being answered.
    """

    fingerprint: str
    status: int | None
    body: str | None


async def claim(
    connection: AsyncConnection, workspace_id: str, key: str, fingerprint: str
) -> FirstAnswer | None:
    """Be the first request with this key (None), or learn what the first one got."""
    await connection.execute(delete(idempotency).where(idempotency.c.created_at < now() - KEPT_FOR))
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    result = await connection.execute(
        insert(idempotency)
        .values(workspace_id=workspace_id, key=key, fingerprint=fingerprint, created_at=now())
        .on_conflict_do_nothing()
    )
    if result.rowcount == 1:
        return None
    row = (
        await connection.execute(
            select(idempotency.c.fingerprint, idempotency.c.status, idempotency.c.body).where(
                idempotency.c.workspace_id == workspace_id, idempotency.c.key == key
            )
        )
    ).one()
    return FirstAnswer(row.fingerprint, row.status, row.body)


async def settle(
    connection: AsyncConnection, workspace_id: str, key: str, status: int, body: str
) -> None:
    """Keep the first answer."""
    await connection.execute(
        update(idempotency)
        .where(idempotency.c.workspace_id == workspace_id, idempotency.c.key == key)
        .values(status=status, body=body)
    )


async def forget(connection: AsyncConnection, workspace_id: str, key: str) -> None:
    """Let the key be used again: the first request did not come to an answer worth repeating."""
    await connection.execute(
        delete(idempotency).where(
            idempotency.c.workspace_id == workspace_id, idempotency.c.key == key
        )
    )
