"""What becomes of a file that has come: it is looked at, kept, and a video taken apart.

A process that works on files says so every few seconds. When it is killed, its files are taken up
by whoever asks for them next.
"""

import asyncio
import contextlib
import errno
import hashlib
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from weighbridge.core.asset import Asset, AssetKind, AssetState, Frame
from weighbridge.errors import Conflict, OutOfSpace, TooLarge, Unavailable, WeighbridgeError
from weighbridge.jobs.keeping import image_key
from weighbridge.media.frames import check_installed, take_apart
from weighbridge.media.sniff import expected, kind_of, refuse_disguise, sniff
from weighbridge.outbound.fetching import Fetcher
from weighbridge.outbound.guard import Guard
from weighbridge.store import assets
from weighbridge.store.engine import Store
from weighbridge.store.moments import now

log = logging.getLogger(__name__)

MOST_BYTES: dict[AssetKind, int] = {
    AssetKind.TEXT: 20 << 20,
    AssetKind.DOCUMENT: 20 << 20,
    AssetKind.IMAGE: 20 << 20,
    AssetKind.VIDEO: 200 << 20,
}
"""Of one file."""

_FETCHED_AT_ONCE = 4
_APART_AT_ONCE = 2
_BEAT_S = 5.0
_STALE_S = 20.0
"""Seconds after which a file that nobody says he works on is taken up by whoever asks for it."""
_PIECE = 1 << 20


class AssetWork:
    """Works on files. Use it in one event loop.

    Args:
        store: where they are kept.
        guard: which addresses files may be fetched from.
    """

    def __init__(self, store: Store, guard: Guard) -> None:
        self._store = store
        self._fetcher = Fetcher(guard)
        self._fetching = asyncio.Semaphore(_FETCHED_AT_ONCE)
        self._taking_apart = asyncio.Semaphore(_APART_AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._beating: asyncio.Task[None] | None = None

    async def close(self) -> None:
        """Leave off; files that are not done are taken up again by whoever asks for them next."""
        tasks = [*self._tasks.values(), *([self._beating] if self._beating else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._fetcher.close()

    async def accepted(
        self, asset: Asset, path: Path, sha256: str, media_type: str | None
    ) -> Asset:
        """A file with the bytes at `path`, which are kept from now on; its row is still to be
        written.

        Args:
            sha256: of the bytes.
            media_type: what their sender says that they are; None: nothing.

        Raises:
            Invalid: they are nothing that can be read, or not what they were said to be.
            TooLarge: they are over the limit for their kind.
            OutOfSpace: no room for them.
        """
        found = await asyncio.to_thread(sniff, path, asset.media_type)
        refuse_disguise(found, asset.media_type, expected(media_type))
        size = (await asyncio.to_thread(path.stat)).st_size
        if size > MOST_BYTES[found.kind]:
            raise _too_large(MOST_BYTES[found.kind], f"of the kind {found.kind}")
        if found.kind is AssetKind.VIDEO:
            check_installed()
        await self._store.blobs.take_file(image_key(sha256), path)
        return replace(
            asset,
            kind=found.kind,
            media_type=found.media_type,
            size=size,
            sha256=sha256,
            state=(
                AssetState.PROCESSING if found.kind is AssetKind.VIDEO else AssetState.COMPLETED
            ),
            problem=None,
            updated_at=now(),
        )

    def begin(self, asset: Asset) -> None:
        """Do what is left to be done with a file, in the background."""
        if asset.state is not AssetState.PROCESSING:
            return
        task = asyncio.create_task(self._work(asset))
        self._tasks[asset.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(asset.id, None))
        if self._beating is None or self._beating.done():
            self._beating = asyncio.create_task(self._beat())

    def stop(self, asset_id: str) -> None:
        """Leave off with a file that nobody wants any more."""
        if (task := self._tasks.get(asset_id)) is not None:
            task.cancel()

    async def _beat(self) -> None:
        """Say that the files are worked on, for as long as some are."""
        while self._tasks:
            await asyncio.sleep(_BEAT_S)
            with contextlib.suppress(Unavailable, OutOfSpace):
                async with self._store.begin() as connection:
                    await assets.touch_assets(connection, list(self._tasks), now())

    async def taken_up(self, asset: Asset) -> Asset:
        """A file, which is worked on by us from now on if whoever did so is gone."""
        moment = now()
        if (
            asset.state is not AssetState.PROCESSING
            or asset.id in self._tasks
            or (moment - asset.updated_at).total_seconds() < _STALE_S
        ):
            return asset
        ours = replace(asset, updated_at=moment)
        async with self._store.begin() as connection:
            if not await assets.set_asset(connection, ours, unchanged_since=asset.updated_at):
                return asset
        self.begin(ours)
        return ours

    async def _work(self, asset: Asset) -> None:
        done = asset
        try:
            if asset.sha256 is None:
                async with self._fetching:
                    done = await self._fetched(asset)
                await self._write(done)
            if done.kind is AssetKind.VIDEO:
                async with self._taking_apart:
                    done = await self._apart(done)
                await self._write(done)
        except WeighbridgeError as error:
            await self._write(replace(done, state=AssetState.FAILED, problem=error.message))
        except Exception:
            log.exception("the file %s could not be taken in", asset.id)
            problem = "the server failed; its log says more"
            await self._write(replace(done, state=AssetState.FAILED, problem=problem))

    async def _fetched(self, asset: Asset) -> Asset:
        async with self.folder() as folder:
            path = folder / "file"
            await self._fetcher.fetch(str(asset.uri), path, most_bytes=most_of(asset))
            sha256 = await asyncio.to_thread(hash_file, path)
            return await self.accepted(asset, path, sha256, None)

    async def _apart(self, asset: Asset) -> Asset:
        async with self.file(sha256_of(asset), asset.size or 0) as path:
            apart = await take_apart(path, asset.media_type)
        frames = []
        for data, second in apart.frames:
            sha256 = hashlib.sha256(data).hexdigest()
            await self._store.blobs.put(image_key(sha256), data)
            frames.append(Frame(sha256, len(data), second))
        return replace(asset, state=AssetState.COMPLETED, frames=tuple(frames), about=apart.about)

    async def _write(self, asset: Asset) -> None:
        async with self._store.begin() as connection:
            await assets.set_asset(connection, replace(asset, updated_at=now()))

    async def pieces(self, sha256: str, size: int) -> AsyncIterator[bytes]:
        """The bytes of this hash, a piece at a time."""
        for start in range(0, size, _PIECE):
            end = min(start + _PIECE, size)
            yield await self._store.blobs.get_range(image_key(sha256), start, end)

    @contextlib.asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """A folder for files on their way, which is gone afterwards."""
        with _room():
            made = await asyncio.to_thread(
                TemporaryDirectory, dir=self._store.folder, prefix=".incoming-"
            )
            try:
                yield Path(made.name)
            finally:
                await asyncio.to_thread(made.cleanup)

    @contextlib.asynccontextmanager
    async def file(self, sha256: str, size: int) -> AsyncIterator[Path]:
        """Where the bytes of this hash lie as a file, while it is looked at."""
        local = self._store.blobs.local_path(image_key(sha256))
        if local is not None:
            yield local
            return
        async with self.folder() as folder:
            path = folder / "file"
            await write_pieces(self.pieces(sha256, size), path, size)
            yield path


def most_of(asset: Asset) -> int:
    """How many bytes a file may have, by what is known of it so far."""
    return MOST_BYTES[asset.kind] if kind_of(asset.media_type) else max(MOST_BYTES.values())


def sha256_of(asset: Asset) -> str:
    """The hash of a file.

    Raises:
        Conflict: it has not come, or cannot be used.
    """
    if asset.state is AssetState.FAILED:
        raise Conflict(f"the file {asset.name!r} cannot be used: {asset.problem}")
    if asset.sha256 is None:
        raise Conflict(f"the bytes of the file {asset.name!r} have not come yet")
    return asset.sha256


def hash_file(path: Path) -> str:
    """SHA-256 of the file at `path`, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def write_pieces(pieces: AsyncIterator[bytes], path: Path, most: int) -> None:
    """Write a file as it comes in.

    Raises:
        TooLarge: it is over `most` bytes; the rest is not read.
    """
    size = 0
    file: BinaryIO = await asyncio.to_thread(path.open, "wb")
    try:
        async for piece in pieces:
            size += len(piece)
            if size > most:
                raise _too_large(most)
            await asyncio.to_thread(file.write, piece)
    finally:
        await asyncio.to_thread(file.close)


@contextlib.contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise OutOfSpace("no room left on the disk for this file") from error
        raise


def _too_large(most: int, of_which: str = "like this") -> TooLarge:
    return TooLarge(f"a file {of_which} has at most {most >> 20} MiB; this one is larger")
