"""What models have worked out: right, and nothing but arithmetic."""

import contextlib
import time
from decimal import Context, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.synthesis.calculator import (
    DIGITS,
    LONGEST,
    NotCalculable,
    evaluate,
    resolve,
    shown,
)

CONTEXT = Context(prec=DIGITS)
NUMBERS = st.decimals(
    min_value=-1_000_000, max_value=1_000_000, places=4, allow_nan=False, allow_infinity=False
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("0.1 + 0.2", "0.3"),
        ("2 * (3 + 4) - 1", "13"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("7 % -3", "-2"),
        ("2 ** 10", "1024"),
        ("10 / 4", "2.5"),
        ("round(2.345, 2)", "2.35"),
        ("round(2.5, 2)", "2.50"),
        ("round(-2.5)", "-3"),
        ("round(1234, -2)", "1200"),
        ("min(3, 1, 2) + max(3, 1, 2)", "4"),
        ("sum(1.10, 2.20, 3.30)", "6.60"),
        ("sqrt(2.25)", "1.5"),
        ("abs(-3) + floor(2.9) + ceil(2.1)", "8"),
        ("12.50 × 3", "37.50"),
        ("100 ÷ 8 − 1", "11.5"),
        ("1_000 * 1e3", "1000000"),
        ("0.12345678901234567890 * 1", "0.1234567890"),
    ],
)
def test_what_is_worked_out_is_right(expression: str, value: str) -> None:
    text = shown(evaluate(expression))
    assert text == value or text == value.rstrip("0")
    assert "e" not in text.lower()


@given(NUMBERS, NUMBERS)
def test_sums_and_products_are_those_of_decimal_numbers(left: Decimal, right: Decimal) -> None:
    assert evaluate(f"({left}) + ({right})") == CONTEXT.add(left, right)
    assert evaluate(f"({left}) * ({right})") == CONTEXT.multiply(left, right)
    assert evaluate(f"({left}) - ({right})") == CONTEXT.subtract(left, right)


@given(st.integers(-(10**9), 10**9), st.integers(-(10**6), 10**6).filter(bool))
def test_whole_numbers_divide_as_python_divides_them(left: int, right: int) -> None:
    assert evaluate(f"({left}) // ({right})") == left // right
    assert evaluate(f"({left}) % ({right})") == left % right


@given(NUMBERS)
def test_a_number_that_is_shown_is_read_as_itself(number: Decimal) -> None:
    assert evaluate(f"({shown(number)})") == number


@given(st.text(max_size=120))
def test_no_text_does_anything_but_have_a_value_or_none(text: str) -> None:
    with contextlib.suppress(NotCalculable):
        assert evaluate(text).is_finite()


@given(st.text(alphabet="0123456789.+-*/%()e,_ ", max_size=200))
def test_no_arithmetic_is_slow(text: str) -> None:
    began = time.process_time()
    with contextlib.suppress(NotCalculable):
        evaluate(text)
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')",
        "().__class__.__bases__[0].__subclasses__()",
        "open('/etc/passwd')",
        "abs.__self__",
        "(lambda: 1)()",
        "[1 for _ in range(10)]",
        "{1: 2}[1]",
        "'1' * 1000000000",
        "b'1' + 1",
        "True + 1",
        "None",
        "1 if 1 else 2",
        "1 < 2",
        "1 and 2",
        "x := 3",
        "1; 2",
        "1\n2",
        "1j * 1j",
        "0x10",
        "0b1",
        "9 ** 9 ** 9",
        "9 ** 1001",
        "10 ** 301",
        "1e9999",
        "1 / 0",
        "1 % 0",
        "0 ** -1",
        "0 ** 0",
        "(-8) ** 0.5",
        "sqrt(-1)",
        "~1",
        "1 << 100",
        "2 ^ 3",
        "1,234.5",
        "round(1, 10**6)",
        "round(1, ndigits=2)",
        "min(*[1])",
        "min()",
        "nan",
        "inf",
        "f'{1}'",
        "１ + １",
        "",
        "(" * 250 + "1" + ")" * 250,
        "1" + "+1" * LONGEST,
        "-" * 400 + "1" + "x",
        "\x00",
    ],
)
def test_what_is_no_arithmetic_is_refused(expression: str) -> None:
    with pytest.raises(NotCalculable):
        evaluate(expression)


def test_each_expression_in_a_text_gets_its_value() -> None:
    found = resolve("Net CALC(3 * 14.50), gross CALC(round(3 * 14.50 * 1.19, 2)). CALCULATED (1).")
    assert found.text == "Net 43.50, gross 51.77. CALCULATED (1)."
    assert found.done == 2
    assert not found.problems


def test_what_cannot_be_worked_out_stays_and_is_told() -> None:
    found = resolve("CALC(2 + 2) and CALC(price * 2) and CALC(1 + ")
    assert found.text == "4 and CALC(price * 2) and CALC(1 + "
    assert len(found.problems) == 2
    assert "price" in found.problems[0]


@given(st.text(alphabet="CAL()+1 x", max_size=60))
def test_a_text_without_problems_has_nothing_left_to_work_out(text: str) -> None:
    found = resolve(text)
    if not found.problems:
        assert "CALC(" not in found.text or found.done
