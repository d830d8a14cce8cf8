"""Seeds as samples: the rows of a table, or the texts of files."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from weighbridge.core.json import JsonObject
from weighbridge.core.synthesis import SeedFile, Seeds, Shape, sample_name
from weighbridge.datasets.readers import rows_of
from weighbridge.datasets.rows import describe
from weighbridge.documents.reading import read_text
from weighbridge.errors import Invalid
from weighbridge.store.engine import Store
from weighbridge.store.seeds import seed_key, seed_text_key
from weighbridge.synthesis.names import extension_of

_DOCUMENTS = frozenset({".pdf"})
"""Extensions of what has to be read by a process of its own."""
_AT_ONCE = 2
"""Such processes at the same time."""


@dataclass(frozen=True, slots=True)
class SeedSample:
    """A sample to learn from.

    Attributes:
        name: the file or folder that it is; `sample_1` for the first row of a table.
        files: path below the sample → text, in order; none for a row.
        row: of a table; None: it is made of files.
    """

    name: str
    files: tuple[tuple[str, str], ...]
    row: JsonObject | None


async def seed_samples(store: Store, seeds: Seeds, limit: int | None = None) -> list[SeedSample]:
    """The samples that seeds consist of, in their order.

    Args:
        seeds: with their files.
        limit: the most that are read, from the first on, at least 1; None: all.

    Raises:
        Invalid: a file cannot be read (a PDF that is damaged or holds no text, say); the message
            names it.
        TooLarge: it is a document that holds too much, or takes too long.
        Unavailable: its bytes are gone.
    """
    if seeds.shape is Shape.SINGLE_FILE:
        rows = await _rows(store, seeds.files[0], limit)
        return [SeedSample(sample_name(at), (), row) for at, row in enumerate(rows)]
    samples = list(_files_by_sample(seeds).items())[:limit]
    files = [file for _, listed in samples for file in listed]
    texts = await _documents(store, [it for it in files if _is_document(it)])
    for file in files:
        if not _is_document(file):
            texts[file.id] = await _plain(store, file)
    return [
        SeedSample(name, tuple((_below(file), texts[file.id]) for file in listed), None)
        for name, listed in samples
    ]


async def count_rows(path: Path, name: str) -> int:
    """How many rows a table has: all of it is read, and none of it kept.

    Args:
        path: where it is. name: what it is called, which says its format, and is told in messages.

    Raises:
        Invalid: it is no table, or a damaged one.
    """

    def count() -> int:
        return sum(1 for _ in rows_of(path, _format(name)))

    try:
        return await asyncio.to_thread(count)
    except Invalid as error:
        raise _renamed(error, path, name) from error


def _files_by_sample(seeds: Seeds) -> dict[str, list[SeedFile]]:
    found: dict[str, list[SeedFile]] = {}
    for file in seeds.files:
        folder = file.path.partition("/")[0]
        name = folder if seeds.shape is Shape.MULTI_FOLDER else file.path
        found.setdefault(name, []).append(file)
    return found


def _below(file: SeedFile) -> str:
    return file.path.rpartition("/")[2]


async def _rows(store: Store, file: SeedFile, limit: int | None) -> list[JsonObject]:
    async with _on_disk(store, file) as path:

        def read() -> list[JsonObject]:
            return list(islice(rows_of(path, _format(file.path)), limit))

        try:
            return await asyncio.to_thread(read)
        except Invalid as error:
            raise _renamed(error, path, file.path) from error


def _is_document(file: SeedFile) -> bool:
    return extension_of(file.path) in _DOCUMENTS


async def _plain(store: Store, file: SeedFile) -> str:
    return (await store.blobs.get(seed_key(file.sha256))).decode("utf-8-sig", "replace")


async def _documents(store: Store, files: Sequence[SeedFile]) -> dict[str, str]:
    """The texts of documents, by the ids of the files."""
    slots = asyncio.Semaphore(_AT_ONCE)

    async def read(file: SeedFile) -> str:
        async with slots:
            return await _document(store, file)

    tasks = [asyncio.create_task(read(file)) for file in files]
    try:
        texts = await asyncio.gather(*tasks)
    finally:  # of those that still go on when one has failed
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return {file.id: text for file, text in zip(files, texts, strict=True)}


async def _document(store: Store, file: SeedFile) -> str:
    """The text of a document, which is taken out of it once."""
    key = seed_text_key(file.sha256)
    if await store.blobs.exists(key):
        return (await store.blobs.get(key)).decode()
    async with _on_disk(store, file) as path:
        text, _ = await read_text(path, file.path)
    await store.blobs.put(key, text.encode("utf-8", "replace"))
    return text


@asynccontextmanager
async def _on_disk(store: Store, file: SeedFile) -> AsyncIterator[Path]:
    """Where a file lies while it is read."""
    key = seed_key(file.sha256)
    local = store.blobs.local_path(key)
    if local is not None and await asyncio.to_thread(local.is_file):
        yield local
        return
    size = await store.blobs.size(key)
    folder = await asyncio.to_thread(TemporaryDirectory, dir=store.folder, prefix=".reading-")
    try:
        path = Path(folder.name) / file.sha256
        with await asyncio.to_thread(path.open, "wb") as written:
            async for piece in store.blobs.pieces(key, size):
                await asyncio.to_thread(written.write, piece)
        yield path
    finally:
        await asyncio.to_thread(folder.cleanup)


def _format(name: str) -> str:
    return extension_of(name).removeprefix(".")


def _renamed(error: Invalid, path: Path, name: str) -> Invalid:
    """The error, telling of the file by the name that people know."""
    rest = error.message.removeprefix(describe(path))
    return Invalid(error.message if rest == error.message else name + rest)
