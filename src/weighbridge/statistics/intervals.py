"""What an interval is, and the one for a proportion."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from weighbridge.core.scale import Bounds

STANDARD_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval.

    Attributes:
        low, high: its ends; None when the data cannot say (no values, one value for a mean, or
            values that are all the same on a scale without bounds).
        method: `wilson`, `t`, `clustered`, `no-spread`…
    """

    low: float | None
    high: float | None
    method: str


def proportion_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion, without continuity correction.

    Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.
    The formula is written out so that a report needs no scipy (0.5 to 1.6 s of CPU to import); the
    tests hold it to scipy's and to statsmodels' own, to 12 digits. The normal quantile is the
    standard library's (Wichura's AS 241).

    Args:
        successes: how many of the n, 0 to n.
        n: how many there are; 0 gives an interval without ends.
        level: confidence level, between 0 and 1.

    Raises:
        ValueError: `successes` or `level` out of range.
    """
    check_level(level)
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if n == 0:
        return Interval(None, None, "wilson")
    z = STANDARD_NORMAL.inv_cdf((1 + level) / 2)
    share = successes / n
    scale = 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the borders the formula gives 0 and 1 but for rounding.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(low, high, "wilson")


def no_spread_interval(value: float, n: int, bounds: Bounds, level: float = 0.95) -> Interval:
    """The interval of a mean when all n values are the same: their spread is then 0, which says
    nothing of a value that might differ.

    At most z² / (n + z²) of all values do (Wilson's upper end for none of n), and such a value lies
    within the bounds. Of values 0 and 1 that is Wilson's interval.

    Args:
        value: which they all have.
        n: how many, at least one; of cases that share clusters the number of clusters.
        bounds: where one is infinite, the interval has no ends.

    Raises:
        ValueError: `level` or `n` out of range.
    """
    check_level(level)
    if n < 1:
        raise ValueError(f"{n} values")
    if not all(map(math.isfinite, bounds)):
        return Interval(None, None, "no-spread")
    z = STANDARD_NORMAL.inv_cdf((1 + level) / 2)
    share = z * z / (n + z * z)
    least, greatest = bounds
    low, high = value - share * (value - least), value + share * (greatest - value)
    return Interval(min(low, value), max(high, value), "no-spread")


def check_level(level: float) -> None:
    """Raises:
    ValueError: `level` is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise ValueError(f"a confidence level lies between 0 and 1, not at {level}")
