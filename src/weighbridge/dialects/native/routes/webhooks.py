"""Webhooks: made, changed, tried out, and what became of what they were sent."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from weighbridge.dialects.native import answers, translate, wire
from weighbridge.dialects.native.access import CallerHere, Id, IdempotencyKey, ServicesHere
from weighbridge.dialects.native.description import READ, WRITE, json_body

_SECRETS = "secrets of webhooks"

router = APIRouter(prefix="/webhooks", tags=["webhooks"])


@router.get("", response_model=wire.Page[wire.Webhook], responses=READ | WRITE)
async def list_webhooks(
    services: ServicesHere, caller: CallerHere, _query: Annotated[wire.NoQuery, Query()]
) -> Response:
    """All webhooks of the workspace, oldest first, without their secrets."""
    found = await services.webhooks.list(caller)
    return answers.page([translate.from_webhook(webhook) for webhook in found], None)


@router.post(
    "",
    status_code=201,
    response_model=wire.WebhookWithSecret,
    responses=WRITE,
    openapi_extra=json_body("NewWebhook"),
)
async def create_webhook(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A new webhook. Its secret is in this answer and nowhere else."""
    answers.refuse_idempotency(idempotency_key, _SECRETS)
    new = await answers.read_body(request, wire.NewWebhook)
    made = await services.webhooks.create(
        caller,
        url=new.url,
        events=new.events,
        description=new.description,
        enabled=new.enabled,
    )
    return answers.one(translate.with_webhook_secret(made), 201)


@router.get("/{webhook_id}", response_model=wire.Webhook, responses=READ | WRITE)
async def get_webhook(
    services: ServicesHere,
    caller: CallerHere,
    webhook_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """One webhook."""
    return answers.one(translate.from_webhook(await services.webhooks.get(caller, webhook_id)))


@router.patch(
    "/{webhook_id}",
    response_model=wire.Webhook,
    responses=WRITE,
    openapi_extra=json_body("WebhookChange"),
)
async def change_webhook(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    webhook_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """Change a webhook; what is left out stays. `enabled: true` switches one on again that was
    switched off because nothing got through."""
    change = await answers.read_body(request, wire.WebhookChange)
    changed = await services.webhooks.change(
        caller,
        webhook_id,
        url=change.url,
        events=change.events,
        description=change.description,
        enabled=change.enabled,
    )
    return answers.one(translate.from_webhook(changed))


@router.delete("/{webhook_id}", status_code=204, responses=WRITE)
async def remove_webhook(
    services: ServicesHere,
    caller: CallerHere,
    webhook_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """Forget a webhook and its deliveries."""
    await services.webhooks.remove(caller, webhook_id)
    return Response(status_code=204)


@router.post(
    "/{webhook_id}/rotate",
    status_code=201,
    response_model=wire.WebhookWithSecret,
    responses=WRITE,
)
async def rotate_webhook(
    services: ServicesHere,
    caller: CallerHere,
    webhook_id: Id,
    query: Annotated[wire.RotateQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A new secret. For a while the one before signs too, so that receivers can be changed."""
    answers.refuse_idempotency(idempotency_key, _SECRETS)
    made = await services.webhooks.rotate(caller, webhook_id, query.keep_hours)
    return answers.one(translate.with_webhook_secret(made), 201)


@router.post("/{webhook_id}/test", status_code=202, response_model=wire.Delivery, responses=WRITE)
async def try_webhook(
    services: ServicesHere,
    caller: CallerHere,
    webhook_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """Send the event `webhook.test`; what became of it is among the deliveries."""
    delivery = await services.webhooks.test(caller, webhook_id)
    return answers.one(translate.from_delivery(delivery), 202)


@router.get(
    "/{webhook_id}/deliveries", response_model=wire.Page[wire.Delivery], responses=READ | WRITE
)
async def list_deliveries(
    services: ServicesHere,
    caller: CallerHere,
    webhook_id: Id,
    query: Annotated[wire.DeliveriesQuery, Query()],
) -> Response:
    """What the webhook was sent and is to be sent, newest first; kept for 30 days."""
    return await answers.newest(
        query,
        lambda after, limit: services.webhooks.deliveries(
            caller, webhook_id, after=after, limit=limit, state=query.status
        ),
        lambda delivery: delivery.id,
        translate.from_delivery,
    )


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/resend",
    status_code=202,
    response_model=wire.Delivery,
    responses=WRITE,
)
async def resend_delivery(
    services: ServicesHere,
    caller: CallerHere,
    webhook_id: Id,
    delivery_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """Send a delivery again, with the id and the content that it had."""
    delivery = await services.webhooks.resend(caller, webhook_id, delivery_id)
    return answers.one(translate.from_delivery(delivery), 202)
