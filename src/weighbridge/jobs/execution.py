"""A run being executed in this process: a pool of workers over the missing cases of its shards.

The pool belongs to the run, not to a shard: while the last slow cases of one shard are in flight,
the others of the `concurrency` calls are already in the next shard.
"""

import asyncio
from dataclasses import dataclass, field, replace

from weighbridge.core.case import Case
from weighbridge.core.outcome import Given, Record, Scored, Ungraded
from weighbridge.core.run import Progress, RunState
from weighbridge.core.shard import Shard
from weighbridge.datasets.cases import make_case
from weighbridge.errors import WeighbridgeError
from weighbridge.jobs.given import NOTHING, find_given
from weighbridge.jobs.inspections import Comparing, begin_comparing
from weighbridge.jobs.loading import LoadedRun
from weighbridge.jobs.precision import PrecisionWatch
from weighbridge.jobs.recorder import Recorder
from weighbridge.jobs.spending import Spending
from weighbridge.jobs.stop import Stop
from weighbridge.jobs.turns import Lane
from weighbridge.jobs.work import work_for
from weighbridge.store.datasets import read_segment
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import positions_done

HOPELESS_KINDS = frozenset({"unauthorized", "forbidden", "not_found"})
HOPELESS_AFTER = 10
CANCEL_GRACE_S = 0.4
DRAIN_GRACE_S = 300.0


@dataclass(slots=True, eq=False)
class _Ticket:
    """A shard in work: how many of its cases are still to be done."""

    shard: Shard
    remaining: int
    finished: asyncio.Event = field(default_factory=asyncio.Event)


class Execution:
    """One run in this process, from the first shard to the last.

    Args:
        loaded: the run and all it needs.
        store: where outcomes go.
        slots: entered for each call, where calls in flight are shared with other runs; None: only
            the limit of the evaluation itself.

    Attributes:
        in_flight: cases taken from the queue, those that wait for a slot included.
        asking: those of them that have one.
        comparing: what an inspection finds out beside its cases; None: nothing.

    Use as an async context manager, or `open` it and `close` it.
    """

    def __init__(
        self, loaded: LoadedRun, store: Store, slots: asyncio.Semaphore | Lane | None = None
    ) -> None:
        self.loaded = loaded
        self._store = store
        self._slots = slots or asyncio.Semaphore(loaded.evaluation.concurrency)
        self._work = work_for(loaded, store)
        self._trace = loaded.trace
        # What stops a run that knows enough counts in the order of the data: do the first first.
        ordered = loaded.evaluation.stop is not None
        self._queue: asyncio.Queue[tuple[int, _Ticket, Case, Given]] = (
            asyncio.PriorityQueue() if ordered else asyncio.Queue()
        )
        self._tickets: set[_Ticket] = set()
        self._pool: list[asyncio.Task[None]] = []
        self._abort: asyncio.TimerHandle | None = None
        self._answered = False
        self._hopeless = 0
        self.in_flight = 0
        self.asking = 0
        self._drained = asyncio.Event()
        self.done = loaded.run.progress.done
        self.failed = loaded.run.progress.failed
        self.ungraded = loaded.run.progress.ungraded
        self.spending = Spending(loaded.evaluation.budget, loaded.run.usage)
        self._precision = _precision_watch(loaded)
        self._turn = asyncio.Lock()
        self._caught_up = False
        self.stopped: Stop | None = None
        self.comparing: Comparing | None = None

    async def __aenter__(self) -> "Execution":
        self.open()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    def open(self) -> None:
        """Be ready for shards."""
        self._recorder = Recorder(
            self._store, self.loaded.run.workspace_id, self.loaded.run.id, self._store_failed
        )
        if self._trace is not None:
            self._trace.begin()
        self.comparing = begin_comparing(self._store, self.loaded)

    async def close(self) -> None:
        """Stop the pool and write what is left."""
        if self.comparing is not None:
            self.comparing.cancel()
            await asyncio.gather(self.comparing, return_exceptions=True)
        for task in self._pool:
            task.cancel()
        await asyncio.gather(*self._pool, return_exceptions=True)
        if self._abort is not None:
            self._abort.cancel()
        await self._recorder.close()
        if self._trace is not None:
            stop = self.stopped
            self._trace.end(self.progress, None if stop is None else stop.state or "elsewhere")

    @property
    def progress(self) -> Progress:
        """How far the run is, as far as this process knows; rows may be up to 100 ms behind."""
        return Progress(self.done, self.loaded.run.progress.total, self.failed, self.ungraded)

    async def do_shard(self, shard: Shard) -> bool:
        """Do the cases of a shard that have no outcome yet.

        Returns:
            True when every case of it has a durable outcome, False when the run was stopped.
        """
        if self.stopped is not None:
            return False
        if self._precision is None:
            ticket = await self._enqueue(shard)
        else:
            async with self._turn:  # shards get in one after the other, however long each reads
                ticket = await self._enqueue(shard)
        if ticket is None:
            return self.stopped is None
        self._grow_pool()
        await ticket.finished.wait()
        self._tickets.discard(ticket)
        await self._recorder.flushed()
        return self.stopped is None

    async def _enqueue(self, shard: Shard) -> _Ticket | None:
        """Queue what is missing of a shard; None when nothing is, or the run was stopped."""
        loaded = self.loaded
        async with self._store.begin() as connection:
            done = await positions_done(connection, loaded.run.id, shard)
        if len(done) == len(shard):
            return None
        self.check_budget()
        if not self._caught_up:
            await self.look_at_precision()
            self._caught_up = True
        rows = await read_segment(self._store.blobs, loaded.dataset.frame, shard.segment)
        given = await find_given(self._store, loaded, shard, rows)
        if self.stopped is not None:  # meanwhile
            return None
        ticket = _Ticket(shard, len(shard) - len(done))
        self._tickets.add(ticket)
        for offset in range(len(shard)):
            position = shard.start + offset
            if position not in done:
                case = make_case(position, rows[offset], loaded.evaluation)
                self._queue.put_nowait((position, ticket, case, given.get(position, NOTHING)))
        return ticket

    def stop(self, stop: Stop, grace_s: float = CANCEL_GRACE_S) -> None:
        """Ask no further model; calls in flight may finish within `grace_s` seconds.

        The first stop decides; later ones change nothing.
        """
        if self.stopped is not None:
            return
        self.stopped = stop
        self._drop_queue()
        if self.in_flight:
            self._abort = asyncio.get_running_loop().call_later(grace_s, self._abort_calls)
        else:
            self._release_tickets()

    async def drained(self) -> None:
        """After `stop`: wait until no call is in flight any more."""
        if self.in_flight:
            await self._drained.wait()

    async def settled(self) -> None:
        """After `stop`: wait until no call is in flight any more and what was answered is durable,
        or never will be."""
        await self.drained()
        await self._recorder.flushed()

    def check_budget(self) -> None:
        """Stop if the budget is used up, by this process or others, before the cases are done."""
        if self.spending.exhausted and self.done < self.loaded.run.progress.total:
            self.stop(Stop(RunState.CANCELLED, "budget"), DRAIN_GRACE_S)

    @property
    def watches_precision(self) -> bool:
        """Whether the run may stop when it knows enough."""
        return self._precision is not None

    async def look_at_precision(self) -> None:
        """Stop if the rows, other processes' included, say enough."""
        if self._precision is not None and self.stopped is None:
            await self._precision.catch_up(self._store, self.loaded)
            self._check_precision()

    def _check_precision(self) -> None:
        stop = self._precision.stop if self._precision is not None else None
        if stop is not None and self.done < self.loaded.run.progress.total:
            self.stop(stop, DRAIN_GRACE_S)

    def _grow_pool(self) -> None:
        wanted = min(self.loaded.evaluation.concurrency, self._queue.qsize() + self.in_flight)
        while len(self._pool) < wanted:
            self._pool.append(asyncio.create_task(self._worker()))

    async def _worker(self) -> None:
        queue, work, recorder, slots = self._queue, self._work, self._recorder, self._slots
        trace = self._trace
        while True:
            _, ticket, case, given = await queue.get()
            self.in_flight += 1
            try:
                async with slots:
                    if self.stopped is not None:  # while it waited
                        continue
                    doing = work.do(case, ticket.shard.epoch, given)
                    if trace is not None:
                        doing = trace.case(case.position, ticket.shard.epoch, doing)
                    self.asking += 1
                    try:
                        record = await doing
                    finally:
                        self.asking -= 1
                recorder.put(ticket.shard, _with_what_was_spent(record, given))
                self._note(record, asked=given.failure is None)
            except WeighbridgeError as error:
                self._store_failed(error)
            finally:
                self.in_flight -= 1
                ticket.remaining -= 1
                if ticket.remaining == 0:
                    ticket.finished.set()
                if self.stopped is not None and not self.in_flight:
                    self._release_tickets()
                    self._drained.set()
            if recorder.crowded:
                await recorder.room()

    def _note(self, record: Record, *, asked: bool) -> None:
        self.done += 1
        if record.failure is not None:
            self.failed += 1
            if asked:
                self._note_failure(record)
        else:
            self._answered = True
            for outcome in record.outcomes.values():
                if isinstance(outcome, Scored):
                    continue
                if isinstance(outcome, Ungraded):
                    self.ungraded += 1
                else:
                    self.failed += 1
                break
        self.spending.add(record.usage)
        self.check_budget()
        if self._precision is not None:
            self._precision.note(record)
            self._check_precision()

    def _note_failure(self, record: Record) -> None:
        failure = record.failure
        if self._answered or failure is None or failure.kind not in HOPELESS_KINDS:
            return
        self._hopeless += 1
        if self._hopeless >= HOPELESS_AFTER:
            self.stop(
                Stop(
                    RunState.FAILED,
                    f"the endpoint refused the first {self._hopeless} calls: {failure.message}",
                )
            )

    def _store_failed(self, error: WeighbridgeError) -> None:
        self.stop(Stop(RunState.FAILED, error.message), 0.0)

    def _drop_queue(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()

    def _abort_calls(self) -> None:
        for task in self._pool:
            task.cancel()
        self._release_tickets()

    def _release_tickets(self) -> None:
        for ticket in self._tickets:
            ticket.finished.set()


def _precision_watch(loaded: LoadedRun) -> PrecisionWatch | None:
    wanted = loaded.evaluation.stop
    if wanted is None:
        return None
    return PrecisionWatch(wanted, binary=loaded.scorers[wanted.scorer].metric == "accuracy")


def _with_what_was_spent(record: Record, given: Given) -> Record:
    """The record as it is kept: with what earlier tries of this run had cost."""
    if not given.retried:
        return record
    return replace(record, usage=given.spent + record.usage, retried=True)
