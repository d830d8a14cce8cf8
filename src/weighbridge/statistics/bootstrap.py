"""The bootstrap of a mean. Loading this loads `scipy.stats`: 1.5 s of CPU."""

import math
from typing import Final

import numpy as np
from scipy import stats

from weighbridge.statistics.arrays import Floats, Values, as_values
from weighbridge.statistics.intervals import Interval, check_level

RESAMPLES: Final = 9_999
# What one batch of resamples may hold: 8 MB of values.
_BATCH_VALUES = 1_000_000
# The t of a sample without spread: no other comes near. (Infinity would make scipy warn.)
_FAR: Final = 1e9


def bootstrap_mean_interval(values: Values, level: float = 0.95, seed: int = 0) -> Interval:
    """The bootstrap t interval of a mean, resampled by `scipy.stats.bootstrap`.

    Efron & Tibshirani (1993), An Introduction to the Bootstrap, section 12.5: instead of Student's
    quantiles, those of the t of samples drawn from the values, so that skewness shifts both ends.
    For some 20 to a few thousand values that are skewed; it then covers more than t, and more than
    scipy's own BCa (`docs/statistics.md` has the figures). With many values t is as good and free.

    Args:
        values: shape (n,), finite.
        seed: of the resampling; the same values give the same interval.

    Returns:
        the interval; without ends when there are fewer than two values, or so many are the same
        that samples without spread decide.

    Raises:
        ValueError: `level` out of range, or a value that is not finite.
    """
    check_level(level)
    measured = as_values(values)
    if measured.size < 2 or measured.min() == measured.max():
        return Interval(None, None, "bootstrap")
    return interval_of(measured, resampled_t(measured, seed), level)


def resampled_t(values: Floats, seed: int) -> Floats:
    """The t, about the mean of the values, of `RESAMPLES` samples from them. Beyond all bounds for
    a sample without spread, unless it lies at the mean."""
    mean, root = values.mean(), math.sqrt(values.size)

    def studentised(sample: Floats, axis: int) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            t = (sample.mean(axis=axis) - mean) / sample.std(axis=axis, ddof=1) * root
        found: Floats = np.nan_to_num(t, nan=0.0, posinf=_FAR, neginf=-_FAR)
        return found

    drawn = stats.bootstrap(
        (values,),
        studentised,
        n_resamples=RESAMPLES,
        batch=max(1, _BATCH_VALUES // values.size),
        vectorized=True,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    distribution: Floats = drawn.bootstrap_distribution
    return distribution


def interval_of(values: Floats, drawn: Floats, level: float) -> Interval:
    """The interval of the mean of the values, given `resampled_t` of them."""
    # The nearest rank, since between a t and one without bounds there is nothing.
    ends = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], method="nearest")
    if np.abs(ends).max() >= _FAR:
        return Interval(None, None, "bootstrap")
    error = float(values.std(ddof=1)) / math.sqrt(values.size)
    mean = float(values.mean())
    return Interval(mean - float(ends[1]) * error, mean - float(ends[0]) * error, "bootstrap")


def p_value_of(values: Floats, drawn: Floats) -> float:
    """Two-sided p-value of a mean of 0, given `resampled_t` of the values: twice the share of
    samples at least as far out on the side of theirs, which agrees with the interval."""
    t = float(values.mean()) / float(values.std(ddof=1)) * math.sqrt(values.size)
    beyond = int((drawn >= t).sum()) if t > 0 else int((drawn <= t).sum())
    return min(1.0, 2 * (beyond + 1) / (drawn.size + 1))
