"""Comparisons on the same cases: the right test for the data, and honest where there is little."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import brentq, minimize_scalar
from statsmodels.stats import contingency_tables

from weighbridge.statistics import PairedComparison, compare_paired
from weighbridge.statistics.paired import mcnemar, paired_proportion_interval
from weighbridge.statistics.power import smallest_detectable_where_few_differ

SEED = 20240131


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int]:
    """Pairs that only A got right, that only B did, and all."""
    only_a, only_b = draw(st.integers(0, 200)), draw(st.integers(0, 200))
    return only_a, only_b, only_a + only_b + draw(st.integers(0 if only_a + only_b else 1, 2000))


def pairs(only_a: int, only_b: int, n: int) -> tuple[list[float], list[float]]:
    same = n - only_a - only_b
    return [1.0] * only_a + [0.0] * only_b + [1.0] * same, [0.0] * only_a + [1.0] * (n - only_a)


def tango_by_likelihood(only_a: int, only_b: int, n: int, z: float) -> tuple[float, float]:
    """The same interval from its definition: the nuisance parameter by numeric maximisation."""

    def score(difference: float) -> float:
        def loss(share: float) -> float:
            counts = (only_a, only_b, n - only_a - only_b)
            shares = (share, share + difference, 1 - difference - 2 * share)
            terms = zip(counts, shares, strict=True)
            return -sum(k * math.log(max(p, 1e-300)) for k, p in terms if k)

        bounds = (max(0.0, -difference), (1 - difference) / 2)
        share = minimize_scalar(loss, bounds=bounds, options={"xatol": 1e-13}).x
        variance = n * (2 * share + difference - difference**2)
        return float((only_b - only_a - n * difference) / math.sqrt(max(variance, 1e-30)))

    estimate = (only_b - only_a) / n
    low = brentq(lambda d: score(d) - z, -1 + 1e-9, estimate)
    high = brentq(lambda d: score(d) + z, estimate, 1 - 1e-9)
    return float(low), float(high)


@pytest.mark.parametrize(
    "table", [(12, 2, 50), (2, 12, 50), (3, 9, 40), (1, 0, 20), (0, 7, 100), (40, 60, 1000)]
)
def test_the_interval_of_a_paired_difference_is_tangos(table: tuple[int, int, int]) -> None:
    interval = paired_proportion_interval(*table)
    z = float(stats.norm.ppf(0.975))
    assert (interval.low, interval.high) == pytest.approx(tango_by_likelihood(*table, z), abs=1e-5)
    assert interval.method == "tango"


@given(tables(), st.floats(0.5, 0.999))
def test_that_interval_solves_the_polynomial_of_yang_sun_and_hardin(
    table: tuple[int, int, int], level: float
) -> None:
    """Yang, Sun & Hardin (2013), A non-iterative implementation of Tango's score confidence
    interval, Statistics in Medicine 32: both ends are roots of one equation of the fourth degree,
    for B and C such that the difference is (B - C) / n."""
    only_a, only_b, n = table
    g = float(stats.norm.ppf((1 + level) / 2)) ** 2
    d, s = only_b - only_a, only_b + only_a
    polynomial = [
        n**2 * (n / g + 1) ** 2,
        -n * d * (n / g + 1) * (4 * n / g + 1),
        2 * n * d**2 * (3 * n / g + 2) / g - n**2 * (s / g + 1),
        n * d * (2 * s / g + 1) - d**3 * (4 * n / g + 1) / g,
        d**2 * (d**2 / g - s) / g,
    ]
    interval = paired_proportion_interval(*table, level)
    for end in (interval.low, interval.high):
        assert end is not None
        terms = [c * end**power for c, power in zip(polynomial, (4, 3, 2, 1, 0), strict=True)]
        assert abs(sum(terms)) <= 1e-6 * max(map(abs, polynomial))


@given(tables())
def test_that_interval_holds_the_estimate_and_mirrors_when_the_runs_change_places(
    table: tuple[int, int, int],
) -> None:
    only_a, only_b, n = table
    interval, mirrored = (
        paired_proportion_interval(only_a, only_b, n),
        paired_proportion_interval(only_b, only_a, n),
    )
    assert interval.low is not None
    assert interval.high is not None
    assert -1 <= interval.low <= (only_b - only_a) / n <= interval.high <= 1
    assert (mirrored.low, mirrored.high) == pytest.approx((-interval.high, -interval.low), abs=1e-9)


@given(tables())
def test_mcnemar_is_statsmodels_exact_test_and_the_mid_p_lies_below(
    table: tuple[int, int, int],
) -> None:
    only_a, only_b, n = table
    square = np.array([[n - only_a - only_b, only_a], [only_b, 0]])
    expected = contingency_tables.mcnemar(square, exact=True).pvalue
    assert mcnemar(only_a, only_b, mid_p=False) == pytest.approx(expected, rel=1e-9)
    half = stats.binom.pmf(min(only_a, only_b), only_a + only_b, 0.5) / 2
    by_hand = 2 * (stats.binom.cdf(min(only_a, only_b), only_a + only_b, 0.5) - half)
    assert mcnemar(only_a, only_b) == pytest.approx(min(1.0, by_hand), rel=1e-9)


def test_zeros_and_ones_are_compared_with_mcnemar() -> None:
    found = compare_paired(*pairs(4, 15, 200))
    assert (found.test, found.method) == ("mcnemar-midp", "tango")
    assert (found.only_a, found.only_b, found.n) == (4, 15, 200)
    assert found.difference == pytest.approx(11 / 200)
    assert found.p_value == pytest.approx(mcnemar(4, 15))
    exact = compare_paired(*pairs(4, 15, 200), test="mcnemar-exact")
    assert exact.test == "mcnemar-exact"
    assert exact.p_value is not None
    assert found.p_value is not None
    assert exact.p_value > found.p_value


def graded(n: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(SEED)
    first = random.random(n)
    return first, first + random.normal(shift, 0.1, n)


def test_graded_scores_are_compared_with_t_as_scipy_does() -> None:
    a, b = graded(300, 0.02)
    found, expected = compare_paired(a, b), stats.ttest_rel(b, a)
    assert (found.test, found.method) == ("paired-t", "t")
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-9)
    ends = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), rel=1e-9)


def test_few_differences_are_compared_by_flipping_signs_and_exactly_when_very_few() -> None:
    a, b = graded(8, 0.1)
    found = compare_paired(a, b)
    d = b - a
    flips = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1).T @ d
    assert found.test == "permutation"
    assert found.p_value == pytest.approx(np.mean(np.abs(flips) >= abs(d.sum()) - 1e-12))


def test_ties_do_not_count_as_evidence() -> None:
    """Heavy ties: what decides is how many cases differ, not how many there are."""
    a, b = graded(8, 0.1)
    tied = np.full(5000, 0.5)
    found = compare_paired(np.append(a, tied), np.append(b, tied))
    assert found.test == "permutation"
    assert found.p_value == compare_paired(a, b).p_value


def test_one_case_that_differs_is_no_evidence() -> None:
    found = compare_paired([0.5] * 100, [0.5] * 99 + [0.9])
    assert (found.test, found.p_value) == ("permutation", 1.0)


def test_what_few_differences_can_show_depends_on_how_many_there_are() -> None:
    a, b = graded(20)
    tied = np.full(180, 0.5)
    found = compare_paired(np.append(a, tied), np.append(b, tied)).smallest_detectable
    expected = smallest_detectable_where_few_differ(200, 20, float((b - a).std(ddof=1)))
    assert found == pytest.approx(expected)
    few = compare_paired(np.append(a[:4], tied), np.append(b[:4], tied))
    assert few.smallest_detectable is None
    # That all moved by the same is taken for chance.
    same = compare_paired([0.5] * 100, [0.5] * 80 + [0.75] * 20).smallest_detectable
    assert same == pytest.approx(smallest_detectable_where_few_differ(100, 20, 0.25))


def test_skewed_differences_are_bootstrapped() -> None:
    random = np.random.default_rng(SEED)
    a = np.zeros(200)
    found = compare_paired(a, random.exponential(size=200) ** 3 - 6)
    assert (found.test, found.method) == ("paired-bootstrap", "bootstrap")
    assert found.low is not None
    assert found.high is not None
    assert found.difference is not None
    assert found.high - found.difference > found.difference - found.low


def test_the_same_seed_gives_the_same_answer() -> None:
    a, b = graded(60, 0.02)
    one, again, other = (
        compare_paired(a, b, test="paired-bootstrap", seed=seed) for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


def test_clusters_widen_the_interval_and_raise_the_p_value() -> None:
    random = np.random.default_rng(SEED)
    groups = np.repeat(np.arange(30), 10)
    a = random.random(300)
    b = a + random.normal(0.05, 0.1, 30)[groups]
    plain, clustered = compare_paired(a, b), compare_paired(a, b, clusters=groups)
    assert (clustered.test, clustered.method) == ("clustered", "clustered")
    assert plain.low is not None
    assert clustered.low is not None
    assert clustered.low < plain.low
    assert (clustered.p_value or 0) > (plain.p_value or 0)
    assert (clustered.smallest_detectable or 0) > (plain.smallest_detectable or 0)


def test_clusters_of_one_give_the_t_test() -> None:
    a, b = graded(300, 0.01)
    plain, clustered = compare_paired(a, b), compare_paired(a, b, clusters=np.arange(300))
    assert clustered.p_value == pytest.approx(plain.p_value, rel=1e-9)
    assert clustered.smallest_detectable == pytest.approx(plain.smallest_detectable, rel=1e-2)


def test_no_cases_say_nothing() -> None:
    assert compare_paired([], []) == PairedComparison(
        None, None, None, 0.95, "tango", "mcnemar-midp", None, 0, 0, 0, None
    )
    assert compare_paired([], [], clusters=[]).p_value is None


def test_one_case_says_next_to_nothing() -> None:
    right = compare_paired([0], [1])
    assert (right.n, right.only_b, right.difference) == (1, 1, 1.0)
    assert right.p_value == pytest.approx(0.5)
    assert right.low is not None
    assert right.low < -0.5
    assert right.smallest_detectable is None
    score = compare_paired([0.3], [0.5])
    assert (score.low, score.high, score.p_value) == (None, None, 1.0)


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("clustered", [False, True])
def test_two_runs_that_agree_everywhere_may_still_differ(value: float, clustered: bool) -> None:
    """A hundred ties are no proof of equality: the interval is as wide as the cases are few."""
    scores = [value] * 100
    found = compare_paired(scores, scores, clusters=[*range(50)] * 2 if clustered else None)
    assert (found.difference, found.p_value) == (0.0, 1.0)
    cases = 50 if clustered else 100
    z2 = float(stats.norm.ppf(0.975)) ** 2
    assert found.high == pytest.approx(z2 / (cases + z2), abs=1e-9)
    assert found.low == pytest.approx(-z2 / (cases + z2), abs=1e-9)


def test_a_constant_difference_is_significant_but_not_certain() -> None:
    found = compare_paired([0.5] * 30, [0.6] * 30)
    assert found.method == "no-spread"
    assert found.p_value == pytest.approx(2 * 0.5**30)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.1 < found.high
    on_another_scale = compare_paired([50.0] * 30, [60.0] * 30)
    assert (on_another_scale.low, on_another_scale.high) == (None, None)


@pytest.mark.parametrize("clusters", [None, [*range(30)]])
def test_on_the_scale_of_a_rubric_a_case_may_differ_by_more(clusters: list[int] | None) -> None:
    """Thirty times 1 of 5 twice: where a case differs, then by up to 4, though 1 and 1 look like
    right and right."""
    found = compare_paired([1.0] * 30, [1.0] * 30, clusters=clusters, bounds=(1.0, 5.0))
    share = compare_paired([0.5] * 30, [0.5] * 30, bounds=(0.0, 1.0)).high
    assert share is not None
    assert (found.low, found.high) == pytest.approx((-4 * share, 4 * share))
    assert found.only_a is None
    unbounded = compare_paired([0.5] * 30, [0.5] * 30, bounds=(0.0, math.inf))
    assert (unbounded.low, unbounded.high, unbounded.p_value) == (None, None, 1.0)


def test_one_cluster_says_nothing_of_how_clusters_differ() -> None:
    found = compare_paired([0.1, 0.2], [0.3, 0.3], clusters=[7, 7])
    assert (found.low, found.high, found.p_value) == (None, None, None)
    assert found.difference == pytest.approx(0.15)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_refused_by_its_place(wrong: float) -> None:
    with pytest.raises(ValueError, match="b: number 1 is"):
        compare_paired([0.0, 1.0, 1.0], [0.0, wrong, 1.0])


def test_what_does_not_fit_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="2 values in a, 3 in b"):
        compare_paired([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="clusters of shape"):
        compare_paired([0, 1], [0, 1], clusters=[1])
    with pytest.raises(ValueError, match="no test is called 'anova'"):
        compare_paired([0, 1], [0, 1], test="anova")
    with pytest.raises(ValueError, match="0 or 1"):
        compare_paired([0, 0.5], [0, 1], test="mcnemar-exact")
    with pytest.raises(ValueError, match="clustered needs clusters"):
        compare_paired([0, 1], [0, 1], test="clustered")
    with pytest.raises(ValueError, match="no account of clusters"):
        compare_paired([0, 1], [0, 1], clusters=[1, 2], test="paired-t")
    with pytest.raises(ValueError, match="level"):
        compare_paired([0, 1], [0, 1], level=95)
    with pytest.raises(ValueError, match="discordant"):
        paired_proportion_interval(3, 3, 5)


@pytest.mark.parametrize("kind", ["binary", "graded", "clustered"])
def test_a_million_pairs_take_less_than_100_mb_on_top_of_themselves(kind: str) -> None:
    random = np.random.default_rng(SEED)
    a = random.random(1_000_000).round(0 if kind == "binary" else 3)
    b = np.where(random.random(1_000_000) < 0.1, random.permutation(a), a)
    groups = random.integers(0, 5000, 1_000_000) if kind == "clustered" else None
    compare_paired(a[:100], b[:100])
    tracemalloc.start()
    try:
        found = compare_paired(a, b, clusters=groups)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.n == 1_000_000
    assert found.test == {"binary": "mcnemar-midp", "graded": "paired-t"}.get(kind, "clustered")
    assert peak < 100e6
