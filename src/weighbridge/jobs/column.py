"""The end of a run whose answers become a column: the file is made from its rows, and committed.

May be broken off anywhere and begun again: what is kept before the commit is found by its content,
and the commit carries the run's id, so that it is made once.
"""

import asyncio
import mimetypes
import os
import tempfile
from collections.abc import AsyncGenerator, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from weighbridge.core.evaluation import Output
from weighbridge.core.inference import Inference, InferenceState
from weighbridge.core.run import RunState
from weighbridge.core.versions import Commit, Content
from weighbridge.datasets.columns import Value, write_with_column
from weighbridge.datasets.shapes import format_of
from weighbridge.errors import Conflict, Invalid, NotFound
from weighbridge.jobs.loading import LoadedRun
from weighbridge.store.engine import Store
from weighbridge.store.inferences import set_inference
from weighbridge.store.outcomes import AnswerRow, stream_answers
from weighbridge.store.runs import read_state
from weighbridge.versions.base import Repo

_TRIES = 20


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a column.

    Attributes:
        problem: why it is not on its branch; None: it is, or waits to be put there.
    """

    state: InferenceState
    problem: str | None = None


async def deliver_column(store: Store, loaded: LoadedRun, repo: Repo) -> Delivered:
    """Make the file with the answers of a run in it, and commit it unless somebody is to look at
    it first.

    Args:
        loaded: a run with an inference, all of whose cases have an outcome.
        repo: the repository.

    Raises:
        OutOfSpace: no room for the file.
    """
    inference = loaded.inference
    assert inference is not None  # noqa: S101 (the caller has looked)
    result = await make_result(store, loaded, repo, inference)
    hashes = {path: content.hash for path, content in result.items()}
    if not inference.auto_commit:
        async with store.begin() as connection:
            await set_inference(connection, inference.run_id, InferenceState.HELD, result=hashes)
        return Delivered(InferenceState.HELD)
    async with store.begin() as connection:  # kept, whatever becomes of the commit
        await set_inference(connection, inference.run_id, inference.state, result=hashes)
        state, round_ = await read_state(connection, inference.run_id)
        if state is RunState.CANCELLED or round_ != loaded.round:  # while the file was made
            await set_inference(connection, inference.run_id, InferenceState.HELD)
            return Delivered(InferenceState.HELD)
    try:
        commit = await commit_result(repo, inference, result, key=_key(loaded))
    except (Conflict, NotFound, Invalid) as error:
        async with store.begin() as connection:
            await set_inference(
                connection, inference.run_id, InferenceState.CONFLICT, problem=error.message
            )
        return Delivered(InferenceState.CONFLICT, error.message)
    async with store.begin() as connection:
        await set_inference(
            connection,
            inference.run_id,
            InferenceState.COMMITTED,
            committed_as=commit.id,
            expected=hashes[inference.target_path],
        )
    return Delivered(InferenceState.COMMITTED)


def _key(loaded: LoadedRun) -> str:
    """A run that is taken up again for its failed cases is delivered again."""
    return f"{loaded.run.id}:{loaded.round}"


async def make_result(
    store: Store, loaded: LoadedRun, repo: Repo, inference: Inference
) -> dict[str, Content]:
    """The files that are to be committed: the one with the column, and those that it names."""
    source = await repo.commit_at(inference.commit_id)
    entry = await repo.entry(source, inference.path)
    if entry is None:
        raise NotFound(f"{inference.path!r} is gone from the repository")
    content = await repo.content(entry.hash)
    output = loaded.evaluation.output
    made: dict[str, Content] = {}
    target_format = format_of(inference.target_path)
    source_format = content.frame.format if content.frame else format_of(inference.path)
    if target_format is None or source_format is None:
        raise Invalid(f"{inference.target_path!r} is no file of rows by its name")
    cases = loaded.plan.cases
    rows = loaded.dataset.frame.rows
    # A new file holds the rows that were asked for; the source keeps all that it has.
    same = inference.target_path == inference.path
    only = cases if cases < rows and not same else None
    loop = asyncio.get_running_loop()
    async with repo.file(content, inference.path) as path:
        handle, temporary = await asyncio.to_thread(
            tempfile.mkstemp, dir=store.folder, prefix=".column-"
        )
        os.close(handle)
        target = Path(temporary)
        cells = _Cells(_values(store, loaded, repo, inference, made), loop)
        try:
            await asyncio.to_thread(
                write_with_column,
                path,
                source_format,
                target,
                target_format,
                inference.column,
                cells,
                embeddings=output is Output.EMBEDDINGS,
                only=only,
            )
            kept = await repo.keep(target, inference.target_path)
        finally:
            await cells.close()
            await asyncio.to_thread(target.unlink, missing_ok=True)
    return {**made, inference.target_path: kept}


async def _values(
    store: Store,
    loaded: LoadedRun,
    repo: Repo,
    inference: Inference,
    made: dict[str, Content],
) -> AsyncGenerator[list[Value], None]:
    """The cells of the column, in pages, by position; rows without an outcome have none."""
    output = loaded.evaluation.output
    place = 0
    async for page in stream_answers(
        store, loaded.run.workspace_id, loaded.run.id, details=output is not Output.TEXT
    ):
        if output is Output.TEXT and page and page[-1].position - place + 1 == len(page):
            place += len(page)  # none is missing
            yield [row.answer for row in page]
            continue
        cells: list[Value] = []
        for row in page:
            cells += [None] * (row.position - place)
            place = row.position + 1
            if output is Output.TEXT or row.answer is None:
                cells.append(row.answer)
            elif output is Output.EMBEDDINGS:
                cells.append(cast("list[float] | None", (row.details or {}).get("embedding")))
            else:
                cells.append(await _file_of(store, repo, inference, row, output, made))
        yield cells


async def _file_of(
    store: Store,
    repo: Repo,
    inference: Inference,
    row: AnswerRow,
    output: Output,
    made: dict[str, Content],
) -> str | None:
    """The path of the image or video that a row has got; it is kept beside the target file."""
    files: Any = (row.details or {}).get("images" if output is Output.IMAGE else "videos")
    if not files:
        return None
    data = await store.blobs.get(files[0]["blob"])
    extension = mimetypes.guess_extension(files[0]["media_type"]) or ""
    stem = str(PurePosixPath(inference.target_path).with_suffix(""))
    path = f"{stem}_{_as_name(inference.column)}/{row.position}{extension}"
    made[path] = await repo.keep_bytes(data, path)
    return path


def _as_name(column: str) -> str:
    return "".join(it if it.isalnum() or it in "-_" else "_" for it in column)[:100]


class _Cells(Iterable[Value]):
    """Pages that the event loop fetches, as cells for a thread; the next page is under way while
    one is written. To be gone through once."""

    def __init__(
        self, pages: AsyncGenerator[list[Value], None], loop: asyncio.AbstractEventLoop
    ) -> None:
        self._pages = pages
        self._loop = loop
        self._next: Future[list[Value] | None] | None = None

    def __iter__(self) -> Iterator[Value]:
        self._next = self._fetch()
        while (page := self._next.result()) is not None:
            self._next = self._fetch()
            yield from page

    async def close(self) -> None:
        """Let go of the pages, once no thread takes any more."""
        if self._next is not None:
            await asyncio.wait([asyncio.wrap_future(self._next)])
        await self._pages.aclose()

    def _fetch(self) -> "Future[list[Value] | None]":
        return asyncio.run_coroutine_threadsafe(self._page(), self._loop)

    async def _page(self) -> list[Value] | None:
        return await anext(self._pages, None)


async def commit_result(
    repo: Repo,
    inference: Inference,
    result: dict[str, Content],
    *,
    key: str | None,
) -> Commit:
    """Put the result on its branch, which is made from the source where it is not there.

    Raises:
        Conflict: what is at the target has changed since the run was started, and not to this.
    """
    if key is not None and (before := await repo.made_under(key)) is not None:
        return before
    await _ensure_branch(repo, inference)
    ours = {inference.expected, result[inference.target_path].hash}
    for _ in range(_TRIES):
        head = await repo.commit_at((await repo.branch(inference.branch)).commit_id)
        there = await repo.entry(head, inference.target_path)
        now = there.hash if there else None
        if now not in ours:
            raise Conflict(
                f"{inference.target_path!r} on the branch {inference.branch!r} has changed since "
                "this evaluation began; its result is kept: commit it to another branch"
            )
        if all([await _is_there(repo, head, path, it) for path, it in result.items()]):
            return head
        try:
            return await repo.commit(
                inference.branch,
                dict(result),
                inference.message,
                inference.author,
                expected=head.id,
                key=key,
            )
        except Conflict:
            if (await repo.branch(inference.branch)).commit_id == head.id:
                raise
    raise Conflict(f"the branch {inference.branch!r} moves too fast; try again")


async def _is_there(repo: Repo, head: Commit, path: str, content: Content) -> bool:
    entry = await repo.entry(head, path)
    return entry is not None and entry.hash == content.hash


async def _ensure_branch(repo: Repo, inference: Inference) -> None:
    if inference.branch not in {branch.name for branch in await repo.branches()}:
        try:
            await repo.create_branch(inference.branch, inference.commit_id)
        except Conflict:
            return  # somebody else was quicker
