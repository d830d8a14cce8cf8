"""What the pages of data have in common: their addresses, and cells as files."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from weighbridge.core.inference import FrameAddress, frame_address
from weighbridge.core.json import JsonObject
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import NotFound
from weighbridge.web.downloads import of_pieces
from weighbridge.web.rows import whole
from weighbridge.web.visit import Visit

_PIECE = 1 << 20


def address(*parts: str, **query: str | int | None) -> str:
    """`/data/…` with parts that may hold anything; slashes in them stay."""
    asked = {name: value for name, value in query.items() if value is not None}
    path = "/".join(("/data", *(quote(part) for part in parts if part)))
    return f"{path}?{urlencode(asked)}" if asked else path


def start_of(visit: Visit, name: str = "cursor") -> int:
    """Where a page of rows begins."""
    cursor = visit.query.text(name)
    return int(decode_cursor(cursor, int)[0]) if cursor else 0


def next_of(start: int, shown: int, total: int) -> str | None:
    """The cursor of the next page; None on the last."""
    return encode_cursor(start + shown) if shown and start + shown < total else None


def cell_as_file(row: dict[str, Any], column: str, name: str) -> Response:
    """A value as a file of text.

    Raises:
        NotFound: the row has no such column.
    """
    if column not in row:
        raise NotFound(f"there is no column {column[:80]!r}")
    data = whole(row[column]).encode("utf-8", "replace")
    return of_pieces(_pieces(data), name, "text/plain", len(data))


def called(name: str) -> str:
    """The name of a data set as people read it: where it says which commit of a repository it was
    taken from, ten digits of that are enough."""
    found = frame_address(name)
    if found is None:
        return name
    return str(FrameAddress(found.repository, found.revision[:10], found.path))


def in_words(selection: JsonObject | None) -> list[tuple[str, str]]:
    """How rows were selected, thing by thing."""
    return [(name, json.dumps(it, ensure_ascii=False)) for name, it in (selection or {}).items()]


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]
