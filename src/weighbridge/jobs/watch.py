"""Keeps an eye on the runs in work: cancelled by somebody? budget used up by another worker?"""

import asyncio
import logging

from weighbridge.core.run import FINISHED, RunState
from weighbridge.errors import WeighbridgeError
from weighbridge.jobs.execution import Execution
from weighbridge.jobs.stop import Stop
from weighbridge.store.engine import Store
from weighbridge.store.runs import find_run, states_of

log = logging.getLogger(__name__)
EVERY_S = 0.4


class Watch:
    """Looks at the rows of the runs in work and tells their executions.

    Args:
        store: where the rows are.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._executions: set[Execution] = set()

    def add(self, execution: Execution) -> None:
        """Watch this execution from now on."""
        self._executions.add(execution)

    def remove(self, execution: Execution) -> None:
        """It has ended."""
        self._executions.discard(execution)

    @property
    def executions(self) -> tuple[Execution, ...]:
        """The runs in work in this process."""
        return tuple(self._executions)

    async def look_forever(self) -> None:
        """Look every 0.4 s, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            if self._executions:
                try:
                    await self.look()
                except WeighbridgeError as error:
                    log.warning("could not look after the runs in work: %s", error)

    async def look(self) -> None:
        """Look once."""
        executions = self.executions
        async with self._store.begin() as connection:
            found = await states_of(connection, {each.loaded.run.id for each in executions})
        for execution in executions:
            if execution.loaded.run.id not in found:
                continue
            state, round_ = found[execution.loaded.run.id]
            if state in FINISHED:
                execution.stop(Stop(state, f"it is {state}"))
            elif round_ != execution.loaded.round:
                execution.stop(Stop(RunState.CANCELLED, "it was cancelled and queued again"))
            else:
                if execution.spending.limited:
                    await self._look_at_spending(execution)
                if execution.watches_precision:
                    await execution.look_at_precision()

    async def _look_at_spending(self, execution: Execution) -> None:
        run = execution.loaded.run
        async with self._store.begin() as connection:
            fresh = await find_run(connection, run.workspace_id, run.id)
        if fresh is not None:
            execution.spending.observe_total(fresh.usage)
            execution.check_budget()
