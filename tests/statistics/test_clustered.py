"""Clustered intervals allow for likeness within clusters, and cover the truth."""

from array import array

import numpy as np
import pytest
from numpy.typing import NDArray

from weighbridge.statistics import (
    clustered_mean_interval,
    clustered_proportion_interval,
    mean_interval,
    proportion_interval,
)
from weighbridge.statistics.intervals import Interval

SEED = 20240131


def holds(interval: Interval, truth: float) -> bool:
    assert interval.low is not None
    assert interval.high is not None
    return interval.low <= truth <= interval.high


def by_hand(values: NDArray[np.float64], groups: NDArray[np.int64]) -> tuple[float, float]:
    """The sandwich for a mean: sum of squared residual sums of clusters, over n squared."""
    n, g = len(values), len(np.unique(groups))
    residuals = values - values.mean()
    sums = np.array([residuals[groups == group].sum() for group in np.unique(groups)])
    variance = (sums**2).sum() / n**2 * g / (g - 1) * (n - 1) / (n - 1)
    half = 2.2621571628540993 * np.sqrt(variance)  # t of 9 degrees of freedom at 97.5 %
    return values.mean() - half, values.mean() + half


def test_the_interval_is_the_sandwich_with_its_small_sample_factor() -> None:
    random = np.random.default_rng(SEED)
    groups = np.repeat(np.arange(10), 7)
    values = random.normal(size=10)[groups] + random.normal(size=70)
    interval = clustered_mean_interval(values, groups)
    assert (interval.low, interval.high) == pytest.approx(by_hand(values, groups), rel=1e-9)
    assert interval.method == "clustered"


def test_clusters_of_one_give_the_t_interval() -> None:
    values = np.random.default_rng(SEED).normal(size=50)
    clustered = clustered_mean_interval(values, np.arange(50))
    plain = mean_interval(values.mean(), values.std(ddof=1), 50)
    assert (clustered.low, clustered.high) == pytest.approx((plain.low, plain.high), rel=1e-9)


def test_standard_arrays_with_numbers_of_64_bits_will_do() -> None:
    values, clusters = [0.0, 1.0, 1.0, 0.5], [2**64 - 1, 5, 5, 7]
    interval = clustered_mean_interval(array("d", values), array("Q", clusters))
    assert interval == clustered_mean_interval(np.array(values), np.array([0, 1, 1, 2]))


def test_likeness_within_clusters_widens_the_interval() -> None:
    random = np.random.default_rng(SEED)
    groups = np.repeat(np.arange(40), 10)
    values = (random.random(40) < 0.7).astype(float)[groups]
    clustered = clustered_proportion_interval(values, groups)
    plain = proportion_interval(int(values.sum()), len(values))
    assert clustered.low is not None
    assert plain.low is not None
    assert clustered.low < plain.low - 0.05


@pytest.mark.parametrize(("clusters", "size"), [(30, 10), (100, 5), (200, 20)])
@pytest.mark.parametrize("kind", ["mean", "proportion"])
def test_the_interval_covers_the_truth_in_a_simulation(clusters: int, size: int, kind: str) -> None:
    random = np.random.default_rng(SEED + clusters)
    groups = np.repeat(np.arange(clusters), size)
    covered = naive = 0
    rounds = 1500
    for _ in range(rounds):
        if kind == "mean":
            truth = 0.0
            values = random.normal(size=clusters)[groups] + random.normal(size=groups.size)
            interval = clustered_mean_interval(values, groups)
        else:
            truth = 0.75
            values = (random.random(groups.size) < random.beta(3, 1, clusters)[groups]) * 1.0
            interval = clustered_proportion_interval(values, groups)
        covered += holds(interval, truth)
        naive += holds(mean_interval(values.mean(), values.std(ddof=1), groups.size), truth)
    # 95 ± 1 %, and three standard errors of the simulation.
    assert covered / rounds == pytest.approx(0.95, abs=0.01 + 3 * (0.95 * 0.05 / rounds) ** 0.5)
    assert naive < covered


def test_the_interval_of_a_proportion_stays_within_0_and_1() -> None:
    values, groups = np.array([1.0] * 29 + [0.0]), np.repeat(np.arange(6), 5)
    interval = clustered_proportion_interval(values, groups)
    assert interval.high == 1.0
    assert interval.low is not None
    assert 0 < interval.low < 1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_all_right_or_all_wrong_is_not_certainty(value: float) -> None:
    """Ten clusters that all agree say as much as ten cases, not as fifty, and not everything."""
    interval = clustered_proportion_interval(np.full(50, value), np.repeat(np.arange(10), 5))
    wilson = proportion_interval(int(10 * value), 10)
    assert (interval.low, interval.high) == (wilson.low, wilson.high)
    assert interval.method == "clustered"


def test_graded_scores_that_are_all_the_same_are_no_certainty_either() -> None:
    values, groups = np.full(50, 0.5), np.repeat(np.arange(10), 5)
    found = clustered_mean_interval(values, groups, bounds=(0.0, 1.0))
    assert (found.low, found.high) == pytest.approx((0.361, 0.639), abs=1e-3)
    unknown = clustered_mean_interval(values, groups)
    assert (unknown.low, unknown.high, unknown.method) == (None, None, "no-spread")


def test_one_cluster_says_nothing_of_how_clusters_differ() -> None:
    for values in (np.array([0.0, 1.0]), np.array([])):
        interval = clustered_mean_interval(values, np.zeros(len(values), dtype=int))
        assert (interval.low, interval.high) == (None, None)


def test_values_and_clusters_must_match() -> None:
    with pytest.raises(ValueError, match="shape"):
        clustered_mean_interval(np.zeros(3), np.zeros(2, dtype=int))
