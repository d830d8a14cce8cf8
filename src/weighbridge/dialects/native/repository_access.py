"""What routes below a repository are handed: the repository, opened to be read or changed."""

from typing import Annotated, TypeAlias

from fastapi import Depends, Path
from pydantic import AfterValidator

from weighbridge.core.versions import checked_name
from weighbridge.dialects.native.access import CallerHere, ServicesHere
from weighbridge.errors import Invalid, NotFound
from weighbridge.versions.base import Repo


def _maybe(value: str) -> str:
    # What cannot be a name need not be looked up; some of it (NUL) no database lets one look up.
    try:
        return checked_name("repository", value)
    except Invalid as error:
        raise NotFound("there is no repository of this name") from error


Namespace: TypeAlias = Annotated[
    str, Path(description="Of the repository."), AfterValidator(_maybe)
]
Name: TypeAlias = Annotated[str, Path(description="Its name."), AfterValidator(_maybe)]


async def _to_read(
    services: ServicesHere, caller: CallerHere, namespace: Namespace, repository: Name
) -> Repo:
    return await services.repositories.open(caller, f"{namespace}/{repository}")


async def _to_write(
    services: ServicesHere, caller: CallerHere, namespace: Namespace, repository: Name
) -> Repo:
    return await services.repositories.open(caller, f"{namespace}/{repository}", write=True)


RepoToRead: TypeAlias = Annotated[Repo, Depends(_to_read)]
"""404 when the caller's workspace has no such repository."""
RepoToWrite: TypeAlias = Annotated[Repo, Depends(_to_write)]
"""As `RepoToRead`; 403 when the caller may not write."""
