"""Files: data frames, uploads, exports. A folder by default, an object store by URL."""

import asyncio
import errno
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

from weighbridge.errors import OutOfSpace, Unavailable

_PARTS_AT_ONCE = 4  # of 5 MiB each, in memory
_PIECE = 1 << 20


class Blobs:
    """Reads and writes whole blobs and ranges of them.

    Args:
        url: `s3://…`, `gs://…`, `az://…` (credentials from the usual variables), or None.
        folder: where blobs go when there is no URL; made when missing.
    """

    def __init__(self, url: str | None, folder: Path) -> None:
        self._store: ObjectStore
        self._folder = folder if url is None else None
        if url is None:
            folder.mkdir(parents=True, exist_ok=True)
            self._store = LocalStore(prefix=folder)
        else:
            self._store = from_url(url)

    async def take_file(self, key: str, path: Path) -> None:
        """Store the file at `path` under `key`, whole or not at all; it may be gone afterwards.

        Raises:
            OutOfSpace: no room for it.
        """
        try:
            if self._folder is not None:
                await asyncio.to_thread(_move, path, self._folder / key)
            else:
                # Opening is a metadata look-up; the upload itself does not block the loop.
                with await asyncio.to_thread(path.open, "rb") as file:
                    await obstore.put_async(self._store, key, file, max_concurrency=_PARTS_AT_ONCE)
        except OSError as error:
            raise _storage_error(error) from error

    async def put(self, key: str, data: bytes) -> None:
        """Store some bytes under `key`, whole or not at all.

        Raises:
            OutOfSpace: no room for them.
            Unavailable: the store cannot be reached.
        """
        try:
            await obstore.put_async(self._store, key, data)
        except (OSError, BaseError) as error:
            raise _storage_error(error) from error

    async def get(self, key: str) -> bytes:
        """The whole of a blob that fits into memory."""
        try:
            found = await obstore.get_async(self._store, key)
            return bytes(await found.bytes_async())
        except (FileNotFoundError, NotFoundError) as error:
            raise Unavailable(f"the stored file {key} is gone from the blob store") from error

    async def get_range(self, key: str, start: int, end: int) -> bytes:
        """The bytes `start` to `end` (exclusive) of a blob."""
        if start >= end:
            return b""
        try:
            return bytes(await obstore.get_range_async(self._store, key, start=start, end=end))
        except FileNotFoundError as error:
            raise Unavailable(f"the stored file {key} is gone from the blob store") from error

    def local_path(self, key: str) -> Path | None:
        """Where a blob lies as a file; None: it does not, but in an object store."""
        return None if self._folder is None else self._folder / key

    async def exists(self, key: str) -> bool:
        """Whether there is a blob of that name."""
        try:
            await obstore.head_async(self._store, key)
        except FileNotFoundError:
            return False
        return True

    async def size(self, key: str) -> int:
        """How many bytes a blob has.

        Raises:
            Unavailable: it is gone.
        """
        try:
            found = await obstore.head_async(self._store, key)
        except FileNotFoundError as error:
            raise Unavailable(f"the stored file {key} is gone from the blob store") from error
        return int(found["size"])

    async def pieces(self, key: str, size: int) -> AsyncIterator[bytes]:
        """A blob of so many bytes, a piece at a time."""
        for start in range(0, size, _PIECE):
            yield await self.get_range(key, start, min(start + _PIECE, size))

    async def delete(self, key: str) -> None:
        """Remove a blob; one that is not there is no error."""
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return


def _move(path: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.replace(destination)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        # Another file system: copied beside its place first, so that it appears there whole.
        beside = destination.with_name(f".{destination.name}.{secrets.token_hex(4)}")
        shutil.copyfile(path, beside)
        beside.replace(destination)


def _storage_error(error: Exception) -> Exception:
    text = str(error)
    if getattr(error, "errno", None) in {errno.ENOSPC, errno.EDQUOT} or "No space left" in text:
        return OutOfSpace("no room left in the blob store; nothing was half-written")
    return Unavailable(f"the blob store cannot be written: {text[:200]}")
