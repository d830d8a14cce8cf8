"""`weighbridge cache`: replies that were paid for before."""

import json
from datetime import UTC, datetime

import click

from weighbridge.cli.console import remarks
from weighbridge.cli.options import with_settings
from weighbridge.cli.session import Session, in_session
from weighbridge.cli.words import count, moment, read_span
from weighbridge.settings import Settings
from weighbridge.store.replies import CacheStats


def _older_than(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """The moment that lies so long ago."""
    if value is None:
        return None
    span = read_span(value)
    if span is None:
        raise click.BadParameter(f"{value!r} is not a time like 30d, 12h, 90m or 2w", ctx, param)
    return datetime.now(UTC) - span


@click.group()
def cache() -> None:
    """Look at the cache of replies, or empty it.

    Evaluations with `cache: true` (or `weighbridge run --cache`) take from it what was asked and
    answered before in the same workspace, and keep in it what they ask.
    """


@cache.command("stats")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_settings()
def stats(*, settings: Settings, as_json: bool) -> None:
    """Say how many replies there are, and how large they are together."""

    async def work(session: Session) -> CacheStats:
        return await session.services.cache.stats(session.caller)

    found = in_session(settings, work)
    if as_json:
        shown = {
            "replies": found.replies,
            "size_bytes": found.size,
            "oldest": found.oldest.isoformat() if found.oldest else None,
            "last_used": found.used.isoformat() if found.used else None,
        }
        click.echo(json.dumps(shown))
        return
    click.echo(f"{count(found.replies)} replies, {found.size / 2**20:,.1f} MiB")
    if found.replies:
        click.echo(f"the oldest was kept {moment(found.oldest)}")


@cache.command("clear")
@click.option(
    "--older-than",
    "before",
    callback=_older_than,
    metavar="TIME",
    help="Only replies kept longer ago than 30d, 12h, 90m or 2w. All by default.",
)
@with_settings()
def clear(*, settings: Settings, before: datetime | None) -> None:
    """Forget replies: the next run that wants them asks again."""

    async def work(session: Session) -> int:
        return await session.services.cache.clear(session.caller, before)

    remarks().print(f"forgot {count(in_session(settings, work))} replies")
