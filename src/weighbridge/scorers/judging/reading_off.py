"""Values of properties that stand in a text or can be counted: a column of a row, a range in which
a number lies, a length in words."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import orjson

from weighbridge.core.json import Json

_NUMBER = r"[-+]?\d[\d,_]*(?:\.\d+)?(?:e[-+]?\d{1,2})?"
_BETWEEN = re.compile(rf"({_NUMBER})\s*(?:-|–|to|\.\.)\s*(under\s+)?({_NUMBER})")
_LIMIT = re.compile(rf"(<=?|>=?|≤|≥|under|below|over|above|at least|at most)\s*({_NUMBER})")
_PLUS = re.compile(rf"({_NUMBER})\s*\+")
_COUNTED = re.compile(
    rf"(?:[\w ]*\()?\s*(?P<range>{_NUMBER}(?:\s*(?:-|–|to)\s*{_NUMBER}|\s*\+)?"
    rf"|(?:[<>]=?|under|over)\s*{_NUMBER})\s+(?P<unit>words|characters|lines)\s*\)?"
)
_DOWN = {"<", "<=", "≤", "under", "below", "at most"}
_CLOSED = {"<=", "≤", "at most", ">=", "≥", "at least"}
_LENGTH = "length"


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers from `low` to `high`.

    Attributes:
        low_open, high_open: whether the end itself lies outside.
    """

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def holds(self, number: float) -> bool:
        """Whether a number lies in it."""
        above = number > self.low if self.low_open else number >= self.low
        return above and (number < self.high if self.high_open else number <= self.high)


def range_of(value: str) -> Range | None:
    """The range that a value names (`10 to 20`, `10 to under 20`, `< 5`, `over 5`, `100+`), or the
    one number; None: it names none."""
    text = value.strip().casefold()
    if found := _BETWEEN.fullmatch(text):
        low, high = _read(found[1]), _read(found[3])
        return Range(low, high, high_open=bool(found[2])) if low <= high else None
    if found := _PLUS.fullmatch(text):
        return Range(_read(found[1]), inf)
    if found := _LIMIT.fullmatch(text):
        limit, is_open = _read(found[2]), found[1] not in _CLOSED
        if found[1] in _DOWN:
            return Range(-inf, limit, high_open=is_open)
        return Range(limit, inf, low_open=is_open)
    if re.fullmatch(_NUMBER, text):
        return Range(_read(text), _read(text))
    return None


class Readable:
    """A text of which values may be read off.

    Args:
        text: any; one that is a JSON object has columns.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._columns = {_plain(name): cell for name, cell in _row(text).items()}

    def value_of(self, name: str, values: Sequence[str]) -> str | None:
        """The value of a property; None: it cannot be read off."""
        plain = _plain(name)
        if plain in self._columns:
            return _of_cell(self._columns[plain], values)
        if not plain.endswith(_LENGTH):
            return None
        counted = plain.removesuffix(_LENGTH)
        if counted in self._columns:
            return _of_length(_as_text(self._columns[counted]), values)
        return None if counted else _of_length(self._text, values)

    def why_not(self, name: str, values: Sequence[str]) -> str:
        """Why nobody should guess what could not be read off; "": one may."""
        cell = self._columns.get(_plain(name))
        if cell is not None:
            return f"the column {name} holds {_as_text(cell)[:80]!r}, which is none of the values"
        if any(any(letter.isdigit() for letter in value) for value in values):
            return "its values are numbers, and these are not in a column of that name"
        return ""


def _of_cell(cell: Json, values: Sequence[str]) -> str | None:
    text = " ".join(_as_text(cell).split()).casefold()
    for value in values:
        if " ".join(value.split()).casefold() == text:
            return value
    number = _number(cell)
    return None if number is None else _in_range({it: range_of(it) for it in values}, number)


def _of_length(text: str, values: Sequence[str]) -> str | None:
    counts = {
        "words": len(text.split()),
        "characters": len(text),
        "lines": text.count("\n") + 1,
    }
    units: set[str] = set()
    ranges: dict[str, Range | None] = {}
    for value in values:
        found = _COUNTED.fullmatch(value.strip().casefold())
        if found is None:
            return None
        units.add(found["unit"])
        ranges[value] = range_of(found["range"])
    if len(units) != 1:
        return None
    return _in_range(ranges, counts[units.pop()])


def _in_range(ranges: Mapping[str, Range | None], number: float) -> str | None:
    """The one value in whose range a number lies; None: none, or several."""
    holding = [value for value, it in ranges.items() if it is not None and it.holds(number)]
    return holding[0] if len(holding) == 1 else None


def _row(text: str) -> Mapping[str, Json]:
    if not text.lstrip().startswith("{"):
        return {}
    try:
        value: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _as_text(cell: Json) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return cell if isinstance(cell, str) else orjson.dumps(cell).decode()


def _number(cell: Json) -> float | None:
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | float):
        return float(cell)
    if not isinstance(cell, str) or not re.fullmatch(_NUMBER, cell.strip().casefold()):
        return None
    return _read(cell.strip())


def _read(text: str) -> float:
    return float(text.replace(",", "").replace("_", ""))


def _plain(name: str) -> str:
    """A name of a property or column without what may differ between the two."""
    return re.sub(r"[\W_]+", "", name.casefold())
