"""Runs executed by a server: sent there, followed from here."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Any

from weighbridge.cli import late
from weighbridge.cli.ending import tell
from weighbridge.cli.interrupts import Interrupts
from weighbridge.cli.local import Ended, say_warnings
from weighbridge.cli.options import Address
from weighbridge.cli.order import EvaluationFile
from weighbridge.cli.progress import Display, Snapshot, shown
from weighbridge.cli.remote import Server, connect
from weighbridge.core.inference import frame_address
from weighbridge.dialects.native import wire
from weighbridge.errors import Conflict, FieldProblem, InvalidFields


async def run_at_server(
    address: Address,
    asked: EvaluationFile | None,
    resume: Sequence[str],
    *,
    retry_failed: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Have a server execute an evaluation, or go on with runs; print what `run` prints.

    Args:
        asked: the evaluation, or None to go on with the runs in `resume`.

    Returns:
        The exit code.
    """
    async with connect(address) as server:
        begin = (
            _start(server, asked, quiet=quiet)
            if asked is not None
            else _take_up(server, resume, retry_failed=retry_failed)
        )
        return await _see_through(address, server, begin, as_json=as_json, quiet=quiet)


async def rescore_at_server(
    address: Address, name: str, changes: Mapping[str, Any], *, as_json: bool, quiet: bool
) -> int:
    """Have a server score the answers of a run again; print what `rescore` prints.

    Returns:
        The exit code.
    """
    async with connect(address) as server:
        begin = _rescore(server, name, changes)
        return await _see_through(address, server, begin, as_json=as_json, quiet=quiet)


async def _see_through(
    address: Address,
    server: Server,
    begin: Coroutine[None, None, list[wire.Run]],
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    ended = await _executed(server, begin, quiet=quiet)
    return await tell(server, ended, ("--server", address.url), as_json=as_json, quiet=quiet)


async def start_and_follow(server: Server, asked: EvaluationFile, *, quiet: bool) -> Ended:
    """Have a server execute an evaluation, to its end or until a signal comes."""
    return await _executed(server, _start(server, asked, quiet=quiet), quiet=quiet)


async def _executed(
    server: Server, begin: Coroutine[None, None, list[wire.Run]], *, quiet: bool
) -> Ended:
    display = late.choose_display(quiet=quiet)
    with Interrupts() as interrupts:
        runs = await interrupts.unless_stopped(begin) or []
        cancelling: list[asyncio.Task[None]] = []
        interrupts.stop_with(lambda: cancelling.append(asyncio.create_task(_cancel(server, runs))))
        for run in runs:
            await _follow(server, run, display)
        await asyncio.gather(*cancelling)
    return Ended(tuple(run.id for run in runs), interrupts.code)


async def _rescore(server: Server, name: str, changes: Mapping[str, Any]) -> list[wire.Run]:
    run = await server.called(name)
    return list((await server.rescore(run.id, changes)).runs)


async def _start(server: Server, asked: EvaluationFile, *, quiet: bool) -> list[wire.Run]:
    spec = dict(asked.spec.as_json())
    data = asked.spec.data
    try:
        if data is not None and not data.startswith("ds_") and frame_address(data) is None:
            path = asked.folder / data
            if path.is_file():
                spec["data"] = (await server.upload(path)).id
            elif path.suffix:
                raise InvalidFields([FieldProblem("data", f"there is no file {path}")])
        started = await server.create(spec)
    except InvalidFields as error:
        raise asked.locate(error) from error
    if not quiet:
        say_warnings(started.warnings)
    return list(started.runs)


async def _take_up(server: Server, names: Sequence[str], *, retry_failed: bool) -> list[wire.Run]:
    taken = []
    for name in names:
        run = await server.called(name)
        again = retry_failed and (run.progress.failed or run.progress.done == run.progress.total)
        taken.append(await server.move(run.id, "retry-failed" if again else "resume"))
    return taken


async def _follow(server: Server, run: wire.Run, display: Display) -> None:
    latest = run

    def read() -> Snapshot:
        return _snapshot(latest)

    async with shown(display, run.model, read):
        async for changed in server.follow(run.id):
            latest = changed


async def _cancel(server: Server, runs: Sequence[wire.Run]) -> None:
    for run in runs:
        with suppress(Conflict):  # it had ended before
            await server.move(run.id, "cancel")


def _snapshot(run: wire.Run) -> Snapshot:
    return Snapshot(
        run.progress.done,
        run.progress.total,
        run.progress.failed,
        run.progress.ungraded,
        run.usage.input_tokens + run.usage.output_tokens,
        run.usage.cost_usd,
    )
