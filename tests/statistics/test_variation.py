"""The interval of a total variation distance holds the true one, and tests of fit err in 5 %."""

import math
import time
from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from support.generators import Generator, keeping, moving, scattering
from weighbridge.statistics import goodness_of_fit, mean_variation, shift_test
from weighbridge.statistics.variation import _tables

SEED = 20240131


def error(rounds: int, share: float = 0.05) -> float:
    """Three standard errors of a simulated share."""
    return 3 * math.sqrt(share * (1 - share) / rounds)


def covered(generator: Generator, n: int, rounds: int) -> float:
    """How often the interval holds the true distance."""
    holds = 0
    for seed, seen in enumerate(generator.samples(n, rounds, SEED + n)):
        found = mean_variation(seen, generator.asked, seed=seed)
        assert found.low is not None
        assert found.high is not None
        holds += found.low <= generator.distance + 1e-12 and generator.distance <= found.high
    return holds / rounds


KEEPING = [(keeping(3), 50), (keeping(2, 3, 5), 200), (keeping(3, 3, 3, together=0.7), 1000)]
PERTURBED = [
    (moving(0.15, 2, 3, 5), 200),
    (moving(0.15, 2, 3, 5, together=0.7), 50),
    (scattering(0.15, 3, 5), 1000),
]


@pytest.mark.parametrize(("generator", "n"), KEEPING)
def test_where_nothing_is_wrong_the_interval_reaches_0(generator: Generator, n: int) -> None:
    assert covered(generator, n, 150) >= 0.935 - error(150)


@pytest.mark.parametrize(("generator", "n"), PERTURBED)
@pytest.mark.slow
def test_where_something_is_wrong_the_interval_holds_how_much(generator: Generator, n: int) -> None:
    assert covered(generator, n, 150) >= 0.935 - error(150)


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize(
    "generator",
    [keeping(2), keeping(5), keeping(2, 3, 5), keeping(3, 3, 3, 3, 3, together=0.7)],
)
def test_at_the_boundary_2000_simulations_hold(generator: Generator, n: int) -> None:
    assert covered(generator, n, 2000) >= 0.935


@pytest.mark.slow
@pytest.mark.parametrize(
    ("generator", "n"),
    [
        *((scattering(0.2, 3, 3, 3), n) for n in (50, 200, 1000)),
        *((moving(0.15, 2), n) for n in (50, 200, 1000)),
        (scattering(0.15, 2, 3, 5), 1000),
    ],
)
def test_where_deviations_are_clear_95_percent_of_2000_simulations_hold(
    generator: Generator, n: int
) -> None:
    assert covered(generator, n, 2000) == pytest.approx(0.95, abs=0.015)


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize(
    "generator", [moving(0.15, 2, 3, 5, together=0.7), moving(0.15, 5, 5, 5, 5, 5)]
)
def test_where_some_are_and_others_may_be_no_fewer_of_2000_simulations_hold(
    generator: Generator, n: int
) -> None:
    assert 0.93 <= covered(generator, n, 2000) <= 0.995


@given(st.integers(1, 200), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_the_interval_holds_the_corrected_distance_and_this_is_below_the_estimate(
    n: int, seed: int
) -> None:
    generator = moving(0.1, 2, 3)
    (seen,) = generator.samples(n, 1, seed)
    found = mean_variation(seen, generator.asked)
    assert found.corrected is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= found.corrected <= found.high <= 1
    assert found.corrected <= found.estimate + 0.01
    wanted = [
        np.bincount(codes, minlength=q.size) / n
        for codes, q in zip(seen, generator.asked, strict=True)
    ]
    by_hand = np.mean(
        [np.abs(p - q).sum() / 2 for p, q in zip(wanted, generator.asked, strict=True)]
    )
    assert found.estimate == pytest.approx(by_hand)


def test_the_correction_takes_away_what_chance_adds() -> None:
    same, moved = keeping(2, 3, 5), moving(0.2, 2, 3, 5)
    for generator in (same, moved):
        found = [
            mean_variation(seen, generator.asked, seed=seed)
            for seed, seen in enumerate(generator.samples(100, 60, SEED))
        ]
        plain = np.mean([one.estimate for one in found]) - generator.distance
        corrected = np.mean([one.corrected or 0.0 for one in found]) - generator.distance
        assert plain > 0
        assert abs(corrected) < plain


def test_samples_that_are_not_known_for_all_properties_count_where_they_are() -> None:
    asked = [np.array([0.5, 0.5]), np.array([0.5, 0.5])]
    one, two = np.array([0, 0, 1, -1]), np.array([-1, -1, -1, 0])
    assert mean_variation([one, two], asked).estimate == pytest.approx((1 / 6 + 0.5) / 2)
    with pytest.raises(ValueError, match="each with a sample"):
        mean_variation([one, np.array([-1, -1, -1, -1])], asked)
    with pytest.raises(ValueError, match="at least one property"):
        mean_variation([], [])
    with pytest.raises(ValueError, match="level"):
        mean_variation([one], asked[:1], level=95)


def keeping_to_what_was_drawn(
    n: int, mistakes: float, to: Sequence[float], random: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Values drawn in balance, 50, 30 and 20 %, and seen: with mistakes, of these shares."""
    drawn = np.repeat([0, 1, 2], [n // 2, 3 * n // 10, n // 5])
    seen = np.where(random.random(n) < mistakes, random.choice(3, n, p=to), drawn)
    return drawn, seen


@pytest.mark.parametrize("n", [50, 200, 1000])
@pytest.mark.parametrize(
    ("mistakes", "to"),
    [(0.0, (1, 0, 0)), (0.1, (0.5, 0.3, 0.2)), (0.1, (0, 0, 1)), (0.4, (0, 1, 0))],
)
def test_samples_that_keep_to_what_was_drawn_scatter_less_and_the_interval_holds(
    n: int, mistakes: float, to: tuple[float, ...]
) -> None:
    random, rounds, holds = np.random.default_rng(SEED + n), 60, 0
    asked = np.array([0.5, 0.3, 0.2])
    truth = float(np.abs(mistakes * (np.array(to) - asked)).sum() / 2)
    for seed in range(rounds):
        drawn, seen = keeping_to_what_was_drawn(n, mistakes, to, random)
        found = mean_variation([seen], [asked], drawn=[drawn], seed=seed)
        assert found.low is not None
        assert found.high is not None
        holds += found.low <= truth + 1e-12 and truth <= found.high
    assert holds / rounds >= 0.935 - error(rounds)


@pytest.mark.parametrize(("n", "most"), [(20, 0.17), (50, 0.08), (200, 0.02)])
def test_full_agreement_is_no_more_than_its_number_of_samples_says(n: int, most: float) -> None:
    """Wilson's upper end for no mistake among n: the plain interval would be 0 to 0."""
    drawn, seen = keeping_to_what_was_drawn(n, 0.0, (1, 0, 0), np.random.default_rng(SEED))
    asked = [np.array([0.5, 0.3, 0.2])]
    found = mean_variation([seen], asked, drawn=[drawn])
    assert (found.low, found.corrected) == (0, 0)
    assert found.high == pytest.approx(1.96**2 / (n + 1.96**2), abs=1e-3)
    assert (found.high or 0) < most


def test_values_drawn_that_samples_do_not_keep_to_change_nothing() -> None:
    random = np.random.default_rng(SEED)
    (seen,) = keeping(3).samples(400, 1, SEED)
    drawn = [random.permutation(seen[0])]
    asked = keeping(3).asked
    assert mean_variation(seen, asked, drawn=drawn) == mean_variation(seen, asked)


def test_a_property_with_a_single_value_is_as_asked() -> None:
    found = mean_variation([np.zeros(20, dtype=np.intp)], [np.array([1.0])])
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, 0.0)


def test_a_value_that_was_not_asked_for_is_a_deviation() -> None:
    seen = np.repeat([0, 1, 2], [90, 90, 20])
    found = mean_variation([seen], [np.array([0.5, 0.5, 0.0])])
    assert found.estimate == pytest.approx(0.1)
    assert found.low is not None
    assert found.low > 0.03


def test_over_a_thousand_values_there_is_no_interval() -> None:
    share = np.full(501, 1 / 501)
    seen = np.arange(501)
    found = mean_variation([seen, seen], [share, share])
    assert (found.estimate, found.corrected, found.low, found.high) == (
        pytest.approx(0.0, abs=1e-12),
        None,
        None,
        None,
    )


def test_the_interval_of_many_values_and_samples_is_there_in_seconds() -> None:
    random = np.random.default_rng(SEED)
    share = np.full(50, 0.02)
    seen = [random.integers(0, 50, 20_000) for _ in range(20)]
    start = time.process_time()
    found = mean_variation(seen, [share] * 20)
    assert found.low == 0
    assert time.process_time() - start < 60


def test_the_same_samples_give_the_same_interval() -> None:
    (seen,) = moving(0.1, 3, 5).samples(100, 1, SEED)
    asked = moving(0.1, 3, 5).asked
    assert mean_variation(seen, asked) == mean_variation(seen, asked)
    wide, narrow = mean_variation(seen, asked, level=0.99), mean_variation(seen, asked, level=0.8)
    assert (wide.high or 0) > (narrow.high or 1)
    assert (wide.low or 0) <= (narrow.low or 0)


# Tests of fit.


@given(st.lists(st.integers(0, 12), min_size=2, max_size=3), st.integers(0, 2))
@settings(deadline=None)
def test_the_exact_test_adds_up_what_is_no_likelier(counts: list[int], which: int) -> None:
    shares = [(0.5, 0.5), (0.2, 0.8), (0.9, 0.1)][which]
    if len(counts) == 3:
        shares = (*(0.7 * share for share in shares), 0.3)
    n = sum(counts)
    found = goodness_of_fit(counts, shares)
    assert found.n == n
    if not n:
        assert found.p_value is None
        return

    def ratio(table: tuple[int, ...]) -> float:
        return sum(x * math.log(x / n / q) for x, q in zip(table, shares, strict=True) if x)

    tables = [one for one in product(range(n + 1), repeat=len(counts)) if sum(one) == n]
    chance = sum(
        float(stats.multinomial.pmf(one, n, shares))
        for one in tables
        if ratio(one) >= ratio(tuple(counts)) - 1e-9
    )
    assert found.method == "exact"
    assert found.p_value == pytest.approx(chance, rel=1e-6)


@pytest.mark.parametrize("n", [50, 100])
@pytest.mark.parametrize(
    "shares", [(0.5, 0.3, 0.2), (0.4, 0.3, 0.3), (0.7, 0.2, 0.1), (1 / 3, 1 / 3, 1 / 3)]
)
@pytest.mark.slow
def test_the_exact_test_of_three_values_errs_in_5_percent(
    n: int, shares: tuple[float, ...]
) -> None:
    """Exact: the chances of all tables that are rejected."""
    tables = _tables(n, 3)
    chances = stats.multinomial.pmf(tables, n, shares)
    wrong = sum(
        chance
        for table, chance in zip(tables.tolist(), chances, strict=True)
        if chance > 1e-7 and (goodness_of_fit(table, shares).p_value or 0) <= 0.05
    )
    assert wrong == pytest.approx(0.05, abs=0.005)


@pytest.mark.parametrize(("n", "least"), [(50, 0.03), (200, 0.04), (1000, 0.044)])
@pytest.mark.parametrize("share", [0.5, 0.6, 0.7, 0.9])
def test_the_exact_test_of_two_values_errs_in_no_more_than_5_percent(
    n: int, least: float, share: float
) -> None:
    """Of two values there are few outcomes; with 50 fair coins no test errs between 3.3 and 6.5."""
    chances = stats.binom.pmf(np.arange(n + 1), n, share)
    wrong = sum(
        chance
        for k, chance in enumerate(chances)
        if (goodness_of_fit([k, n - k], [share, 1 - share]).p_value or 0) <= 0.05
    )
    assert least <= wrong <= 0.05


@pytest.mark.parametrize(
    ("n", "shares", "method"),
    [
        (50, (0.5, 0.3, 0.2), "exact"),
        (200, (0.3, 0.25, 0.2, 0.15, 0.1), "chi-square"),
        (1000, (0.3, 0.25, 0.2, 0.15, 0.1), "chi-square"),
        pytest.param(50, (0.3, 0.25, 0.2, 0.15, 0.09, 0.01), "monte-carlo", marks=pytest.mark.slow),
        pytest.param(50, (0.05,) * 20, "monte-carlo", marks=pytest.mark.slow),
    ],
)
def test_of_2000_simulations_the_test_rejects_5_percent(
    n: int, shares: tuple[float, ...], method: str
) -> None:
    drawn = np.random.default_rng(SEED).multinomial(n, shares, 2000)
    tables, times = np.unique(drawn, axis=0, return_counts=True)
    found = [goodness_of_fit(table, shares, seed) for seed, table in enumerate(tables.tolist())]
    assert {one.method for one in found} == {method}
    rejected = np.array([(one.p_value or 0) <= 0.05 for one in found])
    assert np.average(rejected, weights=times) == pytest.approx(0.05, abs=0.01)


def test_a_value_with_a_share_of_0_cannot_be_seen() -> None:
    assert goodness_of_fit([5, 1], [1.0, 0.0]).p_value == 0
    assert goodness_of_fit([5, 0], [1.0, 0.0]).p_value is None
    assert goodness_of_fit([0, 0], [0.5, 0.5]).p_value is None


@pytest.mark.parametrize(
    ("counts", "shares"),
    [([1], [0.5, 0.5]), ([-1, 2], [0.5, 0.5]), ([1, 2], [0.0, 0.0]), ([1, 2], [-1, 2])],
)
def test_counts_and_shares_that_are_none_are_refused(
    counts: list[int], shares: list[float]
) -> None:
    with pytest.raises(ValueError, match="shares"):
        goodness_of_fit(counts, shares)


# Shifts.


@pytest.mark.parametrize(("there", "back"), [(1, 0), (6, 0), (9, 2), (15, 15), (30, 12)])
def test_a_shift_of_two_values_is_mcnemars(there: int, back: int) -> None:
    before = [0] * there + [1] * back + [0] * 40
    after = [1] * there + [0] * back + [0] * 40
    wanted = stats.binomtest(there, there + back, 0.5).pvalue
    assert shift_test(before, after) == pytest.approx(wanted, abs=error(9_999, 0.3))


def test_mistakes_to_and_fro_are_no_shift() -> None:
    random, rounds, wrong = np.random.default_rng(SEED), 300, 0
    for seed in range(rounds):
        before = random.integers(0, 4, 300)
        swap = random.random(300) < 0.2
        after = np.where(swap, random.integers(0, 4, 300), before)
        wrong += (shift_test(before.tolist(), after.tolist(), seed) or 1) <= 0.05
    assert wrong / rounds == pytest.approx(0.05, abs=0.01 + error(rounds))


def test_without_a_difference_there_is_no_shift_to_test() -> None:
    assert shift_test([0, 1, 2], [0, 1, 2]) is None
    assert shift_test([], []) is None
    assert (shift_test([0] * 30 + [1] * 50, [1] * 80) or 1) < 0.001
