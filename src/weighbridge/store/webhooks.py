"""Webhooks and their deliveries: an outbox, from which whoever has time sends."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.ids import new_id
from weighbridge.core.run import RunState
from weighbridge.core.webhook import EVENT_OF, Delivery, DeliveryState, Event, Webhook
from weighbridge.store.moments import now
from weighbridge.store.tables import deliveries, runs, webhooks


async def add_webhook(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    url: str,
    events: Sequence[Event],
    description: str,
    enabled: bool,
    secret: str,
) -> Webhook:
    """A new webhook."""
    webhook_id = new_id("wh")
    await connection.execute(
        insert(webhooks).values(
            id=webhook_id,
            workspace_id=workspace_id,
            url=url,
            events=list(events),
            description=description,
            enabled=enabled,
            secret=secret,
            created_at=now(),
        )
    )
    found = await find_webhook(connection, workspace_id, webhook_id)
    assert found is not None  # noqa: S101 (it was made in this transaction)
    return found


async def find_webhook(
    connection: AsyncConnection, workspace_id: str, webhook_id: str
) -> Webhook | None:
    """The webhook with this id, if it is in the workspace."""
    rows = await connection.execute(
        select(webhooks).where(webhooks.c.workspace_id == workspace_id, webhooks.c.id == webhook_id)
    )
    row = rows.mappings().one_or_none()
    return None if row is None else _webhook(row)


async def list_webhooks(connection: AsyncConnection, workspace_id: str) -> list[Webhook]:
    """All webhooks of a workspace, oldest first."""
    rows = await connection.execute(
        select(webhooks).where(webhooks.c.workspace_id == workspace_id).order_by(webhooks.c.id)
    )
    return [_webhook(row) for row in rows.mappings()]


async def change_webhook(
    connection: AsyncConnection, workspace_id: str, webhook_id: str, changes: dict[str, Any]
) -> bool:
    """Set columns of a webhook; False when the workspace has none with this id."""
    result = await connection.execute(
        update(webhooks)
        .where(webhooks.c.workspace_id == workspace_id, webhooks.c.id == webhook_id)
        .values(**changes)
    )
    return result.rowcount == 1


async def delete_webhook(connection: AsyncConnection, workspace_id: str, webhook_id: str) -> bool:
    """Forget a webhook and its deliveries; False when the workspace has none with this id."""
    result = await connection.execute(
        delete(webhooks).where(webhooks.c.workspace_id == workspace_id, webhooks.c.id == webhook_id)
    )
    return result.rowcount == 1


async def note_event(
    connection: AsyncConnection, run_id: str, state: RunState, reason: str | None
) -> None:
    """A run came into a state: queue what its workspace's webhooks want to know of it."""
    event = EVENT_OF.get(state)
    if event is None:
        return
    rows = await connection.execute(
        select(webhooks.c.id, webhooks.c.workspace_id, webhooks.c.events)
        .join(runs, runs.c.workspace_id == webhooks.c.workspace_id)
        .where(runs.c.id == run_id, webhooks.c.enabled)
    )
    for row in rows.all():
        if event in row.events:
            await add_delivery(
                connection, row.workspace_id, row.id, event, run_id=run_id, reason=reason
            )


async def add_delivery(
    connection: AsyncConnection,
    workspace_id: str,
    webhook_id: str,
    event: Event,
    *,
    run_id: str | None = None,
    reason: str | None = None,
) -> str:
    """Queue an event for a webhook; the id of its delivery."""
    delivery_id = new_id("msg")
    moment = now()
    await connection.execute(
        insert(deliveries).values(
            id=delivery_id,
            workspace_id=workspace_id,
            webhook_id=webhook_id,
            event=event,
            run_id=run_id,
            reason=reason,
            state=DeliveryState.PENDING,
            attempts=0,
            created_at=moment,
            next_at=moment,
        )
    )
    return delivery_id


async def find_delivery(
    connection: AsyncConnection, workspace_id: str, webhook_id: str, delivery_id: str
) -> Delivery | None:
    """The delivery with this id, if it is one of that webhook."""
    rows = await connection.execute(
        select(deliveries).where(
            deliveries.c.workspace_id == workspace_id,
            deliveries.c.webhook_id == webhook_id,
            deliveries.c.id == delivery_id,
        )
    )
    row = rows.mappings().one_or_none()
    return None if row is None else _delivery(row)


async def list_deliveries(
    connection: AsyncConnection,
    workspace_id: str,
    webhook_id: str,
    *,
    after: str | None,
    limit: int,
    state: DeliveryState | None = None,
) -> list[Delivery]:
    """Newest first, below the id `after`."""
    conditions = [
        deliveries.c.workspace_id == workspace_id,
        deliveries.c.webhook_id == webhook_id,
    ]
    if after is not None:
        conditions.append(deliveries.c.id < after)
    if state is not None:
        conditions.append(deliveries.c.state == state)
    rows = await connection.execute(
        select(deliveries).where(*conditions).order_by(deliveries.c.id.desc()).limit(limit)
    )
    return [_delivery(row) for row in rows.mappings()]


async def send_again(
    connection: AsyncConnection, workspace_id: str, webhook_id: str, delivery_id: str
) -> bool:
    """Have a delivery tried again from the start, now; False when there is none."""
    result = await connection.execute(
        update(deliveries)
        .where(
            deliveries.c.workspace_id == workspace_id,
            deliveries.c.webhook_id == webhook_id,
            deliveries.c.id == delivery_id,
        )
        .values(state=DeliveryState.PENDING, attempts=0, next_at=now())
    )
    return result.rowcount == 1


async def claim_due(
    connection: AsyncConnection, moment: datetime, limit: int, lease: timedelta
) -> list[tuple[Delivery, Webhook]]:
    """Deliveries that are due, each handed to one process only.

    Args:
        lease: whoever claims one and is not heard of again has died, and another may try.
    """
    due = (
        select(deliveries.c.id)
        .join(webhooks, webhooks.c.id == deliveries.c.webhook_id)
        .where(
            deliveries.c.state == DeliveryState.PENDING,
            deliveries.c.next_at <= moment,
            webhooks.c.enabled,
        )
        .order_by(deliveries.c.next_at)
        .limit(limit)
    )
    if (await connection.execute(due.limit(1))).first() is None:
        return []  # seen without a lock
    rows = await connection.execute(
        update(deliveries)
        .where(deliveries.c.id.in_(due.with_for_update(skip_locked=True, of=deliveries)))
        .values(attempts=deliveries.c.attempts + 1, attempted_at=moment, next_at=moment + lease)
        .returning(*deliveries.c)
    )
    claimed = [_delivery(row) for row in rows.mappings()]
    hooks = await connection.execute(
        select(webhooks).where(webhooks.c.id.in_({each.webhook_id for each in claimed}))
    )
    by_id = {row["id"]: _webhook(row) for row in hooks.mappings()}
    return [(each, by_id[each.webhook_id]) for each in claimed]


async def keep_payload(connection: AsyncConnection, delivery_id: str, payload: str) -> None:
    """What is sent, from the first try on."""
    await connection.execute(
        update(deliveries).where(deliveries.c.id == delivery_id).values(payload=payload)
    )


async def settle_delivery(
    connection: AsyncConnection,
    delivery: Delivery,
    *,
    state: DeliveryState,
    http_status: int | None,
    response: str | None,
    error: str | None,
    next_at: datetime | None,
) -> None:
    """How a try ended; nothing changes when another process has tried it since."""
    await connection.execute(
        update(deliveries)
        .where(
            deliveries.c.id == delivery.id,
            deliveries.c.attempts == delivery.attempts,
            deliveries.c.attempted_at == delivery.attempted_at,
        )
        .values(
            state=state, http_status=http_status, response=response, error=error, next_at=next_at
        )
    )


async def note_success(connection: AsyncConnection, webhook_id: str) -> None:
    """Something got through to a webhook."""
    await connection.execute(
        update(webhooks)
        .where(webhooks.c.id == webhook_id, webhooks.c.failing_since.is_not(None))
        .values(failing_since=None)
    )


async def note_failure(connection: AsyncConnection, webhook_id: str, moment: datetime) -> datetime:
    """Nothing got through; since when that is so."""
    await connection.execute(
        update(webhooks)
        .where(webhooks.c.id == webhook_id, webhooks.c.failing_since.is_(None))
        .values(failing_since=moment)
    )
    since = await connection.scalar(
        select(webhooks.c.failing_since).where(webhooks.c.id == webhook_id)
    )
    return since or moment


async def disable_webhook(connection: AsyncConnection, webhook_id: str, reason: str) -> None:
    """Send nothing to it any more."""
    await connection.execute(
        update(webhooks)
        .where(webhooks.c.id == webhook_id)
        .values(enabled=False, disabled_reason=reason)
    )


async def forget_deliveries(connection: AsyncConnection, before: datetime) -> int:
    """Forget deliveries that ended, and are older; how many there were."""
    result = await connection.execute(
        delete(deliveries).where(
            deliveries.c.state != DeliveryState.PENDING, deliveries.c.created_at < before
        )
    )
    return int(result.rowcount)


async def count_deliveries(
    connection: AsyncConnection, workspace_id: str
) -> dict[DeliveryState, int]:
    """How many deliveries of a workspace are in each state, of those not forgotten yet."""
    rows = await connection.execute(
        select(deliveries.c.state, func.count().label("n"))
        .where(deliveries.c.workspace_id == workspace_id)
        .group_by(deliveries.c.state)
    )
    return {DeliveryState(row.state): row.n for row in rows}


def _webhook(row: RowMapping) -> Webhook:
    return Webhook(**{**row, "events": tuple(Event(event) for event in row["events"])})


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(**{**row, "event": Event(row["event"]), "state": DeliveryState(row["state"])})
