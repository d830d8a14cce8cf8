"""Data sets: taken in from files and rows, kept as frames, read back a segment at a time."""

import asyncio
import builtins
import errno
import itertools
import os
import re
import tempfile
import threading
from array import array
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from weighbridge.core.caller import Caller, Role
from weighbridge.core.evaluation import Evaluation
from weighbridge.core.json import JsonObject
from weighbridge.core.suggest import did_you_mean
from weighbridge.datasets.cases import check_rows
from weighbridge.datasets.frame import SEGMENT, FrameIndex, write_frame
from weighbridge.datasets.readers import open_rows
from weighbridge.datasets.selection import Selection
from weighbridge.datasets.shapes import format_of
from weighbridge.datasets.shuffle import shuffled
from weighbridge.errors import Invalid, NotFound, OutOfSpace
from weighbridge.store import datasets
from weighbridge.store.datasets import Dataset
from weighbridge.store.engine import Store

_TAG = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")

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

    async def called(self, caller: Caller, reference: str) -> Dataset:
        """The data set that a reference means: an id (`ds_…`), a name (its newest version),
        `name@3` (a version) or `name@tag`.

        Raises:
            NotFound: the workspace has none; the message says which there are.
        """
        if reference.startswith("ds_"):
            return await self.get(caller, reference)
        async with self._store.begin() as connection:
            workspace = caller.workspace_id
            found = await datasets.find_version(connection, workspace, reference)
            name, at, which = reference.rpartition("@")
            newest = await datasets.find_version(connection, workspace, name) if at else None
            if found is None and newest is not None:
                number = int(which) if _VERSION.fullmatch(which) else which
                found = await datasets.find_version(connection, workspace, name, number)
            names = [] if found else await datasets.names_of_datasets(connection, workspace)
        if found is not None:
            return found
        if newest is not None:
            raise NotFound(
                f"the data set {name!r} has no version or tag {which!r}: its newest version is "
                f"{newest.version}"
            )
        raise NotFound(f"there is no data set {reference!r}{did_you_mean(reference, names)}")

    async def list(
        self,
        caller: Caller,
        *,
        after: str | None,
        limit: int,
        name: str | None = None,
        tag: str | None = None,
        selected: bool = False,
        search: str | None = None,
        newest: bool = False,
    ) -> list[Dataset]:
        """Newest first.

        Args:
            selected: those, too, that evaluations selected from others.
            search: only those with this in their name.
            newest: only the last version of each name.
        """
        async with self._store.begin() as connection:
            return await datasets.list_datasets(
                connection,
                caller.workspace_id,
                after=after,
                limit=limit,
                name=name,
                tag=tag,
                selected=selected,
                search=search,
                newest=newest,
            )

    async def versions(
        self, caller: Caller, name: str, *, below: int | None = None, limit: int = 100
    ) -> builtins.list[Dataset]:
        """The versions of a name, the last first; those below a number."""
        async with self._store.begin() as connection:
            return await datasets.versions_of(
                connection, caller.workspace_id, name, below=below, limit=limit
            )

    async def tag(self, caller: Caller, reference: str, tag: str) -> Dataset:
        """Give a version a name of its own, which moves here if another version had it.

        Raises:
            NotFound: there is no such data set.
            Invalid: it is no tag: it looks like a version's number, or has other characters.
        """
        caller.must_be(Role.WRITER)
        if not _TAG.fullmatch(tag):
            raise Invalid(
                f"{tag!r} cannot be a tag: up to 64 letters, digits, `.`, `_` and `-`, a letter "
                "first"
            )
        dataset = await self.called(caller, reference)
        async with self._store.begin() as connection:
            await datasets.set_tag(connection, dataset, tag)
        return await self.get(caller, dataset.id)

    async def untag(self, caller: Caller, reference: str, tag: str) -> Dataset:
        """Take a tag from a version.

        Raises:
            NotFound: there is no such data set, or it has no such tag.
        """
        caller.must_be(Role.WRITER)
        dataset = await self.called(caller, reference)
        async with self._store.begin() as connection:
            if not await datasets.remove_tag(connection, dataset, tag):
                raise NotFound(
                    f"version {dataset.version} of {dataset.name!r} has no tag {tag!r}"
                    + did_you_mean(tag, dataset.tags)
                )
        return await self.get(caller, dataset.id)

    async def page(
        self, dataset: Dataset, *, start: int = 0, limit: int = 100
    ) -> builtins.list[dict[str, Any]]:
        """Rows from the 0-based position `start` on."""
        stop = min(start + limit, dataset.frame.rows)
        rows: builtins.list[dict[str, Any]] = []
        for segment in range(start // SEGMENT, -(-stop // SEGMENT)):
            rows += await datasets.read_segment(self._store.blobs, dataset.frame, segment)
        skipped = start - start // SEGMENT * SEGMENT
        return rows[skipped : skipped + max(0, stop - start)]

    async def select(
        self, caller: Caller, dataset: Dataset, selection: Selection, evaluation: Evaluation
    ) -> Dataset:
        """The rows that a selection takes, as a data set of its own that knows where it came from.

        Raises:
            Invalid: a condition names a column that is not there, no row is left, fewer than are
                to be drawn, or what is left cannot be evaluated.
        """
        caller.must_be(Role.WRITER)
        loop = asyncio.get_running_loop()
        reading = _Reading(self._store, dataset, loop)

        def chosen() -> Iterator[dict[str, Any]]:
            positions = array("Q", (at for at, _ in selection.matching(reading.rows())))
            taken = iter(selection.draw(positions))
            wanted = next(taken, None)
            for position, row in enumerate(reading.rows()):
                if position == wanted:
                    yield row
                    wanted = next(taken, None)

        return await self._keep(
            caller,
            f"{dataset.name}, selected",
            chosen,
            lambda rows: check_rows(rows, evaluation),
            parent_id=dataset.id,
            selection=selection.written,
        )

    async def shuffle(self, caller: Caller, dataset: Dataset, seed: int) -> Dataset:
        """The same rows in random order, as a data set of its own that knows where it came from.
        One that was shuffled with this seed is the one that is wanted."""
        how: JsonObject = {"shuffled": seed}
        if dataset.selection == how:
            return dataset
        reading = _Reading(self._store, dataset, asyncio.get_running_loop())
        return await self._keep(
            caller,
            f"{dataset.name}, shuffled",
            lambda: shuffled(reading.rows(), dataset.frame.size, seed, self._store.folder),
            None,
            parent_id=dataset.id,
            selection=how,
        )

    async def rows(self, dataset: Dataset) -> AsyncIterator[dict[str, Any]]:
        """All rows in order, a segment in memory at a time."""
        for segment in range(-(-dataset.frame.rows // SEGMENT)):
            for row in await datasets.read_segment(self._store.blobs, dataset.frame, segment):
                yield row

    def lines(self, dataset: Dataset) -> AsyncIterator[bytes]:
        """The whole data set as JSON Lines, a piece at a time; `dataset.frame.size` bytes."""
        key = datasets.blob_key(dataset.frame.sha256)
        return self._store.blobs.pieces(key, dataset.frame.size)

    @asynccontextmanager
    async def file(self, dataset: Dataset) -> AsyncIterator[Path]:
        """The data set as a local file of JSON Lines that must not be changed."""
        here = self._store.blobs.local_path(datasets.blob_key(dataset.frame.sha256))
        if here is not None:
            yield here
            return
        handle, temporary = await asyncio.to_thread(
            tempfile.mkstemp, dir=self._store.folder, prefix=".reading-", suffix=".jsonl"
        )
        try:
            with os.fdopen(handle, "wb") as copy:
                async for piece in self.lines(dataset):
                    await asyncio.to_thread(copy.write, piece)
            yield Path(temporary)
        finally:
            await asyncio.to_thread(Path(temporary).unlink, missing_ok=True)

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

    async def count(
        self,
        path: Path,
        evaluation: Evaluation,
        selection: Selection | None = None,
        name: str | None = None,
    ) -> int:
        """The rows of a file that would be taken, each looked at as it would be on its way in;
        nothing is kept.

        Args:
            name: what the file is called, where it is not called so.

        Raises:
            Invalid: the file cannot be read as data, or lacks what the evaluation needs.
        """

        abandoned = threading.Event()

        def look() -> int:
            rows = _unless(abandoned, open_rows(path, format_of(name) if name else None))
            if selection is None:
                return sum(1 for _ in check_rows(rows, evaluation))
            return selection.count(rows, lambda taken: check_rows(taken, evaluation))

        try:
            return await asyncio.to_thread(look)
        finally:
            abandoned.set()

    async def count_selected(
        self, dataset: Dataset, evaluation: Evaluation, selection: Selection
    ) -> int:
        """As `count`, of a stored data set."""
        reading = _Reading(self._store, dataset, asyncio.get_running_loop())
        return await asyncio.to_thread(
            lambda: selection.count(reading.rows(), lambda taken: check_rows(taken, evaluation))
        )

    async def examples_of(
        self, path: Path, most: int, selection: Selection | None = None, name: str | None = None
    ) -> builtins.list[dict[str, Any]]:
        """The first rows of a file that would be taken. Arguments as for `count`."""
        kind = format_of(name) if name else None
        return await asyncio.to_thread(lambda: first_rows(open_rows(path, kind), most, selection))

    async def examples(
        self, dataset: Dataset, most: int, selection: Selection | None = None
    ) -> builtins.list[dict[str, Any]]:
        """Some rows of a stored data set: from its beginning, middle and end, or the first that are
        selected."""
        if selection is not None:
            reading = _Reading(self._store, dataset, asyncio.get_running_loop())
            return await asyncio.to_thread(lambda: first_rows(reading.rows(), most, selection))
        total = dataset.frame.rows
        if total <= most:
            return await self.page(dataset, limit=most)
        part = max(1, most // 3)
        rows: builtins.list[dict[str, Any]] = []
        for start in (0, (total - part) // 2, total - part):
            rows += await self.page(dataset, start=start, limit=part)
        return rows

    async def _keep(
        self,
        caller: Caller,
        name: str,
        rows: Callable[[], Rows],
        check: Check | None,
        *,
        parent_id: str | None = None,
        selection: JsonObject | None = None,
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
                return await datasets.add_dataset(
                    connection,
                    caller.workspace_id,
                    name,
                    frame,
                    parent_id=parent_id,
                    selection=selection,
                )
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise OutOfSpace("no room left on the disk for this data set") from error
            raise Invalid(f"cannot read {name}: {error.strerror or error}") from error
        finally:
            abandoned.set()
            await asyncio.to_thread(path.unlink, missing_ok=True)


def first_rows(rows: Rows, most: int, selection: Selection | None = None) -> list[dict[str, Any]]:
    """The first rows that are selected."""
    taken = rows if selection is None else (row for _, row in selection.matching(rows))
    return list(itertools.islice(taken, most))


class _Reading:
    """The rows of a stored data set, for a thread: segments are fetched by the event loop."""

    def __init__(self, store: Store, dataset: Dataset, loop: asyncio.AbstractEventLoop) -> None:
        self._store = store
        self._frame = dataset.frame
        self._loop = loop

    def rows(self) -> Iterator[dict[str, Any]]:
        """All rows in order; each call reads them anew."""
        for segment in range(self._frame.segments):
            reading = datasets.read_segment(self._store.blobs, self._frame, segment)
            yield from asyncio.run_coroutine_threadsafe(reading, self._loop).result()


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
