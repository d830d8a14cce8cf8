"""The interval of a figure that is no mean of the cases, such as BLEU: by leaving groups out."""

import math
from collections.abc import Sequence

from weighbridge.statistics.intervals import Interval, check_level
from weighbridge.statistics.means import mean_interval


def jackknife_interval(value: float, without: Sequence[float], level: float = 0.95) -> Interval:
    """The delete-a-group jackknife: value ± t(g - 1) · √((g - 1) / g · Σ (θᵢ - θ̄)²), with θᵢ the
    figure without group i and θ̄ their mean.

    Efron & Tibshirani (1993), An introduction to the bootstrap, chapter 11; in groups: Kott (2001),
    The delete-a-group jackknife, J. Official Statistics 17. Valid for smooth functions of means,
    not for medians and the like, and from about 20 groups on.

    Args:
        value: the figure of everything.
        without: the figure without each group; fewer than two say nothing, and give an interval
            without ends. The groups are independent of each other, and of about one size.
        level: confidence level, between 0 and 1.

    Raises:
        ValueError: `level` out of range.
    """
    check_level(level)
    groups = len(without)
    if groups < 2:
        return Interval(None, None, "jackknife")
    middle = math.fsum(without) / groups
    squares = math.fsum((one - middle) ** 2 for one in without)
    # As the standard deviation of g values whose mean had this standard error.
    spread = math.sqrt((groups - 1) * squares)
    interval = mean_interval(value, spread, groups, level)
    return Interval(interval.low, interval.high, "jackknife")
