"""Rows as one file in the format of their seeds, written as they come."""

import csv
import hashlib
import io
from collections.abc import Sequence
from typing import BinaryIO

import orjson

from weighbridge.core.json import JsonObject
from weighbridge.synthesis.sample_form import to_cell


class TableFile:
    """A file of rows that is being written.

    Args:
        file: open for writing; it is not closed.
        extension: `.csv`, `.json` or `.jsonl`.
        columns: names, in their order.

    Attributes:
        size: bytes written so far.
    """

    def __init__(self, file: BinaryIO, extension: str, columns: Sequence[str]) -> None:
        self._file = file
        self._extension = extension
        self._columns = list(columns)
        self._hash = hashlib.sha256()
        self._rows = 0
        self.size = 0

    def write(self, rows: Sequence[JsonObject]) -> None:
        """Add rows, of which the columns are taken."""
        if not rows:
            return
        if self._extension == ".csv":
            lines = [] if self._rows else [_csv_line(self._columns)]
            lines += [_csv_line([to_cell(row.get(name)) for name in self._columns]) for row in rows]
            self._put(b"".join(lines))
        else:
            lines = [orjson.dumps({name: row.get(name) for name in self._columns}) for row in rows]
            if self._extension == ".jsonl":
                self._put(b"\n".join(lines) + b"\n")
            else:
                self._put((b",\n  " if self._rows else b"[\n  ") + b",\n  ".join(lines))
        self._rows += len(rows)

    def finish(self) -> str:
        """Write what is left.

        Returns:
            SHA-256 of all of it.
        """
        if self._extension == ".csv" and not self._rows:
            self._put(_csv_line(self._columns))
        if self._extension == ".json":
            self._put(b"\n]\n" if self._rows else b"[]\n")
        return self._hash.hexdigest()

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.size += len(data)


def _csv_line(cells: Sequence[str]) -> bytes:
    """A line that ends in a line feed. To have a lone carriage return in a cell quoted, the writer
    has to be told that lines end in one."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return f"{text.getvalue().removesuffix(chr(13) + chr(10))}\n".encode()
