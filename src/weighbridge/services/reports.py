"""Reports: what a run came to, or has come to so far."""

from dataclasses import dataclass

from weighbridge.core.caller import Caller
from weighbridge.core.json import JsonObject
from weighbridge.services.runs import Runs, RunView
from weighbridge.store.engine import Store
from weighbridge.store.runs import read_breakdown
from weighbridge.store.summaries import Summary, summarise


@dataclass(frozen=True, slots=True)
class ReportView:
    """A run with the sums over its outcomes. Its metrics are there once it has ended, and so is the
    breakdown: what stands behind them, by the scorer's key."""

    view: RunView
    summary: Summary
    breakdown: dict[str, JsonObject]


class Reports:
    """The reports of an installation's runs.

    Args:
        store: where the outcomes are.
        runs: where the runs come from.
    """

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs

    async def get(self, caller: Caller, run_id: str) -> ReportView:
        """The report of one run.

        Raises:
            NotFound: the workspace has no such run.
        """
        view = await self._runs.view(caller, run_id)
        async with self._store.begin() as connection:
            summary = await summarise(connection, caller.workspace_id, run_id)
            breakdown = await read_breakdown(connection, caller.workspace_id, run_id)
        return ReportView(view, summary, breakdown)
