"""A request's body as a file, written to disk as it comes in: memory does not grow with it."""

import asyncio
import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.exceptions import HTTPException
from starlette.requests import Request

from weighbridge.errors import OutOfSpace

_PIECE = 1 << 20


@asynccontextmanager
async def receive_body(request: Request, folder: Path) -> AsyncIterator[Path]:
    """The body, byte for byte, in a folder of its own that is gone afterwards.

    Args:
        folder: where that folder is made.

    Raises:
        HTTPException: 415, the body says that it is a form, in which the file would only be a part.
        OutOfSpace: no room for it.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        raise HTTPException(415, "the body must be the file's own bytes, not a form")
    try:
        keep = await asyncio.to_thread(TemporaryDirectory, dir=folder, prefix=".upload-")
        try:
            yield await _written(request, Path(keep.name) / "body")
        finally:
            await asyncio.to_thread(keep.cleanup)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise OutOfSpace("no room left on the disk for this file") from error
        raise


async def _written(request: Request, path: Path) -> Path:
    pending = bytearray()
    with await asyncio.to_thread(path.open, "wb") as file:
        async for chunk in request.stream():
            pending += chunk
            if len(pending) >= _PIECE:
                await asyncio.to_thread(file.write, bytes(pending))
                pending.clear()
        await asyncio.to_thread(file.write, bytes(pending))
    return path
