"""Files out of the store, for whoever looks at a page: saved, or shown where they are harmless."""

from collections.abc import AsyncIterator
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from weighbridge.errors import NotFound, Unavailable
from weighbridge.store.blobs import Blobs

_TEXTS = frozenset({"application/json", "application/jsonl", "application/x-ndjson"})


async def of_blob(blobs: Blobs, key: str, name: str, media_type: str) -> Response:
    """A blob as a file.

    Args:
        key: of the blob, which whoever asks has a right to.
        name: under which it is to be saved.

    Raises:
        NotFound: it is gone.
    """
    try:
        size = await blobs.size(key)
    except Unavailable as error:
        raise NotFound("the file is gone") from error
    return of_pieces(blobs.pieces(key, size), name, media_type, size)


def in_place(
    pieces: AsyncIterator[bytes], name: str, media_type: str, size: int | None
) -> Response:
    """Bytes that a page shows where it stands.

    Args:
        media_type: one that browsers draw, and that holds no script.
    """
    return _sent("inline", pieces, name, media_type, size)


def of_pieces(
    pieces: AsyncIterator[bytes], name: str, media_type: str, size: int | None = None
) -> Response:
    """Bytes as they come, as a file."""
    text = media_type.startswith("text/") or media_type in _TEXTS
    kind = f"{media_type}; charset=utf-8" if text and "charset" not in media_type else media_type
    return _sent("attachment", pieces, name, kind, size)


def of_text(text: str, name: str, media_type: str = "text/plain") -> Response:
    """A text as a file."""

    async def pieces() -> AsyncIterator[bytes]:
        yield data

    data = text.encode("utf-8", "replace")
    return of_pieces(pieces(), name, media_type, len(data))


def _sent(
    how: str, pieces: AsyncIterator[bytes], name: str, media_type: str, size: int | None
) -> Response:
    headers = {
        "Content-Disposition": f"{how}; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    }
    if size is not None:
        headers["Content-Length"] = str(size)
    return StreamingResponse(pieces, headers=headers, media_type=media_type)
