"""Rows without a model: rows of the seeds, into which the values that were drawn are put.

A row is taken at random from those that show the most of what is wanted already, so that what hangs
together in the seeds stays together; where a property is a column, the column then gets the value.
"""

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from weighbridge.core.json import Json, JsonObject
from weighbridge.synthesis.measuring import Trait
from weighbridge.synthesis.sample_form import to_cell

_NUMBER = r"[-+]?\d[\d,_]*(?:\.\d+)?"
_RANGE = re.compile(rf"\s*[\[(]?\s*({_NUMBER})\s*(?:-|–|to|\.\.)\s*({_NUMBER})\s*[\])]?\s*")
_LIMIT = re.compile(rf"\s*(<=?|>=?|≤|≥|under|below|over|above|at least|at most)\s*({_NUMBER})\s*")
_PLUS = re.compile(rf"\s*({_NUMBER})\s*\+\s*")
_MOST_FOUND = 200
_OF_TEXT = " length"
"""What follows the name of a column where it is the length of its texts that is measured."""
_CLOSED = {"<=", "≤", "at most", ">=", "≥", "at least"}
_DOWN = {"<", "<=", "≤", "under", "below", "at most"}


@dataclass(slots=True)
class _Index:
    """Where each property shows in the rows.

    Attributes:
        column: that has the property; None: none has.
        codes: value → its number.
        cells: value → what stands in the cells that show it.
        rows: value → numbers of the rows that show it.
    """

    column: str | None
    codes: dict[str, int]
    cells: dict[str, list[Json]] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=dict)

    def note(self, number: int, value: str, cell: Json) -> None:
        """A row shows a value, by this cell."""
        self.rows.setdefault(value, []).append(number)
        self.cells.setdefault(value, []).append(cell)


class Recombining:
    """Makes rows out of rows.

    Args:
        rows: of the seeds, at least one.
        values: property → the values that it may have.
        seed: the same seed, the same rows.
        traits: what was measured of the rows, which says exactly what each of them shows.

    Attributes:
        hidden: properties that are no column of the seeds, so that no row can be made to show them.
    """

    def __init__(
        self,
        rows: Sequence[JsonObject],
        values: Mapping[str, Sequence[str]],
        seed: int,
        traits: Sequence[Trait] = (),
    ) -> None:
        self._rows = rows
        self._seed = seed
        columns = {_plain(name): name for row in rows for name in row}
        measured = {trait.name: trait for trait in traits}
        self._index: dict[str, _Index] = {}
        for name, of in values.items():
            trait = measured.get(name)
            about = name.removesuffix(_OF_TEXT) if trait is not None else name
            column = columns.get(_plain(name)) or columns.get(_plain(about))
            self._index[name] = _indexed(rows, column, of, trait)
        # The value that each row shows of each property, by its number.
        self._shown = np.full((len(self._index), len(rows)), -2, dtype=np.int16)
        for place, index in enumerate(self._index.values()):
            for value, numbers in index.rows.items():
                self._shown[place, numbers] = index.codes[value]
        self._found: dict[tuple[int, ...], NDArray[np.int32]] = {}
        self.hidden = tuple(name for name, it in self._index.items() if not it.cells)

    def row(self, number: int, tags: Mapping[str, str]) -> JsonObject:
        """The row of one sample.

        Args:
            number: of the sample, 0-based. tags: property → the value that it is to show.
        """
        lot = random.Random(f"{self._seed} {number}")  # noqa: S311 (a lot about rows)
        wanted = [it.codes.get(tags.get(name, ""), -1) for name, it in self._index.items()]
        nearest = self._nearest(tuple(wanted))
        chosen = int(nearest[lot.randrange(len(nearest))])
        made = dict(self._rows[chosen])
        for place, (name, index) in enumerate(self._index.items()):
            cells = index.cells.get(tags.get(name, ""))
            if index.column is None or not cells or self._shown[place, chosen] == wanted[place]:
                continue
            made[index.column] = lot.choice(cells)
        return made

    def _nearest(self, wanted: tuple[int, ...]) -> NDArray[np.int32]:
        """Numbers of the rows that show the most of what is wanted, which is a number of a value
        for each property."""
        found = self._found.get(wanted)
        if found is None:
            shown = np.zeros(len(self._rows), dtype=np.int16)
            for place, code in enumerate(wanted):
                shown += self._shown[place] == code
            found = np.flatnonzero(shown == shown.max()).astype(np.int32)
            if len(self._found) < _MOST_FOUND:
                self._found[wanted] = found
        return found


def _indexed(
    rows: Sequence[JsonObject], column: str | None, values: Sequence[str], trait: Trait | None
) -> _Index:
    index = _Index(column, {value: number for number, value in enumerate(values)})
    if column is None:
        return index
    if trait is not None:
        for number, (row, label) in enumerate(zip(rows, trait.labels, strict=True)):
            if label is not None and label in values:
                index.note(number, label, row.get(column))
        values = [value for value in values if value not in index.cells]
    exact = {_folded(value): value for value in values}
    ranges = {value: it for value in values if (it := _range(value)) is not None}
    for number, row in enumerate(rows):
        cell = row.get(column)
        if cell is None:
            continue
        same = exact.get(_folded(to_cell(cell)))
        shown = set() if same is None else {same}
        if ranges and (size := _number(cell)) is not None:
            shown |= {value for value, it in ranges.items() if it.holds(size)}
        for value in shown:
            index.note(number, value, cell)
    for value in values:
        if value not in index.cells and value not in ranges:
            index.cells[value] = [_as_cell(value, rows, column)]
    return index


@dataclass(frozen=True, slots=True)
class _Range:
    """Numbers from `low` to `high`, both among them unless `open` says otherwise."""

    low: float
    high: float
    open: bool = False

    def holds(self, number: float) -> bool:
        if self.open:
            return self.low < number < self.high
        return self.low <= number <= self.high


def _range(value: str) -> _Range | None:
    """The range that a value of a property names: `10-20`, `10 to 20`, `< 10`, `over 100`, `100+`;
    None: it names none."""
    folded = value.casefold()
    if (found := _RANGE.fullmatch(folded)) is not None:
        low, high = _read(found[1]), _read(found[2])
        return _Range(low, high) if low <= high else None  # else it is a date, or some code
    if (found := _PLUS.fullmatch(folded)) is not None:
        return _Range(_read(found[1]), math.inf)
    if (found := _LIMIT.fullmatch(folded)) is None:
        return None
    limit, is_open = _read(found[2]), found[1] not in _CLOSED
    return (
        _Range(-math.inf, limit, is_open) if found[1] in _DOWN else _Range(limit, math.inf, is_open)
    )


def _as_cell(value: str, rows: Sequence[JsonObject], column: str) -> Json:
    """A value that no row has, as a cell of the kind that the column has."""
    there = next((row[column] for row in rows if row.get(column) is not None), None)
    number = _number(value)
    if isinstance(there, bool) or number is None or not isinstance(there, int | float):
        return value
    return int(number) if isinstance(there, int) and number.is_integer() else number


def _number(cell: Json) -> float | None:
    if isinstance(cell, bool):
        return None
    if isinstance(cell, int | float):
        return float(cell)
    if not isinstance(cell, str):
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _read(text: str) -> float:
    return float(text.replace(",", "").replace("_", ""))


def _folded(text: str) -> str:
    return text.strip().casefold()


def _plain(name: str) -> str:
    """A name of a property or column without what may differ between the two."""
    return re.sub(r"[\W_]+", "", name.casefold())
