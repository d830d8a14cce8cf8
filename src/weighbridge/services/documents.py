"""Documents: taken in, looked at, read."""

import asyncio
import builtins
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from weighbridge.core.benchmark import Document
from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.documents.reading import kind_of, read_text
from weighbridge.errors import Invalid, NotFound
from weighbridge.store import documents
from weighbridge.store.engine import Store
from weighbridge.store.moments import now

_PIECE = 1 << 20
_AT_ONCE = 2
"""Documents that are read at the same time, each by a process of its own."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A file that is to become a document.

    Attributes:
        path: where it is; it may be gone afterwards.
        name: what it is called: its extension says its kind.
        title: what the document is to be called; None: as the file.
        categories: words that somebody sorts it by.
    """

    path: Path
    name: str
    title: str | None = None
    categories: tuple[str, ...] = ()


class Documents:
    """The documents of an installation.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def add(self, caller: Caller, files: Sequence[Incoming]) -> list[Document]:
        """Take in files, all of them or none.

        Raises:
            Forbidden: the caller may not write.
            Invalid, TooLarge: a file cannot be read; the message names it and says why.
            OutOfSpace: no room for them.
        """
        caller.must_be(Role.WRITER)
        for file in files:
            kind_of(file.name)  # before minutes are spent on the others
        made = [await self._read(caller, file) for file in files]
        async with self._store.begin() as connection:
            for document in made:
                await documents.add_document(connection, document)
        return made

    async def get(self, caller: Caller, document_id: str) -> Document:
        """One document.

        Raises:
            NotFound: the workspace has no such document.
        """
        return (await self.find(caller, [document_id]))[0]

    async def find(self, caller: Caller, document_ids: Sequence[str]) -> builtins.list[Document]:
        """Several documents, in the order in which they are named.

        Raises:
            NotFound: the workspace does not have all of them; the message names those.
        """
        async with self._store.begin() as connection:
            found = await documents.find_documents(connection, caller.workspace_id, document_ids)
        missing = [it for it in document_ids if it not in found]
        if missing:
            listed = ", ".join(repr(it[:80]) for it in missing[:10])
            raise NotFound(f"there is no document {listed}")
        return [found[it] for it in document_ids]

    async def list(
        self, caller: Caller, *, start: int = 0, limit: int = 100
    ) -> builtins.list[Document]:
        """Newest first, from the 0-based place `start` on."""
        async with self._store.begin() as connection:
            return await documents.list_documents(
                connection, caller.workspace_id, start=start, limit=limit
            )

    async def count(self, caller: Caller) -> int:
        """How many there are."""
        async with self._store.begin() as connection:
            return await documents.count_documents(connection, caller.workspace_id)

    async def text(self, document: Document) -> str:
        """The text of a document."""
        return (await self._store.blobs.get(documents.text_key(document.sha256))).decode()

    async def _read(self, caller: Caller, file: Incoming) -> Document:
        async with self._slots:
            text, kind = await read_text(file.path, file.name)
        sha256, size = await asyncio.to_thread(_look_at, file.path)
        blobs = self._store.blobs
        await blobs.put(documents.text_key(sha256), text.encode("utf-8", "replace"))
        await blobs.take_file(documents.file_key(sha256), file.path)
        name = (file.title or file.name).strip()
        if not name or len(name) > 500:
            raise Invalid("the name of a document has 1 to 500 characters")
        return Document(
            id=new_id("doc"),
            workspace_id=caller.workspace_id,
            name=name,
            categories=file.categories,
            kind=kind,
            size=size,
            sha256=sha256,
            characters=len(text),
            created_at=now(),
        )


def _look_at(path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return digest.hexdigest(), size
