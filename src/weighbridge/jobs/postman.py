"""Carries deliveries from the outbox to the webhooks: in every server and worker, each delivery by
one of them."""

import asyncio
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from weighbridge import __version__
from weighbridge.core.json import JsonObject
from weighbridge.core.run import Run
from weighbridge.core.webhook import (
    DISABLED_AFTER,
    EVENT_OF,
    Delivery,
    DeliveryState,
    Webhook,
    next_try_s,
    signature,
)
from weighbridge.errors import WeighbridgeError
from weighbridge.outbound.sending import TIMEOUT_S, Sender, Sent
from weighbridge.store import webhooks
from weighbridge.store.engine import Store
from weighbridge.store.evaluations import StoredEvaluation, find_evaluation
from weighbridge.store.moments import now
from weighbridge.store.runs import find_run, read_pin

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
AT_ONCE = 20
LEASE = timedelta(seconds=4 * TIMEOUT_S)
FORGET_AFTER = timedelta(days=30)
_SWEEP_EVERY = timedelta(hours=1)
_GONE = 410
_STATE_OF = {event: state for state, event in EVENT_OF.items()}

# A run, its evaluation and its pin, as the API shows them, without what may be long or private.
Show = Callable[[Run, StoredEvaluation, str], JsonObject]


class Postman:
    """Sends what is due.

    Args:
        store: where the outbox is.
        sender: sends it.
        show: a run as webhooks show it.
        clock: the present moment, in UTC. luck: 0 to 1, uniform.
    """

    def __init__(
        self,
        store: Store,
        sender: Sender,
        show: Show,
        *,
        clock: Callable[[], datetime] = now,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._sender = sender
        self._show = show
        self._clock = clock
        self._luck = luck
        self._under_way: set[asyncio.Task[None]] = set()
        self._round: asyncio.Task[None] | None = None
        self._swept_at: datetime | None = None

    async def __aenter__(self) -> "Postman":
        self._round = asyncio.create_task(self._go_round(), name="postman")
        return self

    async def __aexit__(self, *_exception: object) -> None:
        # What is under way is not waited for: its lease runs out, and another tries again.
        tasks = [*self._under_way, *([self._round] if self._round else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._sender.close()

    async def send_due(self) -> int:
        """Begin to send what is due now, so much of it as can be sent at once; how many that is."""
        free = AT_ONCE - len(self._under_way)
        if free <= 0:
            return 0
        async with self._store.begin() as connection:
            due = await webhooks.claim_due(connection, self._clock(), free, LEASE)
        for delivery, webhook in due:
            task = asyncio.create_task(self._send(delivery, webhook), name=delivery.id)
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(due)

    async def settled(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await asyncio.gather(*self._under_way)

    async def sweep(self) -> None:
        """Forget deliveries that ended a month ago; does something once an hour."""
        moment = self._clock()
        if self._swept_at is not None and moment - self._swept_at < _SWEEP_EVERY:
            return
        self._swept_at = moment
        async with self._store.begin() as connection:
            await webhooks.forget_deliveries(connection, moment - FORGET_AFTER)

    async def _go_round(self) -> None:
        while True:
            try:
                await self.send_due()
                await self.sweep()
            except WeighbridgeError as error:
                log.warning("webhooks wait: %s", error)
            except Exception:
                log.exception("webhooks wait")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _send(self, delivery: Delivery, webhook: Webhook) -> None:
        try:
            payload = delivery.payload or await self._write(delivery)
            if payload is None:
                await self._settle(delivery, webhook, Sent(error="the run is gone"), final=True)
                return
            moment = self._clock()
            headers = headers_of(webhook, delivery.id, moment, payload)
            sent = await self._sender.post(webhook.url, headers, payload.encode())
            await self._settle(delivery, webhook, sent)
        except WeighbridgeError as error:
            log.warning("the webhook delivery %s is tried again later: %s", delivery.id, error)
        except Exception:
            log.exception("the webhook delivery %s is tried again later", delivery.id)

    async def _write(self, delivery: Delivery) -> str | None:
        """What is sent, kept so that every try sends the same; None when the run is gone."""
        data: JsonObject = {"webhook_id": delivery.webhook_id}
        async with self._store.begin() as connection:
            if delivery.run_id is not None:
                run = await find_run(connection, delivery.workspace_id, delivery.run_id)
                evaluation = run and await find_evaluation(
                    connection, delivery.workspace_id, run.evaluation_id
                )
                if not run or not evaluation:
                    return None
                # The run may have moved on since: what is told is what happened then.
                state = _STATE_OF[delivery.event]
                run = replace(run, state=state, reason=delivery.reason)
                data = self._show(run, evaluation, await read_pin(connection, run.id))
            told: dict[str, Any] = {
                "type": delivery.event,
                "timestamp": delivery.created_at.isoformat().replace("+00:00", "Z"),
                "data": data,
            }
            payload = orjson.dumps(told).decode()
            await webhooks.keep_payload(connection, delivery.id, payload)
        return payload

    async def _settle(
        self, delivery: Delivery, webhook: Webhook, sent: Sent, *, final: bool = False
    ) -> None:
        moment = self._clock()
        arrived = sent.status is not None and 200 <= sent.status < 300
        wait_s = None
        if not arrived and not final and sent.status != _GONE:
            wait_s = next_try_s(delivery.attempts, sent.retry_after_s, self._luck())
        state = DeliveryState.PENDING if wait_s is not None else DeliveryState.FAILED
        async with self._store.begin() as connection:
            await webhooks.settle_delivery(
                connection,
                delivery,
                state=DeliveryState.DELIVERED if arrived else state,
                http_status=sent.status,
                response=sent.answer,
                error=sent.error,
                next_at=None if wait_s is None else moment + timedelta(seconds=wait_s),
            )
            if arrived:
                await webhooks.note_success(connection, webhook.id)
                return
            if final:
                return
            since = await webhooks.note_failure(connection, webhook.id, moment)
            if sent.status == _GONE:
                await webhooks.disable_webhook(connection, webhook.id, "it answered 410 Gone")
            elif moment - since >= DISABLED_AFTER:
                days = (moment - since).days
                reason = f"nothing got through for {days} days"
                await webhooks.disable_webhook(connection, webhook.id, reason)


def headers_of(webhook: Webhook, webhook_id: str, moment: datetime, payload: str) -> dict[str, str]:
    """The headers of one try.

    Args:
        webhook_id: of the delivery. moment: of this try.
    """
    timestamp = int(moment.timestamp())
    signatures = [
        signature(secret, webhook_id, timestamp, payload) for secret in webhook.secrets_at(moment)
    ]
    return {
        "Content-Type": "application/json",
        "User-Agent": f"weighbridge/{__version__}",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
