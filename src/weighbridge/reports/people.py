"""What people's reviews tell of a scorer: how far it agrees with them, and the rate that they would
have found."""

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from weighbridge.core.review import place_in_sample
from weighbridge.reports.metrics import MetricKind, cluster_number
from weighbridge.statistics import (
    Agreement,
    CorrectedMean,
    judge_agreement,
    judge_corrected_mean,
)

Grade: TypeAlias = tuple[float, str | None]
"""A value, and the label behind it where there is one."""
Pair: TypeAlias = tuple[Grade, Grade]
"""What a person said of an outcome, and what the scorer said."""

_MOST_STEPS = 20
_ODD = 0.01


@dataclass(frozen=True, slots=True)
class Beside:
    """A scorer beside people, on the outcomes that both have graded.

    Attributes:
        agreement: None when its grades cannot be counted.
        weights: how kappa weighs disagreements: `quadratic` for values in steps, None for labels.
        reason: why there is no agreement.
    """

    agreement: Agreement | None
    weights: Literal["quadratic"] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Rate:
    """What a scorer found on average, and what people would have found.

    Attributes:
        corrected: None when the scorer has no rate; without an estimate when there are too few
            labels, for the `reason` in it.
        drawn: whether the outcomes used are the first of the review sample: drawn at random.
        reason: why there is none.
        warnings: what to know before believing it, in plain words.
    """

    corrected: CorrectedMean | None
    drawn: bool
    reason: str | None = None
    warnings: tuple[str, ...] = ()


def beside_people(
    pairs: Iterable[Pair],
    metric: MetricKind,
    verdicts: Mapping[str, float | None] | None = None,
    level: float = 0.95,
) -> Beside:
    """How far a scorer agrees with people.

    Grades are compared by value, and named by the label of that value where there is one; those of
    a scorer that only labels are compared by label. Of values in more than two steps, kappa is
    weighted by the squared distance between the steps.

    Args:
        metric: the scorer's. verdicts: its labels → their values, where they are known.
        level: confidence level of all intervals.
    """
    counts: Counter[Pair] = Counter(pairs)
    if metric == "labels":
        by_label: Counter[tuple[str, str]] = Counter()
        for (human, judge), times in counts.items():
            by_label[human[1] or "", judge[1] or ""] += times
        return Beside(judge_agreement(by_label, level=level))
    values = sorted({grade[0] for pair in counts for grade in pair})
    if len(values) > _MOST_STEPS:
        return Beside(None, reason="its scores have no steps: there is no same and other")
    names = _names(values, verdicts or {})
    confusion: Counter[tuple[str, str]] = Counter()
    for (human, judge), times in counts.items():
        confusion[names[human[0]], names[judge[0]]] += times
    weights: Literal["quadratic"] | None = (
        "quadratic" if metric == "mean" and len(values) > 2 else None
    )
    labels = [names[value] for value in values]
    return Beside(judge_agreement(confusion, labels=labels, weights=weights, level=level), weights)


class RateBuilder:
    """Takes every grade that a scorer gave in a run, in any order, and tells the rate that people
    would have found, by prediction-powered inference (`statistics.prediction_powered`).

    The correction holds for labels of a random sample. The review sample of a seed puts all
    outcomes in a random order, so that labels that are the first of it without a gap are such a
    sample, however many they are. Where those are enough, only they are used; else all labels are,
    with a warning. Memory: 8 bytes an outcome, 16 with clusters, and what was reviewed.

    Args:
        said: what people said: (position, epoch) → value.
        seed: of the review sample.
        clustered: whether outcomes may depend on each other: a cluster column, or repeats.
    """

    def __init__(
        self, said: Mapping[tuple[int, int], float], *, seed: int = 0, clustered: bool = False
    ) -> None:
        self._said = said
        self._seed = seed
        self._values = array("d")
        self._clusters = array("Q") if clustered else None
        self._labelled: list[tuple[int, int, float]] = []  # place in the sample, index, human
        self._first_missing = math.inf

    def add(self, position: int, epoch: int, cluster: str | None, value: float) -> None:
        """Take a grade; of each outcome one."""
        place = place_in_sample(self._seed, position, epoch)
        human = self._said.get((position, epoch))
        if human is None:
            self._first_missing = min(self._first_missing, place)
        else:
            self._labelled.append((place, len(self._values), human))
        self._values.append(value)
        if self._clusters is not None:
            self._clusters.append(cluster_number(position, cluster))

    def finish(self, level: float = 0.95) -> Rate:
        """The rates, with intervals."""
        labelled = sorted(self._labelled)
        drawn = [label for label in labelled if label[0] < self._first_missing]
        if len(drawn) == len(labelled):
            return Rate(self._corrected(labelled, level), drawn=True)
        sampled = self._corrected(drawn, level)
        if sampled.reason is None:
            left_out = (
                f"{len(labelled) - len(drawn)} of {len(labelled)} reviewed outcomes are left out: "
                f"they do not follow the review sample of seed {self._seed} without a gap"
            )
            return Rate(sampled, drawn=True, warnings=(left_out,))
        every = self._corrected(labelled, level)
        chosen = (
            f"the reviewed outcomes are not the first of the review sample of seed {self._seed}: "
            "the corrected rate holds only if they were drawn at random"
        )
        warnings = [chosen]
        if every.sampling_p_value is not None and every.sampling_p_value < _ODD:
            warnings.append(
                "the scorer grades the reviewed outcomes differently from the others "
                f"(p = {every.sampling_p_value:.2g}): they do not look like a random sample"
            )
        return Rate(every, drawn=False, warnings=tuple(warnings))

    def _corrected(self, labelled: list[tuple[int, int, float]], level: float) -> CorrectedMean:
        return judge_corrected_mean(
            self._values,
            [human for _, _, human in labelled],
            [index for _, index, _ in labelled],
            clusters=self._clusters,
            level=level,
        )


def _names(values: Iterable[float], verdicts: Mapping[str, float | None]) -> dict[float, str]:
    found = {}
    for value in values:
        same = [label for label, worth in verdicts.items() if worth == value]
        found[value] = same[0] if len(same) == 1 else f"{value:g}"
    return found
