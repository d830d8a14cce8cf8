"""Repositories of versioned data, opened for whoever may."""

import builtins
from pathlib import Path

from weighbridge.core.caller import Caller, Role
from weighbridge.core.ids import new_id
from weighbridge.core.versions import Collected, Repository, Upload
from weighbridge.errors import Invalid, NotFound, Unavailable
from weighbridge.store import drafts
from weighbridge.store.engine import Store
from weighbridge.versions.base import Repo, VersionStore
from weighbridge.versions.places import remove_folder, upload_folder


class Repositories:
    """The repositories of an installation.

    Args:
        versions: where they are kept.
        store: where uploads that are not complete are noted; None: none can be begun.
    """

    def __init__(self, versions: VersionStore, store: Store | None = None) -> None:
        self._versions = versions
        self._store = store

    async def create(
        self, caller: Caller, namespace: str, name: str, *, description: str | None = None
    ) -> Repo:
        """Make an empty repository.

        Raises:
            Forbidden: the caller may not write.
            Conflict: there is one of that name. Invalid: it cannot be called so.
        """
        caller.must_be(Role.WRITER)
        return await self._versions.create(
            caller.workspace_id,
            namespace,
            name,
            description=description,
            created_by=caller.user_id,
        )

    async def open(self, caller: Caller, address: str, *, write: bool = False) -> Repo:
        """A repository by its address, `namespace/name`.

        Args:
            write: whether it is to be changed.

        Raises:
            NotFound: the workspace has none of that name.
            Forbidden: the caller may not write.
        """
        namespace, slash, name = address.partition("/")
        if not slash:
            raise Invalid(f"{address[:200]!r} is no address of a repository: `namespace/name`")
        if write:
            caller.must_be(Role.WRITER)
        return await self._versions.open(caller.workspace_id, namespace, name)

    async def open_id(self, caller: Caller, repository_id: str, *, write: bool = False) -> Repo:
        """As `open`, by id."""
        if write:
            caller.must_be(Role.WRITER)
        return await self._versions.open_id(caller.workspace_id, repository_id)

    async def list(
        self, caller: Caller, *, namespace: str | None = None
    ) -> builtins.list[Repository]:
        """By address."""
        return await self._versions.list(caller.workspace_id, namespace=namespace)

    async def delete(self, caller: Caller, address: str) -> Repository:
        """Remove a repository with everything in it.

        Raises:
            NotFound, Forbidden: as `open`.
        """
        repo = await self.open(caller, address, write=True)
        await self._versions.delete(caller.workspace_id, repo.repository.id)
        return repo.repository

    async def collect_garbage(self, caller: Caller, *, older_than_s: float) -> Collected:
        """Forget what no branch, draft or result leads to, in all workspaces.

        Raises:
            Forbidden: the caller is no administrator.
        """
        caller.must_be(Role.ADMIN)
        return await self._versions.collect_garbage(older_than_s=older_than_s)

    # Files that come in parts, to become a change of a draft

    async def begin_upload(
        self, repo: Repo, draft_id: str, path: str, content_hash: str, size: int, part_size: int
    ) -> Upload:
        """Note that a file comes."""
        upload = Upload(new_id("up"), draft_id, path, content_hash, size, part_size)
        async with self._noted.begin() as connection:
            await drafts.add_upload(connection, repo.repository, upload)
        return upload

    async def find_upload(self, repo: Repo, upload_id: str) -> Upload:
        """A file that comes in parts. Raises `NotFound`."""
        async with self._noted.begin() as connection:
            found = await drafts.find_upload(connection, repo.repository.id, upload_id[:64])
        if found is None:
            raise NotFound(f"there is no upload {upload_id[:80]!r}; it may be complete")
        return found

    async def end_upload(self, upload: Upload) -> None:
        """Forget a file that came in parts, and the parts."""
        async with self._noted.begin() as connection:
            await drafts.remove_upload(connection, upload.id)
        await remove_folder(self.folder_of(upload))

    def folder_of(self, upload: Upload) -> Path:
        """Where the parts of a file are gathered."""
        return upload_folder(self._noted.folder, upload.id)

    @property
    def _noted(self) -> Store:
        if self._store is None:
            raise Unavailable("files cannot be sent in parts here")
        return self._store
