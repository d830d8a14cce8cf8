"""Repositories as commands see them: those of this installation, or of a server over HTTP."""

import asyncio
import builtins
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeVar

from weighbridge.cli.options import Address
from weighbridge.cli.remote import connect
from weighbridge.cli.session import Session, in_session
from weighbridge.core.versions import Content, checked_path
from weighbridge.dialects.native import translate_repositories as translate
from weighbridge.dialects.native import wire_repositories as wire
from weighbridge.errors import Invalid
from weighbridge.services import browsing
from weighbridge.settings import Settings
from weighbridge.versions.base import Repo

_PAGE = 1_000
Result = TypeVar("Result")


class Repositories(Protocol):
    """Repositories, each named by `namespace/name`; as `sdk.repositories` has them."""

    async def create(self, address: str, *, description: str | None = None) -> wire.Repository:
        """Make an empty one."""
        ...

    def list(self, *, namespace: str | None = None) -> AsyncIterator[wire.Repository]:
        """By address."""
        ...

    async def delete(self, address: str) -> None:
        """With everything in it."""
        ...

    async def branches(self, address: str) -> builtins.list[wire.Branch]:
        """By name."""
        ...

    async def create_branch(self, address: str, name: str, *, revision: str) -> wire.Branch:
        """Begin one at a branch or commit."""
        ...

    async def delete_branch(self, address: str, name: str) -> None:
        """Not the last one."""
        ...

    def log(
        self, address: str, *, revision: str, path: str | None = None
    ) -> AsyncIterator[wire.Commit]:
        """A commit and what led to it, newest first."""
        ...

    def entries(
        self, address: str, path: str = "", *, revision: str, recursive: bool = False
    ) -> AsyncIterator[wire.Entry]:
        """What is in a folder; of a file, the file itself."""
        ...

    def stream(self, address: str, path: str, *, revision: str) -> AsyncIterator[bytes]:
        """The bytes of a file."""
        ...

    async def commit(
        self, address: str, files: Mapping[str, Path], *, branch: str, message: str | None = None
    ) -> wire.Committed:
        """Commit files, all of them or none."""
        ...

    async def remove(
        self, address: str, path: str, *, branch: str, message: str | None = None
    ) -> wire.Committed:
        """Commit that a file or folder is removed."""
        ...

    def changes(
        self, address: str, base: str, head: str, *, path: str = ""
    ) -> AsyncIterator[wire.FileChange]:
        """The files that differ."""
        ...

    async def difference(
        self, address: str, base: str, head: str, path: str, *, keys: Sequence[str], limit: int
    ) -> wire.FileDifference:
        """How one file differs."""
        ...

    async def merge_plan(self, address: str, base: str, head: str) -> wire.MergePlan:
        """What a merge would do."""
        ...

    async def merge(
        self, address: str, base: str, head: str, *, message: str | None = None
    ) -> wire.Committed:
        """Merge `head` into the branch `base`."""
        ...


class LocalRepositories:
    """`Repositories` out of this process's services."""

    def __init__(self, session: Session) -> None:
        self._services = session.services
        self._caller = session.caller

    async def create(self, address: str, *, description: str | None = None) -> wire.Repository:
        """As the protocol says."""
        namespace, _, name = address.partition("/")
        made = await self._services.repositories.create(
            self._caller, namespace, name, description=description
        )
        return translate.from_repository(made.repository)

    async def list(self, *, namespace: str | None = None) -> AsyncIterator[wire.Repository]:
        """As the protocol says."""
        for found in await self._services.repositories.list(self._caller, namespace=namespace):
            yield translate.from_repository(found)

    async def delete(self, address: str) -> None:
        """As the protocol says."""
        await self._services.repositories.delete(self._caller, address)

    async def branches(self, address: str) -> builtins.list[wire.Branch]:
        """As the protocol says."""
        repo = await self._open(address)
        return [translate.from_branch(branch) for branch in await repo.branches()]

    async def create_branch(self, address: str, name: str, *, revision: str) -> wire.Branch:
        """As the protocol says."""
        repo = await self._open(address, write=True)
        at = await repo.commit_at(revision)
        return translate.from_branch(await repo.create_branch(name, at.id))

    async def delete_branch(self, address: str, name: str) -> None:
        """As the protocol says."""
        await (await self._open(address, write=True)).delete_branch(name)

    async def log(
        self, address: str, *, revision: str, path: str | None = None
    ) -> AsyncIterator[wire.Commit]:
        """As the protocol says."""
        repo = await self._open(address)
        head = await repo.commit_at(revision)
        start = 0
        while page := await repo.log(head, path=path, start=start, limit=_PAGE):
            for commit in page:
                yield translate.from_commit(commit)
            start += len(page)

    async def entries(
        self, address: str, path: str = "", *, revision: str, recursive: bool = False
    ) -> AsyncIterator[wire.Entry]:
        """As the protocol says."""
        repo = await self._open(address)
        at = await repo.commit_at(revision)
        after = ""
        while page := await browsing.look_into(
            repo, at, path, recursive=recursive, after=after, limit=_PAGE
        ):
            for view in page:
                yield translate.from_entry(view)
            after = page[-1].entry.path

    async def stream(self, address: str, path: str, *, revision: str) -> AsyncIterator[bytes]:
        """As the protocol says."""
        repo = await self._open(address)
        at = await repo.commit_at(revision)
        _, content = await browsing.file_at(repo, at, path)
        async for piece in repo.stream(content):
            yield piece

    async def commit(
        self, address: str, files: Mapping[str, Path], *, branch: str, message: str | None = None
    ) -> wire.Committed:
        """As the protocol says."""
        repo = await self._open(address, write=True)
        await browsing.must_take_files(repo, branch)
        kept = {
            checked_path(path): await self._keep(repo, path, file) for path, file in files.items()
        }
        return await self._change(repo, branch, kept, message)

    async def remove(
        self, address: str, path: str, *, branch: str, message: str | None = None
    ) -> wire.Committed:
        """As the protocol says."""
        repo = await self._open(address, write=True)
        return await self._change(repo, branch, {checked_path(path): None}, message)

    async def changes(
        self, address: str, base: str, head: str, *, path: str = ""
    ) -> AsyncIterator[wire.FileChange]:
        """As the protocol says."""
        repo = await self._open(address)
        before, after = await repo.commit_at(base), await repo.commit_at(head)
        for view in await browsing.differences(repo, before, after, path):
            yield translate.from_change(view)

    async def difference(
        self, address: str, base: str, head: str, path: str, *, keys: Sequence[str], limit: int
    ) -> wire.FileDifference:
        """As the protocol says."""
        repo = await self._open(address)
        before, after = await repo.commit_at(base), await repo.commit_at(head)
        found = await self._services.differences.of_file(
            repo, before, after, path, keys=keys, limit=limit
        )
        return translate.from_difference(path, found)

    async def merge_plan(self, address: str, base: str, head: str) -> wire.MergePlan:
        """As the protocol says."""
        repo = await self._open(address)
        into = await repo.commit_at((await repo.branch(base)).commit_id)
        return translate.from_plan(await repo.merge_plan(into, await repo.commit_at(head)))

    async def merge(
        self, address: str, base: str, head: str, *, message: str | None = None
    ) -> wire.Committed:
        """As the protocol says."""
        repo = await self._open(address, write=True)
        before = await repo.branch(base)
        author = await browsing.author_of(self._services.keys, self._caller)
        told = message or f"Merge {head} into {base}"
        commit = await repo.merge(base, await repo.commit_at(head), author, told)
        return wire.Committed(
            branch=base,
            commit=translate.from_commit(commit),
            changed=commit.id != before.commit_id,
        )

    async def _open(self, address: str, *, write: bool = False) -> Repo:
        return await self._services.repositories.open(self._caller, address, write=write)

    async def _keep(self, repo: Repo, path: str, file: Path) -> Content:
        # What is kept is moved there, and the file is to stay where it is.
        folder = self._services.store.folder
        with TemporaryDirectory(dir=folder, prefix=".upload-") as temporary:
            copy = Path(temporary) / "file"
            try:
                await asyncio.to_thread(shutil.copyfile, file, copy)
            except OSError as error:
                raise Invalid(f"cannot read {file}: {error.strerror or error}") from error
            return await repo.keep(copy, path)

    async def _change(
        self,
        repo: Repo,
        branch: str,
        changes: Mapping[str, Content | None],
        message: str | None,
    ) -> wire.Committed:
        author = await browsing.author_of(self._services.keys, self._caller)
        commit, changed = await browsing.change_files(
            repo, branch, changes, author, message=message
        )
        return wire.Committed(branch=branch, commit=translate.from_commit(commit), changed=changed)


def with_repositories(
    settings: Settings,
    address: Address | None,
    work: Callable[[Repositories], Awaitable[Result]],
) -> Result:
    """Do some work with the repositories of a server, or of this installation where none is
    named."""

    async def here(session: Session) -> Result:
        return await work(LocalRepositories(session))

    async def there(server: Address) -> Result:
        async with connect(server) as connected:
            return await work(connected.repositories)

    return in_session(settings, here) if address is None else asyncio.run(there(address))
