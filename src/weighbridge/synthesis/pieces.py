"""Files as pieces of text that can each be changed, and written out again in the same format: the
cells of a table, the strings and numbers of JSON, all of a text."""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from weighbridge.errors import Invalid

TEXT = 4_000
"""Characters of a passage."""

_OVERLAP = 200
"""Characters that the parts of a long piece have in common, so that nothing is cut in two."""

_LONGEST_NUMBER = 40
_LEAST_DIGITS = 5
_UNKEPT = re.compile("[\0\ud800-\udfff]")
"""What no database keeps; each is one character."""
_SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True, slots=True)
class Piece:
    """A text within a file.

    Attributes:
        text: as it is.
        field: the column or key that it is the value of; empty: of none.
        row: 0-based number of the row of a table that it is in; None: of none.
    """

    text: str
    field: str = ""
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a piece that a passage shows.

    Attributes:
        piece: its 0-based number. start: of the part in the piece.
        at: where it begins in the passage. length: in characters.
    """

    piece: int
    start: int
    at: int
    length: int


@dataclass(frozen=True, slots=True)
class Passage:
    """Pieces that are looked at together, as one text.

    Attributes:
        text: each piece that is a field's value on a line of its own, behind the field's name.
        spans: which parts of it are pieces.
    """

    text: str
    spans: tuple[Span, ...]


Write: TypeAlias = Callable[[Sequence[str]], str]
"""From as many texts as there are pieces to the file with those in their place."""


def take_apart(extension: str, text: str) -> tuple[list[Piece], Write]:
    """The pieces of a file, and how to put it together again.

    Args:
        extension: `.csv`, `.json` or `.jsonl`; anything else is text.

    Raises:
        Invalid: it is not what its extension says.
    """
    reader = {".csv": _csv, ".json": _json, ".jsonl": _json_lines}.get(extension)
    if reader is None:
        return [Piece(text)], lambda texts: texts[0]
    return reader(text)


def passages(pieces: Sequence[Piece], length: int = TEXT) -> Iterator[Passage]:
    """All pieces that hold anything, together as far as they fit, and long ones in parts.

    Args:
        length: characters of a passage, apart from names of fields.
    """
    parts: list[str] = []
    spans: list[Span] = []
    at, row = 0, None
    for number, piece in enumerate(pieces):
        for start in range(0, max(1, len(piece.text)), length - _OVERLAP):
            part = piece.text[start : start + length]
            if not part.strip() or (start and start + _OVERLAP >= len(piece.text)):
                continue
            if spans and at + len(part) > length:
                yield _passage(parts, spans)
                parts, spans, at, row = [], [], 0, piece.row
            gap = "\n" if spans and piece.row != row else ""
            head = f"{gap}{piece.field}: " if piece.field else gap
            spans.append(Span(number, start, at + len(head), len(part)))
            parts += (head, part, "\n")
            at += len(head) + len(part) + 1
            row = piece.row
    if spans:
        yield _passage(parts, spans)


def _passage(parts: Sequence[str], spans: Sequence[Span]) -> Passage:
    return Passage(_UNKEPT.sub("\N{REPLACEMENT CHARACTER}", "".join(parts)), tuple(spans))


def _csv(text: str) -> tuple[list[Piece], Write]:
    first = text.partition("\n")[0]
    # As data sets read it: a comma, or what the header has instead.
    separator = next((it for it in _SEPARATORS if it in first), ",")
    ending = "\r\n" if "\r\n" in text else "\n"
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise Invalid(f"it is no csv file: {error}") from error
    at = next((number for number, cells in enumerate(rows) if cells), 0)
    header = rows[at] if rows else []
    body = rows[at + 1 :]
    pieces = [
        Piece(cell, header[place] if place < len(header) else "", number)
        for number, cells in enumerate(body)
        for place, cell in enumerate(cells)
    ]

    def write(texts: Sequence[str]) -> str:
        left = iter(texts)
        out = io.StringIO(newline="")
        writer = csv.writer(out, delimiter=separator, lineterminator=ending)
        writer.writerow(header)
        for cells in body:
            writer.writerow([next(left) for _ in cells])
        return out.getvalue()

    return pieces, write if rows else lambda _texts: text


def _json(text: str) -> tuple[list[Piece], Write]:
    try:
        value = _parsed(text)
    except ValueError as error:
        try:  # lines that are merely called so
            return _json_lines(text)
        except Invalid:
            raise Invalid(f"it is not JSON: {error}") from error
    many = isinstance(value, list)
    pieces: list[Piece] = []
    if many:
        for row, item in enumerate(value):
            pieces += _leaves(item, row)
    else:
        pieces += _leaves(value, None)
    indent = 2 if "\n" in text.strip() else None

    def write(texts: Sequence[str]) -> str:
        left = iter(zip(pieces, texts, strict=True))
        return json.dumps(_rebuilt(value, left), ensure_ascii=False, indent=indent)

    return pieces, write


def _json_lines(text: str) -> tuple[list[Piece], Write]:
    values: list[Any] = []
    pieces: list[Piece] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values.append(_parsed(line))
        except ValueError as error:
            raise Invalid(f"line {number} is not JSON: {error}") from error
        pieces += _leaves(values[-1], len(values) - 1)

    def write(texts: Sequence[str]) -> str:
        left = iter(zip(pieces, texts, strict=True))
        return "".join(
            json.dumps(_rebuilt(value, left), ensure_ascii=False) + "\n" for value in values
        )

    return pieces, write


def _parsed(text: str) -> Any:
    def refuse(name: str) -> Any:
        raise ValueError(f"{name} is no JSON")

    def finite(written: str) -> float:
        number = float(written)
        return number if math.isfinite(number) else refuse(written)

    try:
        return json.loads(text, parse_constant=refuse, parse_float=finite)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _leaves(value: Any, row: int | None, field: str = "") -> Iterator[Piece]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, row, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, row, field)
    elif _is_leaf(value):
        yield Piece(str(value), field, row)


def _rebuilt(value: Any, left: Iterator[tuple[Piece, str]]) -> Any:
    if isinstance(value, dict):
        return {key: _rebuilt(inner, left) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rebuilt(inner, left) for inner in value]
    if not _is_leaf(value):
        return value
    piece, text = next(left)
    return value if piece.text == text else text


def _is_leaf(value: Any) -> bool:
    """Whether somebody's data may be in it: text, or a number that is long enough for a phone's."""
    if isinstance(value, str):
        return True
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return is_whole and _LEAST_DIGITS <= len(str(abs(value))) <= _LONGEST_NUMBER
