"""A folder as a zip file, made while it is sent."""

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator

from fastapi import APIRouter
from starlette.responses import Response, StreamingResponse

from weighbridge.core.versions import Entry
from weighbridge.dialects.oxen.access import RepoToRead
from weighbridge.errors import NotFound
from weighbridge.versions.base import Repo

router = APIRouter(prefix="/repos/{namespace}/{repository}/export/download")


@router.get("/{resource:path}")
async def download(repo: RepoToRead, resource: str) -> Response:
    """Everything at and below a path."""
    at = await repo.locate(resource)
    if await repo.entry(at.commit, at.path) is None:
        raise NotFound(f"there is no {at.path!r} at {at.revision}")
    above = at.path.rpartition("/")[0]
    entries = repo.files(at.commit, at.path)
    return StreamingResponse(_zipped(repo, entries, above), media_type="application/zip")


async def _zipped(repo: Repo, entries: AsyncIterator[Entry], above: str) -> AsyncIterator[bytes]:
    sink = Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        async for entry in entries:
            content = await repo.content(entry.hash)
            info = zipfile.ZipInfo(entry.path[len(above) :].lstrip("/"))
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=content.size >= 1 << 31) as file:
                async for piece in repo.stream(content):
                    await asyncio.to_thread(file.write, piece)
                    yield sink.taken()
            yield sink.taken()
    yield sink.taken()


class Sink(io.RawIOBase):
    """What was written and not yet taken; it cannot go back, so sizes come after the bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._pending = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        before = len(self._pending)
        self._pending += data  # type: ignore[arg-type]
        return len(self._pending) - before

    def taken(self) -> bytes:
        data = bytes(self._pending)
        self._pending.clear()
        return data
