"""Repositories of a server: files at commits, branches, differences and merges."""

import asyncio
import builtins
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import aiohttp

from weighbridge.core.versions import MAIN, checked_path
from weighbridge.dialects.native import wire_repositories as wire
from weighbridge.errors import Invalid
from weighbridge.sdk.connection import Connection, quoted

Data = bytes | Path | str
"""The bytes of a file, or the file on this machine that has them."""


class AsyncRepositories:
    """Repositories: versioned data. Each is named by its address, `namespace/name`.

    Args:
        connect: gives the connection to the server.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect

    async def create(self, address: str, *, description: str | None = None) -> wire.Repository:
        """Make an empty repository.

        Raises:
            Conflict: there is one of that name. Invalid: it cannot be called so.
        """
        namespace, name = _parts(address)
        body = {"namespace": namespace, "name": name, "description": description}
        answer = await self._connect().json("POST", "repositories", json=body)
        return wire.Repository.model_validate(answer)

    async def list(self, *, namespace: str | None = None) -> AsyncIterator[wire.Repository]:
        """Those of the workspace, by address, fetched a page at a time."""
        params = {} if namespace is None else {"namespace": namespace}
        async for item in self._connect().items("repositories", params):
            yield wire.Repository.model_validate(item)

    async def get(self, address: str) -> wire.Repository:
        """One repository."""
        return wire.Repository.model_validate(await self._connect().json("GET", _at(address)))

    async def delete(self, address: str) -> None:
        """Remove one with everything in it."""
        await self._connect().nothing("DELETE", _at(address))

    async def branches(self, address: str) -> builtins.list[wire.Branch]:
        """All branches, by name."""
        answer = await self._connect().json("GET", _at(address, "branches"))
        return [wire.Branch.model_validate(item) for item in answer["data"]]

    async def create_branch(self, address: str, name: str, *, revision: str = MAIN) -> wire.Branch:
        """A new branch, which begins at a branch or commit."""
        body = {"name": name, "revision": revision}
        answer = await self._connect().json("POST", _at(address, "branches"), json=body)
        return wire.Branch.model_validate(answer)

    async def delete_branch(self, address: str, name: str) -> None:
        """Remove a branch, but not the last one."""
        await self._connect().nothing("DELETE", _at(address, "branches"), params={"name": name})

    async def log(
        self, address: str, *, revision: str = MAIN, path: str | None = None
    ) -> AsyncIterator[wire.Commit]:
        """A revision's commit and what led to it, newest first; of one file or folder, if `path`
        names one."""
        params = {"revision": revision} | ({} if path is None else {"path": path})
        async for item in self._connect().items(_at(address, "commits"), params):
            yield wire.Commit.model_validate(item)

    async def entries(
        self, address: str, path: str = "", *, revision: str = MAIN, recursive: bool = False
    ) -> AsyncIterator[wire.Entry]:
        """What is in a folder, by path; of a file, the file itself.

        Args:
            recursive: all files below, and no folders.
        """
        params = {"revision": revision, "path": path, "recursive": str(recursive).lower()}
        async for item in self._connect().items(_at(address, "entries"), params):
            yield wire.Entry.model_validate(item)

    async def read(self, address: str, path: str, *, revision: str = MAIN) -> bytes:
        """The bytes of a file.

        Raises:
            NotFound: there is none.
        """
        return b"".join([piece async for piece in self.stream(address, path, revision=revision)])

    def stream(self, address: str, path: str, *, revision: str = MAIN) -> AsyncIterator[bytes]:
        """The bytes of a file, piece by piece."""
        params = {"revision": revision, "path": path}
        return self._connect().stream(_at(address, "content"), params)

    async def download(
        self, address: str, path: str, target: Path | str, *, revision: str = MAIN
    ) -> Path:
        """A file, streamed to `target`, which is not there before it is whole."""
        whole = Path(target)
        part = whole.with_name(f".{whole.name}.part")
        try:
            with await asyncio.to_thread(part.open, "wb") as file:
                async for piece in self.stream(address, path, revision=revision):
                    file.write(piece)
            part.replace(whole)
        finally:
            part.unlink(missing_ok=True)
        return whole

    async def put(
        self,
        address: str,
        path: str,
        data: Data,
        *,
        branch: str = MAIN,
        message: str | None = None,
        expected: str | None = None,
    ) -> wire.Committed:
        """Commit one file.

        Args:
            data: its bytes, or the file on this machine that has them, which is streamed.
            message: of the commit; names the file otherwise.
            expected: the commit that the branch must be at.

        Raises:
            Conflict: the branch is not at `expected`. NotFound: there is no such branch.
            Invalid: it is no file of rows, though its name ends like one.
        """
        params = _change(branch, path, message, expected)
        with ExitStack() as files:
            answer = await self._connect().json(
                "PUT", _at(address, "content"), params=params, data=await _opened(data, files)
            )
        return wire.Committed.model_validate(answer)

    async def commit(
        self,
        address: str,
        files: Mapping[str, Data],
        *,
        branch: str = MAIN,
        message: str | None = None,
        expected: str | None = None,
    ) -> wire.Committed:
        """Commit several files, all of them or none.

        Args:
            files: path in the repository → as for `put`.
            branch, message, expected: as for `put`.

        Raises:
            Conflict, NotFound, Invalid: as `put`.
        """
        form = aiohttp.FormData(quote_fields=False)
        for name, value in (("branch", branch), ("message", message), ("expected", expected)):
            if value is not None:
                form.add_field(name, value)
        with ExitStack() as opened:
            for path, data in files.items():
                content = await _opened(data, opened)
                form.add_field("file", content, filename=checked_path(path))
            answer = await self._connect().json("POST", _at(address, "commits"), data=form)
        return wire.Committed.model_validate(answer)

    async def remove(
        self,
        address: str,
        path: str,
        *,
        branch: str = MAIN,
        message: str | None = None,
        expected: str | None = None,
    ) -> wire.Committed:
        """Commit that a file or folder is removed.

        Args:
            message, expected: as for `put`.
        """
        params = _change(branch, path, message, expected)
        answer = await self._connect().json("DELETE", _at(address, "content"), params=params)
        return wire.Committed.model_validate(answer)

    async def changes(
        self, address: str, base: str, head: str, *, path: str = ""
    ) -> AsyncIterator[wire.FileChange]:
        """The files that differ between two revisions, by path."""
        params = {"base": base, "head": head, "path": path}
        async for item in self._connect().items(_at(address, "changes"), params):
            yield wire.FileChange.model_validate(item)

    async def difference(
        self,
        address: str,
        base: str,
        head: str,
        path: str,
        *,
        keys: Sequence[str] = (),
        start: int = 0,
        limit: int = 100,
    ) -> wire.FileDifference:
        """How one file differs between two revisions: row by row, by key columns or by position, or
        line by line.

        Args:
            start, limit: which of the rows of each kind are told; the counts are of all.
        """
        params = {
            "base": base,
            "head": head,
            "path": path,
            "key": list(keys),
            "start": start,
            "limit": limit,
        }
        answer = await self._connect().json("GET", _at(address, "changes/file"), params=params)
        return wire.FileDifference.model_validate(answer)

    async def merge_plan(self, address: str, base: str, head: str) -> wire.MergePlan:
        """What merging `head` into the branch `base` would do."""
        params = {"base": base, "head": head}
        answer = await self._connect().json("GET", _at(address, "merges"), params=params)
        return wire.MergePlan.model_validate(answer)

    async def merge(
        self, address: str, base: str, head: str, *, message: str | None = None
    ) -> wire.Committed:
        """Merge `head` into the branch `base`.

        Raises:
            Conflict: both have changed the same files; nothing was merged.
        """
        body = {"base": base, "head": head, "message": message}
        answer = await self._connect().json("POST", _at(address, "merges"), json=body)
        return wire.Committed.model_validate(answer)


def _parts(address: str) -> tuple[str, str]:
    namespace, slash, name = address.partition("/")
    if not slash or not namespace or not name:
        raise Invalid(f"{address[:200]!r} is no address of a repository: `namespace/name`")
    return namespace, name


def _at(address: str, *below: str) -> str:
    namespace, name = _parts(address)
    return "/".join(("repositories", quoted(namespace), quoted(name), *below))


def _change(branch: str, path: str, message: str | None, expected: str | None) -> dict[str, str]:
    given = {"branch": branch, "path": path, "message": message, "expected": expected}
    return {name: value for name, value in given.items() if value is not None}


async def _opened(data: Data, files: ExitStack) -> bytes | IO[bytes]:
    if isinstance(data, bytes):
        return data
    if not isinstance(data, str | Path):
        raise Invalid(f"data are bytes, or a file on this machine, not {type(data).__name__}")
    path = Path(data)
    try:
        return files.enter_context(await asyncio.to_thread(path.open, "rb"))
    except OSError as error:
        raise Invalid(f"cannot read {path}: {error.strerror}") from error
