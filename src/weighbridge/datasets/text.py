"""Readers of text files: csv, tsv, jsonl and json, all in UTF-8 with or without a mark."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import orjson

from weighbridge.datasets.rows import Row, describe
from weighbridge.errors import Invalid, TooLarge

if TYPE_CHECKING:
    import _csv

UTF8_MARK = b"\xef\xbb\xbf"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

MAX_ROW_BYTES = 64 << 20
"""The longest line of a jsonl file and the longest cell of a csv file. Without a limit, one quote
that is never closed would pull a whole file into memory."""

MAX_JSON_BYTES = 512 << 20
"""The largest json file: it is one value, so it has to be held whole."""

csv.field_size_limit(MAX_ROW_BYTES)


def read_csv(path: Path) -> Iterator[Row]:
    """Rows of a csv file (RFC 4180): a header, then as many cells in each row; blank lines are
    skipped and cells stay strings, so that `007` stays `007`.

    The separator is a comma, or a semicolon or tab when the header has those and no comma.

    Raises:
        Invalid: not UTF-8, no header or one with empty or repeated names, a ragged row, a broken
            quote.
    """
    return _read_separated(path, None)


def read_tsv(path: Path) -> Iterator[Row]:
    """Rows of a tab-separated file; quotes, header and errors are as in csv."""
    return _read_separated(path, "\t")


def read_header(path: Path, separator: str | None) -> list[str]:
    """The names of the columns of a csv or tsv file, which may have no rows.

    Args:
        separator: None: told by the first line.

    Raises:
        Invalid: as `read_csv`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first_line = file.readline(MAX_ROW_BYTES)
            file.seek(0)
            lines = csv.reader(file, delimiter=separator or _separator(first_line), strict=True)
            header = next((cells for cells in lines if cells), [])
            _check_header(path, header, lines.line_num)
            return header
    except UnicodeDecodeError as error:
        raise Invalid(f"{describe(path)} is not UTF-8: {error.reason}") from error
    except csv.Error as error:
        raise Invalid(f"{describe(path)}: {error}") from error


def read_jsonl(path: Path) -> Iterator[Row]:
    """Rows of a file with one JSON object a line; blank lines are skipped.

    Raises:
        Invalid: a line that is not UTF-8, not JSON or not an object.
        TooLarge: a line over `MAX_ROW_BYTES`.
    """
    with path.open("rb") as file:
        _refuse_utf16(path, file)
        yield from _json_lines(path, file)


def read_json(path: Path) -> Iterator[Row]:
    """Rows of a file that holds an array of objects, or `{"data": […]}`, or `{"cases": […]}`.
    A file of JSON lines that is merely called `.json` is read as such.

    Raises:
        Invalid: not UTF-8, not JSON, or not such an array.
        TooLarge: a file over `MAX_JSON_BYTES`; jsonl has no such limit.
    """
    with path.open("rb") as file:
        _refuse_utf16(path, file)
        if is_object(file.readline(MAX_ROW_BYTES)) and file.readline(1 << 16).strip():
            file.seek(0)
            yield from _json_lines(path, file)
            return
        size = file.seek(0, 2)
        if size > MAX_JSON_BYTES:
            raise TooLarge(
                f"{describe(path)} has {size >> 20} MiB; a json file is read whole, and may have "
                f"{MAX_JSON_BYTES >> 20} MiB: write it as jsonl, one object a line"
            )
        file.seek(0)
        content = file.read().removeprefix(UTF8_MARK)
    if not content.strip():
        return
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        _refuse_encoding(path)
        raise Invalid(f"{describe(path)}: not JSON: {error}") from error
    del content
    if isinstance(value, dict):
        value = next((value[key] for key in ("data", "cases") if key in value), None)
    if not isinstance(value, list):
        raise Invalid(
            f"{describe(path)}: expected an array of objects, or an object with such an array "
            "under `data` or `cases`"
        )
    for number, row in enumerate(value, 1):
        if not isinstance(row, dict):
            raise Invalid(f"{describe(path)}: row {number} is {_kind(row)}, not an object")
        yield row


def header_of(path: Path, format: str) -> list[str]:  # noqa: A002 (as elsewhere)
    """The columns that a csv or tsv file names, rows or not.

    Raises:
        Invalid: as `read_csv`.
    """
    names: list[str] = []
    for _ in _read_separated(path, "\t" if format == "tsv" else None, names):
        break
    return names


def is_object(line: bytes) -> bool:
    """Whether a line is a whole JSON object by itself."""
    try:
        return isinstance(orjson.loads(line.removeprefix(UTF8_MARK)), dict)
    except orjson.JSONDecodeError:
        return False


def _json_lines(path: Path, file: BinaryIO) -> Iterator[Row]:
    loads = orjson.loads
    number = 0
    while line := file.readline(MAX_ROW_BYTES + 1):
        number += 1
        if number == 1:
            line = line.removeprefix(UTF8_MARK)
        try:
            row = loads(line)
        except orjson.JSONDecodeError as error:
            if not line.strip():
                continue
            if len(line) > MAX_ROW_BYTES:
                raise TooLarge(
                    f"{describe(path)}, line {number}: longer than {MAX_ROW_BYTES >> 20} MiB"
                ) from error
            _refuse_line_encoding(path, number, line)
            raise Invalid(
                f"{describe(path)}, line {number}: not JSON: {error.msg} (column {error.colno})"
            ) from error
        if type(row) is not dict:
            raise Invalid(f"{describe(path)}, line {number}: {_kind(row)}, not an object")
        yield row


def _read_separated(
    path: Path, separator: str | None, names: list[str] | None = None
) -> Iterator[Row]:
    with path.open("rb") as probe:
        _refuse_utf16(path, probe)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first_line = file.readline(MAX_ROW_BYTES)
            file.seek(0)
            lines = csv.reader(file, delimiter=separator or _separator(first_line), strict=True)
            try:
                yield from _separated_rows(path, lines, names)
            except csv.Error as error:
                raise Invalid(f"{describe(path)}, line {lines.line_num}: {error}") from error
    except UnicodeDecodeError as error:
        _refuse_encoding(path)
        raise Invalid(f"{describe(path)} is not UTF-8: {error.reason}") from error


def _separator(header: str) -> str:
    if "," in header:
        return ","
    return next((mark for mark in (";", "\t") if mark in header), ",")


def _separated_rows(path: Path, lines: "_csv.Reader", names: list[str] | None) -> Iterator[Row]:
    """The rows; the names of the columns are added to `names`."""
    header = next((cells for cells in lines if cells), None)
    if header is None:
        return
    _check_header(path, header, lines.line_num)
    if names is not None:
        names += header
    width = len(header)
    for cells in lines:
        if len(cells) == width:
            yield dict(zip(header, cells, strict=True))
        elif cells:
            raise Invalid(
                f"{describe(path)}, line {lines.line_num}: {len(cells)} cells where the header has "
                f"{width}; a cell that holds the separator or a line break needs quotes"
            )


def _check_header(path: Path, header: list[str], line: int) -> None:
    for place, name in enumerate(header, 1):
        if not name.strip():
            raise Invalid(
                f"{describe(path)}, line {line}: column {place} has no name; "
                "the first line must name the columns"
            )
        if header.index(name) != place - 1:
            raise Invalid(f"{describe(path)}, line {line}: two columns are called `{name}`")


def _refuse_utf16(path: Path, file: BinaryIO) -> None:
    head = file.read(2)
    file.seek(0)
    if head in UTF16_MARKS:
        raise Invalid(f"{describe(path)} is UTF-16; save it as UTF-8")


def _refuse_encoding(path: Path) -> None:
    """Find the first place that is not UTF-8. Only walked when something went wrong already."""
    with path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(MAX_ROW_BYTES), b""), 1):
            _refuse_line_encoding(path, number, line)


def _refuse_line_encoding(path: Path, number: int, line: bytes) -> None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        raise Invalid(
            f"{describe(path)}, line {number}: not UTF-8 at byte {error.start + 1} of the line "
            f"(0x{line[error.start]:02x}); save the file as UTF-8"
        ) from error


def _kind(value: object) -> str:
    if value is None:
        return "null"
    kinds: dict[type, str] = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }
    return kinds[type(value)]
