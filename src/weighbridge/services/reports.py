"""Reports: what a run came to, or has come to so far."""

from dataclasses import dataclass

from weighbridge.core.caller import Caller
from weighbridge.core.json import JsonObject
from weighbridge.core.run import FINISHED, Run
from weighbridge.services.kept import Kept
from weighbridge.services.runs import Runs, RunView
from weighbridge.store.engine import Store
from weighbridge.store.runs import read_breakdown
from weighbridge.store.summaries import Summary, latency_quantiles, summarise

_QUICK = 5_000  # outcomes that are gone through in a few hundredths of a second
_MOST_KEPT, _MOST_BYTES = 500, 16 << 20
_SIZE = 2_000  # of a summary, roughly


@dataclass(frozen=True, slots=True)
class ReportView:
    """A run with the sums over its outcomes. Its metrics are there once it has ended, and so is the
    breakdown: what stands behind them, by the scorer's key.

    Attributes:
        latency_p50_s, latency_p95_s: seconds within which half of the answers came, and 95 of 100;
            None before the run has ended.
    """

    view: RunView
    summary: Summary
    breakdown: dict[str, JsonObject]
    latency_p50_s: float | None = None
    latency_p95_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Sums:
    """What is counted over all outcomes."""

    summary: Summary
    p50_s: float | None = None
    p95_s: float | None = None


class Reports:
    """The reports of an installation's runs. What was counted of a run that has ended is
    remembered.

    Args:
        store: where the outcomes are.
        runs: where the runs come from.
    """

    def __init__(self, store: Store, runs: Runs) -> None:
        self._store = store
        self._runs = runs
        self._kept: Kept[Run, _Sums] = Kept(_MOST_BYTES, _MOST_KEPT)

    async def get(self, caller: Caller, run_id: str) -> ReportView:
        """The report of one run.

        Raises:
            NotFound: the workspace has no such run.
        """
        view = await self._runs.view(caller, run_id)
        return await self._report(view)

    async def at_hand(self, view: RunView) -> ReportView | None:
        """The report of a run, where that is quick; None: it is large, and has to be gone through.

        Args:
            view: as the services of runs have it for this caller.
        """
        run = view.run
        if run.progress.done > _QUICK and run not in self._kept:
            return None
        return await self._report(view)

    async def breakdown(self, view: RunView) -> dict[str, JsonObject]:
        """What stands behind the metrics of a run, by the scorer's key; empty before it has ended.

        Args:
            view: as the services of runs have it for this caller.
        """
        async with self._store.begin() as connection:
            return await read_breakdown(connection, view.run.workspace_id, view.run.id)

    async def _report(self, view: RunView) -> ReportView:
        run = view.run

        async def make() -> tuple[_Sums, int]:
            return await self._count(run), _SIZE

        # A run that is taken up again is another: it has other times and counts.
        sums = await self._kept.get(run, make) if run.state in FINISHED else await self._count(run)
        return ReportView(view, sums.summary, await self.breakdown(view), sums.p50_s, sums.p95_s)

    async def _count(self, run: Run) -> _Sums:
        where = (run.workspace_id, run.id)
        async with self._store.begin() as connection:
            summary = await summarise(connection, *where)
            if run.state not in FINISHED:
                return _Sums(summary)
            answers = sum(number for _, number in summary.answered_by)
            quantiles = await latency_quantiles(connection, *where, answers, (0.5, 0.95))
        return _Sums(summary, *quantiles)
