"""Reports: what a run came to, or has come to so far."""

from dataclasses import dataclass

from weighbridge.core.caller import Caller
from weighbridge.services.runs import Runs, RunView
from weighbridge.store.engine import Store
from weighbridge.store.summaries import Summary, summarise


@dataclass(frozen=True, slots=True)
class ReportView:
    """A run with the sums over its outcomes. Its metrics are there once it has ended."""

    view: RunView
    summary: Summary


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
        return ReportView(view, summary)
