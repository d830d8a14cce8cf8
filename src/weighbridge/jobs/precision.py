"""Does a run know enough to stop?

Outcomes come in the order in which models answer, and the quick answers may be the right ones. So
they are taken into account in the order of the data set, which was shuffled: one behind a gap waits
until the gap is filled.
"""

from weighbridge.core.evaluation import Precision
from weighbridge.core.outcome import Record, Scored
from weighbridge.core.run import RunState
from weighbridge.jobs.loading import LoadedRun
from weighbridge.jobs.stop import Stop
from weighbridge.reports.precision import sequence_for
from weighbridge.store.engine import Store
from weighbridge.store.scores import stream_grades

_LOOKS_APART = 200
"""Looked at after each 200th part more of the cases: an interval costs a third of a millisecond."""


class PrecisionWatch:
    """What one run knows of one metric.

    Args:
        wanted: how precise it must be.
        binary: whether all scores are 0 or 1.
    """

    def __init__(self, wanted: Precision, *, binary: bool) -> None:
        self._wanted = wanted
        self._sequence = sequence_for(wanted, binary=binary)
        self._waiting: dict[int, float | None] = {}
        self._next = 0
        self._look_at = max(1, wanted.min_cases)
        self.stop: Stop | None = None

    def note(self, record: Record) -> None:
        """Take in an outcome; `stop` is set once enough is known, or never can be."""
        outcome = record.outcomes.get(self._wanted.scorer)
        self._put(record.position, outcome.value if isinstance(outcome, Scored) else None)

    async def catch_up(self, store: Store, loaded: LoadedRun) -> None:
        """Take in the rows that other processes have written, or this one before."""
        run, scorers = loaded.run, [self._wanted.scorer]
        async for page in stream_grades(
            store, run.workspace_id, run.id, scorers, after=self._next - 1
        ):
            for row in page:
                grade = row.grades[0]
                self._put(row.position, grade if isinstance(grade, float) else None)
            if self.stop is not None:
                return

    def _put(self, position: int, value: float | None) -> None:
        if position < self._next or self.stop is not None:
            return
        self._waiting[position] = value
        while self._next in self._waiting:
            known = self._waiting.pop(self._next)
            self._next += 1
            if known is None:
                continue
            try:
                self._sequence.add([known])
            except ValueError as error:
                reason = f"stop: {self._wanted.scorer} cannot be watched: {error}"
                self.stop = Stop(RunState.FAILED, reason)
                return
            self._look()

    def _look(self) -> None:
        wanted, sequence = self._wanted, self._sequence
        if sequence.n < self._look_at:
            return
        self._look_at = sequence.n + max(1, sequence.n // _LOOKS_APART)
        if sequence.narrow_enough(wanted.half_width):
            interval = sequence.interval()
            self.stop = Stop(
                RunState.SUCCEEDED,
                f"precise enough: {wanted.scorer} {sequence.mean:.3f} "
                f"[{interval.low:.3f}, {interval.high:.3f}] after {sequence.n:,} cases, "
                f"within ±{wanted.half_width:g} at {wanted.level * 100:g} %",
            )
