"""A frame: the store's own form of a data set. UTF-8 JSON lines, one object a row, named by its
hash, with an index by which any segment of rows can be fetched without reading the rest."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import orjson

from weighbridge.core.json import Json
from weighbridge.errors import Invalid

SEGMENT = 256
"""Rows between two entries of the index."""

_FLUSH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """What is known of a frame without opening it.

    Attributes:
        sha256: of its bytes, 64 hexadecimal digits.
        rows: how many.
        size: in bytes.
        columns: every column of any row, in the order in which they first appear.
        offsets: `offsets[i]` is the byte at which row `i * SEGMENT` begins; the last entry is
            `size`, so that there is one more entry than segments.
    """

    sha256: str
    rows: int
    size: int
    columns: tuple[str, ...]
    offsets: tuple[int, ...]

    @property
    def segments(self) -> int:
        """How many segments there are; the last may be shorter than `SEGMENT` rows."""
        return len(self.offsets) - 1


def write_frame(rows: Iterable[Mapping[str, Json]], destination: BinaryIO) -> FrameIndex:
    """Write rows as a frame, as they come; memory does not grow with their number.

    Args:
        rows: column → JSON value.
        destination: open for writing; it is neither flushed nor closed.

    Raises:
        Invalid: a value has no JSON form (an integer beyond 64 bits, half a surrogate pair).
    """
    dumps, newline = orjson.dumps, orjson.OPT_APPEND_NEWLINE
    digest = hashlib.sha256()
    columns: dict[str, None] = {}
    known: set[str] = set()
    offsets: list[int] = []
    pending = bytearray()  # not a list of lines: orjson's results hold more room than they need
    size = count = 0
    for row in rows:
        if count % SEGMENT == 0:
            offsets.append(size)
        if not known.issuperset(row):
            columns.update(dict.fromkeys(row))
            known.update(row)
        try:
            line = dumps(row, None, newline)
        except TypeError as error:
            raise Invalid(f"row {count + 1} cannot be kept as JSON: {error}") from error
        pending += line
        size += len(line)
        count += 1
        if len(pending) > _FLUSH_BYTES:
            _write(pending, digest, destination)
    _write(pending, digest, destination)
    return FrameIndex(digest.hexdigest(), count, size, tuple(columns), (*offsets, size))


def segment_range(index: FrameIndex, segment: int) -> tuple[int, int]:
    """The bytes of one segment, `start` inclusive and `end` exclusive.

    Raises:
        IndexError: there is no such segment.
    """
    if not 0 <= segment < index.segments:
        raise IndexError(f"segment {segment} of {index.segments}")
    return index.offsets[segment], index.offsets[segment + 1]


def parse_rows(data: bytes) -> list[dict[str, Json]]:
    """The rows in the bytes of one or more whole segments."""
    # A line break never stands inside a row, as JSON escapes it; one parse is the fastest way.
    rows: list[dict[str, Json]] = orjson.loads(b"[%b]" % data.rstrip(b"\n").replace(b"\n", b","))
    return rows


def _write(pending: bytearray, digest: "hashlib._Hash", destination: BinaryIO) -> None:
    digest.update(pending)
    destination.write(pending)
    pending.clear()
