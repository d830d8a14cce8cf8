"""What every route of this dialect is handed: the services, the caller, an opened repository."""

from typing import Annotated, TypeAlias

from fastapi import Depends, Request

from weighbridge.core.caller import Caller
from weighbridge.core.versions import Signature
from weighbridge.dialects import shared
from weighbridge.versions.base import Repo
from weighbridge.wiring import Services

DOOR = "oxen"
NOBODY = Signature("weighbridge", "weighbridge@localhost")
"""Who signs a commit where the request does not say."""


async def _services(request: Request) -> Services:
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
