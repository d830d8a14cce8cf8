"""Holm keeps false findings rare among many, and letters say who cannot be told apart."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from weighbridge.statistics import holm, letters


def test_holm_by_hand() -> None:
    """The smallest of four times 4, the next times 3, …, and never below the one before."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.2]) == [0.2]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values)
    assert all(np.diff(np.array(adjusted)[order]) >= -1e-15)


@settings(max_examples=4)  # statsmodels collects garbage at each call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(expected, rel=1e-12)


def test_p_values_lie_between_0_and_1() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, 1.5])
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([float("nan")])


def test_holm_errs_anywhere_among_ten_in_five_of_a_hundred() -> None:
    random = np.random.default_rng(20240131)
    rounds = 2000
    wrong = sum(min(holm(list(random.random(10)))) <= 0.05 for _ in range(rounds))
    # 5 %, give or take 3 standard errors of a simulation of 2,000.
    assert wrong / rounds == pytest.approx(0.05, abs=3 * (0.05 * 0.95 / rounds) ** 0.5)


def test_letters_of_a_textbook_case() -> None:
    assert letters(["w", "x", "y", "z"], [("w", "y"), ("w", "z"), ("x", "z")]) == {
        "w": "a",
        "x": "ab",
        "y": "bc",
        "z": "c",
    }
    assert letters(["w", "x"], []) == {"w": "a", "x": "a"}
    assert letters(["w", "x"], [("x", "w")]) == {"w": "a", "x": "b"}
    assert letters([], []) == {}


@st.composite
def differing(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    names = [f"run{i}" for i in range(draw(st.integers(1, 8)))]
    every = list(combinations(names, 2))
    return names, draw(st.lists(st.sampled_from(every), unique=True)) if every else []


@given(differing())
def test_two_names_share_a_letter_exactly_when_they_do_not_differ(
    given_: tuple[list[str], list[tuple[str, str]]],
) -> None:
    names, different = given_
    shown = letters(names, different)
    for one, other in combinations(names, 2):
        shared = bool(set(shown[one]) & set(shown[other]))
        assert shared == ((one, other) not in different)
    assert all(shown.values())
    # None is superfluous: the names of no letter all have another in common.
    groups = [
        {name for name in names if letter in shown[name]} for letter in set("".join(shown.values()))
    ]
    assert not any(one < other for one in groups for other in groups)


def test_more_groups_than_letters_still_have_distinct_signs() -> None:
    names = [f"run{i}" for i in range(60)]
    shown = letters(names, list(combinations(names, 2)))
    assert len(set(shown.values())) == 60
    assert (shown["run0"], shown["run52"]) == ("a", "aa.")


def test_names_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        letters(["x", "x"], [])
    with pytest.raises(ValueError, match="two names given"):
        letters(["x", "y"], [("x", "z")])
    with pytest.raises(ValueError, match="two names given"):
        letters(["x", "y"], [("x", "x")])
