"""How small a difference a sample can show, and how large a sample a difference needs. Loading this
loads scipy and statsmodels."""

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

import numpy as np
from scipy.optimize import brentq
from scipy.special import nctdtr, stdtrit
from scipy.stats import binom
from statsmodels.stats.power import (
    NormalIndPower,
    TTestIndPower,
    TTestPower,
)
from statsmodels.stats.proportion import power_proportions_2indep

from weighbridge.statistics.arrays import Floats
from weighbridge.statistics.intervals import STANDARD_NORMAL, check_level

# `one` run against a fixed value, two runs on the same cases, two runs on different ones.
Design: TypeAlias = Literal["one", "paired", "unpaired"]
Power: TypeAlias = Callable[[float, int], float]

# No sample is larger; a difference that needs more is not shown by any.
_MOST = 10**10
# From here on, t and normal agree to 3 digits, and noncentral t gets slow and loses digits.
_NORMAL_FROM = 2_000
_NORMAL_DISCORDANT = 10_000
# In standard deviations: what is not found at this distance is found at none.
_MOST_EFFECT = 32.0


def smallest_detectable_difference(
    n: int,
    *,
    design: Design,
    p: float | None = None,
    sd: float | None = None,
    discordance: float | None = None,
    power: float = 0.8,
    level: float = 0.95,
) -> float | None:
    """The smallest true difference that the test finds with this chance.

    Args:
        n: cases; for two runs on different cases, of each run.
        design: `one` run against a fixed value, two runs `paired` on the same cases, or `unpaired`.
        p: for right and wrong, the proportion to start from. The other one is taken on the side
            of ½, where chance does most.
        sd: for graded scores, the standard deviation: of the scores, or for `paired` of the
            differences.
        discordance: for `paired` right and wrong, the share of cases in which the runs differ;
            without it 2 p (1 - p), as if they had nothing in common, which is more than it will be.
        power, level: wanted chance, and confidence level of the test (its alpha is 1 - level).

    Returns:
        the difference, positive; None when n is too small for any.

    Raises:
        ValueError: arguments that do not go together or are out of range.
    """
    check_power(power, level)
    if design == "paired" and sd is None:
        return smallest_detectable_paired(n, _discordance(p, discordance), power, level)
    chance, most = _power_of(design, p, sd, level)
    if sd is not None:
        return _smallest_detectable_mean(chance, n, sd, power)
    if n < 2 or chance(most, n) < power:
        return None
    return float(brentq(lambda difference: chance(difference, n) - power, 1e-12, most, xtol=1e-12))


def sample_size_for(
    difference: float,
    *,
    design: Design,
    p: float | None = None,
    sd: float | None = None,
    discordance: float | None = None,
    power: float = 0.8,
    level: float = 0.95,
) -> int:
    """How many cases (for `unpaired`, in each run) it takes to find a true difference with this
    chance. The arguments are those of `smallest_detectable_difference`.

    Raises:
        ValueError: arguments that do not go together or are out of range, or a difference that no
            proportion from there on can have.
    """
    check_power(power, level)
    wanted = abs(difference)
    if wanted == 0 or not math.isfinite(wanted):
        raise ValueError(f"no number of cases shows a difference of {difference}")
    if design == "paired" and sd is None:
        shares = max(wanted, _discordance(p, discordance))
        chance: Power = lambda size, n: mcnemar_power(size, shares, n, level)  # noqa: E731
        most = 1.0
    else:
        chance, most = _power_of(design, p, sd, level)
    if wanted > most:
        raise ValueError(f"from {p} no proportion is {wanted} away towards the far side of ½")
    enough = 2
    while chance(wanted, enough) < power:
        enough *= 2
        if enough > _MOST:
            raise ValueError(f"a difference of {difference} takes more than {_MOST} cases")
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        found = chance(wanted, middle) >= power
        too_few, enough = (too_few, middle) if found else (middle, enough)
    return enough


def check_power(power: float, level: float) -> None:
    """Raises:
    ValueError: the level, or the power, is not between 0 and 1, or the power is not above alpha.
    """
    check_level(level)
    if not 1 - level < power < 1:
        raise ValueError(f"a power lies between alpha, {1 - level:.3g}, and 1, not at {power}")


def _discordance(p: float | None, discordance: float | None) -> float:
    if discordance is None:
        if p is None or not 0 <= p <= 1:
            raise ValueError("paired runs want a discordance, a p from 0 to 1, or an sd")
        return 2 * p * (1 - p)
    if not 0 <= discordance <= 1:
        raise ValueError(f"a discordance of {discordance}, where a share from 0 to 1 is wanted")
    return discordance


def _power_of(
    design: Design, p: float | None, sd: float | None, level: float
) -> tuple[Power, float]:
    """The power for a difference and n, and the largest difference there is."""
    if (p is None) == (sd is None):
        raise ValueError("either p, for right and wrong, or sd, for graded scores, is wanted")
    alpha = 1 - level
    if sd is not None:
        if not 0 < sd < math.inf:
            raise ValueError(f"a standard deviation of {sd}")
        two = design == "unpaired"
        return (lambda size, n: _mean_power(size / sd, n, alpha, two=two)), math.inf
    if p is None or not 0 <= p <= 1:
        raise ValueError(f"a proportion of {p}")
    start, sign = p, -1.0 if p >= 0.5 else 1.0
    chance = _two_proportions_power if design == "unpaired" else _one_proportion_power
    return (lambda size, n: chance(start, sign * size, n, alpha)), max(start, 1 - start)


def _one_proportion_power(p: float, difference: float, n: int, alpha: float) -> float:
    """Of the score test of p, which is whether Wilson's interval holds p: exact."""
    half = STANDARD_NORMAL.inv_cdf(1 - alpha / 2) * math.sqrt(n * p * (1 - p))
    below, above = math.ceil(n * p - half) - 1, math.floor(n * p + half) + 1
    other = min(1.0, max(0.0, p + difference))
    return float(binom.cdf(below, n, other) + binom.sf(above - 1, n, other))


def _two_proportions_power(p: float, difference: float, n: int, alpha: float) -> float:
    # statsmodels divides by the spread of both, which is nought for 0 against 1.
    start, other = (min(1 - 1e-9, max(1e-9, share)) for share in (p, p + difference))
    return float(
        power_proportions_2indep(other - start, start, n, alpha=alpha, return_results=False)
    )


def _mean_power(effect: float, n: int, alpha: float, *, two: bool) -> float:
    if n >= _NORMAL_FROM:
        scaled = effect / math.sqrt(2) if two else effect
        return float(NormalIndPower(ddof=0).power(scaled, n, alpha, ratio=0))
    if two:
        return float(TTestIndPower().power(effect, n, alpha))
    return float(TTestPower().power(effect, n, alpha))


def mcnemar_power(
    difference: float, discordance: float, n: int, level: float = 0.95, *, mid_p: bool = True
) -> float:
    """Chance that McNemar's test finds a true difference of two runs on the same n cases.

    Exact, by summing over all counts that could be seen: the number of discordant pairs is binomial
    (n, discordance), and of those, the number won by B is binomial with (1 + difference /
    discordance) / 2. (The sum leaves out counts with a chance below 10⁻¹².) Where more than 10,000
    discordant pairs are to be expected, both are as good as normal (Connor 1987, Sample size for
    testing differences in proportions for the paired-sample design, Biometrics 43).

    Args:
        difference: share of cases that only B gets right, less the share that only A does.
        discordance: the sum of these two shares, at least |difference|.
        mid_p: of the mid-p test, else of the exact one.
    """
    if discordance <= 0:
        return 0.0
    if n * discordance > _NORMAL_DISCORDANT:
        spread = math.sqrt(max(discordance - difference**2, 1e-12))
        border = STANDARD_NORMAL.inv_cdf((1 + level) / 2) * math.sqrt(discordance)
        found = (abs(difference) * math.sqrt(n) - border) / spread
        return STANDARD_NORMAL.cdf(found)
    first, last = binom.ppf([1e-12, 1 - 1e-12], n, min(1.0, discordance))
    discordant = np.arange(int(first), int(last) + 1, dtype=np.float64)
    critical = _critical(discordant, 1 - level, mid_p)
    share = min(1.0, (1 + abs(difference) / discordance) / 2)
    either = binom.cdf(critical, discordant, 1 - share) + binom.cdf(critical, discordant, share)
    chance = binom.pmf(discordant, n, min(1.0, discordance))
    return float((chance * np.where(critical < 0, 0.0, either)).sum())


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
    chance, _ = _power_of("one", None, sd, level)
    return _smallest_detectable_mean(chance, n, sd, power)


def smallest_detectable_where_few_differ(
    n: int, differing: int, sd: float, power: float = 0.8, level: float = 0.95
) -> float | None:
    """The smallest mean of n paired differences, of which few are not 0, that flipping their signs
    tells from 0 with this chance.

    As for right and wrong (`mcnemar_power`), how many cases differ is chance, too: binomial (n,
    differing / n). Of so many, sign flips find a mean as often as a t test does (Lehmann & Romano
    2005, Testing Statistical Hypotheses, section 15.2), and of too few, 5 at a level of 95 %, never
    any.

    Args:
        differing: of the n differences, how many are not 0; 1 or more.
        sd: standard deviation of these; positive.

    Returns:
        the mean of all n, positive; None when too few differ for any.
    """
    alpha = 1 - level
    first, last = binom.ppf([1e-9, 1 - 1e-9], n, differing / n)
    least = math.ceil(1 - math.log2(alpha))  # 2^(1 - k), where all signs agree, is at most alpha
    counts = np.arange(max(int(first), least), int(last) + 1, dtype=np.float64)
    chances = binom.pmf(counts, n, differing / n)
    if chances.sum() < power:
        return None
    border = stdtrit(counts - 1, 1 - alpha / 2)

    def missing(effect: float) -> float:
        found = 1 - nctdtr(counts - 1, effect * np.sqrt(counts), border)
        return float((chances * found).sum()) - power

    most = 1.0
    while missing(most) < 0 and most < _MOST_EFFECT:
        most *= 2
    if missing(most) < 0:
        return None
    return float(brentq(missing, 0.0, most, xtol=1e-9)) * sd * differing / n


def _smallest_detectable_mean(chance: Power, n: int, sd: float, power: float) -> float | None:
    if n < 2:
        return None
    most = sd / math.sqrt(n)
    while chance(most, n) < power:
        most *= 2
    return float(brentq(lambda size: chance(size, n) - power, 0, most, xtol=1e-12 * most))


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
