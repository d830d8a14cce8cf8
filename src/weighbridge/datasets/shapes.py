"""What a file of rows looks like, found by reading all of it: so that a damaged one is noticed
before anything is built on it."""

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from weighbridge.core.versions import FrameShape
from weighbridge.datasets import text
from weighbridge.datasets.readers import EXTENSIONS, rows_of
from weighbridge.datasets.rows import Row, describe
from weighbridge.errors import Invalid

_JSON_TYPES = {bool: "bool", int: "int64", float: "double", str: "string"}


def format_of(name: str) -> str | None:
    """The format that a file's name promises, one of `readers.FORMATS`; None: no file of rows."""
    return EXTENSIONS.get(Path(name).suffix.lower())


def shape_of(path: Path, name: str) -> FrameShape | None:
    """The shape of a file of rows.

    Args:
        path: where it is.
        name: what it is called, which says its format. A `.json` file that is no array of objects
            is no file of rows.

    Returns:
        None: by its name it is no file of rows.

    Raises:
        Invalid: it is not what its name says, or damaged.
    """
    kind = format_of(name)
    if kind is None or (kind == "json" and not _is_array_of_objects(path)):
        return None
    if path.stat().st_size == 0:
        return FrameShape(kind, 0, {})
    try:
        if kind in {"parquet", "arrow"}:
            columnar = importlib.import_module("weighbridge.datasets.columnar")
            rows, columns = columnar.scan(path, kind)
        else:
            rows, columns = _scan(rows_of(path, kind), typed=kind in {"jsonl", "json"})
            if rows == 0 and kind in {"csv", "tsv"}:
                header = text.read_header(path, "\t" if kind == "tsv" else None)
                columns = dict.fromkeys(header, "string")
    except Invalid as error:
        raise Invalid(error.message.replace(describe(path), name)) from error
    if any("\0" in part for column in columns.items() for part in column):
        raise Invalid("a column's name holds a NUL character, which no database keeps")
    return FrameShape(kind, rows, columns)


def _scan(rows: Iterable[Row], *, typed: bool) -> tuple[int, dict[str, str]]:
    columns: dict[str, str] = {}
    count = 0
    for row in rows:
        count += 1
        if not typed:
            if not columns:
                columns = dict.fromkeys(row, "string")
            continue
        for column, value in row.items():
            before = columns.setdefault(column, "null")
            now = _type_of(value)
            if before != now:
                columns[column] = _joined(before, now)
    return count, columns


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return "list"
    return "struct" if isinstance(value, dict) else _JSON_TYPES[type(value)]


def _joined(one: str, other: str) -> str:
    if one == "null" or other == "null":
        return other if one == "null" else one
    return "double" if {one, other} == {"int64", "double"} else "string"


def _is_array_of_objects(path: Path) -> bool:
    """Whether a `.json` file holds rows; one that is no JSON is left for the reader to refuse."""
    with path.open("rb") as file:
        if not file.read(1 << 16).removeprefix(text.UTF8_MARK).lstrip().startswith(b"["):
            return False
    if path.stat().st_size > text.MAX_JSON_BYTES:
        return True
    try:
        value = orjson.loads(path.read_bytes().removeprefix(text.UTF8_MARK))
    except orjson.JSONDecodeError:
        return True
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
