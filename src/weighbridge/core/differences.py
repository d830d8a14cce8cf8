"""What differs between two states of a file: rows of a file of rows, lines of a text."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from weighbridge.core.json import JsonObject
from weighbridge.core.versions import Entry, FrameShape, Moved

CONTEXT = 3
"""So many lines that are the same stand before and after those that differ."""

_MOST_COMPARED = 2_000


class Alignment(StrEnum):
    """Which row of one file is held against which row of the other."""

    POSITION = "position"
    """The first against the first, the second against the second."""
    KEY = "key"
    """Those with the same values in the key columns."""
    CONTENT = "content"
    """Those that are the same in all columns that both have, so that none is changed."""


@dataclass(frozen=True, slots=True)
class ColumnChanges:
    """How the columns of two files of rows differ; types as in `FrameShape`.

    Attributes:
        added, removed: name → type.
        retyped: name → the type before and after.
    """

    added: Mapping[str, str]
    removed: Mapping[str, str]
    retyped: Mapping[str, tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.retyped)


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row that differs.

    Attributes:
        key: column → value of the key columns; empty unless aligned by key.
        before_at, after_at: which row it is on each side, counted from 0; None: it is not there.
        before, after: the whole row on each side.
        columns: those that both sides have and whose values differ; empty unless changed.
    """

    how: Moved
    key: JsonObject
    before_at: int | None
    after_at: int | None
    before: JsonObject | None
    after: JsonObject | None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FrameDifference:
    """How two files of rows differ. Rows are compared in the columns that both have: a column
    that only one has is a difference of the columns, not of every row.

    Attributes:
        before, after: what each side looks like; None: there is no such file.
        align: how rows were brought together; by `keys`, if by key.
        added, removed, changed, same: how many rows, always of the whole files.
        start: the first of each of the lists below, counted from 0.
        added_rows, changed_rows: a page, in the order of the rows after.
        removed_rows: a page, in the order of the rows before.
    """

    before: FrameShape | None
    after: FrameShape | None
    columns: ColumnChanges
    align: Alignment
    keys: tuple[str, ...]
    added: int
    removed: int
    changed: int
    same: int
    start: int
    added_rows: tuple[RowChange, ...]
    removed_rows: tuple[RowChange, ...]
    changed_rows: tuple[RowChange, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a text, without its end; `how` is None where it stands on both sides."""

    how: Moved | None
    text: str


@dataclass(frozen=True, slots=True)
class FileDifference:
    """How a file differs between two commits.

    Attributes:
        before, after: the file on each side; None: it is not there. Never both.
        how: None: its content is the same.
        rows: for files of rows.
        lines: for texts: those that differ, with `CONTEXT` lines around them.
    """

    before: Entry | None
    after: Entry | None
    how: Moved | None
    rows: FrameDifference | None = None
    lines: tuple[Line, ...] | None = None


def column_changes(before: FrameShape | None, after: FrameShape | None) -> ColumnChanges:
    """How the columns of two files differ; None: a file without columns."""
    old = before.columns if before else {}
    new = after.columns if after else {}
    return ColumnChanges(
        added={name: kind for name, kind in new.items() if name not in old},
        removed={name: kind for name, kind in old.items() if name not in new},
        retyped={
            name: (old[name], kind)
            for name, kind in new.items()
            if name in old and old[name] != kind
        },
    )


def line_changes(before: str, after: str) -> tuple[Line, ...]:
    """The lines that differ, in order, with the lines around them.

    Where the part that differs has more than 2,000 lines, all of it before is removed and all of
    it after is added: looking for what is alike in it would take too long.
    """
    old, new = _lines(before), _lines(after)
    return tuple(_near(list(_aligned(old, new))))


def _lines(text: str) -> list[str]:
    """With their ends: a last line without one differs from one that has it."""
    *whole, rest = text.split("\n")
    return [f"{line}\n" for line in whole] + ([rest] if rest else [])


def _aligned(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    """All lines of both."""
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    rest = shorter - head
    tail = next((i for i in range(rest) if old[-1 - i] != new[-1 - i]), rest)
    yield from _as(None, old[:head])
    yield from _differing(old[head : len(old) - tail], new[head : len(new) - tail])
    yield from _as(None, old[len(old) - tail :])


def _differing(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    if max(len(old), len(new)) > _MOST_COMPARED:
        yield from _as(Moved.REMOVED, old)
        yield from _as(Moved.ADDED, new)
        return
    for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            yield from _as(None, old[i:j])
        else:
            yield from _as(Moved.REMOVED, old[i:j])
            yield from _as(Moved.ADDED, new[k:m])


def _as(how: Moved | None, lines: Sequence[str]) -> Iterator[Line]:
    return (Line(how, line.removesuffix("\n")) for line in lines)


def _near(lines: Sequence[Line]) -> Iterator[Line]:
    """Those that differ, and those around them."""
    last = -1
    places = [place for place, line in enumerate(lines) if line.how]
    for place in places:
        for shown in range(max(last + 1, place - CONTEXT), place + CONTEXT + 1):
            if shown < len(lines):
                yield lines[shown]
                last = shown
