"""Opens a data file of any of the formats as a stream of rows."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

from weighbridge.core.suggest import did_you_mean
from weighbridge.datasets import text
from weighbridge.datasets.rows import Row, describe
from weighbridge.errors import Invalid

FORMATS = ("csv", "tsv", "jsonl", "json", "parquet", "arrow")

EXTENSIONS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".jl": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
}

_SNIFFED_BYTES = 65_536


def open_rows(path: Path, format: str | None = None) -> Iterator[Row]:  # noqa: A002
    """The rows of a data file, one at a time, each as column → JSON value.

    The file is looked at when this is called, and read while the result is gone through. Memory
    holds one record batch (parquet, arrow) or one row, except for `json`, which is one value and
    is read whole (up to `text.MAX_JSON_BYTES`).

    Args:
        path: the file.
        format: one of `FORMATS`; None: told by the extension, or else by the first bytes.

    Raises:
        Invalid: there is no such file, the format cannot be told, or the file is damaged, empty,
            not UTF-8 or ragged; the message names the file and, where there is one, the line.
            Problems inside the file are raised when that place is reached.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise Invalid(f"{describe(path)} {what}; a data file was expected")
    if format is not None and format not in FORMATS:
        hint = did_you_mean(format, FORMATS)
        raise Invalid(f"there is no data format `{format}`{hint} ({', '.join(FORMATS)})")
    try:
        name = format or EXTENSIONS.get(path.suffix.lower()) or sniff(path)
    except OSError as error:
        raise Invalid(f"{describe(path)} cannot be read: {error.strerror}") from error
    return _at_least_one(path, _reader(name)(path))


def rows_of(path: Path, format: str) -> Iterator[Row]:  # noqa: A002
    """As `open_rows`, of a format that is known; a file may have no rows."""
    try:
        yield from _reader(format)(path)
    except OSError as error:
        raise Invalid(f"{describe(path)} cannot be read: {error.strerror or error}") from error


def sniff(path: Path) -> str:
    """The format of a file, told by its first 64 KiB.

    Raises:
        Invalid: it is none of `FORMATS`.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_SNIFFED_BYTES)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return "arrow"
    if head.startswith(b"FEA1"):
        raise Invalid(f"{describe(path)} is a Feather file of version 1; write it as version 2")
    if b"\0" in head and not head.startswith(text.UTF16_MARKS):
        raise Invalid(
            f"{describe(path)} is in none of the formats {', '.join(FORMATS)}, "
            "by its first bytes; if it is, say which (`format`)"
        )
    start = head.removeprefix(text.UTF8_MARK).lstrip()
    if start.startswith(b"["):
        return "json"
    if start.startswith(b"{"):
        return "jsonl" if text.is_object(start.split(b"\n", 1)[0]) else "json"
    first_line = start.split(b"\n", 1)[0]
    return "tsv" if first_line.count(b"\t") > first_line.count(b",") else "csv"


def _reader(name: str) -> Callable[[Path], Iterator[Row]]:
    if name in ("parquet", "arrow"):
        # The one place where pyarrow gets loaded: 0.2 s that a run over a text file does not need.
        columnar = importlib.import_module("weighbridge.datasets.columnar")
        reader: Callable[[Path], Iterator[Row]] = getattr(columnar, f"read_{name}")
        return reader
    return {
        "csv": text.read_csv,
        "tsv": text.read_tsv,
        "jsonl": text.read_jsonl,
        "json": text.read_json,
    }[name]


def _at_least_one(path: Path, rows: Iterator[Row]) -> Iterator[Row]:
    try:
        first = next(rows, None)
        if first is None:
            raise Invalid(f"{describe(path)} has no rows")
        yield first
        yield from rows
    except OSError as error:
        raise Invalid(f"{describe(path)} cannot be read: {error.strerror or error}") from error
