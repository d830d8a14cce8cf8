"""How many responses of scorings passed, people's words included."""

from collections.abc import Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.outcome import Failed, Metric, Record, Scored
from weighbridge.core.run import Run
from weighbridge.core.suite import PassRate
from weighbridge.statistics.intervals import proportion_interval
from weighbridge.store.outcomes import outcomes_at
from weighbridge.store.overrides import current_overrides, runs_reviewed
from weighbridge.store.scorings import Standing, excluded_in, standings

KEY = "conduct"
"""The scorer by which responses are judged."""

PASSED = 0.5
"""A score from here on is a pass."""

_LOOKED_UP = 500


async def pass_rates(
    connection: AsyncConnection,
    workspace_id: str,
    scoring_ids: Sequence[str],
    known: Mapping[str, Sequence[Standing]] | None = None,
) -> dict[str, PassRate]:
    """The pass rates of several scorings, by id.

    Batches that are still being judged are not in them. The judge's verdicts are counted by the
    reports of their runs; only what people said is looked up one by one.

    Args:
        known: how far they are, where that was looked up already.
    """
    wanted = list(dict.fromkeys(scoring_ids))
    if known is None:
        known = await standings(connection, workspace_id, wanted)
    reviewed = set(await runs_reviewed(connection, workspace_id))
    excluded = await excluded_in(connection, wanted)
    found: dict[str, PassRate] = {}
    for scoring_id in wanted:
        counts = Counts()
        for standing in known.get(scoring_id, ()):
            _count(counts, standing.metrics)
            run_id = standing.batch.run_id
            if run_id in reviewed and standing.metrics:
                await _correct(connection, workspace_id, str(run_id), counts)
        found[scoring_id] = counts.rate(excluded.get(scoring_id, 0))
    return found


async def rates_of_runs(
    connection: AsyncConnection, workspace_id: str, found: Sequence[Run]
) -> dict[str, PassRate]:
    """The pass rates of runs over suites, by id, as those of scorings."""
    reviewed = set(await runs_reviewed(connection, workspace_id))
    rates: dict[str, PassRate] = {}
    for run in found:
        counts = Counts()
        _count(counts, run.metrics)
        if run.id in reviewed and run.metrics:
            await _correct(connection, workspace_id, run.id, counts)
        rates[run.id] = counts.rate()
    return rates


class Counts:
    """Responses, by what became of them."""

    __slots__ = ("failed", "passed", "scored", "ungraded")

    def __init__(self) -> None:
        self.passed = self.scored = self.ungraded = self.failed = 0

    def correct(self, record: Record, *, passed: bool) -> None:
        """Put what a person said in the place of what the judge had said."""
        outcome = record.outcomes.get(KEY)
        if record.failure is not None or outcome is None:
            return
        if isinstance(outcome, Scored):
            self.scored -= 1
            self.passed -= outcome.value >= PASSED
        elif isinstance(outcome, Failed):
            self.failed -= 1
        else:
            self.ungraded -= 1
        self.scored += 1
        self.passed += passed

    def rate(self, excluded: int = 0) -> PassRate:
        """With its interval.

        Args:
            excluded: responses that were kept out of scoring.
        """
        if not self.scored:
            return PassRate(None, None, None, 0, 0, self.ungraded, self.failed, excluded)
        interval = proportion_interval(self.passed, self.scored)
        return PassRate(
            self.passed / self.scored,
            interval.low,
            interval.high,
            self.passed,
            self.scored,
            self.ungraded,
            self.failed,
            excluded,
        )


def _count(counts: Counts, metrics: Sequence[Metric]) -> None:
    for metric in metrics:
        if metric.scorer == KEY:
            counts.passed += round((metric.value or 0.0) * metric.n_scored)
            counts.scored += metric.n_scored
            counts.ungraded += metric.n_ungraded
            counts.failed += metric.n_failed
            return


async def _correct(
    connection: AsyncConnection, workspace_id: str, run_id: str, counts: Counts
) -> None:
    """Put what people said in the place of what the judge had said."""
    said = (await current_overrides(connection, workspace_id, run_id)).get(KEY, {})
    positions = sorted({position for position, _ in said})
    for start in range(0, len(positions), _LOOKED_UP):
        chunk = positions[start : start + _LOOKED_UP]
        for record in await outcomes_at(connection, workspace_id, run_id, chunk):
            place = (record.position, record.epoch)
            if place in said:
                counts.correct(record, passed=said[place][0] >= PASSED)
