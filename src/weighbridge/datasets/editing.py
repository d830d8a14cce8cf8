"""Changing rows of a file of rows, in one pass: memory does not grow with them.

Cells that are not changed stay what they are: letter for letter in text formats, with their types
in parquet and arrow. What stands for a new cell is JSON, as readers give it: `datasets.columnar`
says how each type looks.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from weighbridge.core.json import Json
from weighbridge.core.versions import FrameShape
from weighbridge.datasets.columns import COLUMNAR, HIDDEN, write_text
from weighbridge.datasets.readers import rows_of
from weighbridge.datasets.rows import Row
from weighbridge.datasets.slices import columns_of
from weighbridge.errors import Invalid

TYPES = (
    *("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"),
    *("float", "double", "string", "date32"),
)
"""What a new column may hold, in the words of arrow. Text formats do not keep it."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What is to become of a file of rows. Positions are those of the rows as they are now, from 0.

    Attributes:
        changed: position → the cells that change, by column.
        removed: positions of rows that go.
        added: rows that come after the last; columns that they do not name are empty.
        column: name and type, one of `TYPES`, of a column that comes after the last, empty.
    """

    changed: Mapping[int, Row] = field(default_factory=dict)
    removed: frozenset[int] = frozenset()
    added: Sequence[Row] = ()
    column: tuple[str, str] | None = None


def write_edited(source: Path, shape: FrameShape, target: Path, edit: Edit) -> None:
    """Write a file of rows as an edit makes it, in its own format.

    Raises:
        Invalid: a column is not there (or there already), or a value is none of its type; the
            message names the column. Or the source is damaged.
    """
    names = _checked(shape, edit)
    if shape.format in COLUMNAR:
        # Loads pyarrow, which text formats do not need.
        columnar = importlib.import_module("weighbridge.datasets.columnar_rows")
        columnar.write_edited(source, shape.format, target, names, edit)
        return
    write_text(_edited(source, shape, names, edit), target, shape.format, names)


def _checked(shape: FrameShape, edit: Edit) -> list[str]:
    """The names of the columns that there are afterwards."""
    names = list(columns_of(shape))
    if edit.column is not None:
        name, kind = edit.column
        if not name.strip() or name.startswith(HIDDEN) or "\0" in name:
            raise Invalid(f"a column cannot be called {name[:80]!r}")
        if name in names:
            raise Invalid(f"there is a column {name[:80]!r} already")
        if kind not in TYPES:
            raise Invalid(f"there is no type {kind[:40]!r} for a column ({', '.join(TYPES)})")
        names.append(name)
    if not names and shape.format in {"json", "jsonl"}:
        return list(dict.fromkeys(name for row in edit.added for name in row))
    there = set(names)
    for row in (*edit.changed.values(), *edit.added):
        unknown = [name for name in row if name not in there]
        if unknown:
            raise Invalid(
                f"there is no column {unknown[0][:80]!r} (columns: {', '.join(names[:50])})"
            )
    return names


def _edited(source: Path, shape: FrameShape, names: list[str], edit: Edit) -> Iterator[Row]:
    hidden = any(name.startswith(HIDDEN) for name in shape.columns)
    more: dict[str, Json] = {} if edit.column is None else {edit.column[0]: None}
    rows = rows_of(source, shape.format) if shape.rows else iter(())
    for position, row in enumerate(rows):
        if position in edit.removed:
            continue
        if hidden:
            row = {name: cell for name, cell in row.items() if not name.startswith(HIDDEN)}
        changes = edit.changed.get(position)
        yield {**row, **more, **(changes or {})} if changes or more else row
    for added in edit.added:
        yield {name: added.get(name) for name in names}
