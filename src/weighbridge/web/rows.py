"""Rows of data as the cells of a table: short, and each with a way to the whole."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

LONGEST_CELL = 240
"""Characters of a cell that a table shows."""
PAGE_ROWS = 50
"""Rows of a page."""
PAGE_COLUMNS = 40
"""Columns of a page."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A value in a table.

    Attributes:
        text: its beginning; None: there is no value.
        is_number: whether it stands to the right.
        is_cut: whether it goes on.
    """

    text: str | None
    is_number: bool
    is_cut: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A page of rows.

    Attributes:
        columns: those that are shown. types: of each, where they are known.
        rows: where each stands, if that is known, and its cells.
        of_columns: how many columns there are. column: which of them is the first here.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[int | None, tuple[Cell, ...]], ...]
    of_columns: int
    column: int

    @property
    def next_column(self) -> int | None:
        """The first of the columns that come after these."""
        after = self.column + len(self.columns)
        return after if after < self.of_columns else None

    @property
    def previous_column(self) -> int | None:
        """The first of the columns that come before these."""
        return max(0, self.column - PAGE_COLUMNS) if self.column else None


def table_of(
    columns: Sequence[str],
    rows: Iterable[tuple[int | None, dict[str, Any]]],
    *,
    types: Sequence[str] = (),
    column: int = 0,
) -> Table:
    """A page of rows.

    Args:
        rows: each with where it stands.
        column: the first that is shown, from 0.
    """
    column = min(column, max(0, len(columns) - 1))
    end = column + PAGE_COLUMNS
    shown = tuple(columns[column:end])
    return Table(
        shown,
        tuple(types[column:end]),
        tuple((at, tuple(cell_of(row.get(name)) for name in shown)) for at, row in rows),
        len(columns),
        column,
    )


def cell_of(value: Any) -> Cell:
    """A value as it stands in a table, in one line."""
    if value is None:
        return Cell(None, is_number=False, is_cut=False)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    text = whole(value)
    # Not the whole of a megabyte is looked at for a cell.
    line = " ".join(text[: LONGEST_CELL * 8].split())
    is_cut = len(line) > LONGEST_CELL or len(text) > LONGEST_CELL * 8
    return Cell(line[:LONGEST_CELL], is_number, is_cut)


def whole(value: Any, *, indented: bool = False) -> str:
    """A value as text: text as it is, everything else as JSON; no value is nothing."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2 if indented else None, default=str)
