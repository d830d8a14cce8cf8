"""How two files of rows differ, of any two formats, each read once or twice, in bounded memory.

Values are compared as JSON: numbers by their value (`1` is `1.0`), a column that a row does not
have as null. Where one side is csv or tsv and the other has types, both are compared as they would
stand in a csv file, numbers still by their value.
"""

import math
import re
import struct
import tempfile
import threading
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice, zip_longest
from pathlib import Path
from typing import BinaryIO, TypeAlias

import orjson

from weighbridge.core.differences import Alignment, FrameDifference, RowChange, column_changes
from weighbridge.core.json import Json
from weighbridge.core.suggest import did_you_mean
from weighbridge.core.versions import FrameShape, Moved
from weighbridge.datasets.readers import rows_of
from weighbridge.datasets.rows import Row, describe
from weighbridge.errors import Invalid, Unavailable

MOST_ROWS = 10_000
"""The longest page."""

_TEXTS = frozenset({"csv", "tsv"})
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WHOLE = 1 << 63
_PLAIN = frozenset({str, int, bool, type(None)})
_DIGEST = 16
_RECORD = struct.Struct("=16s16sQ")
"""Of a row: a digest of its key, one of its values, and which it is."""
_BUCKET_ROWS = 20_000
_MOST_BUCKETS = 100
_BLOCK = _RECORD.size * 1_600

Plain: TypeAlias = Callable[[Row, Sequence[str]], list[Json]]
"""The values of some columns, in the form in which they are compared."""
Place: TypeAlias = tuple[int | None, int | None]
"""Which row a row is before and after."""


@dataclass(frozen=True, slots=True)
class FrameFile:
    """A file of rows.

    Attributes:
        path: where it is.
        name: how messages call it.
        shape: as `shapes.shape_of` found it.
        abandoned: once it is set, reading ends with `Unavailable`, in whatever thread it is.
    """

    path: Path
    name: str
    shape: FrameShape
    abandoned: threading.Event = field(default_factory=threading.Event)

    def rows(self) -> Iterator[Row]:
        """All rows; what is wrong in the file is told by its name."""
        if not self.shape.rows:
            return
        abandoned = self.abandoned.is_set
        try:
            for row in rows_of(self.path, self.shape.format):
                if abandoned():
                    raise Unavailable("nobody waits for this difference any more")
                yield row
        except Invalid as error:
            raise Invalid(error.message.replace(describe(self.path), self.name)) from error


def compare_frames(
    before: FrameFile | None,
    after: FrameFile | None,
    folder: Path,
    *,
    align: Alignment = Alignment.POSITION,
    keys: Sequence[str] = (),
    start: int = 0,
    limit: int = 100,
) -> FrameDifference:
    """How two files of rows differ.

    Memory: one page of rows of each kind; by key or content also one byte a row and one bucket of
    digests (40 bytes a row; of about 20,000 rows where they are spread evenly).

    Args:
        before, after: None: there is no such file, so that all rows of the other were added or
            removed. Not both.
        folder: for a file without a name, of 40 bytes a row.
        align: what rows are brought together by.
        keys: the key columns, for `Alignment.KEY` and only for it.
        start: how many rows of each kind to skip.
        limit: how many of each kind to show; 0 to `MOST_ROWS`.

    Raises:
        Invalid: a key column is not there (the message names those that are), two rows of a side
            have the same key (it names the key), the page is none, or a file is damaged.
    """
    keys = tuple(dict.fromkeys(keys))
    sides = [side for side in (before, after) if side is not None]
    if start < 0 or not 0 <= limit <= MOST_ROWS:
        raise Invalid(f"a page begins at row 0 or later and has 0 to {MOST_ROWS:,} rows")
    if bool(keys) != (align is Alignment.KEY):
        raise Invalid("key columns are named to compare by key, and only then")
    for side in sides:
        _check_keys(side, keys)
    page = _Page(keys, start, limit)
    if before is None or after is None:
        same = 0
        _one_sided(before, after, page)
    else:
        common = [name for name in after.shape.columns if name in before.shape.columns]
        plain = _plain_of(before.shape, after.shape)
        if align is Alignment.POSITION:
            same = _by_position(before, after, common, plain, page)
        else:
            with tempfile.TemporaryFile(dir=folder) as spill:
                joined = _Joined(before, after, keys, common, plain, spill)
                same = joined.tell(page)
    return FrameDifference(
        before=before.shape if before else None,
        after=after.shape if after else None,
        columns=column_changes(*(side.shape if side else None for side in (before, after))),
        align=align,
        keys=keys,
        added=page.counts[Moved.ADDED],
        removed=page.counts[Moved.REMOVED],
        changed=page.counts[Moved.CHANGED],
        same=same,
        start=start,
        added_rows=tuple(page.shown[Moved.ADDED]),
        removed_rows=tuple(page.shown[Moved.REMOVED]),
        changed_rows=tuple(page.shown[Moved.CHANGED]),
    )


class _Page:
    """The rows that are shown, of each kind, and how many there are."""

    def __init__(self, keys: tuple[str, ...], start: int, limit: int) -> None:
        self.keys = keys
        self.start, self.end = start, start + limit
        self.counts = dict.fromkeys(Moved, 0)
        self.shown: dict[Moved, list[RowChange]] = {how: [] for how in Moved}

    def wants(self, how: Moved) -> bool:
        """Count one of a kind; whether it is to be shown."""
        place = self.counts[how]
        self.counts[how] += 1
        return self.start <= place < self.end

    def show(
        self, place: Place, before: Row | None, after: Row | None, columns: tuple[str, ...] = ()
    ) -> None:
        """Note one that is to be shown."""
        how = Moved.ADDED if before is None else Moved.REMOVED if after is None else Moved.CHANGED
        row = after if after is not None else before or {}
        key = {name: row.get(name) for name in self.keys}
        self.shown[how].append(RowChange(how, key, *place, before, after, columns))


def _check_keys(side: FrameFile, keys: Sequence[str]) -> None:
    columns = side.shape.columns
    if not side.shape.rows:
        return  # text formats have no columns then
    for name in keys:
        if name not in columns:
            hint = did_you_mean(name, tuple(columns))
            raise Invalid(
                f"{side.name} has no column `{name}` to be a key (its columns: "
                f"{', '.join(columns)}){hint}"
            )


def _one_sided(before: FrameFile | None, after: FrameFile | None, page: _Page) -> None:
    side, how = (after, Moved.ADDED) if before is None else (before, Moved.REMOVED)
    assert side is not None  # noqa: S101 (as `compare_frames` says)
    page.counts[how] = side.shape.rows
    for at, row in enumerate(islice(side.rows(), page.start, page.end), page.start):
        if how is Moved.ADDED:
            page.show((None, at), None, row)
        else:
            page.show((at, None), row, None)


# Comparing values


def _plain_of(before: FrameShape, after: FrameShape) -> Plain:
    """How values of two files are made comparable."""
    return _as_cells if (before.format in _TEXTS) != (after.format in _TEXTS) else _as_values


def _as_values(row: Row, columns: Sequence[str]) -> list[Json]:
    return [
        value if type(value := row.get(name)) in _PLAIN else _as_value(value) for name in columns
    ]


def _as_cells(row: Row, columns: Sequence[str]) -> list[Json]:
    return [_as_cell(row.get(name)) for name in columns]


def _as_value(value: Json) -> Json:
    """A whole number as one; arrays and objects as their text, whatever the order of fields."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _WHOLE else value
    if isinstance(value, dict | list):
        # In an array: a string that reads the same is still another value.
        return [_json(value, orjson.OPT_SORT_KEYS).decode()]
    return value


def _as_cell(value: Json) -> Json:
    """As in a csv file; a number by its value, however it is written."""
    text = value if isinstance(value, str) else "" if value is None else _json(value).decode()
    if not _NUMBER.fullmatch(text):
        return text
    if text.removeprefix("-").isdigit():
        return text if text != "-0" else "0"
    number = float(text)
    if number.is_integer() and abs(number) < _WHOLE:
        return str(int(number))
    return repr(number) if math.isfinite(number) else text


def _json(value: object, option: int = 0) -> bytes:
    try:
        return orjson.dumps(value, None, option)
    except TypeError as error:
        raise Invalid(f"a row cannot be compared as JSON: {error}") from error


def _digest(values: Sequence[Json]) -> bytes:
    return blake2b(_json(values), digest_size=_DIGEST).digest()


def _differing(before: Row, after: Row, columns: Sequence[str], plain: Plain) -> tuple[str, ...]:
    """The columns in which two rows differ."""
    both = zip(columns, plain(before, columns), plain(after, columns), strict=True)
    # By type too: to Python, true is 1.
    return tuple([name for name, old, new in both if type(old) is not type(new) or old != new])


# By position


def _by_position(
    before: FrameFile, after: FrameFile, common: Sequence[str], plain: Plain, page: _Page
) -> int:
    same = 0
    for at, (old, new) in enumerate(zip_longest(before.rows(), after.rows())):
        if old is None or new is None:
            how = Moved.ADDED if old is None else Moved.REMOVED
            if page.wants(how):
                page.show((None, at) if old is None else (at, None), old, new)
        elif _json(old) == _json(new) or not (columns := _differing(old, new, common, plain)):
            same += 1
        elif page.wants(Moved.CHANGED):
            page.show((at, at), old, new, columns)
    return same


# By key and by content


class _Digests:
    """The digests of all rows of a file, in buckets by their key.

    Args:
        spill: where they are; what it holds stays.
        buckets: how many; at most `_MOST_BUCKETS`.
    """

    def __init__(self, spill: BinaryIO, buckets: int) -> None:
        self._spill = spill
        self._pending = [bytearray() for _ in range(buckets)]
        self._blocks: list[list[tuple[int, int]]] = [[] for _ in range(buckets)]

    def fill(self, records: Iterable[bytes]) -> None:
        """Take in records: of the key, of the row, and the place of the row."""
        pending, buckets = self._pending, len(self._pending)
        for record in records:
            bucket = (record[0] << 8 | record[1]) % buckets
            block = pending[bucket]
            block += record
            if len(block) >= _BLOCK:
                self._write(bucket)
        for bucket in range(buckets):
            self._write(bucket)

    def _write(self, bucket: int) -> None:
        block = self._pending[bucket]
        self._blocks[bucket].append((self._spill.seek(0, 2), len(block)))
        self._spill.write(block)
        block.clear()

    def read(self, bucket: int) -> bytes:
        """The records of a bucket, in the order of the rows."""
        found = []
        for offset, size in self._blocks[bucket]:
            self._spill.seek(offset)
            found.append(self._spill.read(size))
        return b"".join(found)


class _Joined:
    """Two files of rows, brought together by what their rows say.

    Args:
        keys: none: by all columns.
        columns: those that are compared.
        spill: a file for the digests.
    """

    def __init__(
        self,
        before: FrameFile,
        after: FrameFile,
        keys: Sequence[str],
        columns: Sequence[str],
        plain: Plain,
        spill: BinaryIO,
    ) -> None:
        self._before, self._after = before, after
        self._keys, self._columns, self._plain = keys, columns, plain
        rows = max(before.shape.rows, after.shape.rows)
        self._buckets = min(_MOST_BUCKETS, 1 + rows // _BUCKET_ROWS)
        self._old, self._new = _Digests(spill, self._buckets), _Digests(spill, self._buckets)
        self._old.fill(self._records(before))
        self._new.fill(self._records(after))

    def tell(self, page: _Page) -> int:
        """Fill a page; how many rows are the same."""
        # For each row: 0: the same; else by which bucket, and (after) whether it was added.
        old, new = bytearray(self._before.shape.rows), bytearray(self._after.shape.rows)
        same = 0
        for bucket in range(self._buckets):
            for was, now, equal in self._join(bucket):
                if equal:
                    same += 1
                elif now is not None:
                    new[now] = 2 * bucket + (1 if was is None else 2)
                elif was is not None:
                    old[was] = 1
        removed = _wanted(page, Moved.REMOVED, (at for at, mark in enumerate(old) if mark))
        added = _wanted(page, Moved.ADDED, (at for at, mark in enumerate(new) if mark & 1))
        changed = _wanted(
            page, Moved.CHANGED, (at for at, mark in enumerate(new) if mark and not mark & 1)
        )
        pairs = self._pairs({at: new[at] // 2 - 1 for at in changed})
        before = _rows_at(self._before, {*removed, *pairs.values()})
        after = _rows_at(self._after, {*added, *changed})
        for at in removed:
            page.show((at, None), before[at], None)
        for at in added:
            page.show((None, at), None, after[at])
        for at in changed:
            one, other = before[pairs[at]], after[at]
            columns = _differing(one, other, self._columns, self._plain)
            page.show((pairs[at], at), one, other, columns)
        return same

    def _records(self, side: FrameFile) -> Iterator[bytes]:
        plain, keys, columns, pack = self._plain, self._keys, self._columns, _RECORD.pack
        for at, row in enumerate(side.rows()):
            of_row = _digest(plain(row, columns))
            of_key = _digest(plain(row, keys)) if keys else of_row
            yield pack(of_key, of_row, at)

    def _join(self, bucket: int) -> Iterator[tuple[int | None, int | None, bool]]:
        """The rows of a bucket: which they are before and after, and whether they are the same."""
        old, new, size = self._old.read(bucket), self._new.read(bucket), _RECORD.size
        waiting: dict[bytes, array[int]] = {}
        for start in range(len(old) - size, -1, -size):  # backwards: the first is taken first
            key = old[start : start + _DIGEST]
            starts = waiting.get(key)
            if starts is None:
                waiting[key] = array("Q", (start,))
            elif self._keys:
                raise self._repeated(self._before, old, key)
            else:
                starts.append(start)
        for key, of_row, now in _RECORD.iter_unpack(new):
            starts = waiting.get(key)
            if starts:
                _, was_row, was = _RECORD.unpack_from(old, starts.pop())
                yield was, now, was_row == of_row
            elif starts is None or not self._keys:
                waiting[key] = array("Q")
                yield None, now, False
            else:
                raise self._repeated(self._after, new, key)
        for starts in waiting.values():
            for start in starts:
                yield _RECORD.unpack_from(old, start)[2], None, False

    def _pairs(self, buckets: dict[int, int]) -> dict[int, int]:
        """Rows after, and the buckets that they are in → the rows before."""
        return {
            now: was
            for bucket in set(buckets.values())
            for was, now, _ in self._join(bucket)
            if was is not None and now is not None and now in buckets
        }

    def _repeated(self, side: FrameFile, records: bytes, key: bytes) -> Invalid:
        same = (at for other, _, at in _RECORD.iter_unpack(records) if other == key)
        first, second = islice(same, 2)
        row = _rows_at(side, {first})[first]
        values = ", ".join(f"{name} = {_shown(row.get(name))}" for name in self._keys)
        return Invalid(
            f"two rows of {side.name} have the key {values}: row {first + 1} and row {second + 1}; "
            "name key columns that tell all rows apart, or compare by position"
        )


def _shown(value: Json) -> str:
    text = _json(value).decode()
    return text if len(text) <= 80 else f"{text[:79]}…"


def _wanted(page: _Page, how: Moved, places: Iterable[int]) -> list[int]:
    """Count rows of a kind; those that are to be shown."""
    return [at for at in places if page.wants(how)]


def _rows_at(side: FrameFile, places: set[int]) -> dict[int, Row]:
    """Some rows of a file."""
    rows = enumerate(islice(side.rows(), max(places, default=-1) + 1))
    return {at: row for at, row in rows if at in places}
