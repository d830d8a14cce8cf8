"""`weighbridge serve`: the pages and the APIs, and a worker beside them."""

import asyncio

import click

from weighbridge.cli.options import with_settings
from weighbridge.server import serve as serve_until_stopped
from weighbridge.settings import Settings


@click.command("serve")
@with_settings(
    "host",
    "port",
    "login",
    "worker",
    "worker_shards",
    "worker_lease_s",
    "max_concurrency",
    "max_body_mb",
    "max_upload_mb",
    "default_judge",
    "default_generator",
)
def serve(*, settings: Settings) -> None:
    """Serve the pages and the APIs, and work on runs.

    The first start makes an administrator's key and prints it once, unless WEIGHBRIDGE_API_KEY says
    what it is. SIGTERM and Ctrl-C stop it cleanly: what was answered is kept, and the next start
    goes on.
    """
    asyncio.run(serve_until_stopped(settings, announce=_announce))


def _announce(line: str) -> None:
    click.echo(line, err=True)
