"""The durable queue. DBOS is named in this file and nowhere else.

What is durable here is only who does which shard; what a case came to is in our own rows. So a
workflow that is run twice (a crash, a worker taken for dead) asks no case that has an outcome.

Pitfalls that this file knows about (see docs/decisions/0002-dbos.md): DBOS sets no journal mode on
SQLite; without a pinned application version a new release orphans the work of the old one; open
source recovery across workers needs a private function, guarded by tests/jobs/test_queue.py.

Shards are done in the order in which they were queued, but for the first ones of a run, which come
as a block: each of those waits a second longer than the one before it. So runs that begin together,
as those of one evaluation do, take turns, and none is overtaken by what comes some seconds later.
"""

import asyncio
import logging
import sqlite3
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy
from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SetWorkflowID, WorkflowHandleAsync
from sqlalchemy import event, make_url

_APP = "weighbridge"
_WORKFLOW_VERSION = "1"  # raise only when the order of steps in a workflow changes
_RUNS, _SHARDS = "weighbridge-runs", "weighbridge-shards"
_RUNS_AT_ONCE = 32
_KEEP_FINISHED = timedelta(hours=1)
_SWEEP_AT_ONCE = 5_000
_SINCE = 1_735_689_600  # 2025: a priority is a 32-bit number of seconds since then


class Work(Protocol):
    """What the queue gets done, implemented by `jobs.worker`."""

    async def plan(self, run_id: str, round_: int) -> int:
        """Begin the run; the number of its shards (0: there is nothing to do)."""
        ...

    async def do_shard(self, run_id: str, round_: int, number: int) -> bool:
        """Do what is missing of one shard; False when the run was stopped."""
        ...

    async def finish(self, run_id: str, round_: int) -> None:
        """Every shard is done: deliver."""
        ...


_work: Work | None = None
_window = 8


def _the_work() -> Work:
    if _work is None:
        raise RuntimeError("the queue was not started")
    return _work


@DBOS.step()
async def _plan(run_id: str, round_: int) -> int:
    return await _the_work().plan(run_id, round_)


@DBOS.step()
async def _do_shard(run_id: str, round_: int, number: int) -> bool:
    return await _the_work().do_shard(run_id, round_, number)


@DBOS.step()
async def _finish(run_id: str, round_: int) -> None:
    await _the_work().finish(run_id, round_)


@DBOS.workflow(max_recovery_attempts=1_000)
async def shard_workflow(run_id: str, round_: int, number: int) -> bool:
    """One shard of one run."""
    return await _do_shard(run_id, round_, number)


@DBOS.workflow(max_recovery_attempts=1_000)
async def run_workflow(run_id: str, round_: int) -> None:
    """One run: its shards through the queue, a bounded number at a time, then its report."""
    shards = await _plan(run_id, round_)
    pending: deque[WorkflowHandleAsync[bool]] = deque()
    complete = shards > 0
    for number in range(shards):
        if len(pending) >= _window:
            complete &= await pending.popleft().get_result(polling_interval_sec=0.1)
        if not complete:
            break
        with (
            SetWorkflowID(f"{run_id}:{round_}:{number}"),
            SetEnqueueOptions(priority=_seconds() + len(pending)),
        ):
            pending.append(
                await DBOS.enqueue_workflow_async(_SHARDS, shard_workflow, run_id, round_, number)
            )
    for handle in pending:
        complete &= await handle.get_result(polling_interval_sec=0.1)
    if complete:
        await _finish(run_id, round_)


def _seconds() -> int:
    return int(time.time()) - _SINCE


class Queue:
    """The queue of one worker process. There can be one per process.

    Args:
        database_url: where the queue's own tables are: PostgreSQL, or a SQLite file.
        worker_id: unique among living workers; work in progress is kept under it.
        shards_at_once: shards that this process works on at the same time.
    """

    def __init__(self, database_url: str, worker_id: str, shards_at_once: int) -> None:
        self._database_url = database_url
        self._worker_id = worker_id
        self._shards_at_once = shards_at_once

    async def start(self, work: Work) -> None:
        """Take up what this worker left behind, and then what comes."""
        global _work, _window
        _work, _window = work, 2 * self._shards_at_once
        config: DBOSConfig = {
            "name": _APP,
            "system_database_url": self._database_url,
            "application_version": _WORKFLOW_VERSION,
            "executor_id": self._worker_id,
            "log_level": "ERROR",
            "console_log_level": "ERROR",
            "sys_db_pool_size": 10,
            "sys_db_idle_transaction_timeout_sec": 10.0,  # a frozen worker must not keep locks
            "max_executor_threads": 16,
            "notification_listener_polling_interval_sec": 0.1,
        }
        DBOS(config=config)
        DBOS.launch()
        await DBOS.register_queue_async(
            _RUNS, worker_concurrency=_RUNS_AT_ONCE, polling_interval_sec=0.2
        )
        await DBOS.register_queue_async(
            _SHARDS, worker_concurrency=self._shards_at_once, polling_interval_sec=0.1
        )

    async def submit(self, run_id: str, round_: int) -> None:
        """Have a run executed. A second submission of the same round changes nothing."""
        with SetWorkflowID(f"{run_id}:{round_}"):
            await DBOS.enqueue_workflow_async(_RUNS, run_workflow, run_id, round_)

    async def workers_with_work(self) -> set[str]:
        """Ids of the workers that work in progress is kept under."""
        pending = await DBOS.list_workflows_async(
            status="PENDING", load_input=False, load_output=False
        )
        return {workflow.executor_id for workflow in pending if workflow.executor_id}

    async def recover(self, dead: set[str]) -> None:
        """Queue the work in progress of dead workers again. May be called any number of times."""
        await asyncio.to_thread(DBOS._recover_pending_workflows, sorted(dead))

    async def sweep(self) -> None:
        """Forget workflows that ended over an hour ago; the rows of their runs stay."""
        before = datetime.now(UTC) - _KEEP_FINISHED
        ended = await DBOS.list_workflows_async(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            completed_before=before.isoformat(),
            limit=_SWEEP_AT_ONCE,
            load_input=False,
            load_output=False,
        )
        if ended:
            await DBOS.delete_workflows_async([workflow.workflow_id for workflow in ended])

    async def stop(self) -> None:
        """Stop taking work. What is in progress stays ours, for the next start."""
        # Workflows that wait for their shards break off here, which is no error: they go on at
        # the next start. The level is set anew by `start`.
        logging.getLogger("dbos").setLevel(logging.CRITICAL)
        await asyncio.to_thread(DBOS.destroy)
        # DBOS made its own threads the loop's, and has just ended them; others still need some.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())


def queue_database_url(store_url: str, folder: Path, worker_id: str) -> str:
    """Where the queue's tables go: the store's PostgreSQL, or a SQLite file beside the store's."""
    if store_url.startswith("sqlite"):
        return f"sqlite:///{(folder / 'queue.sqlite').resolve()}"
    url = make_url(store_url).update_query_dict({"application_name": worker_id})
    return url.render_as_string(hide_password=False)


@event.listens_for(sqlalchemy.Engine, "connect")
def _tune_sqlite(connection: Any, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=normal")
