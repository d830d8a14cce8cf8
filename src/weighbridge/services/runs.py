"""Runs: looked at, waited for, cancelled, taken up again."""

import asyncio
import builtins
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass

from weighbridge.core.caller import Caller, Role
from weighbridge.core.outcome import Status
from weighbridge.core.run import FINISHED, Run, RunState
from weighbridge.errors import Conflict, NotFound
from weighbridge.jobs.loading import plan_of
from weighbridge.services.evaluations import Owner
from weighbridge.spec import parse_spec
from weighbridge.store import evaluations, outcomes, runs, workers
from weighbridge.store.comparable import Comparable, comparable_with
from weighbridge.store.datasets import find_dataset
from weighbridge.store.engine import Store
from weighbridge.store.evaluations import StoredEvaluation

EVENT_EVERY_S = 0.5
WORKER_LEASE_S = 20.0
"""For how long a worker that gave no sign of life is taken to be at work still."""


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with what it executes: what every door shows of it.

    Attributes:
        pin: SHA-256 of everything that determines the result.
    """

    run: Run
    evaluation: StoredEvaluation
    pin: str


class Runs:
    """The runs of an installation.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, caller: Caller, run_id: str) -> Run:
        """One run.

        Raises:
            NotFound: the workspace has no such run.
        """
        async with self._store.begin() as connection:
            run = await runs.find_run(connection, caller.workspace_id, run_id)
        if run is None:
            raise NotFound(f"there is no run {run_id}")
        return run

    async def view(self, caller: Caller, run_id: str) -> RunView:
        """One run with its evaluation.

        Raises:
            NotFound: the workspace has no such run.
        """
        run = await self.get(caller, run_id)
        async with self._store.begin() as connection:
            evaluation = await evaluations.find_evaluation(
                connection, caller.workspace_id, run.evaluation_id
            )
            pin = await runs.read_pin(connection, run_id)
        if evaluation is None:
            raise NotFound(f"the evaluation of the run {run_id} is gone")
        return RunView(run, evaluation, pin)

    async def views(
        self,
        caller: Caller,
        *,
        after: str | None = None,
        limit: int = 50,
        evaluation_id: str | None = None,
        state: RunState | None = None,
    ) -> list[RunView]:
        """As `list`, each run with its evaluation."""
        found = await self.list(
            caller, after=after, limit=limit, evaluation_id=evaluation_id, state=state
        )
        async with self._store.begin() as connection:
            theirs = await evaluations.find_evaluations(
                connection, caller.workspace_id, {run.evaluation_id for run in found}
            )
            pins = await runs.read_pins(connection, [run.id for run in found])
        return [
            RunView(run, theirs[run.evaluation_id], pins[run.id])
            for run in found
            if run.evaluation_id in theirs and run.id in pins
        ]

    async def list(
        self,
        caller: Caller,
        *,
        after: str | None = None,
        limit: int = 50,
        evaluation_id: str | None = None,
        state: RunState | None = None,
    ) -> list[Run]:
        """Newest first."""
        async with self._store.begin() as connection:
            return await runs.list_runs(
                connection,
                caller.workspace_id,
                after=after,
                limit=limit,
                evaluation_id=evaluation_id,
                state=state,
            )

    async def latest(self, caller: Caller) -> Run:
        """The newest run.

        Raises:
            NotFound: there is none yet.
        """
        found = await self.list(caller, limit=1)
        if not found:
            raise NotFound("there is no run yet")
        return found[0]

    async def comparable(
        self, caller: Caller, view: RunView, limit: int = 30
    ) -> builtins.list[Comparable]:
        """Runs over the same rows that have succeeded, those of the same evaluation first."""
        async with self._store.begin() as connection:
            return await comparable_with(
                connection,
                caller.workspace_id,
                view.run.id,
                dataset_id=view.evaluation.dataset_id,
                evaluation_id=view.evaluation.id,
                limit=limit,
            )

    async def cancel(self, caller: Caller, run_id: str) -> Run:
        """Stop a run; whoever executes it notices within a second. What was done is kept.

        Raises:
            NotFound: the workspace has no such run.
            Conflict: it has ended already.
        """
        caller.must_be(Role.WRITER)
        run = await self.get(caller, run_id)
        async with self._store.begin() as connection:
            moved = await runs.move_run(connection, run_id, RunState.CANCELLED, "cancelled")
        if not moved:
            raise Conflict(f"the run {run_id} has ended already: it is {run.state}")
        return await self.get(caller, run_id)

    async def stop(self, caller: Caller, run_ids: Iterable[str]) -> None:
        """Stop those of several runs that have not ended.

        Raises:
            NotFound: the workspace has no such run.
        """
        for run_id in run_ids:
            with suppress(Conflict):  # it has ended
                await self.cancel(caller, run_id)

    async def resume(self, caller: Caller, run_id: str, owner: Owner | None = None) -> Run:
        """Take up a run that failed, was cancelled or crashed; only missing cases are asked.

        Raises:
            NotFound: the workspace has no such run.
            Conflict: there is nothing left to do, or it is in work.
        """
        caller.must_be(Role.WRITER)
        run = await self.get(caller, run_id)
        if run.state is RunState.SUCCEEDED:
            raise Conflict(
                f"the run {run_id} has succeeded; nothing is missing"
                + (
                    ", but retry-failed would ask its failed cases again"
                    if run.progress.failed
                    else ""
                )
            )
        if run.state in FINISHED:
            await self._queue_again(run_id, owner)
        elif owner is None or await self._is_a_workers(run_id):
            raise Conflict(f"the run {run_id} is {run.state}: it goes on by itself")
        return await self.get(caller, run_id)

    async def retry_failed(
        self, caller: Caller, run_id: str, owner: Owner | None = None, *, ungraded: bool = False
    ) -> Run:
        """Do the cases again that failed for good; the others stay as they are. Of a case with an
        answer only the scoring is done again, by the scorers that gave no verdict.

        Args:
            ungraded: the cases, too, that have an answer and not every verdict.

        Raises:
            NotFound: the workspace has no such run.
            Conflict: the run is still in work, or there is no such case.
        """
        caller.must_be(Role.WRITER)
        run = await self.get(caller, run_id)
        if run.state not in FINISHED:
            raise Conflict(f"the run {run_id} is {run.state}; wait for its end, or cancel it")
        if run.progress.failed == 0 and not (ungraded and run.progress.ungraded):
            also = " or is ungraded" if ungraded else ""
            raise Conflict(f"no case of the run {run_id} has failed{also}")
        async with self._store.begin() as connection:
            stored = await evaluations.find_evaluation(
                connection, caller.workspace_id, run.evaluation_id
            )
            dataset = stored and await find_dataset(
                connection, caller.workspace_id, stored.dataset_id
            )
            if not stored or not dataset:
                raise NotFound(f"the evaluation of the run {run_id} is gone")
            plan = plan_of(parse_spec(stored.spec).to_evaluation(), dataset.frame.rows)
            again = {Status.FAILED, Status.UNGRADED} if ungraded else {Status.FAILED}
            await outcomes.keep_aside(connection, caller.workspace_id, run_id, plan, again)
            await runs.move_run(connection, run_id, RunState.QUEUED)
            if owner is not None:
                await runs.take_ownership(connection, run_id, owner.name, owner.seconds)
        return await self.get(caller, run_id)

    async def changes(self, caller: Caller, run_id: str) -> AsyncIterator[Run]:
        """The run now, and again whenever it has changed, until it has ended."""
        before: Run | None = None
        while True:
            run = await self.get(caller, run_id)
            if run != before:
                yield run
            if run.state in FINISHED:
                return
            before = run
            await asyncio.sleep(EVENT_EVERY_S)

    async def _is_a_workers(self, run_id: str) -> bool:
        """Whether the run is in the queue, and there are workers that take from it."""
        async with self._store.begin() as connection:
            if await runs.owner_of(connection, run_id) is not None:
                return False
            return bool(await workers.alive(connection, WORKER_LEASE_S))

    async def _queue_again(self, run_id: str, owner: Owner | None) -> None:
        async with self._store.begin() as connection:
            moved = await runs.move_run(connection, run_id, RunState.QUEUED)
            if moved and owner is not None:
                await runs.take_ownership(connection, run_id, owner.name, owner.seconds)
        if not moved:
            raise Conflict(f"the run {run_id} was taken up by somebody else just now")
