"""From a stream of outcomes to metrics, without holding the run in memory."""

import math
from array import array
from collections import Counter
from collections.abc import Mapping
from typing import Literal

import xxhash

from weighbridge.core.evaluation import Precision, Reducer
from weighbridge.core.outcome import Metric, Outcome, Scored, Status, Ungraded
from weighbridge.core.scale import UNBOUNDED, ZERO_TO_ONE, Bounds
from weighbridge.reports.precision import SEQUENTIAL, sequence_for
from weighbridge.statistics import (
    ConfidenceSequence,
    Interval,
    clustered_mean_interval,
    clustered_proportion_interval,
    mean_interval,
    proportion_interval,
)

MetricKind = Literal["accuracy", "mean", "labels"]


def reduce_scores(values: list[float], reducer: Reducer) -> float:
    """One score of a case from the scores of its repeats (one at least), as `Reducer` says."""
    if len(values) == 1 and reducer is not Reducer.PASS_AT_K:
        return values[0]
    if reducer is Reducer.MEAN:
        return math.fsum(values) / len(values)
    if reducer is Reducer.MAJORITY:
        counts = Counter(values)
        most = max(counts.values())
        return min(value for value, count in counts.items() if count == most)
    return 1.0 if max(values) >= 1.0 else 0.0


def bounds_of_cases(kind: MetricKind, bounds: Bounds | None, reducer: Reducer) -> Bounds:
    """Within which bounds the score of a case lies, its repeats reduced.

    Args:
        bounds: of the scores; None where they are not known.
    """
    if reducer is Reducer.PASS_AT_K or (bounds is None and kind == "accuracy"):
        return ZERO_TO_ONE
    return UNBOUNDED if bounds is None else bounds


class MetricsBuilder:
    """Takes the outcomes of one run in order, gives its metrics.

    A case with repeats is reduced over those of its epochs that have a score. Without any it counts
    as failed if one of them failed, else as ungraded. A case of which nothing is known yet (the run
    was stopped before it) is in none of the counts but `n_total`, so that
    `n_scored + n_failed + n_ungraded <= n_total`, with equality when the run is complete.

    Memory does not grow with the number of cases; with `clustered`, by 16 bytes a case and scorer.

    Args:
        scorers: key of each scorer → the kind of its metric, in the order they are reported.
        reducer: what becomes of repeats.
        epochs: repeats of each case, 1 or more.
        total_cases: cases of the run.
        level: confidence level of the intervals.
        clustered: whether the evaluation names a cluster column.
        bounds: key → the least and the greatest score; where it is not said, 0 and 1 for an
            accuracy, and none for a mean. What scores that are all the same can say depends on it.
        stop: what the run may have been stopped by: that metric is then of the cases before the
            first that is missing, and its interval one that holds in spite of having been looked
            at (`reports.precision`).
    """

    def __init__(
        self,
        scorers: Mapping[str, MetricKind],
        *,
        reducer: Reducer = Reducer.MEAN,
        epochs: int = 1,
        total_cases: int,
        level: float = 0.95,
        clustered: bool = False,
        bounds: Mapping[str, Bounds] | None = None,
        stop: Precision | None = None,
    ) -> None:
        self._tallies = [
            _Tally(key, kind, clustered, bounds_of_cases(kind, (bounds or {}).get(key), reducer))
            for key, kind in scorers.items()
        ]
        self._reducer = reducer
        self._epochs = epochs
        self._total = total_cases
        self._level = level
        self._clustered = clustered
        self._last = (-1, -1)
        self._cluster = 0
        for tally in self._tallies:
            if stop is not None and tally.key == stop.scorer:
                tally.watch(sequence_for(stop, binary=scorers[tally.key] == "accuracy"))

    def add(
        self,
        position: int,
        epoch: int,
        status: Status,
        outcomes: Mapping[str, Outcome] | None,
        cluster: str | None = None,
    ) -> None:
        """Take one row, in the order of (position, epoch).

        Args:
            position: 0-based place of the case. epoch: 0-based repeat.
            status: of the row.
            outcomes: by the scorer's key; None (or empty, with the status `failed`) when there is
                no answer. A scorer without an outcome there counts as ungraded, and so does a score
                that is not finite.
            cluster: of the case; None in a clustered run: a cluster of its own.

        Raises:
            ValueError: the row does not come after the one before, or its epoch is out of range.
        """
        last_position, last_epoch = self._last
        if position != last_position:
            if position < last_position:
                raise ValueError(f"case {position} came after case {last_position}")
            self._close_case()
            if position != last_position + 1:
                for tally in self._tallies:
                    tally.gap()
            if self._clustered:
                self._cluster = cluster_number(position, cluster)
        elif epoch <= last_epoch:
            raise ValueError(f"epoch {epoch} of case {position} came after epoch {last_epoch}")
        if not 0 <= epoch < self._epochs:
            raise ValueError(f"epoch {epoch} of {self._epochs}")
        self._last = (position, epoch)
        unanswered = outcomes is None or (not outcomes and status is Status.FAILED)
        for tally in self._tallies:
            outcome = None if outcomes is None else outcomes.get(tally.key)
            if isinstance(outcome, Scored) and math.isfinite(outcome.value):
                tally.scores.append(outcome.value)
            elif unanswered or not isinstance(outcome, (Scored, Ungraded, type(None))):
                tally.case_failed = True
            else:
                tally.case_ungraded = True

    def finish(self) -> tuple[Metric, ...]:
        """The metrics, in the order of the scorers. Call once, after the last row."""
        self._close_case()
        return tuple(tally.metric(self._total, self._level) for tally in self._tallies)

    def _close_case(self) -> None:
        for tally in self._tallies:
            if tally.scores:
                tally.take(reduce_scores(tally.scores, self._reducer), self._cluster)
                tally.scores.clear()
            elif tally.case_failed:
                tally.failed += 1
            elif tally.case_ungraded:
                tally.ungraded += 1
            tally.case_failed = tally.case_ungraded = False


class _Tally:
    """Running sums of one scorer, and what is known of the case at hand."""

    __slots__ = (
        "_binary", "_bounds", "_clusters", "_kind", "_mean", "_n", "_ones", "_over", "_sequence",
        "_squares", "_values", "case_failed", "case_ungraded", "failed", "key", "scores",
        "ungraded",
    )  # fmt: skip

    def __init__(self, key: str, kind: MetricKind, clustered: bool, bounds: Bounds) -> None:
        self.key = key
        self.scores: list[float] = []
        self.case_failed = self.case_ungraded = False
        self.failed = self.ungraded = 0
        self._kind = kind
        self._bounds = bounds
        self._binary = kind == "accuracy"
        self._n = self._ones = 0
        self._mean = self._squares = 0.0
        self._values = array("d") if clustered else None
        self._clusters = array("Q")
        self._sequence: ConfidenceSequence | None = None
        self._over = False

    def watch(self, sequence: ConfidenceSequence) -> None:
        """Report this interval, which takes no case behind one that is missing."""
        self._sequence = sequence

    def gap(self) -> None:
        """A case is missing."""
        self._over = self._sequence is not None

    def take(self, value: float, cluster: int) -> None:
        """Add the score of one case; mean and squared deviations by Welford (1962)."""
        if self._over:
            return
        if self._sequence is not None and not self._watched(self._sequence, value):
            self._sequence = None
        self._n += 1
        step = value - self._mean
        self._mean += step / self._n
        self._squares += step * (value - self._mean)
        if value == 1.0:
            self._ones += 1
        elif value != 0.0:
            self._binary = False
        if self._values is not None:
            self._values.append(value)
            self._clusters.append(cluster)

    def metric(self, total: int, level: float) -> Metric:
        """What came out; of labels alone, only how many there are."""
        if self._kind == "labels":
            counts = (self._n, total, self.failed, self.ungraded)
            return Metric("labels", self.key, None, None, None, level, "none", *counts)
        interval = self._interval(level)
        if self._sequence is not None:
            level = self._sequence.level
        value = None
        if self._n:
            value = self._ones / self._n if self._binary else self._mean
        return Metric(
            name="accuracy" if self._binary else "mean",
            scorer=self.key,
            value=value,
            low=interval.low,
            high=interval.high,
            level=level,
            method=interval.method,
            n_scored=self._n,
            n_total=total,
            n_failed=self.failed,
            n_ungraded=self.ungraded,
        )

    def _watched(self, sequence: ConfidenceSequence, value: float) -> bool:
        try:
            sequence.add([value])
        except ValueError:  # the run was stopped by this score: there is no interval for such
            return False
        return True

    def _interval(self, level: float) -> Interval:
        if self._sequence is not None:
            ends = self._sequence.interval()
            return (
                Interval(ends.low, ends.high, SEQUENTIAL)
                if self._n
                else Interval(None, None, SEQUENTIAL)
            )
        if self._n == 0:
            method = "wilson" if self._binary else "t"
            return Interval(None, None, "clustered" if self._values is not None else method)
        if self._values is not None:
            if self._binary:
                return clustered_proportion_interval(self._values, self._clusters, level)
            return clustered_mean_interval(self._values, self._clusters, level, self._bounds)
        if self._binary:
            return proportion_interval(self._ones, self._n, level)
        sd = math.sqrt(self._squares / (self._n - 1)) if self._n > 1 else 0.0
        return mean_interval(self._mean, sd, self._n, level, self._bounds)


def cluster_number(position: int, cluster: str | None) -> int:
    """64 bits that stand for a cluster, so that a run need not keep the names."""
    if cluster is None:
        return xxhash.xxh3_64_intdigest(f"case {position}".encode(), seed=1)
    return xxhash.xxh3_64_intdigest(cluster.encode("utf-8", "surrogatepass"))
