"""The bytes of files, for those who have a link to them."""

from urllib.parse import quote

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from weighbridge.dialects.dataframer.access import ServicesHere
from weighbridge.dialects.dataframer.downloads import PURPOSE
from weighbridge.errors import NotFound, Unavailable

router = APIRouter(prefix="/content")

_TEXTS = frozenset({"application/json", "application/jsonl"})


@router.get("/{token}")
async def give(services: ServicesHere, token: str) -> Response:
    """A file. The link is what permits it; whoever has it needs no key."""
    said = await services.links.read(PURPOSE, token)
    blob, name, media_type = (str(said[key]) for key in ("blob", "filename", "media_type"))
    blobs = services.store.blobs
    try:
        size = await blobs.size(blob)
    except Unavailable as error:
        raise NotFound("the file is gone") from error
    return StreamingResponse(
        blobs.pieces(blob, size),
        headers={
            "Content-Type": _with_charset(media_type),
            "Content-Length": str(size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
        },
    )


def _with_charset(media_type: str) -> str:
    text = media_type.startswith("text/") or media_type in _TEXTS
    return f"{media_type}; charset=utf-8" if text else media_type
