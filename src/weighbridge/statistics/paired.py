"""Two runs on the same cases. Loading this loads scipy and statsmodels: 2 s of CPU.

What is reported follows from the data alone (`docs/statistics.md` says why):

- clusters given: cluster-robust t of the differences;
- all values 0 or 1: McNemar's mid-p test, Tango's interval;
- at most 50 pairs that differ: sign-flip permutation test;
- n ≤ 25 · skewness² and n ≤ 5,000 (Cochran's rule says that t is not to be trusted): bootstrap t;
- else t.

The permutation test is reported with the interval of t, which errs on the wide side when few cases
differ; the other tests and intervals agree on what is significant, or nearly so.
"""

import math
from typing import Final, TypeAlias

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from scipy.special import stdtr, stdtrit

from weighbridge.core.scale import UNBOUNDED, ZERO_TO_ONE, Bounds
from weighbridge.statistics.arrays import (
    Clusters,
    Floats,
    Groups,
    Values,
    as_groups,
    as_values,
    is_binary,
)
from weighbridge.statistics.bootstrap import RESAMPLES, interval_of, p_value_of, resampled_t
from weighbridge.statistics.clustered import clustered_mean
from weighbridge.statistics.intervals import (
    STANDARD_NORMAL,
    Interval,
    check_level,
    no_spread_interval,
)
from weighbridge.statistics.means import mean_interval
from weighbridge.statistics.power import (
    smallest_detectable_mean,
    smallest_detectable_paired,
    smallest_detectable_where_few_differ,
)
from weighbridge.statistics.results import PairedComparison

TESTS: Final = (
    *("mcnemar-midp", "mcnemar-exact", "permutation", "paired-t", "paired-bootstrap"),
    "clustered",
)
FEW_DIFFER = 50
# Above this, resampling costs seconds and t is as good unless very few values carry everything.
BOOTSTRAP_UP_TO = 5_000
_BATCH_VALUES = 1_000_000
_MCNEMAR = ("mcnemar-midp", "mcnemar-exact")

# The interval, the test, its p-value, the smallest detectable difference.
_Found: TypeAlias = tuple[Interval, str, float | None, float | None]


def compare_paired(
    a: Values,
    b: Values,
    *,
    clusters: Clusters | None = None,
    level: float = 0.95,
    test: str | None = None,
    seed: int = 0,
    bounds: Bounds | None = None,
) -> PairedComparison:
    """Compare two runs on the same cases.

    Args:
        a, b: the score of each case in run A and in run B, in the same order, shape (n,), finite.
        clusters: a whole number for the cluster of each case, shape (n,), when cases share some.
        level: confidence level of the interval.
        test: one of `TESTS`; None chooses by the data, as the head of the module says.
        seed: of the resampling; the same data give the same answer.
        bounds: of what a score can be. None: not known; scores that all lie from 0 to 1 are then
            taken to be of that scale. They matter where all differences are the same, and scores
            that can be other than 0 and 1 are never compared by McNemar's test.

    Returns:
        the comparison; see `PairedComparison` for what is None when.

    Raises:
        ValueError: shapes that differ, a value that is not finite, `level` out of range, an unknown
            test, McNemar's test of values other than 0 and 1, a clustered test without clusters or
            another test with them.
    """
    check_level(level)
    first, second = as_values(a, "a"), as_values(b, "b")
    if first.shape != second.shape:
        raise ValueError(
            f"{first.size} values in a, {second.size} in b: they must be of the same cases"
        )
    groups = None if clusters is None else as_groups(clusters, first.size)
    binary = bounds in (None, ZERO_TO_ONE) and is_binary(first) and is_binary(second)
    width = _width(first, second, bounds)
    _check_test(test, binary=binary, clustered=groups is not None)
    differences = second - first
    only_a = int((differences < 0).sum()) if binary else None
    only_b = int((differences > 0).sum()) if binary else None
    if groups is not None:
        found = _clustered(differences, groups, level, width)
    elif only_a is not None and only_b is not None and test in (None, *_MCNEMAR):
        found = _mcnemar(only_a, only_b, first.size, level, test or "mcnemar-midp")
    else:
        found = _means(differences, level, test, seed, width)
    interval, chosen, p_value, detectable = found
    return PairedComparison(
        difference=float(differences.mean()) if differences.size else None,
        low=interval.low,
        high=interval.high,
        level=level,
        method=interval.method,
        test=chosen,
        p_value=p_value,
        n=first.size,
        only_a=only_a,
        only_b=only_b,
        smallest_detectable=detectable,
    )


def paired_proportion_interval(only_a: int, only_b: int, n: int, level: float = 0.95) -> Interval:
    """Tango's score interval of the difference of two proportions measured on the same cases.

    Tango (1998), Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design, Statistics in Medicine 17, equations 13 to 16: the differences that a
    score test would not reject. No library has it, so it is written out; the tests hold it to the
    closed form of Yang, Sun & Hardin (2013) and to a likelihood maximised by scipy.

    Args:
        only_a, only_b: cases that only run A, or only run B, got right.
        n: cases; 0 gives an interval without ends.

    Returns:
        the interval of the share of B less that of A.

    Raises:
        ValueError: counts that do not fit n, or `level` out of range.
    """
    check_level(level)
    if only_a < 0 or only_b < 0 or only_a + only_b > n:
        raise ValueError(f"{only_a} and {only_b} discordant of {n} pairs")
    if n == 0:
        return Interval(None, None, "tango")
    z = STANDARD_NORMAL.inv_cdf((1 + level) / 2)

    def score(difference: float) -> float:
        # The share of cases that only A gets right, as likely as it can be given the difference.
        # (With the roles of A and B such that `difference` is B less A.)
        linear = (2 * n + only_a - only_b) * difference - only_a - only_b
        constant = -only_a * difference * (1 - difference)
        share = (math.sqrt(max(0.0, linear**2 - 8 * n * constant)) - linear) / (4 * n)
        variance = n * (2 * share + difference * (1 - difference))
        # At ±1 there is no variance; a finite score there lets the search start from it.
        return (only_b - only_a - n * difference) / math.sqrt(max(variance, 1e-30))

    estimate = (only_b - only_a) / n
    low = -1.0 if estimate <= -1 else float(brentq(lambda d: score(d) - z, -1, estimate))
    high = 1.0 if estimate >= 1 else float(brentq(lambda d: score(d) + z, estimate, 1))
    return Interval(low, high, "tango")


def mcnemar(only_a: int, only_b: int, *, mid_p: bool = True) -> float:
    """McNemar's test without approximation: of the discordant pairs, the count of one side against
    a fair coin, two-sided.

    With `mid_p` the observed count has half its chance (Fagerland, Lydersen & Laake 2013, The
    McNemar test for binary matched-pairs data, BMC Medical Research Methodology 13:91): the exact
    test errs far less often than its alpha, this one hardly less. 1.0 when no pair is discordant.
    """
    discordant = only_a + only_b
    p_value = float(stats.binomtest(only_a, discordant).pvalue) if discordant else 1.0
    if mid_p and only_a != only_b:
        p_value -= float(stats.binom.pmf(only_a, discordant, 0.5))
    return p_value


def _check_test(test: str | None, *, binary: bool, clustered: bool) -> None:
    if test is None:
        return
    if test not in TESTS:
        raise ValueError(f"no test is called {test!r}; there are {', '.join(TESTS)}")
    if test in _MCNEMAR and not binary:
        raise ValueError(f"{test} is for values that are 0 or 1")
    if (test == "clustered") != clustered:
        raise ValueError(
            f"{test} takes no account of clusters" if clustered else "clustered needs clusters"
        )


def _mcnemar(only_a: int, only_b: int, n: int, level: float, test: str) -> _Found:
    mid_p = test == "mcnemar-midp"
    return (
        paired_proportion_interval(only_a, only_b, n, level),
        test,
        mcnemar(only_a, only_b, mid_p=mid_p) if n else None,
        smallest_detectable_paired(n, (only_a + only_b) / n, level=level, mid_p=mid_p)
        if n
        else None,
    )


def _clustered(differences: Floats, groups: Groups, level: float, width: float) -> _Found:
    clusters = int(groups.max()) + 1 if groups.size else 0
    if clusters < 2:
        return Interval(None, None, "clustered"), "clustered", None, None
    if differences.min() == differences.max():
        interval = no_spread_interval(float(differences[0]), clusters, (-width, width), level)
        return interval, "clustered", _sign_test(float(differences[0]), clusters), None
    mean = clustered_mean(differences, groups)
    # Bloom (1995), Minimum detectable effects, Evaluation Review 19.
    quantiles = stdtrit(mean.df, (1 + level) / 2) + stdtrit(mean.df, 0.8)
    return (
        mean.interval(level),
        "clustered",
        mean.p_value(),
        float(quantiles * mean.standard_error),
    )


def _means(differences: Floats, level: float, test: str | None, seed: int, width: float) -> _Found:
    n = differences.size
    if test is None:
        few = np.count_nonzero(differences) <= FEW_DIFFER
        skewed = not few and _is_skewed(differences)
        test = "permutation" if few else "paired-bootstrap" if skewed else "paired-t"
    if n < 2:
        return Interval(None, None, "t"), test, 1.0 if n else None, None
    if differences.min() == differences.max():
        value = float(differences[0])
        interval = no_spread_interval(value, n, (-width, width), level)
        return interval, test, _sign_test(value, n), None
    mean, sd = float(differences.mean()), float(differences.std(ddof=1))
    interval = mean_interval(mean, sd, n, level)
    if test == "permutation":
        p_value = _permutation(differences, seed)
    elif test == "paired-bootstrap":
        drawn = resampled_t(differences, seed)
        interval, p_value = interval_of(differences, drawn, level), p_value_of(differences, drawn)
    else:
        p_value = float(2 * stdtr(n - 1, -abs(mean) / sd * math.sqrt(n)))
    return interval, test, p_value, _detectable(differences, sd, level)


def _detectable(differences: Floats, sd: float, level: float) -> float | None:
    moved = differences[differences != 0]
    if moved.size > FEW_DIFFER or moved.size == differences.size:
        return smallest_detectable_mean(differences.size, sd, level=level)
    spread = 0.0 if moved.size < 2 else float(moved.std(ddof=1))
    # That all moved by the same is chance; without a difference they would go either way.
    spread = spread or float(np.abs(moved).max())
    return smallest_detectable_where_few_differ(differences.size, moved.size, spread, level=level)


def _is_skewed(values: Floats) -> bool:
    """Cochran (1977), Sampling Techniques, section 2.15: the normal 95 % interval of a mean errs in
    less than 6 % when n > 25 · skewness²."""
    n = values.size
    if not 2 <= n <= BOOTSTRAP_UP_TO or values.min() == values.max():
        return False
    return bool(n <= 25 * float(stats.skew(values)) ** 2)


def _width(a: Floats, b: Floats, bounds: Bounds | None) -> float:
    """By how much two scores of one case can differ."""
    if bounds is None:
        within = all(each.min(initial=1) >= 0 and each.max(initial=0) <= 1 for each in (a, b))
        bounds = ZERO_TO_ONE if within else UNBOUNDED
    least, greatest = bounds
    return greatest - least


def _sign_test(value: float, n: int) -> float:
    """The chance that n signs agree if each is a fair coin's; 1.0 where nothing differs."""
    return 1.0 if value == 0 else 2.0 ** (1 - n)


def _permutation(differences: Floats, seed: int) -> float:
    # A difference of 0 has no sign to flip.
    moved = differences[differences != 0]
    if moved.size == 1:
        return 1.0
    result = stats.permutation_test(
        (moved,),
        lambda flipped, axis: flipped.sum(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, _BATCH_VALUES // moved.size),
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)
