"""The rate a judge reports, corrected by the cases people have labelled. Loading this loads
`scipy.special` and numpy."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from weighbridge.statistics.arrays import (
    Clusters,
    Floats,
    Groups,
    Values,
    as_groups,
    as_values,
    is_binary,
)
from weighbridge.statistics.intervals import check_level
from weighbridge.statistics.results import CorrectedMean

# With fewer, the interval covers too little when the judge is nearly always right (see
# docs/statistics.md), and 30 labels are an hour's work.
MINIMUM_LABELS: Final = 30


def judge_corrected_mean(
    judge: Values,
    human: Values,
    labelled: NDArray[np.integer] | list[int],
    *,
    clusters: Clusters | None = None,
    level: float = 0.95,
) -> CorrectedMean:
    """What people would have found on average, from a judge's verdicts on all cases and theirs on
    some: prediction-powered inference with power tuning.

    Angelopoulos, Duchi & Zrnic (2023), PPI++: Efficient prediction-powered inference,
    arXiv:2311.01453, for a mean. With people's y and the judge's f on n labelled cases and the
    judge's f' on the N others, the estimate is ȳ + λ (f̄' - f̄), of variance var(y - λ f) / n +
    λ² var(f') / N, smallest for λ = cov(y, f) / ((1 + n / N) var(f, f')), kept within 0 and 1. It
    is right on average whatever the judge does; a judge that tells nothing gives λ = 0 and the
    labels alone.

    The interval is t with n - 1 degrees of freedom. When all values are 0 or 1, it is computed with
    half a case added to each of the four combinations of y and f (as Agresti & Min 2005, Simple
    improved confidence intervals for comparing matched proportions, do): else a judge who was never
    wrong among few labels would be taken to be never wrong. So it is for graded values where y and
    f rarely differ, with the least and the greatest value seen in place of 0 and 1. With clusters,
    the variance is that of the sums of each cluster, t has one less degree of freedom than there
    are clusters with labels, and the interval is at least as wide as without them. All values the
    same, on a scale other than 0 and 1, give no interval.

    The labelled cases must be a random sample of all. If people labelled what looked wrong to them,
    no formula mends it; `sampling_p_value` shows a part of such choices.

    The formula is written out, because `ppi-python` brings numba, scikit-learn and a downloader,
    and switches all warnings of the process off; the tests hold it to figures of that package.

    Args:
        judge: its value for each case, shape (n,), finite.
        human: people's value for each labelled case, shape (m,), finite, on the same scale.
        labelled: the places of these cases in `judge`, shape (m,), each once.
        clusters: a whole number for the cluster of each case, shape (n,).
        level: confidence level.

    Returns:
        the corrected mean; with a `reason` in place of a number when there are too few labels.

    Raises:
        ValueError: shapes that differ, a value that is not finite, a place that is not there or
            stands twice, or `level` out of range.
    """
    check_level(level)
    verdicts, truths = as_values(judge, "judge"), as_values(human, "human")
    places = np.asarray(labelled, dtype=np.intp)
    _check_places(places, truths.size, verdicts.size)
    groups = None if clusters is None else as_groups(clusters, verdicts.size)
    rest = np.ones(verdicts.size, dtype=bool)
    rest[places] = False
    parts = _Parts(truths, verdicts[places], verdicts[rest])
    reason = None
    if truths.size < MINIMUM_LABELS:
        reason = f"{truths.size} labels of people, and it takes {MINIMUM_LABELS}"
    elif groups is not None and np.unique(groups[places]).size < 2:
        reason = "the labelled cases are all of one cluster"
    if reason is not None:
        return _result(parts, level, None, None, reason)
    binary = is_binary(verdicts) and is_binary(truths)
    smoothed = _smoothed(parts, level, binary) if binary or _rarely_wrong(parts) else None
    if groups is not None:
        spread = _clustered(parts, groups[places], groups[rest], int(groups.max()) + 1, level)
        if smoothed is not None and smoothed.half > spread.half:
            spread = smoothed
    else:
        spread = smoothed or _estimate(parts, level)
    return _result(parts, level, _estimate(parts, level), spread, None)


@dataclass(frozen=True, slots=True)
class _Parts:
    """People's values and the judge's on the same cases, and the judge's on the others."""

    human: Floats
    judge: Floats
    rest: Floats

    def tuned(self) -> float:
        """λ; 0 when every case is labelled or the judge says the same of all."""
        every = np.concatenate([self.judge, self.rest])
        if not self.rest.size or every.min() == every.max():
            return 0.0
        covariance = float(((self.human - self.human.mean()) * self.judge).mean())
        scale = (1 + self.human.size / self.rest.size) * float(every.var(ddof=1))
        return min(1.0, max(0.0, covariance / scale))


@dataclass(frozen=True, slots=True)
class _Estimate:
    value: float
    weight: float
    half: float


def _estimate(parts: _Parts, level: float) -> _Estimate:
    weight = parts.tuned()
    n, rectified = parts.human.size, parts.human - weight * parts.judge
    value, variance = float(rectified.mean()), float(rectified.var(ddof=1)) / n
    if weight:
        value += weight * float(parts.rest.mean())
        variance += weight**2 * float(parts.rest.var()) / parts.rest.size
    return _Estimate(value, weight, _quantile(n - 1, level) * math.sqrt(variance))


def _smoothed(parts: _Parts, level: float, binary: bool) -> _Estimate:
    """With half a case more of each: both give the least value, both the greatest, the one this and
    the other that. What is least and greatest is what was seen, or 0 and 1."""
    every = np.concatenate([parts.human, parts.judge, parts.rest])
    least, width = (0.0, 1.0) if binary else (float(every.min()), float(np.ptp(every)))
    if not width:
        return _Estimate(least, 0.0, 0.0)
    human, judge = (parts.human - least) / width, (parts.judge - least) / width
    others = (parts.rest - least) / width
    n, rest = human.size + 2, others.size
    y, f = (float(human.sum()) + 1) / n, (float(judge.sum()) + 1) / n
    squares = float((judge**2).sum()) + 1
    variance_y = (float((human**2).sum()) + 1) / n - y**2
    variance_f = squares / n - f**2
    covariance = (float((human * judge).sum()) + 0.5) / n - y * f
    weight = 0.0
    if rest:
        share = (n * f + float(others.sum())) / (n + rest)
        spread = (squares + float((others**2).sum())) / (n + rest) - share**2
        weight = min(1.0, max(0.0, covariance / ((1 + n / rest) * spread)))
    value = y - weight * f
    variance = (variance_y + weight**2 * variance_f - 2 * weight * covariance) / (n - 1)
    if weight:
        value += weight * float(others.mean())
        variance += weight**2 * float(others.var()) / rest
    half = _quantile(n - 3, level) * math.sqrt(variance)
    return _Estimate(least + width * value, weight, width * half)


def _rarely_wrong(parts: _Parts) -> bool:
    """Whether people and the judge differ so rarely, or so seldom by much, that t is not to be
    trusted: never otherwise, or n ≤ 25 · skewness² (Cochran 1977, Sampling Techniques, 2.15)."""
    off = parts.human - parts.judge
    if off.min() == off.max():
        return True
    skewness = float(((off - off.mean()) ** 3).mean()) / float(off.std()) ** 3
    return off.size <= 25 * skewness**2


def _clustered(
    parts: _Parts, labelled: Groups, rest: Groups, clusters: int, level: float
) -> _Estimate:
    """The cluster-robust variance of the sum of what each case adds to the estimate."""
    plain = _estimate(parts, level)
    rectified = parts.human - plain.weight * parts.judge
    added = np.bincount(labelled, (rectified - rectified.mean()) / rectified.size, clusters)
    if plain.weight:
        others = plain.weight * (parts.rest - parts.rest.mean()) / parts.rest.size
        added += np.bincount(rest, others, clusters)
    seen = np.unique(labelled).size
    variance = float((added**2).sum()) * seen / (seen - 1)
    half = _quantile(seen - 1, level) * math.sqrt(variance)
    return _Estimate(plain.value, plain.weight, half)


def _result(
    parts: _Parts,
    level: float,
    estimate: _Estimate | None,
    spread: _Estimate | None,
    reason: str | None,
) -> CorrectedMean:
    judged = parts.judge.size + parts.rest.size
    total = float(parts.judge.sum()) + float(parts.rest.sum())
    low = high = None
    if estimate is not None and spread is not None and spread.half > 0:
        low = min(estimate.value, spread.value - spread.half)
        high = max(estimate.value, spread.value + spread.half)
        if all(
            part.size == 0 or (part.min() >= 0 and part.max() <= 1)
            for part in (parts.human, parts.judge, parts.rest)
        ):
            low, high = max(0.0, low), min(1.0, high)
    return CorrectedMean(
        estimate=None if estimate is None else estimate.value,
        low=low,
        high=high,
        level=level,
        raw=total / judged if judged else None,
        human=float(parts.human.mean()) if parts.human.size else None,
        n_human=parts.human.size,
        n_judged=judged,
        weight=None if estimate is None else estimate.weight,
        method="ppi++",
        sampling_p_value=_sampling(parts.judge, parts.rest),
        reason=reason,
    )


def _sampling(labelled: Floats, rest: Floats) -> float | None:
    """Welch's test that the judge's mean is the same on the labelled cases as on the others."""
    if labelled.size < 2 or rest.size < 2:
        return None
    one = float(labelled.var(ddof=1)) / labelled.size
    other = float(rest.var(ddof=1)) / rest.size
    distance = float(labelled.mean() - rest.mean())
    if one + other == 0:
        return 1.0 if distance == 0 else 0.0
    df = (one + other) ** 2 / (one**2 / (labelled.size - 1) + other**2 / (rest.size - 1))
    return float(2 * stdtr(df, -abs(distance) / math.sqrt(one + other)))


def _check_places(places: Groups, labels: int, cases: int) -> None:
    if places.shape != (labels,):
        raise ValueError(f"{labels} values of people for {places.size} labelled cases")
    if labels and (places.min() < 0 or places.max() >= cases):
        raise ValueError(f"a labelled case lies outside of the {cases} judged ones")
    if np.unique(places).size != labels:
        raise ValueError("a case is labelled twice")


def _quantile(df: int, level: float) -> float:
    return float(stdtrit(df, (1 + level) / 2))
