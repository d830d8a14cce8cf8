"""The interval of a mean of independent values. Loading this loads `scipy.special`."""

import math

from scipy.special import stdtrit

from weighbridge.core.scale import UNBOUNDED, Bounds
from weighbridge.statistics.intervals import (
    Interval,
    check_level,
    no_spread_interval,
)


def mean_interval(
    mean: float, sd: float, n: int, level: float = 0.95, bounds: Bounds = UNBOUNDED
) -> Interval:
    """Student's t interval, mean ± t(n - 1) · sd / √n, as `scipy.stats.t.interval` gives it.

    Args:
        mean: of the n values.
        sd: their sample standard deviation (divisor n - 1); not looked at when n < 2.
        n: how many; fewer than two say nothing of their spread, and give an interval without ends.
        level: confidence level, between 0 and 1.
        bounds: of what the values can be. Looked at only where `sd` is 0, as t would then have no
            width: see `no_spread_interval`.

    Raises:
        ValueError: `level` out of range, or a negative `sd`.
    """
    check_level(level)
    if n < 2:
        return Interval(None, None, "t")
    if sd < 0:
        raise ValueError(f"a standard deviation of {sd}")
    if sd == 0:
        return no_spread_interval(mean, n, bounds, level)
    half = float(stdtrit(n - 1, (1 + level) / 2)) * sd / math.sqrt(n)
    return Interval(mean - half, mean + half, "t")
