"""Data sets: taken in from files and rows, kept as frames, read back a segment at a time."""

import asyncio
import errno
import os
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from weighbridge.core.caller import Caller, Role
from weighbridge.core.evaluation import Evaluation
from weighbridge.datasets.cases import check_rows
from weighbridge.datasets.frame import SEGMENT, FrameIndex, write_frame
from weighbridge.datasets.readers import open_rows
from weighbridge.errors import Invalid, NotFound, OutOfSpace
from weighbridge.store import datasets
from weighbridge.store.datasets import Dataset
from weighbridge.store.engine import Store

Rows = Iterable[dict[str, Any]]
Check = Callable[[Rows], Iterator[dict[str, Any]]]


class Datasets:
    """The data sets of an installation.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def import_file(
        self,
        caller: Caller,
        path: Path,
        *,
        name: str | None = None,
        format: str | None = None,  # noqa: A002 (the word users know)
        check: Check | None = None,
    ) -> Dataset:
        """Take in a csv, tsv, jsonl, json, parquet or arrow file.

        Args:
            name: for people; the file's name when left out.
            format: when the file's name does not tell it.
            check: looks at every row on its way in; what it raises refuses the file.

        Raises:
            Invalid: the file cannot be read as data; the message says what and where.
            OutOfSpace: no room for it.
        """
        caller.must_be(Role.WRITER)
        return await self._keep(caller, name or path.name, lambda: open_rows(path, format), check)

    async def import_rows(
        self, caller: Caller, name: str, rows: Rows, check: Check | None = None
    ) -> Dataset:
        """Take in rows that are in memory already."""
        caller.must_be(Role.WRITER)
        return await self._keep(caller, name, lambda: rows, check)

    async def get(self, caller: Caller, dataset_id: str) -> Dataset:
        """One data set.

        Raises:
            NotFound: the workspace has no such data set.
        """
        async with self._store.begin() as connection:
            dataset = await datasets.find_dataset(connection, caller.workspace_id, dataset_id)
        if dataset is None:
            raise NotFound(f"there is no data set {dataset_id}")
        return dataset

    async def list(self, caller: Caller, *, after: str | None, limit: int) -> list[Dataset]:
        """Newest first."""
        async with self._store.begin() as connection:
            return await datasets.list_datasets(
                connection, caller.workspace_id, after=after, limit=limit
            )

    async def rows(self, dataset: Dataset) -> AsyncIterator[dict[str, Any]]:
        """All rows in order, a segment in memory at a time."""
        for segment in range(-(-dataset.frame.rows // SEGMENT)):
            for row in await datasets.read_segment(self._store.blobs, dataset.frame, segment):
                yield row

    async def verify(self, dataset: Dataset, evaluation: Evaluation) -> None:
        """Check that a stored data set has what the evaluation needs.

        Raises:
            Invalid: a column is missing or an id occurs twice.
        """
        segments: list[list[dict[str, Any]]] = []
        verifier = check_rows(_drain(segments), evaluation)
        for segment in range(-(-dataset.frame.rows // SEGMENT)):
            segments.append(await datasets.read_segment(self._store.blobs, dataset.frame, segment))
            for _ in range(len(segments[0])):
                next(verifier)
        for _ in verifier:  # its last look, over all ids
            pass

    async def count(self, path: Path, evaluation: Evaluation) -> int:
        """The rows of a file, each looked at as it would be on its way in; nothing is kept.

        Raises:
            Invalid: the file cannot be read as data, or lacks what the evaluation needs.
        """

        abandoned = threading.Event()

        def look() -> int:
            return sum(1 for _ in check_rows(_unless(abandoned, open_rows(path)), evaluation))

        try:
            return await asyncio.to_thread(look)
        finally:
            abandoned.set()

    async def _keep(
        self, caller: Caller, name: str, rows: Callable[[], Rows], check: Check | None
    ) -> Dataset:
        handle, temporary = tempfile.mkstemp(dir=self._store.folder, prefix=".incoming-")
        path = Path(temporary)
        abandoned = threading.Event()
        try:
            frame = await asyncio.to_thread(
                _write, handle, lambda: _unless(abandoned, rows()), check
            )
            key = datasets.blob_key(frame.sha256)
            if not await self._store.blobs.exists(key):
                await self._store.blobs.take_file(key, path)
            async with self._store.begin() as connection:
                return await datasets.add_dataset(connection, caller.workspace_id, name, frame)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise OutOfSpace("no room left on the disk for this data set") from error
            raise Invalid(f"cannot read {name}: {error.strerror or error}") from error
        finally:
            abandoned.set()
            await asyncio.to_thread(path.unlink, missing_ok=True)


def _write(handle: int, rows: Callable[[], Rows], check: Check | None) -> FrameIndex:
    with os.fdopen(handle, "wb") as destination:
        incoming = rows()
        frame = write_frame(check(incoming) if check else incoming, destination)
    if any("\0" in column for column in frame.columns):
        raise Invalid("a column's name holds a NUL character, which no database keeps")
    if frame.rows == 0:
        raise Invalid("the data set has no rows; it needs at least one")
    return frame


def _unless(abandoned: threading.Event, rows: Rows) -> Iterator[dict[str, Any]]:
    """The rows, until nobody waits for them any more: a thread cannot be cancelled, and the process
    could not end before it."""
    for row in rows:
        if abandoned.is_set():
            raise Invalid("the import was abandoned")
        yield row


def _drain(segments: list[list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    while segments:
        yield from segments.pop(0)
