"""Requests that carry an `Idempotency-Key`: the first answer is the answer of every repeat."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.store.moments import now
from weighbridge.store.tables import idempotency
from weighbridge.store.upsert import insert_into

KEPT_FOR = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(minutes=15)
"""A first request that has no answer by then is taken to have died with its server."""


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
    moment = now()
    given_up = and_(
        idempotency.c.status.is_(None), idempotency.c.created_at <= moment - GIVEN_UP_AFTER
    )
    await connection.execute(
        delete(idempotency).where(or_(idempotency.c.created_at < moment - KEPT_FOR, given_up))
    )
    result = await connection.execute(
        insert_into(idempotency, connection.dialect)
        .values(workspace_id=workspace_id, key=key, fingerprint=fingerprint, created_at=moment)
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
