"""Webhooks: who is told of what."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from weighbridge.core.caller import Caller, Role
from weighbridge.core.webhook import (
    SUBSCRIBABLE,
    Delivery,
    DeliveryState,
    Event,
    Webhook,
    new_secret,
)
from weighbridge.errors import Conflict, FieldProblem, Invalid, InvalidFields, NotFound
from weighbridge.outbound.guard import Guard
from weighbridge.store import webhooks
from weighbridge.store.engine import Store
from weighbridge.store.moments import now

MOST_WEBHOOKS = 50
OLD_SECRET_HOURS = 24


class Webhooks:
    """The webhooks of an installation. Every method is for administrators: addresses may hold
    tokens, and answers may say more than they should.

    Args:
        store: where they are kept.
        guard: which addresses may be told.
    """

    def __init__(self, store: Store, guard: Guard) -> None:
        self._store = store
        self._guard = guard

    async def create(
        self,
        caller: Caller,
        *,
        url: str,
        events: Sequence[Event] = SUBSCRIBABLE,
        description: str = "",
        enabled: bool = True,
    ) -> tuple[Webhook, str]:
        """A new webhook, and its secret, which is shown this once.

        Raises:
            InvalidFields: the address may not be contacted, or an event is none to subscribe to.
            Conflict: the workspace has as many as it may have.
        """
        caller.must_be(Role.ADMIN)
        await self._check(url, events)
        secret = new_secret()
        async with self._store.begin() as connection:
            if len(await webhooks.list_webhooks(connection, caller.workspace_id)) >= MOST_WEBHOOKS:
                raise Conflict(f"there are {MOST_WEBHOOKS} webhooks already; remove one first")
            webhook = await webhooks.add_webhook(
                connection,
                caller.workspace_id,
                url=url,
                events=tuple(dict.fromkeys(events)),
                description=description,
                enabled=enabled,
                secret=secret,
            )
        return webhook, secret

    async def get(self, caller: Caller, webhook_id: str) -> Webhook:
        """One webhook.

        Raises:
            NotFound: the workspace has no such webhook.
        """
        caller.must_be(Role.ADMIN)
        async with self._store.begin() as connection:
            found = await webhooks.find_webhook(connection, caller.workspace_id, webhook_id)
        if found is None:
            raise NotFound(f"there is no webhook {webhook_id}")
        return found

    async def change(
        self,
        caller: Caller,
        webhook_id: str,
        *,
        url: str | None = None,
        events: Sequence[Event] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Webhook:
        """Change what is given. To switch one on again forgets why it was switched off.

        Raises:
            NotFound: the workspace has no such webhook.
            InvalidFields: as `create`.
        """
        before = await self.get(caller, webhook_id)
        changes: dict[str, Any] = {}
        if url is not None or events is not None:
            await self._check(url or before.url, before.events if events is None else events)
        if url is not None:
            changes["url"] = url
        if events is not None:
            changes["events"] = list(dict.fromkeys(events))
        if description is not None:
            changes["description"] = description
        if enabled is not None:
            changes["enabled"] = enabled
            changes["disabled_reason"] = None
            changes["failing_since"] = None
        if changes:
            async with self._store.begin() as connection:
                await webhooks.change_webhook(connection, caller.workspace_id, webhook_id, changes)
        return await self.get(caller, webhook_id)

    async def remove(self, caller: Caller, webhook_id: str) -> None:
        """Forget a webhook and its deliveries.

        Raises:
            NotFound: the workspace has no such webhook.
        """
        caller.must_be(Role.ADMIN)
        async with self._store.begin() as connection:
            if not await webhooks.delete_webhook(connection, caller.workspace_id, webhook_id):
                raise NotFound(f"there is no webhook {webhook_id}")

    async def rotate(
        self, caller: Caller, webhook_id: str, hours: int = OLD_SECRET_HOURS
    ) -> tuple[Webhook, str]:
        """A new secret, shown this once.

        Args:
            hours: for how long the secret before signs too.

        Raises:
            NotFound: the workspace has no such webhook.
        """
        before = await self.get(caller, webhook_id)
        secret = new_secret()
        changes = {
            "secret": secret,
            "old_secret": before.secret if hours else None,
            "old_until": now() + timedelta(hours=hours) if hours else None,
        }
        async with self._store.begin() as connection:
            await webhooks.change_webhook(connection, caller.workspace_id, webhook_id, changes)
        return await self.get(caller, webhook_id), secret

    async def test(self, caller: Caller, webhook_id: str) -> Delivery:
        """Send a webhook something, to see whether it arrives.

        Raises:
            NotFound: the workspace has no such webhook.
            Conflict: it is switched off.
        """
        webhook = await self.get(caller, webhook_id)
        _must_be_on(webhook)
        async with self._store.begin() as connection:
            delivery_id = await webhooks.add_delivery(
                connection, caller.workspace_id, webhook_id, Event.TEST
            )
        return await self.delivery(caller, webhook_id, delivery_id)

    async def deliveries(
        self,
        caller: Caller,
        webhook_id: str,
        *,
        after: str | None = None,
        limit: int = 50,
        state: DeliveryState | None = None,
    ) -> list[Delivery]:
        """What a webhook was sent or is to be sent, newest first.

        Raises:
            NotFound: the workspace has no such webhook.
        """
        await self.get(caller, webhook_id)
        async with self._store.begin() as connection:
            return await webhooks.list_deliveries(
                connection, caller.workspace_id, webhook_id, after=after, limit=limit, state=state
            )

    async def delivery(self, caller: Caller, webhook_id: str, delivery_id: str) -> Delivery:
        """One delivery.

        Raises:
            NotFound: the webhook has no such delivery.
        """
        caller.must_be(Role.ADMIN)
        async with self._store.begin() as connection:
            found = await webhooks.find_delivery(
                connection, caller.workspace_id, webhook_id, delivery_id
            )
        if found is None:
            raise NotFound(f"there is no delivery {delivery_id}")
        return found

    async def resend(self, caller: Caller, webhook_id: str, delivery_id: str) -> Delivery:
        """Send a delivery again, with the id and the content that it had.

        Raises:
            NotFound: the webhook has no such delivery.
            Conflict: the webhook is switched off.
        """
        _must_be_on(await self.get(caller, webhook_id))
        async with self._store.begin() as connection:
            await webhooks.send_again(connection, caller.workspace_id, webhook_id, delivery_id)
        return await self.delivery(caller, webhook_id, delivery_id)

    async def list(self, caller: Caller) -> list[Webhook]:
        """All webhooks of the caller's workspace, oldest first."""
        caller.must_be(Role.ADMIN)
        async with self._store.begin() as connection:
            return await webhooks.list_webhooks(connection, caller.workspace_id)

    async def _check(self, url: str, events: Sequence[Event]) -> None:
        problems = []
        try:
            await self._guard.check_url(url)
        except Invalid as error:
            problems.append(FieldProblem("url", error.message))
        if not events or set(events) - set(SUBSCRIBABLE):
            names = ", ".join(SUBSCRIBABLE)
            problems.append(FieldProblem("events", f"one or more of {names}"))
        if problems:
            raise InvalidFields(problems)


def _must_be_on(webhook: Webhook) -> None:
    if not webhook.enabled:
        why = f" ({webhook.disabled_reason})" if webhook.disabled_reason else ""
        raise Conflict(f"the webhook {webhook.id} is switched off{why}; enable it first")
