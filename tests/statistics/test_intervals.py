"""Intervals are the libraries' own to 12 digits, and cover the truth as often as they say."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from weighbridge.core.scale import UNBOUNDED, Bounds
from weighbridge.statistics import mean_interval, proportion_interval
from weighbridge.statistics.intervals import Interval, no_spread_interval

SEED = 20240131
levels = st.floats(0.5, 0.999)


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    n = draw(st.integers(1, 10_000_000))
    return draw(st.integers(0, n)), n


@given(counts(), levels)
def test_the_interval_of_a_proportion_is_scipys_and_statsmodels_wilson(
    count: tuple[int, int], level: float
) -> None:
    successes, n = count
    interval = proportion_interval(successes, n, level)
    scipys = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    low, high = proportion_confint(successes, n, 1 - level, method="wilson")
    assert interval.method == "wilson"
    assert (interval.low, interval.high) == pytest.approx((scipys.low, scipys.high), abs=1e-12)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-12)


@given(counts())
def test_the_interval_of_a_proportion_holds_the_estimate_and_stays_within_0_and_1(
    count: tuple[int, int],
) -> None:
    successes, n = count
    interval = proportion_interval(successes, n)
    assert interval.low is not None
    assert interval.high is not None
    assert 0 <= interval.low <= successes / n <= interval.high <= 1
    assert interval.low < interval.high


@given(
    st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 1_000_000), levels
)  # fmt: skip
def test_the_interval_of_a_mean_is_scipys(mean: float, sd: float, n: int, level: float) -> None:
    interval = mean_interval(mean, sd, n, level)
    expected = stats.t.interval(level, n - 1, loc=mean, scale=sd / math.sqrt(n))
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert interval.method == "t"


def test_no_cases_give_no_ends() -> None:
    assert (proportion_interval(0, 0).low, proportion_interval(0, 0).high) == (None, None)
    assert (mean_interval(0, 0, 0).low, mean_interval(0, 0, 0).high) == (None, None)


def test_one_value_says_nothing_of_its_spread() -> None:
    interval = mean_interval(0.5, 0.0, 1)
    assert (interval.low, interval.high) == (None, None)
    assert proportion_interval(1, 1).low == pytest.approx(0.2065, abs=1e-4)


@given(st.integers(1, 1_000_000), levels)
def test_of_values_0_or_1_that_are_all_the_same_the_interval_is_wilsons(
    n: int, level: float
) -> None:
    for value in (0, 1):
        found = no_spread_interval(value, n, (0.0, 1.0), level)
        wilson = proportion_interval(n * value, n, level)
        assert (found.low, found.high) == pytest.approx((wilson.low, wilson.high), abs=1e-12)


@pytest.mark.parametrize(
    ("value", "bounds", "low", "high"),
    [
        (1.0, (0.0, 1.0), 0.887, 1.0),
        (0.5, (0.0, 1.0), 0.443, 0.557),
        (1.0, (1.0, 5.0), 1.0, 1.454),
        (5.0, (1.0, 5.0), 4.546, 5.0),
        (7.0, (0.0, math.inf), None, None),
        (7.0, UNBOUNDED, None, None),
    ],
)
def test_scores_that_are_all_the_same_are_no_certainty(
    value: float, bounds: Bounds, low: float | None, high: float | None
) -> None:
    """Thirty cases, of which one in nine may be otherwise."""
    found = mean_interval(value, 0.0, 30, bounds=bounds)
    assert found.method == "no-spread"
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-3), pytest.approx(high, abs=1e-3))
    assert mean_interval(value, 0.0, 30) == Interval(None, None, "no-spread")
    assert mean_interval(value, 0.0, 1, bounds=bounds).low is None
    with pytest.raises(ValueError, match="0 values"):
        no_spread_interval(value, 0, bounds)


@pytest.mark.parametrize("n", [20, 100])
def test_graded_scores_that_are_mostly_perfect_are_covered(n: int) -> None:
    """One case in a hundred scores one half: most samples of twenty show no spread at all, and of
    those an interval without width would not hold the truth."""
    random, truth = np.random.default_rng(SEED + n), 0.995
    values = np.where(random.random((4000, n)) < 0.01, 0.5, 1.0)
    covered = 0
    for row in values:
        sd = float(row.std(ddof=1)) if row.min() < row.max() else 0.0
        found = mean_interval(float(row.mean()), sd, n, bounds=(0.0, 1.0))
        covered += (found.low or 0) <= truth <= (found.high or 0)
    assert covered / 4000 >= 0.94


@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 95.0])
def test_a_level_is_between_0_and_1(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        proportion_interval(1, 2, level)
    with pytest.raises(ValueError, match="level"):
        mean_interval(0.5, 0.1, 5, level)


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5)])
def test_more_successes_than_trials_are_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="successes"):
        proportion_interval(successes, n)


def wilson_coverage(n: int, shares: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    """Chance that the interval holds the truth, for each true share: exact, by summing over all
    that could be observed."""
    observable = np.arange(n + 1)
    ends = [proportion_interval(int(k), n, level) for k in observable]
    low, high = np.array([[i.low, i.high] for i in ends], dtype=float).T
    chance = stats.binom.pmf(observable[None, :], n, shares[:, None])
    holds = (low[None, :] <= shares[:, None]) & (shares[:, None] <= high[None, :])
    covered: NDArray[np.float64] = (chance * holds).sum(axis=1)
    return covered


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("n", [20, 100, 500, 2000])
def test_wilson_covers_the_truth_as_often_as_it_says(n: int, level: float) -> None:
    covered = wilson_coverage(n, np.linspace(0.5, 0.99, 197), level)
    assert covered.mean() == pytest.approx(level, abs=0.012 if n >= 100 else 0.02)
    # For single shares the coverage swings, because counts are whole; it must not fall far.
    assert covered.min() > level - (0.10 if n < 100 or level < 0.9 else 0.06)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.99])
def test_wilson_covers_the_truth_in_a_simulation(share: float) -> None:
    random = np.random.default_rng(SEED)
    hits = random.binomial(200, share, size=4000)
    ends = {int(k): proportion_interval(int(k), 200) for k in np.unique(hits)}
    covered = np.mean([(ends[int(k)].low or 0) <= share <= (ends[int(k)].high or 1) for k in hits])
    assert 0.93 <= covered <= 0.98


@pytest.mark.parametrize("n", [5, 30, 300])
@pytest.mark.parametrize("shape", ["normal", "beta"])
def test_t_covers_the_truth_in_a_simulation(n: int, shape: str) -> None:
    random = np.random.default_rng(SEED + n)
    size = (2000, n)
    if shape == "normal":
        values, truth = random.normal(3.0, 2.0, size), 3.0
    else:
        values, truth = random.beta(4, 2, size), 4 / 6
    ends = [mean_interval(row.mean(), row.std(ddof=1), n) for row in values]
    covered = np.mean([(e.low or -9) <= truth <= (e.high or 9) for e in ends])
    # Five skewed values are known to be a little too few for t.
    assert (0.92 if n == 5 else 0.935) <= covered <= 0.965


@settings(max_examples=20)
@given(st.integers(2, 1000), levels)
def test_more_confidence_or_fewer_cases_widen_an_interval(n: int, level: float) -> None:
    def width(n: int, level: float) -> float:
        interval = proportion_interval(n // 2, n, level)
        return (interval.high or 0) - (interval.low or 0)

    assert width(n, level) < width(n, (1 + level) / 2)
    assert width(2 * n, level) < width(n, level)


def test_proportions_load_neither_numpy_nor_scipy() -> None:
    script = (
        "import sys, weighbridge.reports.metrics, weighbridge.statistics as s; "
        "s.proportion_interval(3, 5); "
        "sys.exit(bool({'numpy', 'scipy', 'statsmodels', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_means_load_no_more_of_scipy_than_its_special_functions() -> None:
    script = (
        "import sys, weighbridge.statistics as s; s.mean_interval(0.5, 0.1, 9); "
        "sys.exit(bool({'scipy.stats', 'statsmodels', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
