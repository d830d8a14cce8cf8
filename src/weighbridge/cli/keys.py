"""`weighbridge keys`: who may use the APIs."""

from datetime import UTC, datetime

import click

from weighbridge.cli.console import add_row, output, remarks, table
from weighbridge.cli.options import with_settings
from weighbridge.cli.session import Session, in_session
from weighbridge.cli.words import moment, printable, read_span
from weighbridge.core.caller import Role
from weighbridge.dialects.native import translate
from weighbridge.settings import Settings
from weighbridge.store.keys import ApiKey


def _expiry(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """A moment in UTC, from a time from now (`30d`) or a date (`2030-12-31`)."""
    if value is None:
        return None
    try:
        if (span := read_span(value)) is not None:
            return datetime.now(UTC) + span
        at = datetime.fromisoformat(value.strip())
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(
            f"{value!r} is neither a time from now, like 30d, 12h, 90m or 2w, nor a date, like "
            "2030-12-31",
            ctx,
            param,
        ) from error
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


@click.group()
def keys() -> None:
    """Make, list, revoke and rotate API keys.

    A key is shown once, when it is made; only its hash is kept. Clients send it as
    `Authorization: Bearer KEY`.
    """


@keys.command("create")
@click.option("--name", required=True, help="What the key is for.")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.WRITER.value,
    show_default=True,
    help="reader: see results. writer: also start runs and upload data. admin: also make keys.",
)
@click.option(
    "--expires",
    callback=_expiry,
    metavar="WHEN",
    help="When it ends: 30d, 12h, 90m, 2w or a date. Never by default.",
)
@click.option("--workspace", help="Name of the workspace it opens; made when missing.")
@click.option("--json", "as_json", is_flag=True, help="Print the key and what it is as JSON.")
@click.option("--quiet", is_flag=True, help="Print the key and not a word more.")
@with_settings()
def create(
    *,
    settings: Settings,
    name: str,
    role: str,
    expires: datetime | None,
    workspace: str | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Make a key, and print it on stdout: this once."""

    async def work(session: Session) -> tuple[ApiKey, str]:
        return await session.services.keys.create(
            session.caller,
            name=name,
            role=Role(role),
            expires_at=expires,
            workspace=workspace,
        )

    _show_new(*in_session(settings, work), as_json=as_json, quiet=quiet)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings()
def list_(*, settings: Settings, as_json: bool) -> None:
    """List the keys of the default workspace: all but the keys themselves."""

    async def work(session: Session) -> list[ApiKey]:
        return await session.services.keys.list(session.caller)

    found = in_session(settings, work)
    if as_json:
        for key in found:
            click.echo(translate.from_key(key).model_dump_json())
        return
    rows = table("id", "name", "begins with", "role", "state", "made", "expires", "last used")
    for key in found:
        add_row(
            rows,
            key.id,
            printable(key.name, 40),
            f"{key.hint}…",
            key.role.value,
            _state(key),
            moment(key.created_at),
            moment(key.expires_at),
            moment(key.last_used_at),
        )
    output().print(rows)


@keys.command("revoke")
@click.argument("key_id", metavar="ID")
@with_settings()
def revoke(*, settings: Settings, key_id: str) -> None:
    """Make a key unusable, at once and for good."""

    async def work(session: Session) -> None:
        await session.services.keys.revoke(session.caller, key_id)

    in_session(settings, work)
    remarks().print(f"revoked {key_id}")


@keys.command("rotate")
@click.argument("key_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="Print the key and what it is as JSON.")
@click.option("--quiet", is_flag=True, help="Print the key and not a word more.")
@with_settings()
def rotate(*, settings: Settings, key_id: str, as_json: bool, quiet: bool) -> None:
    """Revoke a key and make a new one with its name, role and expiry."""

    async def work(session: Session) -> tuple[ApiKey, str]:
        return await session.services.keys.rotate(session.caller, key_id)

    _show_new(*in_session(settings, work), as_json=as_json, quiet=quiet)


def _show_new(key: ApiKey, secret: str, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        click.echo(translate.with_secret((key, secret)).model_dump_json())
        return
    click.echo(secret)
    if not quiet:
        until = f"until {moment(key.expires_at)}" if key.expires_at else "with no end"
        remarks().print(
            f"{key.id}: {printable(key.name, 60)}, role {key.role.value}, {until}. "
            "It cannot be shown again: keep it now."
        )


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "usable" if key.usable_at(datetime.now(UTC)) else "expired"
