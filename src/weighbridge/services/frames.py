"""Rows of the files in repositories: looked at by pages, asked by SQL, edited in drafts."""

import asyncio
import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from weakref import WeakValueDictionary

from weighbridge.core.versions import (
    Commit,
    Content,
    Draft,
    FrameShape,
    Kind,
    RowNumbers,
    checked_path,
)
from weighbridge.datasets.editing import Edit, write_edited
from weighbridge.datasets.querying import Answer, Querier, Question
from weighbridge.datasets.readers import EXTENSIONS
from weighbridge.datasets.rows import Row
from weighbridge.datasets.slices import columns_of, read_slice
from weighbridge.errors import Conflict, Invalid, NotFound
from weighbridge.store.engine import Store
from weighbridge.versions.base import Repo

_TRIES = 5
_KEPT = 16
_KEPT_BYTES = 512 << 20


@dataclass(frozen=True, slots=True)
class Frame:
    """A file of rows, opened for reading.

    Attributes:
        path: of the file in its repository.
        numbers: how its rows are told apart.
    """

    repo: Repo
    path: str
    content: Content
    shape: FrameShape
    numbers: RowNumbers

    @property
    def columns(self) -> dict[str, str]:
        """Name → type, in the words of arrow."""
        return columns_of(self.shape)


@dataclass(frozen=True, slots=True)
class Edited:
    """A file of rows before and after an edit."""

    before: Frame
    after: Frame


class Frames:
    """Reads and edits files of rows.

    Args:
        store: where answers are kept for a while, and files while they are written.
    """

    def __init__(self, store: Store) -> None:
        self._folder = store.folder
        self._querier = Querier(store.folder)
        self._turns: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()
        self._answers: OrderedDict[tuple[object, ...], Answer] = OrderedDict()

    async def close(self) -> None:
        """End what carries out queries."""
        await self._querier.close()

    async def at(self, repo: Repo, commit: Commit, path: str) -> Frame:
        """A file of rows at a commit.

        Raises:
            NotFound: there is no such file.
            Invalid: it is no file of rows.
        """
        path = checked_path(path)
        entry = await repo.entry(commit, path)
        if entry is None:
            raise NotFound(f"there is no file {path!r} at {commit.id}")
        if entry.kind is not Kind.FILE:
            raise Invalid(f"{path!r} is a folder; a file of rows was expected")
        return _frame(repo, path, await repo.content(entry.hash))

    def of(self, repo: Repo, content: Content, path: str) -> Frame:
        """A file of rows by its content, committed or not.

        Raises:
            Invalid: it is no file of rows.
        """
        return _frame(repo, path, content)

    async def in_draft(self, repo: Repo, draft_id: str, path: str) -> Frame:
        """A file of rows as a draft has it.

        Raises:
            NotFound: there is no such draft, or no such file in it.
            Invalid: it is no file of rows.
        """
        return await self._of(repo, await repo.draft(draft_id), checked_path(path))

    async def _of(self, repo: Repo, draft: Draft, path: str) -> Frame:
        if path not in draft.changes:
            return await self.at(repo, await repo.commit_at(draft.commit_id), path)
        content_hash = draft.changes[path]
        if content_hash is None:
            raise NotFound(f"the file {path!r} is removed in the draft {draft.id!r}")
        frame = _frame(repo, path, await repo.content(content_hash))
        return replace(frame, numbers=draft.numbers.get(path, frame.numbers))

    async def rows(self, frame: Frame, start: int, stop: int) -> list[Row]:
        """The rows `start` to `stop` (exclusive), each with every column."""
        if not 0 <= start < min(stop, frame.shape.rows):
            return []
        async with frame.repo.file(frame.content, frame.path) as file:
            return await asyncio.to_thread(read_slice, file, frame.shape, start, stop)

    async def edit(
        self, repo: Repo, draft_id: str, path: str, plan: Callable[[Frame], Edit]
    ) -> Edited:
        """Edit rows of a file in a draft, by a new version of the file.

        Args:
            plan: what is to become of the file, said once it is known how it is; asked again when
                somebody else has edited it meanwhile.

        Raises:
            NotFound: there is no such draft or file.
            Invalid: it is no file of rows, or the edit does not suit it.
            Conflict: others edit it all the time.
        """
        path = checked_path(path)
        draft = await repo.draft(draft_id)
        turn = self._turns.setdefault((repo.repository.id, draft.id, path), asyncio.Lock())
        async with turn:
            for _ in range(_TRIES):
                draft = await repo.draft(draft.id)
                before = await self._of(repo, draft, path)
                edit = plan(before)
                content = await self._edited(before, edit)
                numbers = before.numbers
                for position in edit.removed:
                    numbers = numbers.without(before.numbers.number_at(position))
                if await repo.stage_edit(draft, path, content, numbers) is not None:
                    after = replace(_frame(repo, path, content), numbers=numbers)
                    return Edited(before, after)
        raise Conflict(f"{path!r} is edited by others in this draft; try again")

    async def _edited(self, frame: Frame, edit: Edit) -> Content:
        suffix = PurePosixPath(frame.path).suffix
        handle, name = await asyncio.to_thread(
            tempfile.mkstemp, dir=self._folder, prefix=".editing-", suffix=suffix
        )
        os.close(handle)
        target = Path(name)
        try:
            async with frame.repo.file(frame.content, frame.path) as file:
                await asyncio.to_thread(write_edited, file, frame.shape, target, edit)
            return await frame.repo.keep(target, frame.path)
        finally:
            await asyncio.to_thread(target.unlink, missing_ok=True)

    def position_of(self, frame: Frame, row_id: str) -> int:
        """Where the row of an id stands.

        Raises:
            NotFound: the file has no such row.
        """
        number = frame.numbers.number_of(row_id)
        position = None if number is None else frame.numbers.position_of(number)
        if position is None or position >= frame.shape.rows:
            raise NotFound(
                f"there is no row {row_id[:80]!r} in {frame.path!r}; ids hold until a commit, and "
                "those of the rows that there are now are in its pages"
            )
        return position

    async def ask(
        self, frame: Frame, sql: str, *, id_column: str | None, again: bool = False
    ) -> Answer:
        """What a SELECT statement over the table `df` selects.

        Args:
            id_column: the name of a column for the ids of rows, which `df` has beside its own.
            again: whether an answer to the same question that was given before will do: so pages
                of one answer fit together.

        Raises:
            Invalid: the query is wrong, or takes too long.
            TooLarge: its answer is.
        """
        key = (frame.content.hash, frame.repo.repository.id, frame.numbers, sql, id_column)
        if again and key in self._answers:
            self._answers.move_to_end(key)
            return self._answers[key]
        async with frame.repo.file(frame.content, frame.path) as file:
            question = Question(file, frame.shape, sql, id_column, frame.numbers)
            answer = await self._querier.answer(question)
        self._answers[key] = answer
        self._answers.move_to_end(key)
        while self._answers and (
            len(self._answers) > _KEPT
            or sum(it.size for it in self._answers.values()) > _KEPT_BYTES
        ):
            self._answers.popitem(last=False)
        return answer


def chosen(frame: Frame, columns: Sequence[str]) -> Frame:
    """A frame with some of its columns, in that order.

    Raises:
        Invalid: it has no such column.
    """
    there = frame.columns
    missing = [name for name in columns if name not in there]
    if missing:
        raise Invalid(
            f"{frame.path!r} has no column {missing[0][:80]!r} (columns: {', '.join(there)})"
        )
    shape = replace(frame.shape, columns={name: there[name] for name in columns})
    return replace(frame, shape=shape)


def _frame(repo: Repo, path: str, content: Content) -> Frame:
    if content.frame is None:
        raise Invalid(
            f"{path!r} is no file of rows; supported are {', '.join(EXTENSIONS)} (a .json file "
            "must be an array of objects)"
        )
    return Frame(repo, path, content, content.frame, RowNumbers(content.hash))
