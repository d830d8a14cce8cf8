"""What every route of this dialect is handed: the services, the caller, a page of a list."""

from typing import Annotated, TypeAlias

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from weighbridge.core.caller import Caller
from weighbridge.dialects import shared
from weighbridge.dialects.aymara import ids
from weighbridge.errors import NotFound
from weighbridge.wiring import Services

DOOR = "aymara"
ALL_WORKSPACES = "*"
MOST_ON_A_PAGE = 10_000
"""The client asks for one page only, however many there are: it may be a large one."""


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesHere: TypeAlias = Annotated[Services, Depends(_services)]


async def _caller(
    request: Request,
    services: ServicesHere,
    workspace_uuid: Annotated[str | None, Query()] = None,
) -> Caller:
    caller = await shared.caller_of(services, request.headers, DOOR)
    check_workspace(caller, workspace_uuid)
    return caller


CallerHere: TypeAlias = Annotated[Caller, Depends(_caller)]


def check_workspace(caller: Caller, workspace_uuid: str | None) -> None:
    """A key is of one workspace: whoever names another, finds nothing.

    Args:
        workspace_uuid: what the request says; None, empty or `*`: the key's own.

    Raises:
        NotFound: it is another one.
    """
    if workspace_uuid in {None, "", ALL_WORKSPACES, caller.workspace_id}:
        return
    if workspace_uuid != ids.shown(ids.WORKSPACE, caller.workspace_id):
        raise NotFound(f"there is no workspace {str(workspace_uuid)[:80]!r}")


async def _sandbox(request: Request) -> bool:
    return request.headers.get("x-use-sandbox", "").strip().lower() in {"true", "1", "yes"}


SandboxHere: TypeAlias = Annotated[bool, Depends(_sandbox)]
"""Whether the client says that all it does is a rehearsal."""


class Paging(BaseModel):
    """Which part of a list."""

    limit: int = Field(100, ge=1, le=MOST_ON_A_PAGE)
    offset: int = Field(0, ge=0, le=10**9)


Page: TypeAlias = Annotated[Paging, Query()]
