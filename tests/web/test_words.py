"""Numbers as people read them: nothing is rounded to what it is not."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.store.moments import now
from weighbridge.web import words


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (None, "price unknown"),
        (0, "$0"),
        (12.5, "$12.50"),
        (0.0123, "$0.0123"),
        (2e-6, "$0.0000020"),
    ],
)
def test_what_costs_a_little_does_not_cost_nothing(usd: float | None, text: str) -> None:
    assert words.money(usd) == text


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (None, "–"),
        (0.25, "250 ms"),
        (12.34, "12.3 s"),
        (61, "1 min 1 s"),
        (3_720, "1 h 2 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_spans_have_the_two_units_that_matter(span: float | None, text: str) -> None:
    assert words.seconds(span) == text


@given(st.floats(0, 1e9))
def test_every_span_has_words(span: float) -> None:
    assert words.seconds(span)


def test_a_small_p_value_is_never_zero() -> None:
    assert words.p_value(1e-12) == "< 0.001"
    assert words.p_value(0.0499) == "0.050"


def test_what_is_not_known_is_a_dash() -> None:
    for said in (words.count, words.decimal, words.signed, words.percent, words.size):
        assert said(None) == words.NOTHING
    assert words.decimal(float("nan")) == words.NOTHING


def test_a_moment_has_the_exact_time_behind_it() -> None:
    said = str(words.moment(now() - timedelta(hours=3)))
    assert ">3 h ago<" in said
    assert "UTC" in said
    assert ">in 2 d<" in str(words.moment(now() + timedelta(days=2, minutes=1)))


@pytest.mark.parametrize(("amount", "text"), [(0, "0 B"), (2048, "2.0 KiB"), (3 << 30, "3.0 GiB")])
def test_sizes_have_the_unit_that_fits(amount: int, text: str) -> None:
    assert words.size(amount) == text
