"""How far a judge agrees with people, and judges with each other."""

import math
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.statistics import Jury, judge_agreement, proportion_interval

SEED = 20240131

# Krippendorff 2011, Computing Krippendorff's alpha-reliability, section C: four observers.
OBSERVERS = (
    (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
    (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
    (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
    (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
)


def test_kappa_of_a_textbook_case() -> None:
    """Cohen's kappa of (0.7 - 0.5) / (1 - 0.5); error by Fleiss, Cohen & Everitt."""
    found = judge_agreement(
        {("no", "no"): 20, ("no", "yes"): 5, ("yes", "no"): 10, ("yes", "yes"): 15}
    )
    assert (found.n, found.accuracy, found.kappa) == (50, 0.7, pytest.approx(0.4))
    wilson = proportion_interval(35, 50)
    assert found.accuracy_interval == wilson
    assert found.kappa_interval.low == pytest.approx(0.1510, abs=2e-3)
    assert found.kappa_interval.high == pytest.approx(0.6490, abs=2e-3)


def test_precision_and_recall_of_each_label() -> None:
    found = judge_agreement(Counter({("a", "a"): 8, ("a", "b"): 2, ("b", "a"): 4, ("b", "b"): 6}))
    first, second = found.labels
    assert (first.label, first.human, first.judge) == ("a", 10, 12)
    assert (first.precision, first.recall) == (8 / 12, 8 / 10)
    assert first.f1 == pytest.approx(2 / (12 / 8 + 10 / 8))
    assert first.precision_interval == proportion_interval(8, 12)
    assert second.recall_interval == proportion_interval(6, 10)


def test_weighted_kappa_forgives_near_misses() -> None:
    levels = ["1", "2", "3"]
    near = Counter({("1", "1"): 10, ("2", "2"): 10, ("3", "3"): 10, ("1", "2"): 6})
    far = Counter({("1", "1"): 10, ("2", "2"): 10, ("3", "3"): 10, ("1", "3"): 6})
    for weights in ("linear", "quadratic"):
        one = judge_agreement(near, labels=levels, weights=weights).kappa  # type: ignore[arg-type]
        other = judge_agreement(far, labels=levels, weights=weights).kappa  # type: ignore[arg-type]
        assert one is not None
        assert other is not None
        assert one > other


@pytest.mark.parametrize("n", [60, 400])
def test_the_interval_of_kappa_covers_the_truth(n: int) -> None:
    random, rounds, covered = np.random.default_rng(SEED), 300, 0
    shares = np.array([0.5, 0.08, 0.07, 0.35])
    chance = 0.58 * 0.57 + 0.42 * 0.43
    truth = (0.85 - chance) / (1 - chance)
    for aa, ab, ba, bb in random.multinomial(n, shares, rounds):
        counts = {("a", "a"): aa, ("a", "b"): ab, ("b", "a"): ba, ("b", "b"): bb}
        interval = judge_agreement(counts).kappa_interval
        covered += (interval.low or -1) <= truth <= (interval.high or -1)
    assert covered / rounds == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / rounds) + 0.01)


def test_full_agreement_is_not_certainty_and_one_label_alone_says_nothing() -> None:
    full = judge_agreement({("a", "a"): 20, ("b", "b"): 10})
    assert (full.kappa, full.kappa_interval.high) == (1.0, 1.0)
    assert 0.5 < (full.kappa_interval.low or 0) < 0.9
    alone = judge_agreement({("a", "a"): 20})
    assert (alone.accuracy, alone.kappa, alone.kappa_interval.low) == (1.0, None, None)
    nothing = judge_agreement({})
    assert (nothing.n, nothing.accuracy, nothing.kappa) == (0, None, None)
    never = judge_agreement({("a", "a"): 3}, labels=["a", "b"]).labels[1]
    assert (never.precision, never.recall, never.f1) == (None, None, None)


def test_counts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="not of the labels"):
        judge_agreement({("a", "c"): 1}, labels=["a", "b"])
    with pytest.raises(ValueError, match="-1 cases"):
        judge_agreement({("a", "a"): -1})
    with pytest.raises(ValueError, match="level"):
        judge_agreement({("a", "a"): 1}, level=95)


def jury(units: list[list[float | None]]) -> Jury:
    votes = Jury()
    for unit in units:
        votes.add(unit)
    return votes


@pytest.mark.parametrize(
    ("scale", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_alpha_is_that_of_krippendorffs_own_example(scale: str, alpha: float) -> None:
    votes = jury([list(unit) for unit in zip(*OBSERVERS, strict=True)])
    found = votes.reliability(scale)  # type: ignore[arg-type]
    assert found.alpha == pytest.approx(alpha, abs=5e-4)
    assert (found.units, found.votes) == (11, 40)
    assert found.low is not None
    assert found.high is not None
    assert found.low < alpha < found.high


def alpha_by_definition(units: list[list[float]]) -> float:
    """Interval alpha from all pairs within units and all pairs at all."""
    counted = [unit for unit in units if len(unit) > 1]
    everything = [vote for unit in counted for vote in unit]
    n = len(everything)
    observed = sum(
        sum((a - b) ** 2 for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in counted
    )
    expected = sum((a - b) ** 2 for a, b in permutations(everything, 2))
    return 1 - (observed / n) / (expected / (n * (n - 1)))


@settings(max_examples=30)
@given(
    st.lists(st.lists(st.integers(1, 5).map(float), min_size=0, max_size=4), min_size=2, max_size=9)
)
def test_alpha_is_its_definition(units: list[list[float]]) -> None:
    found = jury([list(unit) for unit in units]).reliability("interval")
    votes = {vote for unit in units if len(unit) > 1 for vote in unit}
    if len(votes) < 2:
        assert found.alpha is None
    else:
        assert found.alpha == pytest.approx(alpha_by_definition(units), abs=1e-9)


def test_alpha_is_nought_for_guesses_and_one_for_agreement() -> None:
    random = np.random.default_rng(SEED)
    guesses = jury(random.integers(0, 2, (2000, 3)).tolist()).reliability()
    assert guesses.alpha == pytest.approx(0, abs=0.04)
    agreed = jury([[1, 1, 1], [0, 0, None]] * 20).reliability()
    assert (agreed.alpha, agreed.low, agreed.high) == (1.0, 1.0, 1.0)


def test_words_on_a_scale_need_an_order() -> None:
    votes = Jury()
    for unit in (["poor", "fair"], ["fair", "good"], ["good", "good"], ["poor", None]):
        votes.add(unit)
    numbers = jury([[0, 1], [1, 2], [2, 2]])
    words = votes.reliability("ordinal", order=["poor", "fair", "good"])
    assert words.alpha == pytest.approx(numbers.reliability("ordinal").alpha)
    with pytest.raises(ValueError, match="without an order"):
        votes.reliability("ordinal")
    with pytest.raises(ValueError, match="no interval scale"):
        votes.reliability("interval")
    with pytest.raises(ValueError, match="votes other than"):
        votes.reliability("ordinal", order=["poor", "good"])
    votes.add(["good", 3])
    with pytest.raises(ValueError, match="all words or all numbers"):
        votes.reliability()


def test_the_interval_of_alpha_covers_the_truth() -> None:
    random, rounds, covered = np.random.default_rng(SEED), 150, 0
    # Three judges each see a true yes or no rightly in 9 of 10 units: alpha is 0.64.
    for _ in range(rounds):
        truth = random.random((150, 1)) < 0.5
        units = truth ^ (random.random((150, 3)) < 0.1)
        found = jury(units.astype(float).tolist()).reliability()
        covered += (found.low or 0) <= 0.64 <= (found.high or 0)
    assert covered / rounds == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / rounds))


def test_a_million_units_are_counted_and_not_kept() -> None:
    votes = Jury()
    votes.add(["pass", "pass", "fail"], times=400_000)
    votes.add(["pass", "pass", "pass"], times=600_000)
    found = votes.reliability()
    assert (found.units, found.votes) == (1_000_000, 3_000_000)
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low < 0.01


def test_units_with_fewer_than_two_votes_do_not_count() -> None:
    found = jury([[1], [None, 0], []]).reliability()
    assert (found.alpha, found.units, found.votes) == (None, 0, 0)
    with pytest.raises(ValueError, match="a vote of nan"):
        Jury().add([math.nan, 1])
