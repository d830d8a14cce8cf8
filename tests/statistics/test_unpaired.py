"""Runs on different cases: Newcombe for right and wrong, Welch for graded scores."""

import numpy as np
import pytest
from scipy import stats

from weighbridge.statistics import compare_unpaired, proportion_interval

SEED = 20240131


def right(k: int, n: int) -> list[float]:
    return [1.0] * k + [0.0] * (n - k)


def test_proportions_are_newcombes_published_example() -> None:
    """Newcombe 1998, Interval estimation for the difference …, table II, example (a), method 10:
    56/70 less 48/80 is 0.2, from 0.0524 to 0.3339."""
    found = compare_unpaired(right(48, 80), right(56, 70))
    assert (found.method, found.test, found.n_a, found.n_b) == ("newcombe", "score", 80, 70)
    assert found.difference == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    expected = stats.chi2_contingency([[48, 32], [56, 14]], correction=False).pvalue
    assert found.p_value == pytest.approx(expected, rel=1e-9)


def test_means_are_welchs() -> None:
    random = np.random.default_rng(SEED)
    a, b = random.normal(0, 1, 30), random.normal(0.5, 3, 50)
    found, expected = compare_unpaired(a, b), stats.ttest_ind(b, a, equal_var=False)
    assert (found.method, found.test) == ("welch", "welch")
    assert found.p_value == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval()
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert (found.smallest_detectable or 0) > 0.5


@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("n", [50, 500])
def test_newcombe_covers_the_truth_exactly_summed(share: float, n: int) -> None:
    other = share - 0.1
    k = np.arange(n + 1)
    ends = np.array([(i.low, i.high) for i in (proportion_interval(int(x), n) for x in k)], float)
    p, low, high = k / n, ends[:, 0], ends[:, 1]
    difference = p[None, :] - p[:, None]
    from_ = difference - np.hypot(p - low, (high - p)[:, None])
    to = difference + np.hypot(high - p, (p - low)[:, None])
    chance = stats.binom.pmf(k, n, other)[:, None] * stats.binom.pmf(k, n, share)[None, :]
    covered = (chance * ((from_ <= 0.1) & (to >= 0.1))).sum()
    assert covered == pytest.approx(0.95, abs=0.01)
    middle = compare_unpaired(right(n // 3, n), right(n // 2, n))
    assert middle.low == pytest.approx(from_[n // 3, n // 2], abs=1e-9)
    assert middle.high == pytest.approx(to[n // 3, n // 2], abs=1e-9)


def test_little_or_nothing_says_little_or_nothing() -> None:
    nothing = compare_unpaired([], [1, 0])
    assert (nothing.difference, nothing.low, nothing.p_value) == (None, None, None)
    constant = compare_unpaired([0.5, 0.5], [0.7, 0.7])
    assert constant.difference == pytest.approx(0.2)
    assert (constant.low, constant.high, constant.p_value) == (None, None, None)
    same = compare_unpaired([1, 1, 1], [1, 1])
    assert same.p_value == 1.0
    assert same.low is not None
    assert same.low < -0.4
    with pytest.raises(ValueError, match="level"):
        compare_unpaired([1], [0], level=2)
    with pytest.raises(ValueError, match="b: number 0"):
        compare_unpaired([1], [float("nan")])
