"""Numbers are found in prose and compared exactly, or within the tolerance."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.outcome import Outcome, Scored, Ungraded
from weighbridge.scorers.numbers import Numeric, read_numbers

Grade = Callable[..., Outcome]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,234.5", ["1234.5"]),
        ("$1,000,000.00", ["1000000"]),
        ("€ 5 or -$3 or $-4", ["5", "-3", "-4"]),
        ("\u22125 degrees", ["-5"]),
        ("5-3", ["5", "3"]),
        ("1.5e3, 2E-2 and 1e3.", ["1500", "0.02", "1000"]),
        ("1.5 × 10^3, 2x10^{-2}, 3 \\times 10^2", ["1500", "0.02", "300"]),
        ("The answer is 42.", ["42"]),
        ("x=5, GPT4, GPT-4, v1.2.3", ["5", "4"]),
        ("3rd of 5km", ["3", "5"]),
        (".5 and 5.", ["0.5", "5"]),
        ("Rs.500 is...42", ["500", "42"]),
        ("2024-01-31", ["2024", "1", "31"]),
        ("3/4", ["3", "4"]),
        ("1" * 400, []),
        ("twelve", []),
        ("", []),
    ],
)
def test_numbers_are_read_from_prose(text: str, expected: list[str]) -> None:
    assert [number.value for number in read_numbers(text)] == [Fraction(one) for one in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3/4", ["3/4"]),
        ("-1 / 2 and 5", ["-1/2", "5"]),
        (r"\frac{3}{4}, \dfrac{1}{2}", ["3/4", "1/2"]),
        ("1/0", []),
    ],
)
def test_fractions_are_read_on_request(text: str, expected: list[str]) -> None:
    found = [number.value for number in read_numbers(text, fractions=True)]
    assert found == [Fraction(one) for one in expected]


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12
    )
)
def test_a_number_written_out_is_read_back(number: Decimal) -> None:
    for text in (f"It is {number:f}.", f"It is {number:,f} km", f"= ${number:,f}"):
        assert [read.value for read in read_numbers(text)] == [Fraction(number)]


@given(st.text(alphabet="0123456789.,-+eE%$/x^10{}\\frac ", max_size=60))
def test_reading_never_fails(text: str) -> None:
    read_numbers(text)
    read_numbers(text, fractions=True)


@pytest.mark.parametrize(
    ("scorer", "answer", "target", "expected"),
    [
        (Numeric(), "So 3 + 4 = 7", "7", 1),
        (Numeric(), "So 3 + 4 = 7", 7, 1),
        (Numeric(), "7.0", "7", 1),
        (Numeric(), "0.1", 0.1, 1),
        (Numeric(), "7.01", "7", 0),
        (Numeric(), "12345678901234567891", "12345678901234567890", 0),
        (Numeric(), "1,234", "1234", 1),
        (Numeric(), "18", "She has 20 - 2 = 18.\n#### 18", 1),
        (Numeric(), "5", ["4", "5"], 1),
        (Numeric(), "50%", "50%", 1),
        (Numeric(), "50%", "0.5", 1),
        (Numeric(), "50%", 50, 1),
        (Numeric(), "0.5", "50%", 1),
        (Numeric(), "0.4", "50%", 0),
        (Numeric(pick="first"), "7, not 8", "7", 1),
        (Numeric(pick="last"), "7, not 8", "7", 0),
        (Numeric(pick="only"), "it is 7", "7", 1),
        (Numeric(pick="only"), "7, not 8", "7", 0),
        (Numeric(absolute=0.5), "7.5", "7", 1),
        (Numeric(absolute=0.5), "7.51", "7", 0),
        (Numeric(relative=0.01), "101", "100", 1),
        (Numeric(relative=0.01), "-101", "-100", 1),
        (Numeric(relative=0.01), "101.1", "100", 0),
        (Numeric(fractions=True), "3/4", 0.75, 1),
        (Numeric(fractions=True), "0.75", "3/4", 1),
        (Numeric(), "no idea", "7", 0),
    ],
)
def test_answers_are_graded_like_this(
    grade: Grade, scorer: Numeric, answer: str, target: object, expected: float
) -> None:
    outcome = grade(scorer, answer, target)
    assert isinstance(outcome, Scored)
    assert outcome.value == expected


def test_a_wrong_answer_says_what_was_read(grade: Grade) -> None:
    assert grade(Numeric(), "about $8", "7") == Scored(0.0, "$8", "read $8; the reference is 7")
    assert grade(Numeric(), "dunno", "7") == Scored(0.0, None, "no number in the answer")


@pytest.mark.parametrize("target", ["seven", True, {"a": 1}, None, "", []])
def test_a_reference_without_a_number_is_ungraded(grade: Grade, target: object) -> None:
    assert isinstance(grade(Numeric(), "7", target), Ungraded)


@pytest.mark.parametrize("option", ["absolute", "relative"])
@pytest.mark.parametrize("tolerance", [-1.0, float("nan"), float("inf")])
def test_a_tolerance_must_be_a_number_of_0_or_more(option: str, tolerance: float) -> None:
    with pytest.raises(ValueError, match=option):
        Numeric(**{option: tolerance})  # type: ignore[arg-type]
