"""An interval one may look at after each case: it misses the truth at *any* look in 5 % at most."""

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, stats
from scipy.special import betaln

from weighbridge.statistics import ConfidenceSequence, cases_until_narrow, proportion_interval
from weighbridge.statistics.sequential import log_evidence

SEED = 20240131


def ends(sequence: ConfidenceSequence) -> tuple[float, float]:
    interval = sequence.interval()
    assert interval.low is not None
    assert interval.high is not None
    return interval.low, interval.high


def filled(values: list[float], **options: int) -> ConfidenceSequence:
    sequence = ConfidenceSequence(binary=set(values) <= {0.0, 1.0}, **options)
    sequence.add(values)
    return sequence


@pytest.mark.parametrize(("mean", "total", "n"), [(0.3, 7, 20), (0.9, 18, 20), (0.6, 7.3, 20)])
def test_the_evidence_is_the_averaged_likelihood_over_that_of_the_mean(
    mean: float, total: float, n: int
) -> None:
    def ratio(q: float) -> float:
        likelihood = q**total * (1 - q) ** (n - total)
        return likelihood / (mean**total * (1 - mean) ** (n - total))

    prior = stats.beta(50 * mean + 0.5, 50 * (1 - mean) + 0.5)
    expected, _ = integrate.quad(lambda q: prior.pdf(q) * ratio(q), 0, 1, epsabs=1e-12)
    assert log_evidence(mean, total, n, 50) == pytest.approx(math.log(expected), abs=1e-6)


@given(st.integers(1, 100_000), st.floats(0, 1), st.sampled_from([1, 100, 10_000]))
def test_the_interval_holds_the_mean_and_what_lies_outside_is_refuted(
    n: int, share: float, tuned_for: int
) -> None:
    right = round(share * n)
    sequence = filled([1.0] * right + [0.0] * (n - right), tuned_for=tuned_for)
    low, high = ends(sequence)
    assert 0 <= low <= right / n <= high <= 1
    for outside, inside in ((low - 1e-7, low + 1e-7), (high + 1e-7, high - 1e-7)):
        if 0 < outside < 1:
            assert log_evidence(outside, right, n, tuned_for / 8) >= math.log(20) - 1e-2
        if low < inside < high:
            assert log_evidence(inside, right, n, tuned_for / 8) <= math.log(20) + 1e-2


def ever_missed(values: NDArray[np.float64], mean: float, tuned_for: int) -> float:
    """Share of the rows whose evidence against the true mean reaches 20 at any of their looks."""
    n = np.arange(1, values.shape[1] + 1)
    total = values.cumsum(axis=1)
    one, other = tuned_for / 8 * mean + 0.5, tuned_for / 8 * (1 - mean) + 0.5
    evidence = betaln(one + total, other + n - total) - betaln(one, other)
    evidence -= total * math.log(mean) + (n - total) * math.log1p(-mean)
    return float((evidence >= math.log(20)).any(axis=1).mean())


def at_most(level: float, rounds: int) -> float:
    """The level plus three standard errors of a simulation."""
    return level + 3 * math.sqrt(level * (1 - level) / rounds)


@pytest.mark.parametrize("mean", [0.5, 0.8, 0.95, 0.99])
def test_looking_after_each_of_1000_cases_misses_in_at_most_5_percent(mean: float) -> None:
    random = np.random.default_rng(SEED)
    values = (random.random((1000, 1000)) < mean).astype(float)
    missed = ever_missed(values, mean, 1000)
    assert missed <= at_most(0.05, 1000)
    # An ordinary interval looked at as often does not hold: this is why the sequence is there.
    wald = np.abs(values.cumsum(axis=1) / np.arange(1, 1001) - mean)[:, 29:] > 1.96 * np.sqrt(
        mean * (1 - mean) / np.arange(30, 1001)
    )
    assert wald.any(axis=1).mean() > 0.2


@pytest.mark.slow
@pytest.mark.parametrize("mean", [0.5, 0.8, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("tuned_for", [100, 1000, 10_000])
def test_looking_after_each_of_10000_cases_misses_in_at_most_5_percent(
    mean: float, tuned_for: int
) -> None:
    random = np.random.default_rng(SEED + tuned_for)
    missed = np.mean(
        [
            ever_missed((random.random((200, 10_000)) < mean).astype(float), mean, tuned_for)
            for _ in range(20)
        ]
    )
    assert missed <= at_most(0.05, 4000)


def test_graded_scores_are_held_too_by_looks_at_every_tenth_case() -> None:
    random, rounds, missed = np.random.default_rng(SEED), 150, 0
    for _ in range(rounds):
        sequence, values = ConfidenceSequence(binary=False), random.beta(4, 1, 300)
        outside = False
        for start in range(0, 300, 10):
            sequence.add(values[start : start + 10])
            low, high = ends(sequence)
            outside = outside or not low <= 0.8 <= high
        missed += outside
    assert missed / rounds <= at_most(0.05, rounds)


def test_graded_scores_that_spread_little_give_a_narrower_interval() -> None:
    values = list(np.random.default_rng(SEED).beta(40, 10, 5000))
    low, high = ends(filled(values))
    other = ConfidenceSequence()
    other.add([1.0] * 4000 + [0.0] * 1000)
    assert high - low < (ends(other)[1] - ends(other)[0]) / 2
    assert low < 0.8 < high


def test_the_price_of_looking_is_about_half_again_the_width() -> None:
    for n, right in ((500, 400), (1000, 900), (3000, 1500)):
        low, high = ends(filled([1.0] * right + [0.0] * (n - right), tuned_for=1000))
        wilson = proportion_interval(right, n)
        ratio = (high - low) / ((wilson.high or 0) - (wilson.low or 0))
        assert 1.4 < ratio < 1.75


def test_how_the_values_arrive_in_batches_makes_no_difference() -> None:
    values = list(np.random.default_rng(SEED).random(200))
    at_once, one_by_one = filled(values), ConfidenceSequence(binary=False)
    for value in values:
        one_by_one.add([value])
    assert ends(one_by_one) == pytest.approx(ends(at_once), rel=1e-12)
    assert (one_by_one.n, one_by_one.mean) == (200, pytest.approx(np.mean(values)))


def test_a_run_may_stop_when_narrow_enough_and_not_before() -> None:
    sequence = ConfidenceSequence(tuned_for=cases_until_narrow(0.05, 0.8))
    random = np.random.default_rng(SEED)
    while not sequence.narrow_enough(0.05):
        sequence.add((random.random(20) < 0.8).astype(float))
    low, high = ends(sequence)
    assert high - low <= 0.1
    assert sequence.n == pytest.approx(cases_until_narrow(0.05, 0.8), rel=0.25)
    assert low <= 0.8 <= high


@pytest.mark.parametrize("half_width", [0.01, 0.02, 0.1])
@pytest.mark.parametrize("mean", [0.0, 0.5, 0.95])
def test_the_expected_number_of_cases_is_the_first_that_is_narrow_enough(
    half_width: float, mean: float
) -> None:
    n = cases_until_narrow(half_width, mean)

    def narrow(cases: int) -> bool:
        right = round(mean * cases)
        sequence = filled([1.0] * right + [0.0] * (cases - right), tuned_for=n)
        return sequence.narrow_enough(half_width)

    assert narrow(round(n * 1.03) + 8)
    assert not narrow(round(n * 0.97) - 8)


def test_nothing_seen_yet_means_anything_is_possible() -> None:
    for binary in (True, False):
        sequence = ConfidenceSequence(binary=binary)
        assert ends(sequence) == (0.0, 1.0)
        assert (sequence.n, sequence.mean) == (0, None)
        assert not sequence.narrow_enough(0.1)


def test_all_right_is_not_certainty() -> None:
    low, high = ends(filled([1.0] * 100))
    assert high == 1.0
    assert 0.7 < low < 0.97


def test_what_does_not_fit_is_refused_and_nothing_of_it_taken_in() -> None:
    sequence = ConfidenceSequence()
    with pytest.raises(ValueError, match="values 0 and 1, not"):
        sequence.add([1, 0.5])
    for wrong in (1.5, -0.1, math.nan):
        with pytest.raises(ValueError, match="from 0 to 1"):
            sequence.add([1, wrong])
    assert sequence.n == 0
    with pytest.raises(ValueError, match="level"):
        ConfidenceSequence(95)
    with pytest.raises(ValueError, match="tuned for 0"):
        ConfidenceSequence(tuned_for=0)
    with pytest.raises(ValueError, match="half a width of 2"):
        cases_until_narrow(2)


def test_a_sequence_loads_neither_numpy_nor_scipy() -> None:
    script = (
        "import sys, weighbridge.statistics as s; c = s.ConfidenceSequence(); c.add([1, 0]); "
        "c.interval(); sys.exit(bool({'numpy', 'scipy', 'statsmodels'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
