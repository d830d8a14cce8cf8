"""A worker: takes runs from the queue, executes their shards, and looks after its own life.

A worker is alive as long as it renews its lease in the store. When it cannot, it ends itself before
anybody else may take over its work and pay for the same cases.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import IO, Any, TypeVar

from weighbridge.core.run import FINISHED, RunState
from weighbridge.errors import Conflict, OutOfSpace, Unavailable, WeighbridgeError
from weighbridge.jobs.delivery import conclude, deliver
from weighbridge.jobs.execution import Execution
from weighbridge.jobs.loading import LoadedRun, load_run
from weighbridge.jobs.queue import Queue, queue_database_url
from weighbridge.jobs.score_columns import WORTH_KEEPING, ended_scores
from weighbridge.jobs.stop import Stop
from weighbridge.jobs.watch import Watch
from weighbridge.providers.model import Models
from weighbridge.store import runs, workers
from weighbridge.store.engine import Store
from weighbridge.telemetry import Telemetry

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
LEASE_S = 20.0
BEATS_PER_LEASE = 5
SUBMIT_EVERY_S = 0.3
WAIT_S = 1.0
SWEEP_EVERY_S = 600.0
SHUTDOWN_GRACE_S = 8.0
LINGER_S = 5.0
EXIT_LEASE_LOST = 70


@dataclass(slots=True)
class _Shared:
    """An execution that several shards of a run use at the same time."""

    execution: Execution
    users: int = 0
    concluded: bool = False
    closing: asyncio.TimerHandle | None = None


class Worker:
    """One worker process's part in the work.

    Args:
        store: where runs and outcomes are.
        models: whom to ask.
        shards_at_once: shards worked on at the same time, over all runs.
        calls_at_once: the most calls in flight at the same time, over all runs.
        lease_s: how many seconds this worker is taken for alive after it last said so; it says so
            five times as often.
        telemetry: watches the runs; None: nobody does.
    """

    def __init__(
        self,
        store: Store,
        models: Models,
        *,
        shards_at_once: int = 4,
        calls_at_once: int = 1024,
        lease_s: float = LEASE_S,
        telemetry: Telemetry | None = None,
    ) -> None:
        self._store = store
        self._models = models
        self._telemetry = telemetry
        self._lease_s = lease_s
        self._beat_s = lease_s / BEATS_PER_LEASE
        self._renewed = time.monotonic()
        self.id = "solo" if store.is_sqlite else store.process
        self._queue = Queue(
            queue_database_url(store.url, store.folder, self.id), self.id, shards_at_once
        )
        self._watch = Watch(store)
        self._slots = asyncio.Semaphore(calls_at_once)
        self._shared: dict[tuple[str, int], _Shared] = {}
        self._opening = asyncio.Lock()
        self._submitted: set[tuple[str, int]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._background: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._lock: IO[str] | None = None

    async def start(self) -> None:
        """Begin to work.

        Raises:
            Conflict: another worker has this SQLite store; only PostgreSQL can be shared.
        """
        if self._store.is_sqlite:
            self._lock = _lock_folder(self._store)
        async with self._store.begin() as connection:
            await workers.join(connection, self.id)
        await self._queue.start(self)
        self._tasks = [
            asyncio.create_task(self._watch.look_forever(), name="watch"),
            asyncio.create_task(_forever(SUBMIT_EVERY_S, self._submit), name="submit"),
            asyncio.create_task(_forever(self._beat_s, self._keep_lease), name="lease"),
            asyncio.create_task(_forever(SWEEP_EVERY_S, self._queue.sweep), name="sweep"),
        ]

    async def stop(self) -> None:
        """Ask no further model, keep what was paid for, and leave the rest for the next start."""
        self._stopping = True
        executions = self._watch.executions
        for execution in executions:
            execution.stop(Stop(None, "the worker shuts down"), SHUTDOWN_GRACE_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_GRACE_S + 1):
                await asyncio.gather(*(execution.drained() for execution in executions))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for shared in list(self._shared.values()):
            await shared.execution.close()
        self._shared.clear()
        with contextlib.suppress(WeighbridgeError):
            async with self._store.begin() as connection:
                await workers.leave(connection, self.id)
        await self._queue.stop()
        if self._lock is not None:
            self._lock.close()

    async def plan(self, run_id: str, round_: int) -> int:
        """Begin the run; the number of its shards."""
        return await self._guarded(run_id, round_, partial(self._plan, run_id, round_), 0)

    async def do_shard(self, run_id: str, round_: int, number: int) -> bool:
        """Do what is missing of one shard; False when the run was stopped."""
        work = partial(self._do_shard, run_id, round_, number)
        return await self._guarded(run_id, round_, work, False)

    async def finish(self, run_id: str, round_: int) -> None:
        """Every shard is done: make the report."""
        await self._guarded(run_id, round_, partial(self._finish, run_id, round_), None)

    async def _guarded(
        self, run_id: str, round_: int, work: Callable[[], Awaitable[_Result]], otherwise: _Result
    ) -> _Result:
        """Work that the queue never sees fail, as it would then never be done again.

        A database that cannot be reached is waited for; whatever else goes wrong ends the run with
        that reason.
        """
        while True:
            try:
                try:
                    return await work()
                except Unavailable:
                    raise
                except WeighbridgeError as error:
                    await self._fail(run_id, round_, error.message)
                except Exception as error:
                    log.exception("run %s", run_id)
                    # What it says may be of the inside (SQL, paths): that is for the log alone.
                    reason = f"internal error ({type(error).__name__}); the server's log says more"
                    await self._fail(run_id, round_, reason)
            except Unavailable as error:
                log.warning("run %s waits: %s", run_id, error)
                await asyncio.sleep(WAIT_S)
            else:
                return otherwise

    async def _plan(self, run_id: str, round_: int) -> int:
        loaded = await load_run(self._store, self._models, run_id)
        async with self._store.begin() as connection:
            await runs.move_run(connection, run_id, RunState.RUNNING, round_=round_)
            state, current = await runs.read_state(connection, run_id)
        return 0 if state in FINISHED or current != round_ else len(loaded.plan)

    async def _finish(self, run_id: str, round_: int) -> None:
        shared = await self._open(run_id, round_)
        if shared is None:
            return
        try:
            execution = shared.execution
            await deliver(self._store, execution.loaded, comparing=execution.comparing)
            await _keep_scores(self._store, execution.loaded)
        finally:
            self._let_go(run_id, round_, shared)

    async def _do_shard(self, run_id: str, round_: int, number: int) -> bool:
        shared = await self._open(run_id, round_)
        if shared is None:
            return False
        execution = shared.execution
        try:
            complete = await execution.do_shard(execution.loaded.plan[number])
            if execution.stopped is not None:
                if execution.stopped.state is None:
                    # Shutting down: to return now would mark the shard as done.
                    await _never_return()
                if not shared.concluded:
                    shared.concluded = True
                    await execution.settled()  # other shards may have calls in flight
                    await conclude(self._store, execution.loaded, execution.stopped)
            return complete
        finally:
            self._let_go(run_id, round_, shared)

    async def _open(self, run_id: str, round_: int) -> _Shared | None:
        """The execution of this round of the run in this process; None when the round is over."""
        if self._stopping:
            await _never_return()
        await self._end_earlier_rounds(run_id, round_)
        async with self._opening:
            shared = self._shared.get((run_id, round_))
            if shared is None:
                async with self._store.begin() as connection:
                    state, current = await runs.read_state(connection, run_id)
                if state in FINISHED or current != round_:
                    return None
                loaded = await load_run(
                    self._store, self._models, run_id, telemetry=self._telemetry
                )
                execution = Execution(loaded, self._store, self._slots)
                execution.open()
                shared = self._shared[(run_id, round_)] = _Shared(execution)
                self._watch.add(execution)
            shared.users += 1
            if shared.closing is not None:
                shared.closing.cancel()
                shared.closing = None
            return shared

    async def _end_earlier_rounds(self, run_id: str, round_: int) -> None:
        """A run that was cancelled and queued again at once: wait for the calls that the earlier
        round has in flight, or their cases would be paid twice."""
        for (other, earlier), shared in list(self._shared.items()):
            if other == run_id and earlier < round_:
                shared.execution.stop(Stop(RunState.CANCELLED, "it was queued again"))
                await shared.execution.settled()

    def _let_go(self, run_id: str, round_: int, shared: _Shared) -> None:
        shared.users -= 1
        if shared.users == 0 and not self._stopping:
            # The next shard of the run is likely to come soon: keep its pool for a moment.
            delay = 0.0 if shared.execution.stopped else LINGER_S
            shared.closing = asyncio.get_running_loop().call_later(
                delay, self._close_soon, run_id, round_, shared
            )

    def _close_soon(self, run_id: str, round_: int, shared: _Shared) -> None:
        self._shared.pop((run_id, round_), None)
        self._watch.remove(shared.execution)
        task = asyncio.create_task(shared.execution.close())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _fail(self, run_id: str, round_: int, reason: str) -> None:
        """End the run with this reason. On a full disk not even that can be written: it is tried
        until it can, and nothing is asked in the meantime."""
        while True:
            try:
                async with self._store.begin() as connection:
                    await runs.move_run(connection, run_id, RunState.FAILED, reason, round_=round_)
                return
            except (Unavailable, OutOfSpace) as error:
                log.warning("run %s cannot be ended: %s", run_id, error)
                await asyncio.sleep(WAIT_S)

    async def _submit(self) -> None:
        """Bring queued runs to the queue: the run's row is what counts, so that accepting a run
        is one transaction, and a server without a worker need not know the queue at all."""
        async with self._store.begin() as connection:
            waiting = set(await runs.queued_runs(connection))
        self._submitted &= waiting
        for run_id, round_ in sorted(waiting - self._submitted):
            await self._queue.submit(run_id, round_)
            self._submitted.add((run_id, round_))

    async def _keep_lease(self) -> None:
        """Say that we live; end ourselves before anybody may think that we do not."""
        try:
            async with asyncio.timeout(self._lease_s / 3):
                async with self._store.begin() as connection:
                    ours = await workers.beat(connection, self.id, self._lease_s)
        except (WeighbridgeError, TimeoutError) as error:
            log.warning("could not renew the lease: %s", error)
            if not self._store.is_sqlite and time.monotonic() - self._renewed > self._lease_s * 0.8:
                self._die("the database could not be reached for the length of the lease")
            return
        if not ours and not self._store.is_sqlite:
            self._die("the lease ran out; other workers may have taken over")
        if not ours:  # nobody else can have taken over: the folder is locked
            async with self._store.begin() as connection:
                await workers.join(connection, self.id)
        self._renewed = time.monotonic()
        await self._take_over_from_the_dead()

    async def _take_over_from_the_dead(self) -> None:
        if self._store.is_sqlite:
            return
        # Whose work is pending is asked before who is alive: a worker that joins in between is
        # then seen alive, never dead.
        busy = await self._queue.workers_with_work()
        async with self._store.begin() as connection:
            living = await workers.alive(connection, self._lease_s)
        dead = busy - living
        if dead:
            log.warning("taking over the work of %s", ", ".join(sorted(dead)))
            async with self._store.begin() as connection:
                await workers.end_sessions(connection, dead)
            await self._queue.recover(dead)

    def _die(self, why: str) -> None:
        log.critical("worker %s ends itself: %s", self.id, why)
        os._exit(EXIT_LEASE_LOST)


_parked: set[asyncio.Task[Any]] = set()


async def _keep_scores(store: Store, loaded: LoadedRun) -> None:
    """Have the scores of a large run at hand before anybody compares it."""
    keys = [key for key, scorer in loaded.scorers.items() if scorer.metric != "labels"]
    run = loaded.run
    if run.progress.total < WORTH_KEEPING or not keys:
        return
    try:
        await ended_scores(store, run.workspace_id, run.id, loaded.evaluation, keys)
    except (WeighbridgeError, OSError) as error:
        # The run has ended; whoever compares it reads its rows.
        log.warning("run %s: its scores are not kept as a file: %s", run.id, error)


async def _never_return() -> None:
    """Leave the workflow unfinished, for the next start. The task is held until the loop ends it:
    one that nobody holds is collected as garbage in the middle of the queue's own code."""
    task = asyncio.current_task()
    if task is not None:
        _parked.add(task)
        task.add_done_callback(_parked.discard)
    await asyncio.Event().wait()


async def _forever(every_s: float, do: Callable[[], Awaitable[None]]) -> None:
    """Do something again and again; what it raises is logged, and does not end it."""
    while True:
        try:
            await do()
        except WeighbridgeError as error:
            log.warning("%s", error)
        except Exception:
            log.exception("a duty of the worker failed; it is tried again in %s s", every_s)
        await asyncio.sleep(every_s)


def _lock_folder(store: Store) -> IO[str]:
    lock = (store.folder / "worker.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise Conflict(
            f"another worker is at work on {store.folder}; several workers need PostgreSQL "
            "(WEIGHBRIDGE_DATABASE_URL)"
        ) from error
    return lock
