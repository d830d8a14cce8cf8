"""Giving a file of rows one more column, in one pass: memory does not grow with the rows.

Csv and tsv keep what every other cell says, letter for letter; JSON keeps values (whole numbers
over 64 bits lose digits); parquet and arrow keep types and, for parquet, the compression of the
source. Another format than the source's is converted.
"""

import csv
import importlib
import io
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

import orjson

from weighbridge.core.json import Json
from weighbridge.core.prompt import as_text
from weighbridge.datasets.readers import rows_of
from weighbridge.datasets.rows import Row
from weighbridge.datasets.text import header_of

Value: TypeAlias = str | list[float] | None
"""What a cell of the new column holds: text, an embedding, or nothing."""

HIDDEN = "_oxen_"
"""Columns that begin so are the vendor's own, and never written."""

_FLUSH_BYTES = 1 << 20
COLUMNAR = frozenset({"parquet", "arrow"})
SEPARATED = frozenset({"csv", "tsv"})


def write_with_column(
    source: Path,
    source_format: str,
    target: Path,
    target_format: str,
    column: str,
    values: Iterable[Value],
    *,
    embeddings: bool = False,
    only: int | None = None,
) -> int:
    """Write the rows of a file with a column more, or with other values in one that is there.

    Args:
        source, source_format: the file, in one of `readers.FORMATS`.
        target, target_format: where the new file goes.
        column: its name.
        values: one for each row, in order; when there are fewer, the rows after have none.
        embeddings: whether the values are lists of numbers.
        only: take so many rows; None: all.

    Returns:
        The number of rows written.

    Raises:
        Invalid: the source is damaged.
    """
    cells = itertools.chain(values, itertools.repeat(None))
    if source_format in COLUMNAR or target_format in COLUMNAR:
        # Loads pyarrow, which text formats do not need.
        columnar = importlib.import_module("weighbridge.datasets.columnar_columns")
        if source_format in COLUMNAR and target_format in COLUMNAR:
            return int(
                columnar.write_batches(
                    source, source_format, target, target_format, column, cells, embeddings, only
                )
            )
        if target_format in COLUMNAR:
            return int(
                columnar.write_converted(
                    lambda: itertools.islice(rows_of(source, source_format), only),
                    header_of(source, source_format) if source_format in SEPARATED else None,
                    target,
                    target_format,
                    column,
                    cells,
                    embeddings,
                )
            )
    rows = itertools.islice(rows_of(source, source_format), only)
    names = None
    if target_format in SEPARATED:
        there = [it for it in _names(source, source_format) if not it.startswith(HIDDEN)]
        names = there if column in there else [*there, column]
    return write_text(_with_cell(rows, column, cells), target, target_format, names)


def _names(source: Path, source_format: str) -> list[str]:
    """The columns of a file; of JSON those that any row has."""
    if source_format in SEPARATED:
        return header_of(source, source_format)
    if source_format in COLUMNAR:
        columnar = importlib.import_module("weighbridge.datasets.columnar")
        return list(columnar.names_of(source, source_format))
    found: dict[str, None] = {}
    for row in rows_of(source, source_format):
        if not row.keys() <= found.keys():
            found.update(dict.fromkeys(row))
    return list(found)


def _with_cell(rows: Iterable[Row], column: str, cells: Iterator[Value]) -> Iterator[Row]:
    for row, cell in zip(rows, cells, strict=False):
        kept = {name: value for name, value in row.items() if not name.startswith(HIDDEN)}
        kept[column] = cell  # in the place that it has, or else last
        yield kept


def write_text(
    rows: Iterable[Row], target: Path, target_format: str, names: list[str] | None = None
) -> int:
    """Write rows as csv, tsv, jsonl or json, as they come.

    Args:
        names: of the columns of csv and tsv, which a file without rows has too; None: those of the
            first row.

    Returns:
        How many there were.
    """
    with target.open("wb") as file:
        if target_format == "jsonl":
            return _write_lines(file, rows)
        if target_format == "json":
            return _write_array(file, rows)
        return _write_separated(file, rows, "\t" if target_format == "tsv" else ",", names)


def _write_lines(file: BinaryIO, rows: Iterable[Row]) -> int:
    dumps, newline = orjson.dumps, orjson.OPT_APPEND_NEWLINE
    pending = bytearray()
    count = 0
    for row in rows:
        pending += dumps(row, option=newline)
        count += 1
        if len(pending) >= _FLUSH_BYTES:
            file.write(pending)
            pending.clear()
    file.write(pending)
    return count


def _write_array(file: BinaryIO, rows: Iterable[Row]) -> int:
    count = 0
    file.write(b"[")
    for row in rows:
        file.write(b",\n" if count else b"\n")
        file.write(orjson.dumps(row))
        count += 1
    file.write(b"\n]\n")
    return count


def _write_separated(
    file: BinaryIO, rows: Iterable[Row], separator: str, names: list[str] | None
) -> int:
    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=False)
    write = csv.writer(text, delimiter=separator, lineterminator="\n").writerow
    # Quotes where the other does not see the need: a carriage return ends a line for readers.
    quoted = csv.writer(
        text, delimiter=separator, lineterminator="\n", quoting=csv.QUOTE_ALL
    ).writerow
    if names:
        write(names)
    count = 0
    for row in rows:
        if not names:
            names = list(row)
            write(names)
        cells = [_cell(row.get(name)) for name in names]
        if any("\r" in cell for cell in cells):
            quoted(cells)
        else:
            write(cells)
        count += 1
    text.flush()
    text.detach()
    return count


def _cell(value: Json) -> str:
    return value if type(value) is str else as_text(value)
