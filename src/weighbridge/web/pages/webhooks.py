"""Webhooks: who is told of runs, what each was sent, and whether it arrived."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.core.webhook import SUBSCRIBABLE, Delivery, DeliveryState, Event, Webhook
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import Conflict, FieldProblem, InvalidFields
from weighbridge.web.forms import Form, Problems, problems_of
from weighbridge.web.routing import form, page, stream
from weighbridge.web.streams import follow
from weighbridge.web.visit import Visit

EVENTS = {
    Event.RUN_STARTED: "a run is being worked on",
    Event.RUN_SUCCEEDED: "every case has an outcome",
    Event.RUN_FAILED: "something stopped the run as a whole",
    Event.RUN_CANCELLED: "a person or a budget stopped it",
    Event.TEST: "somebody tries the webhook out",
}
_FIELDS = ("url", "events", "description")
_ROWS = 50
_LONGEST_DESCRIPTION = 500
_LOOK_EVERY_S = 0.5
_LOOKS = 240


@dataclass(frozen=True, slots=True)
class Filled:
    """The form for a webhook, as it is shown."""

    url: str = ""
    events: tuple[str, ...] = SUBSCRIBABLE
    description: str = ""
    problems: Problems = field(default_factory=Problems)


async def show_webhooks(visit: Visit) -> Response:
    """All webhooks, and the form for a new one."""
    if visit.caller.role is not Role.ADMIN:
        return visit.page("webhooks_closed.html", status=403)
    return await _list(visit, Filled())


async def create_webhook(visit: Visit, form: Form) -> Response:
    """A new webhook, and its secret this once."""
    try:
        webhook, secret = await visit.services.webhooks.create(
            visit.caller,
            url=form.text("url"),
            events=_events(form),
            description=_description(form),
        )
    except (InvalidFields, Conflict) as error:
        return await _list(visit, _filled(form, problems_of(error, _FIELDS)), 422)
    return _secret(visit, webhook, secret, "made")


async def show_webhook(visit: Visit) -> Response:
    """One webhook, and what it was sent."""
    if visit.caller.role is not Role.ADMIN:
        return visit.page("webhooks_closed.html", status=403)
    webhook = await _get(visit)
    filled = Filled(webhook.url, webhook.events, webhook.description)
    return await _one(visit, webhook, filled)


async def change_webhook(visit: Visit, form: Form) -> Response:
    """Its address, events and description, set anew."""
    webhook = await _get(visit)
    try:
        await visit.services.webhooks.change(
            visit.caller,
            webhook.id,
            url=form.text("url"),
            events=_events(form),
            description=_description(form),
        )
    except InvalidFields as error:
        filled = _filled(form, problems_of(error, _FIELDS))
        return await _one(visit, webhook, filled, 422)
    return visit.go(f"/webhooks/{webhook.id}", "Changed.")


async def switch_webhook(visit: Visit, form: Form) -> Response:
    """On, or off."""
    webhook = await _get(visit)
    on = form.text("on") == "yes"
    await visit.services.webhooks.change(visit.caller, webhook.id, enabled=on)
    said = "It is told of events again." if on else "It is switched off: nothing is sent."
    return visit.go(f"/webhooks/{webhook.id}", said)


async def rotate_webhook(visit: Visit, _form: Form) -> Response:
    """A new secret; for a day the one before signs too."""
    webhook, secret = await visit.services.webhooks.rotate(visit.caller, visit.path("webhook_id"))
    return _secret(visit, webhook, secret, "changed")


async def remove_webhook(visit: Visit, _form: Form) -> Response:
    """The end of it, and of its log."""
    await visit.services.webhooks.remove(visit.caller, visit.path("webhook_id"))
    return visit.go("/webhooks", "The webhook is deleted, and its log.")


async def try_webhook(visit: Visit, _form: Form) -> Response:
    """Something to see whether it arrives."""
    webhook = await _get(visit)
    delivery = await visit.services.webhooks.test(visit.caller, webhook.id)
    return visit.go(f"/webhooks/{webhook.id}/deliveries/{delivery.id}")


async def show_delivery(visit: Visit) -> Response:
    """One delivery: what is sent, and what came back."""
    if visit.caller.role is not Role.ADMIN:
        return visit.page("webhooks_closed.html", status=403)
    webhook = await _get(visit)
    delivery = await _delivery(visit)
    return visit.page("webhook_delivery.html", **_shown(webhook, delivery))


async def follow_delivery(visit: Visit) -> Response:
    """The delivery, whenever it has changed, until it is not tried at once any more."""
    webhook = await _get(visit)

    async def parts() -> AsyncIterator[str]:
        before: Delivery | None = None
        for _ in range(_LOOKS):
            it = await _delivery(visit)
            if it != before:
                yield visit.render("_webhook_delivery.html", **_shown(webhook, it))
            if it.state is not DeliveryState.PENDING:
                return
            before = it
            await asyncio.sleep(_LOOK_EVERY_S)

    return follow(parts())


async def resend_delivery(visit: Visit, _form: Form) -> Response:
    """The same content, sent again."""
    webhook_id, delivery_id = visit.path("webhook_id"), visit.path("delivery_id")
    await _delivery(visit)
    await visit.services.webhooks.resend(visit.caller, webhook_id, delivery_id)
    return visit.go(f"/webhooks/{webhook_id}/deliveries/{delivery_id}", "It is sent again.")


async def _list(visit: Visit, filled: Filled, status: int = 200) -> Response:
    found = await visit.services.webhooks.list(visit.caller)
    latest = {
        it.id: await visit.services.webhooks.deliveries(visit.caller, it.id, limit=1)
        for it in found
    }
    return visit.page(
        "webhooks.html", status=status, webhooks=found, latest=latest, filled=filled, means=EVENTS
    )


async def _one(visit: Visit, webhook: Webhook, filled: Filled, status: int = 200) -> Response:
    cursor = visit.query.text("cursor")
    found = await visit.services.webhooks.deliveries(
        visit.caller,
        webhook.id,
        after=str(decode_cursor(cursor, str)[0]) if cursor else None,
        limit=_ROWS + 1,
        state=visit.query.choice("state", DeliveryState),
    )
    return visit.page(
        "webhook.html",
        status=status,
        webhook=webhook,
        deliveries=found[:_ROWS],
        next=encode_cursor(found[_ROWS - 1].id) if len(found) > _ROWS else None,
        states=[(it, it) for it in DeliveryState],
        filled=filled,
        means=EVENTS,
    )


def _shown(webhook: Webhook, delivery: Delivery) -> dict[str, Any]:
    return {"webhook": webhook, "it": delivery, "means": EVENTS, "payload_of": _payload}


def _payload(text: str) -> str:
    """What is sent, a line for each field; it is sent in one."""
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False)


def _secret(visit: Visit, webhook: Webhook, secret: str, what: str) -> Response:
    answer = visit.page("webhook_secret.html", webhook=webhook, secret=secret, what=what)
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _get(visit: Visit) -> Webhook:
    return await visit.services.webhooks.get(visit.caller, visit.path("webhook_id"))


async def _delivery(visit: Visit) -> Delivery:
    return await visit.services.webhooks.delivery(
        visit.caller, visit.path("webhook_id"), visit.path("delivery_id")
    )


def _events(form: Form) -> tuple[Event, ...]:
    return tuple(event for event in SUBSCRIBABLE if event in form.texts("events"))


def _description(form: Form) -> str:
    text = form.text("description")
    if len(text) > _LONGEST_DESCRIPTION:
        message = f"at most {_LONGEST_DESCRIPTION} characters"
        raise InvalidFields([FieldProblem("description", message)])
    return text


def _filled(form: Form, problems: Problems) -> Filled:
    return Filled(form.text("url"), tuple(form.texts("events")), form.text("description"), problems)


ROUTES = (
    page("/webhooks", show_webhooks),
    form("/webhooks", create_webhook),
    page("/webhooks/{webhook_id}", show_webhook),
    form("/webhooks/{webhook_id}", change_webhook),
    form("/webhooks/{webhook_id}/switch", switch_webhook),
    form("/webhooks/{webhook_id}/rotate", rotate_webhook),
    form("/webhooks/{webhook_id}/delete", remove_webhook),
    form("/webhooks/{webhook_id}/test", try_webhook),
    page("/webhooks/{webhook_id}/deliveries/{delivery_id}", show_delivery),
    stream("/webhooks/{webhook_id}/deliveries/{delivery_id}/events", follow_delivery),
    form("/webhooks/{webhook_id}/deliveries/{delivery_id}/resend", resend_delivery),
)
