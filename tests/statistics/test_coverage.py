"""Intervals hold the truth as often as they say, and tests err no more often: 95 ± 1 % and 5 ± 1 %
where that can be had, and where not, no more than docs/statistics.md admits. (`scripts/
statistics_tables.py` prints it in full; sequences, agreement, corrected rates and power are with
their own tests.)"""

import math
from bisect import bisect_left
from functools import cache, partial

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from weighbridge.statistics import (
    bootstrap_mean_interval,
    compare_paired,
    mean_interval,
    proportion_interval,
)
from weighbridge.statistics.intervals import Interval
from weighbridge.statistics.paired import mcnemar, paired_proportion_interval

SEED = 20240131
SIZES = [20, 100, 500, 2000]


def error(rounds: int, share: float = 0.05) -> float:
    """Three standard errors of a simulated share."""
    return 3 * math.sqrt(share * (1 - share) / rounds)


def holds(interval: Interval, truth: float) -> bool:
    return interval.low is not None and interval.low <= truth <= (interval.high or -math.inf)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_wilson_covers_95_percent_within_1_around_every_share(n: int, share: float) -> None:
    """Exact, on average over true shares within one standard error: at a single share the coverage
    of every interval swings with n, because counts are whole (Brown, Cai & DasGupta 2001, Interval
    estimation for a binomial proportion, Statistical Science 16)."""
    counts = np.arange(n + 1)
    low, high = np.array(
        [(i.low, i.high) for i in (proportion_interval(int(k), n) for k in counts)], dtype=float
    ).T

    def covered(truth: float) -> float:
        chance = stats.binom.pmf(counts, n, truth)
        return float(chance[(low <= truth) & (truth <= high)].sum())

    spread = math.sqrt(share * (1 - share) / n)
    near = np.linspace(share - spread, min(1 - 1e-6, share + spread), 101)
    assert np.mean([covered(truth) for truth in near]) == pytest.approx(0.95, abs=0.0105)
    assert covered(share) >= 0.92


tango = cache(paired_proportion_interval)


@cache
def insignificant(pairs: int, won: int) -> bool:
    return mcnemar(won, pairs - won) > 0.05


@pytest.mark.parametrize(
    ("n", "discordance", "difference"),
    [(100, 0.1, 0.0), (100, 0.3, 0.1), (500, 0.05, 0.0), (500, 0.1, 0.05), (2000, 0.05, 0.04)],
)
def test_tango_covers_95_percent_within_1(n: int, discordance: float, difference: float) -> None:
    rounds = 5_000
    shares = [(discordance - difference) / 2, (discordance + difference) / 2, 1 - discordance]
    drawn = np.random.default_rng(SEED).multinomial(n, shares, rounds)
    tables, times = np.unique(drawn, axis=0, return_counts=True)
    covered = [holds(tango(int(a), int(b), n), difference) for a, b, _ in tables]
    share = float(np.average(covered, weights=times))
    assert share == pytest.approx(0.95, abs=0.01 + error(rounds))


@pytest.mark.parametrize("n", [20, 100, 200])
@pytest.mark.parametrize("discordance", [0.02, 0.1, 0.4])
def test_mcnemar_finds_what_is_not_there_in_at_most_5_percent(n: int, discordance: float) -> None:
    """Exact, over the number of discordant pairs and who won them. With 10 of them to be expected,
    or more, it errs in 4 to 5 %; with fewer it is more careful still."""
    total = 0.0
    for pairs in range(round(stats.binom.ppf(1 - 1e-9, n, discordance)) + 1):
        found = bisect_left(range(pairs // 2), True, key=partial(insignificant, pairs))
        wrong = 2 * stats.binom.cdf(found - 1, pairs, 0.5)
        total += float(stats.binom.pmf(pairs, n, discordance)) * min(1.0, wrong)
    assert total <= 0.0501
    assert (total >= 0.04) == (n * discordance >= 10)


def same_on_average(
    kind: str, random: np.random.Generator, n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a = random.beta(4, 1, n)
    if kind == "few differ":
        return a, np.where(random.random(n) < 0.1, random.beta(4, 1, n), a)
    return a, a + random.normal(0, 0.1, n)


# As many as take a second or two: the permutation test takes longest.
@pytest.mark.parametrize(
    ("kind", "n", "rounds"),
    [
        ("all differ", 20, 150),
        ("all differ", 500, 1200),
        ("few differ", 20, 1000),
        ("few differ", 2000, 800),
    ],
)
def test_graded_scores_that_are_the_same_on_average_are_found_to_differ_in_5_percent(
    kind: str, n: int, rounds: int
) -> None:
    random, wrong, covered = np.random.default_rng(SEED + n), 0, 0
    for i in range(rounds):
        found = compare_paired(*same_on_average(kind, random, n), seed=i)
        wrong += found.p_value is not None and found.p_value <= 0.05
        covered += found.low is not None and found.low <= 0 <= (found.high or -1)
    # With two of twenty cases that differ, hardly anything can be found: only then far fewer.
    assert wrong / rounds <= 0.06 + error(rounds)
    assert covered / rounds >= 0.94 - error(rounds)
    if n * (1 if kind == "all differ" else 0.1) >= 10:
        assert wrong / rounds >= 0.04 - error(rounds)


@pytest.mark.slow
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("kind", ["all differ", "few differ"])
def test_the_same_with_many_more_rounds_and_sizes(kind: str, n: int) -> None:
    random, rounds, wrong, covered = np.random.default_rng(SEED + n), 1500, 0, 0
    for i in range(rounds):
        found = compare_paired(*same_on_average(kind, random, n), seed=i)
        wrong += found.p_value is not None and found.p_value <= 0.05
        covered += found.low is not None and found.low <= 0 <= (found.high or -1)
    assert wrong / rounds <= 0.06 + error(rounds)
    assert covered / rounds >= 0.94 - error(rounds)


def test_skewed_differences_are_found_in_5_percent() -> None:
    random, rounds, wrong = np.random.default_rng(SEED), 40, 0
    zero = np.zeros(100)
    for i in range(rounds):
        found = compare_paired(
            zero, random.exponential(1, 100) - 1, seed=i, test="paired-bootstrap"
        )
        assert found.p_value is not None
        assert found.low is not None
        assert found.high is not None
        wrong += found.p_value <= 0.05
        # Interval and test come from the same samples and say the same, but for a tie.
        assert (found.low <= 0 <= found.high) == (found.p_value > 0.05) or abs(
            found.p_value - 0.05
        ) < 0.001
    assert wrong / rounds == pytest.approx(0.05, abs=0.01 + error(rounds))


def test_clustered_comparisons_err_in_5_percent_where_plain_ones_err_in_many() -> None:
    random, rounds, wrong, naive = np.random.default_rng(SEED), 200, 0, 0
    groups = np.repeat(np.arange(50), 6)
    for _ in range(rounds):
        a = random.normal(size=300)
        b = a + random.normal(size=50)[groups] + random.normal(size=300)
        wrong += (compare_paired(a, b, clusters=groups).p_value or 0) <= 0.05
        naive += (compare_paired(a, b, test="paired-t").p_value or 0) <= 0.05
    assert wrong / rounds == pytest.approx(0.05, abs=0.01 + error(rounds))
    assert naive / rounds > 0.2


def test_the_bootstrap_covers_a_skewed_mean_better_than_t() -> None:
    random, rounds, boot, t = np.random.default_rng(SEED), 200, 0, 0
    for i in range(rounds):
        values = random.lognormal(0, 1, 25)
        boot += holds(bootstrap_mean_interval(values, seed=i), math.exp(0.5))
        plain = mean_interval(values.mean(), values.std(ddof=1), 25)
        t += holds(plain, math.exp(0.5))
    assert boot > t
    # A long tail of which 25 values have seen little: still short of 95 %, as documented.
    assert boot / rounds >= 0.92 - error(rounds, 0.08)


def test_a_bootstrap_of_no_spread_has_no_ends_and_another_level_another_width() -> None:
    assert bootstrap_mean_interval([1.0]) == Interval(None, None, "bootstrap")
    assert bootstrap_mean_interval([1.0, 1.0, 1.0]) == Interval(None, None, "bootstrap")
    # Of samples from these, more than one in three hold no 0 at all.
    assert bootstrap_mean_interval([1.0] * 29 + [0.0]) == Interval(None, None, "bootstrap")
    values = np.random.default_rng(SEED).random(50)
    wide, narrow = bootstrap_mean_interval(values, 0.99), bootstrap_mean_interval(values, 0.8)
    assert (wide.low or 1) < (narrow.low or 0) < values.mean() < (narrow.high or 0)
    with pytest.raises(ValueError, match="level"):
        bootstrap_mean_interval(values, 95)
    with pytest.raises(ValueError, match="number 0"):
        bootstrap_mean_interval([math.nan, 1.0])
