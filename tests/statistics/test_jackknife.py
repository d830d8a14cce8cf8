"""The jackknife: the t interval for a mean, and an honest one for what is no mean."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from weighbridge.statistics import jackknife_interval, mean_interval


@settings(deadline=None)  # the first call loads scipy
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=40), st.floats(0.5, 0.99))
def test_of_a_mean_it_is_students_interval(values: list[float], level: float) -> None:
    assume(min(values) < max(values))  # else neither has ends
    n = len(values)
    mean = math.fsum(values) / n
    without = [(math.fsum(values) - value) / (n - 1) for value in values]
    found = jackknife_interval(mean, without, level)
    expected = mean_interval(mean, float(np.std(values, ddof=1)), n, level)
    assert found.low == pytest.approx(expected.low, abs=1e-6)
    assert found.high == pytest.approx(expected.high, abs=1e-6)
    assert found.method == "jackknife"


def test_a_figure_that_no_group_changes_has_no_ends() -> None:
    assert jackknife_interval(1.0, [1.0] * 30).low is None


def test_a_ratio_of_sums_is_covered_as_often_as_is_said() -> None:
    random = np.random.default_rng(5)
    covered = 0
    runs = 2_000
    for _ in range(runs):
        lengths = random.integers(5, 40, 200).astype(float)
        hits = random.binomial(lengths.astype(int), random.beta(6, 4, 200)).astype(float)
        # Unequal groups, as when clusters are thrown together.
        groups = random.integers(0, 40, 200)
        hit_sums = np.bincount(groups, hits, 40)
        length_sums = np.bincount(groups, lengths, 40)
        there = length_sums > 0
        without = (hits.sum() - hit_sums[there]) / (lengths.sum() - length_sums[there])
        interval = jackknife_interval(hits.sum() / lengths.sum(), list(without))
        assert interval.low is not None
        assert interval.high is not None
        covered += interval.low <= 0.6 <= interval.high
    assert 0.94 <= covered / runs <= 0.965


def test_one_group_says_nothing_of_the_spread() -> None:
    for without in ([], [0.5]):
        found = jackknife_interval(0.5, without)
        assert (found.low, found.high) == (None, None)
    with pytest.raises(ValueError, match="level"):
        jackknife_interval(0.5, [0.4, 0.6], 1.5)
