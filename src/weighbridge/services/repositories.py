"""Repositories of versioned data, opened for whoever may."""

import builtins

from weighbridge.core.caller import Caller, Role
from weighbridge.core.versions import Repository
from weighbridge.errors import Invalid
from weighbridge.versions.base import Repo, VersionStore


class Repositories:
    """The repositories of an installation.

    Args:
        versions: where they are kept.
    """

    def __init__(self, versions: VersionStore) -> None:
        self._versions = versions

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
