"""What every route of this dialect is handed: the services, the caller, an opened repository."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from weighbridge.core.caller import Caller
from weighbridge.core.versions import Signature
from weighbridge.dialects import shared
from weighbridge.errors import NotFound
from weighbridge.versions.base import Repo
from weighbridge.wiring import Services

DOOR = "oxen"
NOBODY = Signature("weighbridge", "weighbridge@localhost")
"""Who signs a commit where the request does not say."""


async def _services(request: Request) -> Services:
    if "\0" in request.scope["path"] or b"%00" in request.scope["query_string"]:
        raise NotFound("there is nothing at this address: it holds a NUL character")
    services: Services = request.app.state.services
    return services


ServicesHere: TypeAlias = Annotated[Services, Depends(_services)]


async def _caller(request: Request, services: ServicesHere) -> Caller:
    return await shared.caller_of(services, request.headers, DOOR)


CallerHere: TypeAlias = Annotated[Caller, Depends(_caller)]


async def _to_read(
    services: ServicesHere, caller: CallerHere, namespace: str, repository: str
) -> Repo:
    return await services.repositories.open(caller, f"{namespace}/{repository}")


async def _to_write(
    services: ServicesHere, caller: CallerHere, namespace: str, repository: str
) -> Repo:
    return await services.repositories.open(caller, f"{namespace}/{repository}", write=True)


RepoToRead: TypeAlias = Annotated[Repo, Depends(_to_read)]
"""The repository of the path's `{namespace}/{repository}`; 404 when the workspace has none."""
RepoToWrite: TypeAlias = Annotated[Repo, Depends(_to_write)]


class Paging(BaseModel):
    """Which page of a list; they count from 1."""

    page: int = Field(1, ge=1, le=10**9)
    page_size: int = Field(100, ge=1, le=10_000)

    @property
    def start(self) -> int:
        """How many come before it."""
        return (self.page - 1) * self.page_size


Page: TypeAlias = Annotated[Paging, Query()]


def signature(fields: Mapping[str, Any]) -> Signature:
    """Who signs, of a request's `name` (or `author`) and `email`."""
    name = fields.get("name") or fields.get("author") or NOBODY.name
    email = fields.get("email") or NOBODY.email
    return Signature(str(name)[:200], str(email)[:200])
