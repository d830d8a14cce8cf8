"""The sample sizes are enough and no more: the tests find what they were sized for 4 times in 5."""

from functools import cache

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import tt_ind_solve_power, tt_solve_power
from statsmodels.stats.proportion import samplesize_proportions_2indep_onetail

from weighbridge.statistics import (
    proportion_interval,
    sample_size_for,
    smallest_detectable_difference,
)
from weighbridge.statistics.paired import mcnemar
from weighbridge.statistics.power import (
    mcnemar_power,
    smallest_detectable_mean,
    smallest_detectable_paired,
    smallest_detectable_where_few_differ,
)

SEED = 20240131
# Three standard errors of a simulated 80 %.
ROUNDS = 4000
TOLERANCE = 3 * (0.8 * 0.2 / ROUNDS) ** 0.5

significant = cache(lambda only_a, only_b: mcnemar(only_a, only_b) <= 0.05)


def share_found(n: int, difference: float, discordance: float) -> float:
    """By simulation, with the very test that a comparison reports."""
    shares = [(discordance - difference) / 2, (discordance + difference) / 2, 1 - discordance]
    drawn = np.random.default_rng(SEED).multinomial(n, np.clip(shares, 0, 1), size=ROUNDS)
    return float(np.mean([significant(int(a), int(b)) for a, b, _ in drawn]))


@pytest.mark.parametrize(("n", "discordance"), [(50, 0.3), (200, 0.1), (1000, 0.05)])
def test_two_runs_on_the_same_cases_show_the_smallest_detectable_difference_4_times_in_5(
    n: int, discordance: float
) -> None:
    smallest = smallest_detectable_difference(n, design="paired", discordance=discordance)
    assert smallest is not None
    assert share_found(n, smallest, max(smallest, discordance)) == pytest.approx(0.8, abs=TOLERANCE)
    assert share_found(n, smallest / 2, max(smallest, discordance)) < 0.5


def test_where_no_pair_was_discordant_it_takes_enough_that_are() -> None:
    smallest = smallest_detectable_difference(100, design="paired", discordance=0)
    assert smallest is not None
    # The mid-p test wants 5 of 5 on one side.
    assert stats.binom.sf(4, 100, smallest) == pytest.approx(0.8, abs=1e-3)


@pytest.mark.parametrize("mid_p", [True, False])
def test_the_power_of_mcnemar_is_that_of_all_tables_added_up(mid_p: bool) -> None:
    n, difference, discordance = 30, 0.2, 0.4
    a, b = np.meshgrid(np.arange(n + 1), np.arange(n + 1))
    fits = a + b <= n
    counts = np.stack([a[fits], b[fits], n - a[fits] - b[fits]], axis=1)
    chance = stats.multinomial.pmf(counts, n, [0.1, 0.3, 0.6])
    found = [mcnemar(int(x), int(y), mid_p=mid_p) <= 0.05 for x, y, _ in counts]
    expected = float((chance * found).sum())
    power = mcnemar_power(difference, discordance, n, mid_p=mid_p)
    assert power == pytest.approx(expected, abs=1e-9)


def test_the_normal_form_for_many_cases_joins_on_to_the_exact_one() -> None:
    for difference in (0.001, 0.004, 0.007):
        below = mcnemar_power(difference, 0.1, 99_990)
        above = mcnemar_power(difference, 0.1, 100_010)
        assert above == pytest.approx(below, abs=0.003)


def test_too_few_cases_show_nothing() -> None:
    assert smallest_detectable_paired(4, 1.0) is None
    assert smallest_detectable_paired(0, 0.0) is None
    assert smallest_detectable_difference(1, design="one", p=0.5) is None
    assert smallest_detectable_difference(1, design="paired", sd=0.5) is None


@pytest.mark.parametrize("p", [0.5, 0.8, 0.95])
@pytest.mark.parametrize("n", [200, 1000])
def test_one_run_shows_its_distance_from_a_fixed_value_4_times_in_5(p: float, n: int) -> None:
    smallest = smallest_detectable_difference(n, design="one", p=p)
    assert smallest is not None
    right = np.random.default_rng(SEED).binomial(n, p - smallest, ROUNDS)
    high = {int(k): proportion_interval(int(k), n).high or 0 for k in np.unique(right)}
    found = np.mean([high[int(k)] < p for k in right])
    assert found == pytest.approx(0.8, abs=TOLERANCE)


@pytest.mark.parametrize("p", [0.5, 0.9])
def test_two_runs_on_different_cases_show_what_they_were_sized_for(p: float) -> None:
    n = sample_size_for(0.05, design="unpaired", p=p)
    assert n == pytest.approx(samplesize_proportions_2indep_onetail(-0.05, p, 0.8), abs=1.5)
    random = np.random.default_rng(SEED)
    a, b = random.binomial(n, p, ROUNDS) / n, random.binomial(n, p - 0.05, ROUNDS) / n
    pooled = (a + b) / 2
    z = (a - b) / np.sqrt(pooled * (1 - pooled) * 2 / n)
    assert np.mean(np.abs(z) > stats.norm.ppf(0.975)) == pytest.approx(0.8, abs=TOLERANCE)


def test_graded_scores_are_sized_by_t_as_statsmodels_does() -> None:
    one = sample_size_for(0.1, design="paired", sd=0.4)
    assert one == int(np.ceil(tt_solve_power(0.25, alpha=0.05, power=0.8)))
    two = sample_size_for(0.1, design="unpaired", sd=0.4)
    assert two == int(np.ceil(tt_ind_solve_power(0.25, alpha=0.05, power=0.8)))
    values = np.random.default_rng(SEED).normal(0.1, 0.4, (ROUNDS, one))
    p_values = stats.ttest_1samp(values, 0, axis=1).pvalue
    assert np.mean(p_values <= 0.05) == pytest.approx(0.8, abs=TOLERANCE)


@pytest.mark.parametrize(("n", "differing"), [(60, 25), (200, 12), (3000, 50)])
def test_where_few_scores_differ_how_many_do_is_chance_too(n: int, differing: int) -> None:
    """By simulation with the t test, which sign flips do as well as (tests/dialects/nugen/
    test_verdicts.py has these)."""
    smallest = smallest_detectable_where_few_differ(n, differing, 0.3)
    assert smallest is not None
    random, found = np.random.default_rng(SEED), 0
    for moved in random.binomial(n, differing / n, ROUNDS):
        if moved >= 6:
            differences = random.normal(smallest * n / differing, 0.3, moved)
            found += stats.ttest_1samp(differences, 0).pvalue <= 0.05
    assert found / ROUNDS == pytest.approx(0.8, abs=TOLERANCE)
    spread = 0.3 * (differing / n) ** 0.5
    assert smallest > (smallest_detectable_mean(n, spread) or 1)


def test_where_all_scores_differ_it_is_the_smallest_mean() -> None:
    for n in (10, 50):
        few, mean = (
            smallest_detectable_where_few_differ(n, n, 0.3),
            smallest_detectable_mean(n, 0.3),
        )
        assert few == pytest.approx(mean, rel=1e-5)


def test_where_too_few_scores_differ_nothing_is_found() -> None:
    assert smallest_detectable_where_few_differ(100, 1, 0.3) is None
    assert smallest_detectable_where_few_differ(10_000, 7, 0.3) is None
    assert smallest_detectable_where_few_differ(10_000, 8, 0.3) is not None
    assert smallest_detectable_where_few_differ(5, 5, 0.3) is None


@pytest.mark.parametrize(
    "start",
    [
        {"design": "one", "p": 0.7},
        {"design": "one", "sd": 0.3},
        {"design": "paired", "discordance": 0.2},
        {"design": "paired", "p": 0.7},
        {"design": "paired", "sd": 0.3},
        {"design": "unpaired", "p": 0.7},
        {"design": "unpaired", "sd": 0.3},
    ],
)
@pytest.mark.parametrize("n", [50, 3000, 1_000_000])
def test_the_size_for_the_smallest_detectable_difference_is_the_size_it_came_from(
    start: dict[str, object], n: int
) -> None:
    smallest = smallest_detectable_difference(n, **start)  # type: ignore[arg-type]
    assert smallest is not None
    # Counts are whole, so the power goes up and down a little from one n to the next.
    near = 0.1 if n < 100 else 0.03
    assert sample_size_for(smallest, **start) == pytest.approx(n, rel=near)  # type: ignore[arg-type]


def test_what_does_not_go_together_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="either p"):
        sample_size_for(0.1, design="one")
    with pytest.raises(ValueError, match="either p"):
        sample_size_for(0.1, design="unpaired", p=0.5, sd=0.1)
    with pytest.raises(ValueError, match="want a discordance"):
        sample_size_for(0.1, design="paired")
    with pytest.raises(ValueError, match="a proportion of 80"):
        sample_size_for(0.1, design="one", p=80)
    with pytest.raises(ValueError, match="a discordance of 7"):
        sample_size_for(0.1, design="paired", discordance=7)
    with pytest.raises(ValueError, match="a difference of 0"):
        sample_size_for(0, design="one", p=0.5)
    with pytest.raises(ValueError, match="away"):
        sample_size_for(0.9, design="one", p=0.5)
    with pytest.raises(ValueError, match="a power lies"):
        sample_size_for(0.1, design="one", p=0.5, power=0.01)
    with pytest.raises(ValueError, match="standard deviation"):
        sample_size_for(0.1, design="one", sd=0)
    with pytest.raises(ValueError, match="more than"):
        sample_size_for(1e-9, design="one", p=0.5)
