"""`weighbridge export`: the outcomes of a run as a file."""

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from weighbridge.cli.options import Address, with_server, with_settings
from weighbridge.cli.remote import connect
from weighbridge.cli.session import Session, in_session
from weighbridge.cli.words import count
from weighbridge.core.run import FINISHED, RunState
from weighbridge.services.exports import Format
from weighbridge.settings import Settings
from weighbridge.spec import parse_spec

Write = Callable[[bytes], object]


@click.command("export")
@click.argument("run_id", metavar="RUN")
@click.option(
    "--format",
    "file_format",
    type=click.Choice([kind.value for kind in Format]),
    help="jsonl: one outcome a line, nested. csv, parquet: one a row, flat. By default as the name "
    "of the output says, else jsonl.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to; stdout by default. The file appears when it is complete, not before.",
)
@with_settings()
@with_server
def export(
    *,
    settings: Settings,
    address: Address | None,
    run_id: str,
    file_format: str | None,
    output: Path | None,
) -> None:
    """Write the outcomes of a run to stdout or a file, one a case and epoch.

    RUN is a run's id, or `latest`.
    """
    kind = Format(file_format) if file_format else _format_of(output)
    if output is None and kind is Format.PARQUET and sys.stdout.isatty():
        raise click.UsageError("parquet is not for a terminal: add -o FILE, or redirect stdout")
    with _sink(output) as write:
        if address is not None:
            state, progress = asyncio.run(_from_server(address, run_id, kind, write))
        else:

            async def work(session: Session) -> tuple[RunState, tuple[int, int]]:
                return await _from_here(session, run_id, kind, write)

            state, progress = in_session(settings, work)
    done, total = progress
    if state not in FINISHED or done < total:
        click.echo(
            f"the run is {state}: these are {count(done)} of {count(total)} outcomes", err=True
        )


async def _from_here(
    session: Session, name: str, kind: Format, write: Write
) -> tuple[RunState, tuple[int, int]]:
    services = session.services
    run = await session.run(name)
    view = await services.runs.view(session.caller, run.id)
    evaluation = parse_spec(view.evaluation.spec).to_evaluation()
    scorers = tuple(scorer.key for scorer in evaluation.scorers)
    async for piece in services.exports.stream(run, scorers, kind):
        await asyncio.to_thread(write, piece)
    return run.state, (run.progress.done, run.progress.total)


async def _from_server(
    address: Address, name: str, kind: Format, write: Write
) -> tuple[RunState, tuple[int, int]]:
    async with connect(address) as server:
        run = await server.called(name)
        async for piece in server.export(run.id, kind.value):
            await asyncio.to_thread(write, piece)
    return run.status, (run.progress.done, run.progress.total)


def _format_of(output: Path | None) -> Format:
    suffix = output.suffix.lower().lstrip(".") if output else ""
    return Format(suffix) if suffix in set(Format) else Format.JSONL


@contextmanager
def _sink(output: Path | None) -> Iterator[Write]:
    """Where the pieces go; a file gets its name once all of them are in it."""
    if output is None:
        yield sys.stdout.buffer.write
        sys.stdout.buffer.flush()
        return
    try:
        handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    except OSError as error:
        raise click.FileError(str(output), error.strerror or str(error)) from error
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file.write
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(output)
    except OSError as error:
        raise click.FileError(str(output), error.strerror or str(error)) from error
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
