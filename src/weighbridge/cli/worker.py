"""`weighbridge worker`: a process that works on the runs of an installation."""

import asyncio

import click

from weighbridge.cli.interrupts import Interrupts
from weighbridge.cli.options import with_settings
from weighbridge.dialects.native.events import postman_of
from weighbridge.jobs.worker import Worker
from weighbridge.settings import Settings
from weighbridge.wiring import open_services


@click.command("worker")
@with_settings("worker_shards", "worker_lease_s", "max_concurrency")
def worker(*, settings: Settings) -> None:
    """Work on the runs of an installation, without serving.

    On PostgreSQL (WEIGHBRIDGE_DATABASE_URL) any number of workers share the runs; when one dies,
    the others take over. On SQLite there can be one, and `weighbridge serve` is one already.
    SIGTERM and Ctrl-C stop it cleanly: what was answered is kept, the rest goes on elsewhere.
    """
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    with Interrupts() as interrupts:
        interrupts.stop_with(stop.set)
        async with open_services(settings) as services:
            at_work = Worker(
                services.store,
                services.models,
                shards_at_once=settings.worker_shards,
                calls_at_once=settings.max_concurrency,
                lease_s=settings.worker_lease_s,
                telemetry=services.telemetry,
            )
            await at_work.start()
            click.echo(f"the worker {at_work.id} is at work", err=True)
            try:
                async with postman_of(services):
                    await stop.wait()
            finally:
                await at_work.stop()
