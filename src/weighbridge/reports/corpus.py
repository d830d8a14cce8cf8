"""Figures of all cases as one text (BLEU, chrF and TER as papers report them), from the counts that
scorers keep with each case."""

from collections.abc import Callable, Mapping, Sequence

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Outcome, Scored
from weighbridge.reports.metrics import cluster_number
from weighbridge.statistics import jackknife_interval

GROUPS = 200
"""Groups that are left out in turn: up to so many cases, each case is one."""

OfCounts = Callable[[Sequence[float]], float]


class CorpusBuilder:
    """Takes the outcomes of one run in order, gives the figure of each scorer that adds up counts.

    Memory does not grow with the number of cases. Repeats of a case are texts of their own, and
    stay in one group; so do the cases of a cluster.

    Args:
        scorers: key → the figure that sums of its counts make.
        clustered: whether the evaluation names a cluster column.
        level: confidence level of the intervals.
    """

    def __init__(
        self, scorers: Mapping[str, OfCounts], *, clustered: bool = False, level: float = 0.95
    ) -> None:
        self._scorers = scorers
        self._sums: dict[str, dict[int, list[float]]] = {key: {} for key in scorers}
        self._texts = dict.fromkeys(scorers, 0)
        self._clustered = clustered
        self._level = level

    def add(
        self, position: int, outcomes: Mapping[str, Outcome] | None, cluster: str | None = None
    ) -> None:
        """Take one row: the outcomes of the case at this place; None where there is no answer."""
        for key, sums in self._sums.items():
            outcome = None if outcomes is None else outcomes.get(key)
            if not isinstance(outcome, Scored) or outcome.details is None:
                continue
            counts = outcome.details.get("counts")
            if not isinstance(counts, (list, tuple)):
                continue
            number = cluster_number(position, cluster) if self._clustered else position
            group = sums.setdefault(number % GROUPS, [0.0] * len(counts))
            for place, count in enumerate(counts):
                group[place] += float(count)
            self._texts[key] += 1

    def finish(self) -> dict[str, JsonObject]:
        """Scorer's key → `value`, `low`, `high`, `level`, `method` and `texts` (how many it is made
        of); those without a text are left out."""
        return {
            key: self._figure(self._scorers[key], list(sums.values()), self._texts[key])
            for key, sums in self._sums.items()
            if sums
        }

    def _figure(self, of_counts: OfCounts, groups: list[list[float]], texts: int) -> JsonObject:
        whole = [sum(column) for column in zip(*groups, strict=True)]
        value = of_counts(whole)
        without = [
            of_counts([all_ - one for all_, one in zip(whole, group, strict=True)])
            for group in groups
            if len(groups) > 1
        ]
        interval = jackknife_interval(value, without, self._level)
        return {
            "value": value,
            # No such figure can be negative; TER alone may be above 1.
            "low": None if interval.low is None else max(0.0, interval.low),
            "high": interval.high,
            "level": self._level,
            "method": interval.method,
            "texts": texts,
        }
