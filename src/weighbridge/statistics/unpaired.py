"""Two runs without cases in common. Loading this loads scipy and statsmodels: 2 s of CPU.

Only for who asks for it: on shared cases `paired` needs a fraction of them for the same answer."""

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, test_proportions_2indep

from weighbridge.statistics.arrays import Floats, Values, as_values, is_binary
from weighbridge.statistics.intervals import check_level
from weighbridge.statistics.power import smallest_detectable_difference
from weighbridge.statistics.results import UnpairedComparison


def compare_unpaired(a: Values, b: Values, *, level: float = 0.95) -> UnpairedComparison:
    """Compare two runs on different cases that were drawn in the same way.

    Values 0 and 1: Newcombe's hybrid score interval (Newcombe 1998, Interval estimation for the
    difference between independent proportions, Statistics in Medicine 17, method 10) and the score
    test with pooled variance. Other values: Welch's t interval and test.

    Args:
        a, b: the scores of run A, shape (n_a,), and of run B, shape (n_b,), finite.
        level: confidence level of the interval.

    Returns:
        the comparison. Without ends and p-value when a run has no value, or, of other values than
        0 and 1, fewer than two or no spread in either.

    Raises:
        ValueError: a value that is not finite, or `level` out of range.
    """
    check_level(level)
    first, second = as_values(a, "a"), as_values(b, "b")
    if is_binary(first) and is_binary(second):
        return _proportions(first, second, level)
    return _means(first, second, level)


def _proportions(a: Floats, b: Floats, level: float) -> UnpairedComparison:
    if not a.size or not b.size:
        return _unknown(a, b, level, "newcombe", "score")
    right_a, right_b = int(a.sum()), int(b.sum())
    low, high = confint_proportions_2indep(
        right_b, b.size, right_a, a.size, method="newcomb", compare="diff", alpha=1 - level
    )
    p_value = 1.0
    if 0 < right_a + right_b < a.size + b.size:
        found = test_proportions_2indep(
            right_b, b.size, right_a, a.size, method="score", compare="diff", correction=False
        )
        p_value = float(found.pvalue)
    detectable = smallest_detectable_difference(
        _equal_n(a, b), design="unpaired", p=float(a.mean()), level=level
    )
    return UnpairedComparison(
        difference=float(b.mean() - a.mean()),
        low=max(-1.0, float(low)),
        high=min(1.0, float(high)),
        level=level,
        method="newcombe",
        test="score",
        p_value=p_value,
        n_a=a.size,
        n_b=b.size,
        smallest_detectable=detectable,
    )


def _means(a: Floats, b: Floats, level: float) -> UnpairedComparison:
    if a.size < 2 or b.size < 2 or (a.min() == a.max() and b.min() == b.max()):
        return _unknown(a, b, level, "welch", "welch")
    found = stats.ttest_ind(b, a, equal_var=False)
    ends = found.confidence_interval(level)
    pooled = float(np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))
    return UnpairedComparison(
        difference=float(b.mean() - a.mean()),
        low=float(ends.low),
        high=float(ends.high),
        level=level,
        method="welch",
        test="welch",
        p_value=float(found.pvalue),
        n_a=a.size,
        n_b=b.size,
        smallest_detectable=smallest_detectable_difference(
            _equal_n(a, b), design="unpaired", sd=pooled, level=level
        ),
    )


def _unknown(a: Floats, b: Floats, level: float, method: str, test: str) -> UnpairedComparison:
    difference = float(b.mean() - a.mean()) if a.size and b.size else None
    return UnpairedComparison(
        difference, None, None, level, method, test, None, a.size, b.size, None
    )


def _equal_n(a: Floats, b: Floats) -> int:
    """The size of two runs of the same size that tell as much as these: the harmonic mean."""
    return round(2 / (1 / a.size + 1 / b.size))
