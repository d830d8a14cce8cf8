"""`weighbridge webhooks`: who is told when runs begin and end."""

import click

from weighbridge.cli.console import add_row, output, remarks, table
from weighbridge.cli.options import with_settings
from weighbridge.cli.session import Session, in_session
from weighbridge.cli.words import moment, printable
from weighbridge.core.webhook import SUBSCRIBABLE, Delivery, Event, Webhook
from weighbridge.dialects.native import translate
from weighbridge.settings import Settings


@click.group()
def webhooks() -> None:
    """Tell others when runs begin and end.

    Events are signed as Standard Webhooks has it, and sent by servers and workers; an address must
    be one that everyone can reach, unless WEIGHBRIDGE_ALLOWED_NETWORKS says more.
    """


@webhooks.command("add")
@click.argument("url")
@click.option(
    "--event",
    "events",
    multiple=True,
    type=click.Choice([event.value for event in SUBSCRIBABLE]),
    help="Of what it is told; may be given several times. Of everything by default.",
)
@click.option("--description", default="", help="For people.")
@click.option("--json", "as_json", is_flag=True, help="Print it and its secret as JSON.")
@with_settings()
def add(
    *, settings: Settings, url: str, events: tuple[str, ...], description: str, as_json: bool
) -> None:
    """Tell URL of events, and print the secret that verifies them on stdout: this once."""

    async def work(session: Session) -> tuple[Webhook, str]:
        return await session.services.webhooks.create(
            session.caller,
            url=url,
            events=tuple(Event(event) for event in events) or SUBSCRIBABLE,
            description=description,
        )

    webhook, secret = in_session(settings, work)
    if as_json:
        click.echo(translate.with_webhook_secret((webhook, secret)).model_dump_json())
        return
    click.echo(secret)
    remarks().print(f"{webhook.id}: {printable(webhook.url, 100)}. Keep the secret now.")


@webhooks.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings()
def list_(*, settings: Settings, as_json: bool) -> None:
    """List the webhooks of the default workspace."""

    async def work(session: Session) -> list[Webhook]:
        return await session.services.webhooks.list(session.caller)

    found = in_session(settings, work)
    if as_json:
        for webhook in found:
            click.echo(translate.from_webhook(webhook).model_dump_json())
        return
    rows = table("id", "address", "events", "state", "description")
    for webhook in found:
        add_row(
            rows,
            webhook.id,
            printable(webhook.url, 80),
            ", ".join(webhook.events),
            _state(webhook),
            printable(webhook.description, 40),
        )
    output().print(rows)


@webhooks.command("remove")
@click.argument("webhook_id", metavar="ID")
@with_settings()
def remove(*, settings: Settings, webhook_id: str) -> None:
    """Forget a webhook and what it was sent."""

    async def work(session: Session) -> None:
        await session.services.webhooks.remove(session.caller, webhook_id)

    in_session(settings, work)
    remarks().print(f"removed {webhook_id}")


@webhooks.command("test")
@click.argument("webhook_id", metavar="ID")
@with_settings()
def test(*, settings: Settings, webhook_id: str) -> None:
    """Have a webhook sent something; a server or worker that runs does so within a second."""

    async def work(session: Session) -> Delivery:
        return await session.services.webhooks.test(session.caller, webhook_id)

    delivery = in_session(settings, work)
    remarks().print(
        f"{delivery.id} is on its way; what became of it: "
        f"weighbridge webhooks deliveries {webhook_id}"
    )


@webhooks.command("deliveries")
@click.argument("webhook_id", metavar="ID")
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings()
def deliveries(*, settings: Settings, webhook_id: str, limit: int, as_json: bool) -> None:
    """Show what a webhook was sent and is to be sent, newest first."""

    async def work(session: Session) -> list[Delivery]:
        return await session.services.webhooks.deliveries(session.caller, webhook_id, limit=limit)

    found = in_session(settings, work)
    if as_json:
        for delivery in found:
            click.echo(translate.from_delivery(delivery).model_dump_json())
        return
    rows = table("id", "event", "run", "state", "tries", "answer", "last try", "next try")
    for delivery in found:
        add_row(
            rows,
            delivery.id,
            delivery.event,
            delivery.run_id,
            delivery.state,
            delivery.attempts,
            _answer(delivery),
            moment(delivery.attempted_at),
            moment(delivery.next_at),
        )
    output().print(rows)


def _state(webhook: Webhook) -> str:
    if not webhook.enabled:
        reason = printable(webhook.disabled_reason or "", 60)
        return f"off: {reason}" if reason else "off"
    if webhook.failing_since is not None:
        return f"failing since {moment(webhook.failing_since)}"
    return "on"


def _answer(delivery: Delivery) -> str | None:
    said = delivery.error or delivery.response
    parts = [str(delivery.http_status or ""), printable(said or "", 60)]
    return " ".join(part for part in parts if part) or None
