"""Arithmetic for models that write figures: what stands in `CALC(…)` is worked out here and put in
its place.

An expression is parsed as Python is, and its tree is walked: numbers, `+ - * / // % **`, signs,
brackets and a few functions, and nothing else has a meaning. Numbers are decimal, so that 0.1 + 0.2
is 0.3, and bounded, so that no expression takes long.
"""

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import (
    ROUND_CEILING,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DecimalException,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)
from functools import reduce

LONGEST = 500
"""Characters of an expression."""
DIGITS = 34
"""Significant digits that are kept."""
MOST_EXPONENT = 300
"""A result beyond ten to this power is none."""
MOST_POWER = 1_000
"""The largest exponent of `**`, either sign."""

_SHOWN_PLACES = 10
_CONTEXT = Context(
    prec=DIGITS,
    rounding=ROUND_HALF_UP,
    Emin=-MOST_EXPONENT,
    Emax=MOST_EXPONENT,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
_NUMBER = re.compile(r"(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]{1,4})?")
_SIGNS = str.maketrans({"×": "*", "÷": "/", "−": "-", "–": "-", "·": "*", "\u00a0": " "})
_CALL = re.compile(r"\bCALC\(")


class NotCalculable(Exception):
    """An expression has no value here; the message says why, to whoever wrote it."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """A text in which what was to be worked out has been.

    Attributes:
        done: how many expressions.
        problems: what could not be worked out, a sentence each; it stays in the text as it was.
    """

    text: str
    done: int
    problems: tuple[str, ...]


def evaluate(expression: str) -> Decimal:
    """The value of an expression.

    Returns:
        A finite number of at most `DIGITS` significant digits.

    Raises:
        NotCalculable: it is none, or beyond the bounds.
    """
    text = expression.translate(_SIGNS).strip()
    if len(text) > LONGEST:
        raise NotCalculable(f"the expression has {len(text):,} characters; {LONGEST} are the most")
    if not text.isascii() or "\n" in text:
        raise NotCalculable("an expression is one line of numbers, + - * / // % ** and brackets")
    try:
        # Underscores and upper case aside, a number is written as Python writes it.
        tree = ast.parse(text, mode="eval")
        value = _value(tree.body, text)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise NotCalculable("the expression cannot be read") from None
    except DivisionByZero:
        raise NotCalculable("something is divided by zero") from None
    except Overflow:
        raise NotCalculable("the result is too large") from None
    except DecimalException:
        raise NotCalculable("the expression has no value") from None
    if not value.is_finite():  # zero to a negative power says nothing of itself
        raise NotCalculable("the expression has no value")
    return value


def shown(value: Decimal) -> str:
    """A number as it is written in a text: without an exponent, and with at most ten places after
    the point. Zeros at the end stay where they were asked for, as those of `round(2.5, 2)`."""
    if value == value.to_integral_value() and value.as_tuple().exponent > 0:  # type: ignore[operator]
        value = value.quantize(Decimal(1), context=_WIDE)
    text = f"{value:f}"
    _, point, places = text.partition(".")
    if point and len(places) > _SHOWN_PLACES:
        text = f"{value.quantize(_SMALLEST, context=_WIDE):f}".rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def resolve(text: str) -> Resolved:
    """A text with each `CALC(…)` in it replaced by its value."""
    pieces: list[str] = []
    problems: list[str] = []
    done = start = 0
    for found in _CALL.finditer(text):
        if found.start() < start:  # within one that is worked out already
            continue
        end = _closing(text, found.end())
        if end is None:
            problems.append("a CALC( has no closing bracket")
            continue
        expression = text[found.end() : end]
        try:
            value = shown(evaluate(expression))
        except NotCalculable as error:
            problems.append(f"CALC({expression[:80]}): {error}")
            continue
        pieces += (text[start : found.start()], value)
        done += 1
        start = end + 1
    return Resolved("".join((*pieces, text[start:])), done, tuple(problems))


def _closing(text: str, start: int) -> int | None:
    """Where the bracket that was opened before `start` is closed; None: nowhere near."""
    depth = 1
    for place in range(start, min(len(text), start + LONGEST + 1)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place
    return None


def _value(node: ast.expr, text: str) -> Decimal:
    if isinstance(node, ast.Constant):
        return _number(node, text)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _UNARY:
        return _UNARY[type(node.op)](_value(node.operand, text))
    if isinstance(node, ast.BinOp):
        if type(node.op) is ast.BitXor:
            raise NotCalculable("a power is written with **, not ^")
        if type(node.op) in _BINARY:
            return _BINARY[type(node.op)](_value(node.left, text), _value(node.right, text))
    if isinstance(node, ast.Call):
        return _called(node, text)
    if isinstance(node, ast.Tuple):
        raise NotCalculable("write numbers without commas: 1234.5")
    raise NotCalculable(
        "only numbers, + - * / // % **, brackets and "
        f"{', '.join(_FUNCTIONS)} can be worked out, no names and nothing else"
    )


def _number(node: ast.Constant, text: str) -> Decimal:
    """A number as it is written: read from its text, as `float` would lose digits."""
    written = text[node.col_offset : node.end_col_offset]
    if type(node.value) not in {int, float} or not _NUMBER.fullmatch(written):
        raise NotCalculable(f"{written[:40]!r} is no decimal number")
    return _CONTEXT.create_decimal(written.replace("_", ""))


def _called(node: ast.Call, text: str) -> Decimal:
    name = node.func.id if isinstance(node.func, ast.Name) else ""
    if name not in _FUNCTIONS or node.keywords:
        known = ", ".join(_FUNCTIONS)
        raise NotCalculable(f"the functions are {known}, each with numbers in brackets")
    function, least, most = _FUNCTIONS[name]
    if any(isinstance(it, ast.Starred) for it in node.args) or not (
        least <= len(node.args) <= most
    ):
        raise NotCalculable(f"{name} takes {least} to {most} numbers")
    return function(*(_value(it, text) for it in node.args))


def _power(base: Decimal, exponent: Decimal) -> Decimal:
    if abs(exponent) > MOST_POWER:
        raise NotCalculable(f"an exponent is at most {MOST_POWER:,}")
    return _CONTEXT.power(base, exponent)


def _modulo(left: Decimal, right: Decimal) -> Decimal:
    """What is left of a division, with the sign of the divisor, as Python has it for numbers."""
    rest = _CONTEXT.remainder(left, right)
    return _CONTEXT.add(rest, right) if rest and (rest < 0) != (right < 0) else rest


def _floor_divided(left: Decimal, right: Decimal) -> Decimal:
    exact = _CONTEXT.subtract(left, _modulo(left, right))
    return _CONTEXT.divide(exact, right).to_integral_value(ROUND_HALF_UP)


def _rounded(value: Decimal, places: Decimal = Decimal(0)) -> Decimal:
    """Halves go away from zero, as people expect of money."""
    if places != places.to_integral_value() or not -20 <= places <= 20:
        raise NotCalculable("round takes a whole number of places, -20 to 20")
    step = Decimal(1).scaleb(-int(places))
    rounded = value.quantize(step, ROUND_HALF_UP, context=_WIDE)
    return rounded if places > 0 else rounded.quantize(Decimal(1), context=_WIDE)


def _to_integer(rounding: str) -> Callable[[Decimal], Decimal]:
    return lambda value: value.to_integral_value(rounding)


# Room for what has all its digits before the point, and twenty behind it.
_WIDE = Context(prec=MOST_EXPONENT + DIGITS + 40, rounding=ROUND_HALF_UP, traps=[InvalidOperation])
_SMALLEST = Decimal(1).scaleb(-_SHOWN_PLACES)

_UNARY: Mapping[type[ast.unaryop], Callable[[Decimal], Decimal]] = {
    ast.UAdd: _CONTEXT.plus,
    ast.USub: _CONTEXT.minus,
}
_BINARY: Mapping[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: _CONTEXT.add,
    ast.Sub: _CONTEXT.subtract,
    ast.Mult: _CONTEXT.multiply,
    ast.Div: _CONTEXT.divide,
    ast.FloorDiv: _floor_divided,
    ast.Mod: _modulo,
    ast.Pow: _power,
}
_FUNCTIONS: Mapping[str, tuple[Callable[..., Decimal], int, int]] = {
    "round": (_rounded, 1, 2),
    "abs": (_CONTEXT.abs, 1, 1),
    "min": (lambda *them: min(them), 1, 100),
    "max": (lambda *them: max(them), 1, 100),
    "sum": (lambda *them: reduce(_CONTEXT.add, them), 1, 100),
    "sqrt": (_CONTEXT.sqrt, 1, 1),
    "floor": (_to_integer(ROUND_FLOOR), 1, 1),
    "ceil": (_to_integer(ROUND_CEILING), 1, 1),
}
"""Name → function, and how many numbers it takes, at least and at most."""
