"""Which rows of a data set are taken: those that meet conditions, and of these perhaps a sample."""

import random
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.suggest import did_you_mean
from weighbridge.datasets.rows import Row
from weighbridge.errors import FieldProblem, InvalidFields

_LISTED_COLUMNS = 30


@dataclass(frozen=True, slots=True)
class Condition:
    """What the value of one column must be; all that is given must hold.

    Attributes:
        any_of: it is one of these. none_of: it is none of these. None: not asked for.
        least, most: it is a number within these bounds, both included.
        contains: it is text with this in it, whatever the case of its letters.
    """

    any_of: tuple[Json, ...] | None = None
    none_of: tuple[Json, ...] = ()
    least: float | None = None
    most: float | None = None
    contains: str | None = None

    def holds(self, value: Json) -> bool:
        """Whether a value meets it. A number and its digits are the same: csv knows no numbers."""
        if self.any_of is not None and not any(_same(value, one) for one in self.any_of):
            return False
        if any(_same(value, one) for one in self.none_of):
            return False
        if self.least is not None or self.most is not None:
            number = _number(value)
            if number is None:
                return False
            if self.least is not None and number < self.least:
                return False
            if self.most is not None and number > self.most:
                return False
        if self.contains is not None:
            return isinstance(value, str) and self.contains.casefold() in value.casefold()
        return True


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows to take.

    Attributes:
        where: column → condition; a row must meet all of them.
        sample: how many of those rows, drawn at random without replacement; None: all of them.
        seed: of the draw: the same seed draws the same rows.
        written: the selection as it was written, kept with the data set that comes of it.
    """

    where: Mapping[str, Condition]
    sample: int | None
    seed: int
    written: JsonObject

    def matching(self, rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
        """The rows that meet the conditions, with their 0-based positions.

        Raises:
            InvalidFields: a row lacks a column that a condition names.
        """
        for position, row in enumerate(rows):
            for column in self.where:
                if column not in row:
                    raise _no_column(column, position, row)
            if all(condition.holds(row[column]) for column, condition in self.where.items()):
                yield position, row

    def draw(self, positions: "array[int]") -> "array[int]":
        """The positions that are taken of those that match, in order.

        Raises:
            InvalidFields: there are fewer than are to be drawn, or none at all.
        """
        if not positions:
            raise InvalidFields([FieldProblem("where", "no row meets these conditions")])
        if self.sample is None:
            return positions
        if self.sample > len(positions):
            raise InvalidFields(
                [
                    FieldProblem(
                        "sample.n",
                        f"{self.sample} rows are to be drawn, and there are {len(positions)}",
                    )
                ]
            )
        chosen = random.Random(self.seed).sample(range(len(positions)), self.sample)  # noqa: S311
        return array("Q", [positions[place] for place in sorted(chosen)])

    def count(
        self,
        rows: Iterable[Row],
        check: Callable[[Iterable[Row]], Iterable[Row]] = lambda rows: rows,
    ) -> int:
        """How many of these rows are taken.

        Args:
            check: looks at every row that meets the conditions; what it raises is raised.

        Raises:
            InvalidFields: as `matching` and `draw`.
        """
        positions: array[int] = array("Q")

        def meeting() -> Iterator[Row]:
            for position, row in self.matching(rows):
                positions.append(position)
                yield row

        met = meeting()
        first = next(met, None)
        if first is not None:
            for _ in check(chain([first], met)):
                pass
        return len(self.draw(positions))


def _same(value: Json, wanted: Json) -> bool:
    if value == wanted and isinstance(value, bool) == isinstance(wanted, bool):
        return True
    if isinstance(value, str) and isinstance(wanted, int | float):
        if isinstance(wanted, bool):
            return value.strip().casefold() == str(wanted).casefold()
        return _number(value) == wanted
    return False


def _number(value: Json) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _no_column(column: str, position: int, row: Row) -> InvalidFields:
    listed = ", ".join(list(row)[:_LISTED_COLUMNS])
    return InvalidFields(
        [
            FieldProblem(
                f"where.{column}",
                f"row {position + 1} has no column {column!r}{did_you_mean(column, row)} "
                f"(columns: {listed})",
            )
        ]
    )
