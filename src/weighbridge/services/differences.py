"""What differs between two revisions of a file, for whoever opened the repository."""

import asyncio
import codecs
import contextlib
import errno
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from weighbridge.core.differences import (
    Alignment,
    FileDifference,
    FrameDifference,
    Line,
    column_changes,
    line_changes,
)
from weighbridge.core.versions import Commit, Content, Entry, Kind, Moved, checked_path
from weighbridge.datasets.differences import FrameFile, compare_frames
from weighbridge.datasets.readers import EXTENSIONS
from weighbridge.datasets.shapes import shape_of
from weighbridge.errors import Invalid, NotFound, OutOfSpace, TooLarge
from weighbridge.services.datasets import Datasets
from weighbridge.store.datasets import Dataset
from weighbridge.store.engine import Store
from weighbridge.versions.base import Repo

MOST_TEXT_BYTES = 8 << 20
"""Lines of longer texts are not compared."""

_LOOKED_AT = 1 << 16
_AT_ONCE = 2


class Differences:
    """Compares files of repositories, a few at a time.

    Args:
        store: its folder is where a comparison puts what it need not hold in memory.
    """

    def __init__(self, store: Store) -> None:
        self._folder = store.folder
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def of_file(
        self,
        repo: Repo,
        before: Commit,
        after: Commit,
        path: str,
        *,
        align: Alignment | None = None,
        keys: Sequence[str] = (),
        start: int = 0,
        limit: int = 100,
    ) -> FileDifference:
        """How a file differs between two commits: rows of a file of rows, lines of a text, and of
        everything else what its entries say.

        Args:
            align: how rows are brought together; None: by `keys` where there are any, else by
                position.
            keys: names of the key columns.
            start, limit: which of the rows of each kind are told, as in `compare_frames`; the
                counts are always of all.

        Raises:
            NotFound: neither commit has the file.
            Invalid: it is a folder; keys are named and it has no rows; or as
                `compare_frames` says.
            TooLarge: a text over `MOST_TEXT_BYTES`.
            OutOfSpace: no room for comparing.
        """
        path = checked_path(path)
        old, new = await _file(repo, before, path), await _file(repo, after, path)
        if old is None and new is None:
            raise NotFound(f"there is no file {path!r} at either revision")
        contents = await repo.contents([it.hash for it in (old, new) if it])
        was, now = (contents[it.hash] if it else None for it in (old, new))
        how = _how(old, new)
        if all(content.frame for content in contents.values()):
            align = align or (Alignment.KEY if keys else Alignment.POSITION)
            if how is None and not keys and align is not Alignment.KEY:
                rows = _unchanged(was, align, start)
            else:
                compare = partial(
                    compare_frames,
                    folder=self._folder,
                    align=align,
                    keys=keys,
                    start=start,
                    limit=limit,
                )
                rows = await self._rows(repo, path, was, now, compare)
            return FileDifference(old, new, how, rows=rows)
        if keys:
            raise Invalid(
                f"{path!r} is no file of rows on both sides, so it has no keys; supported are "
                f"{', '.join(EXTENSIONS)}"
            )
        return FileDifference(old, new, how, lines=await self._lines(repo, path, was, now))

    async def of_datasets(
        self,
        datasets: Datasets,
        before: Dataset,
        after: Dataset,
        *,
        keys: Sequence[str] = (),
        start: int = 0,
        limit: int = 100,
    ) -> FrameDifference:
        """How two data sets differ.

        Args:
            keys: names of the key columns; none: rows are held against each other by position.
            start, limit: as in `of_file`.

        Raises:
            Invalid: as `compare_frames` says.
            OutOfSpace: no room for comparing.
        """
        compare = partial(
            compare_frames,
            folder=self._folder,
            align=Alignment.KEY if keys else Alignment.POSITION,
            keys=keys,
            start=start,
            limit=limit,
        )
        abandoned = threading.Event()
        async with self._room, datasets.file(before) as one, datasets.file(after) as other:
            return await self._compared(
                abandoned, lambda: compare(*_sides(abandoned, (one, before), (other, after)))
            )

    async def _rows(
        self,
        repo: Repo,
        path: str,
        before: Content | None,
        after: Content | None,
        compare: Callable[[FrameFile | None, FrameFile | None], FrameDifference],
    ) -> FrameDifference:
        abandoned = threading.Event()
        async with self._room, AsyncExitStack() as open_:
            old = await _opened(open_, repo, before, f"{path} (before)", abandoned)
            new = await _opened(open_, repo, after, f"{path} (after)", abandoned)
            return await self._compared(abandoned, lambda: compare(old, new))

    async def _compared(
        self, abandoned: threading.Event, compare: Callable[[], FrameDifference]
    ) -> FrameDifference:
        try:
            return await asyncio.to_thread(compare)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise OutOfSpace("no room left on the disk to compare these files") from error
            raise
        finally:
            abandoned.set()

    async def _lines(
        self, repo: Repo, path: str, before: Content | None, after: Content | None
    ) -> tuple[Line, ...] | None:
        async with self._room:
            one, other = await _text(repo, path, before), await _text(repo, path, after)
            if one is None or other is None:
                return None
            return await asyncio.to_thread(line_changes, one, other)


async def _file(repo: Repo, commit: Commit, path: str) -> Entry | None:
    entry = await repo.entry(commit, path)
    if entry is not None and entry.kind is not Kind.FILE:
        raise Invalid(f"{path!r} is a folder at {commit.id}; a file was expected")
    return entry


def _how(before: Entry | None, after: Entry | None) -> Moved | None:
    if before is None:
        return Moved.ADDED
    if after is None:
        return Moved.REMOVED
    return None if before.hash == after.hash else Moved.CHANGED


async def _opened(
    open_: AsyncExitStack,
    repo: Repo,
    content: Content | None,
    name: str,
    abandoned: threading.Event,
) -> FrameFile | None:
    if content is None or content.frame is None:
        return None
    path = await open_.enter_async_context(repo.file(content, f"side.{content.frame.format}"))
    return FrameFile(path, name, content.frame, abandoned)


def _sides(abandoned: threading.Event, *sides: tuple[Path, Dataset]) -> Iterator[FrameFile]:
    for path, dataset in sides:
        shape = shape_of(path, f"{dataset.name}.jsonl")
        assert shape is not None  # noqa: S101 (its name says what it is)
        name = f"{dataset.name}, version {dataset.version}"
        yield FrameFile(path, name, shape, abandoned)


def _unchanged(content: Content | None, align: Alignment, start: int) -> FrameDifference:
    shape = content.frame if content else None
    return FrameDifference(
        before=shape,
        after=shape,
        columns=column_changes(shape, shape),
        align=align,
        keys=(),
        added=0,
        removed=0,
        changed=0,
        same=shape.rows if shape else 0,
        start=start,
        added_rows=(),
        removed_rows=(),
        changed_rows=(),
    )


async def _text(repo: Repo, path: str, content: Content | None) -> str | None:
    """The text of a file, empty for one that is not there; None: it is no text."""
    if content is None:
        return ""
    head = await repo.read(content, 0, min(content.size, _LOOKED_AT))
    decoder = codecs.getincrementaldecoder("utf-8")()
    with contextlib.suppress(UnicodeDecodeError):
        if "\0" in decoder.decode(head):
            return None
        if content.size > MOST_TEXT_BYTES:
            raise TooLarge(
                f"the text {path!r} has {content.size >> 20} MiB; lines are compared up to "
                f"{MOST_TEXT_BYTES >> 20} MiB: download both revisions and compare them there"
            )
        text = (await repo.read(content)).decode()
        return None if "\0" in text else text
    return None
