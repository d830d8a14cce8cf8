"""A run in this very process, without the queue: what `weighbridge run` does.

It leaves the same rows as a worker would, so that either can go on where the other stopped.
"""

import asyncio
import logging
import os
import socket
from collections import deque
from collections.abc import Callable

from weighbridge.core.run import RunState
from weighbridge.errors import Conflict, Unavailable
from weighbridge.jobs.delivery import conclude, deliver
from weighbridge.jobs.execution import Execution
from weighbridge.jobs.loading import LoadedRun
from weighbridge.jobs.stop import Stop
from weighbridge.jobs.turns import Lane
from weighbridge.jobs.watch import Watch
from weighbridge.store.engine import Store
from weighbridge.store.runs import move_run, read_state, take_ownership

log = logging.getLogger(__name__)
OWNED_FOR_S = 20.0
RENEW_EVERY_S = 5.0


async def run_in_foreground(
    store: Store,
    loaded: LoadedRun,
    started: Callable[[Execution], None] = lambda _: None,
    *,
    slots: Lane | None = None,
) -> RunState:
    """Execute a queued (or crashed) run to its end.

    Args:
        store: where its rows are.
        loaded: the run.
        started: handed the execution, for progress and for stopping it.
        slots: its part of the calls in flight that it shares with runs beside it; None: it is
            alone.

    Returns:
        The state it ended in.

    Raises:
        Conflict: somebody else is executing it, or has taken it over, or it has ended.
    """
    run_id = loaded.run.id
    owner = await own(store, run_id)
    async with store.begin() as connection:
        await move_run(connection, run_id, RunState.RUNNING)
        state, _ = await read_state(connection, run_id)
    if state not in {RunState.RUNNING, RunState.DELIVERING}:
        raise Conflict(f"the run {run_id} has ended: it is {state}")
    watch = Watch(store)
    async with Execution(loaded, store, slots) as execution, asyncio.TaskGroup() as tasks:
        started(execution)
        watch.add(execution)
        watching = [
            tasks.create_task(watch.look_forever()),
            tasks.create_task(_stay_owner(store, execution, owner)),
        ]
        try:
            await _do_all_shards(execution)
        finally:
            for task in watching:
                task.cancel()
    stop = execution.stopped
    if stop is None:
        return await deliver(store, loaded)
    if stop.state is None:
        raise Conflict(f"the run {run_id} is no longer executed here: {stop.reason}")
    await conclude(store, loaded, stop)
    return stop.state


async def _do_all_shards(execution: Execution) -> None:
    """Keep enough shards in work for the pool never to run dry between two of them."""
    plan = execution.loaded.plan
    window = 1 + -(-2 * execution.loaded.evaluation.concurrency // plan.size)
    pending: deque[asyncio.Task[bool]] = deque()
    async with asyncio.TaskGroup() as shards:
        for shard in plan:
            if execution.stopped is not None:
                break
            pending.append(shards.create_task(execution.do_shard(shard)))
            if len(pending) > window:
                await pending.popleft()


async def own(store: Store, run_id: str) -> str:
    """Become the only executor of a run.

    Raises:
        Conflict: another process is, and is alive as far as can be known.
    """
    owner = this_process()
    async with store.begin() as connection:
        other = await take_ownership(connection, run_id, owner, OWNED_FOR_S)
    if other is not None and _is_dead(other):
        async with store.begin() as connection:
            other = await take_ownership(connection, run_id, owner, OWNED_FOR_S, instead_of=other)
    if other is None:
        return owner
    raise Conflict(
        f"the run {run_id} is being executed by {other}; stop that process, or wait "
        f"{OWNED_FOR_S:.0f} s after it has died, and resume again"
    )


def this_process() -> str:
    """The name under which this process owns runs."""
    return f"{socket.gethostname()}:{os.getpid()}"


def _is_dead(owner: str) -> bool:
    """Whether the owner was a process of this machine that is no more."""
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


async def _stay_owner(store: Store, execution: Execution, owner: str) -> None:
    """Say that we live; stop when another process has taken the run over, as it may after we were
    frozen, so that no case is paid for by both."""
    while True:
        await asyncio.sleep(RENEW_EVERY_S)
        try:
            async with store.begin() as connection:
                other = await take_ownership(
                    connection, execution.loaded.run.id, owner, OWNED_FOR_S
                )
        except Unavailable as error:
            log.warning("could not say that the run is still in work: %s", error)
            continue
        if other is not None:
            execution.stop(Stop(None, f"{other} has taken it over"), 0.0)
            return
