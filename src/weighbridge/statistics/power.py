"""How small a difference a sample can show, and how large a sample a difference needs. Loading this
loads scipy and statsmodels."""

import math

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binom
from statsmodels.stats.power import NormalIndPower, TTestPower

from weighbridge.statistics.arrays import Floats

# From here on, t and normal agree to 3 digits, and noncentral t gets slow and loses digits.
_NORMAL_FROM = 2000


def mcnemar_power(
    difference: float, discordance: float, n: int, level: float = 0.95, *, mid_p: bool = True
) -> float:
    """Chance that McNemar's test finds a true difference of two runs on the same n cases.

    Exact, by summing over all counts that could be seen: the number of discordant pairs is binomial
    (n, discordance), and of those, the number won by B is binomial with (1 + difference /
    discordance) / 2. (The sum leaves out counts with a chance below 10⁻¹².)

    Args:
        difference: share of cases that only B gets right, less the share that only A does.
        discordance: the sum of these two shares, at least |difference|.
        mid_p: of the mid-p test, else of the exact one.
    """
    if discordance <= 0:
        return 0.0
    first, last = binom.ppf([1e-12, 1 - 1e-12], n, min(1.0, discordance))
    discordant = np.arange(int(first), int(last) + 1, dtype=np.float64)
    critical = _critical(discordant, 1 - level, mid_p)
    share = min(1.0, (1 + abs(difference) / discordance) / 2)
    found = binom.cdf(critical, discordant, 1 - share) + binom.cdf(critical, discordant, share)
    chance = binom.pmf(discordant, n, min(1.0, discordance))
    return float((chance * np.where(critical < 0, 0.0, found)).sum())


def smallest_detectable_paired(
    n: int, discordance: float, power: float = 0.8, level: float = 0.95, *, mid_p: bool = True
) -> float | None:
    """The smallest difference that McNemar's test finds with this chance (`mcnemar_power`).

    When no difference as small as the discordance is found that often, the answer is the smallest
    one that would be if all discordant pairs went one way.

    Returns:
        the difference, positive; None when n is too small for any.
    """
    if n < 1:
        return None

    def missing(difference: float, shares: float) -> float:
        return mcnemar_power(difference, shares, n, level, mid_p=mid_p) - power

    if discordance > 0 and missing(discordance, discordance) >= 0:
        return float(brentq(missing, 0.0, discordance, args=(discordance,), xtol=1e-9))
    if missing(1.0, 1.0) < 0:
        return None
    return float(brentq(lambda share: missing(share, share), max(discordance, 1e-12), 1, xtol=1e-9))


def smallest_detectable_mean(
    n: int, sd: float, power: float = 0.8, level: float = 0.95
) -> float | None:
    """The smallest mean (of paired differences, say) that a t test tells from 0 with this chance.

    By statsmodels' noncentral t, and the normal distribution from 2,000 values on.

    Args:
        sd: standard deviation of the n values.

    Returns:
        the mean, positive; None when n < 2 or there is no spread.
    """
    if n < 2 or sd <= 0:
        return None
    if n >= _NORMAL_FROM:
        effect = NormalIndPower(ddof=0).solve_power(
            nobs1=n, alpha=1 - level, power=power, ratio=0, alternative="two-sided"
        )
    else:
        effect = TTestPower().solve_power(
            nobs=n, alpha=1 - level, power=power, alternative="two-sided"
        )
    size = float(np.ravel(effect)[0])
    return size * sd if math.isfinite(size) else None


def _critical(discordant: Floats, alpha: float, mid_p: bool) -> Floats:
    """For each number of discordant pairs, the largest count of the rarer side that is still
    significant; -1 where none is."""
    rarer = binom.ppf(alpha / 2, discordant, 0.5)
    # The quantile is the first count whose cumulative chance reaches alpha / 2, so the answer is it
    # or, where it overshoots, the one before.
    tail = 2 * binom.cdf(rarer, discordant, 0.5)
    if mid_p:
        tail = tail - binom.pmf(rarer, discordant, 0.5)
    critical = np.where(tail <= alpha, rarer, rarer - 1)
    # With so few discordant pairs that both sides would count, nothing is significant.
    return np.where(2 * critical >= discordant, -1, critical)
