"""Values as words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.cli.words import count, duration, money, number, printable


@given(st.text())
def test_nothing_printable_can_command_a_terminal(text: str) -> None:
    shown = printable(text)
    assert not any(ord(c) < 32 and c not in "\t\n" for c in shown)
    assert not any(c in shown for c in "\x1b\x7f\x9b\u202e\u2066\u200b")


@given(st.text(), st.integers(2, 50))
def test_a_limited_text_is_one_line_within_its_limit(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert "\n" not in shown


def test_a_text_that_is_cut_says_so() -> None:
    assert printable("abcdef", 4) == "abc…"
    assert printable("abcd", 4) == "abcd"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0031, "3.1 ms"),
        (0.123, "0.12 s"),
        (12.34, "12.3 s"),
        (185, "3 min 05 s"),
        (7620, "2 h 07 min"),
    ],
)
def test_durations_are_told_in_their_own_unit(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_an_unknown_price_is_not_shown_as_nothing() -> None:
    assert money(None) == "price unknown"
    assert money(0.0) == "$0.00"
    assert money(0.00123) == "$0.0012"
    assert money(1234.5) == "$1,234.50"


def test_a_missing_number_is_a_dash() -> None:
    assert number(None) == "–"
    assert number(0.5) == "0.500"
    assert number(12345.678) == "12,345.7"
    assert count(12345) == "12,345"
