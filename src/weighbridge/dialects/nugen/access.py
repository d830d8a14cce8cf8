"""What every route of this dialect is handed: the services, the caller, a page of a list."""

from typing import Annotated, TypeAlias

from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from weighbridge.core.caller import Caller
from weighbridge.dialects import shared
from weighbridge.wiring import Services

DOOR = "nugen"


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesHere: TypeAlias = Annotated[Services, Depends(_services)]


async def _caller(request: Request, services: ServicesHere) -> Caller:
    return await shared.caller_of(services, request.headers, DOOR)


CallerHere: TypeAlias = Annotated[Caller, Depends(_caller)]


class Paging(BaseModel):
    """Which part of a list."""

    limit: int = Field(10, ge=1, le=100)
    offset: int = Field(0, ge=0, le=10**9)


Page: TypeAlias = Annotated[Paging, Query()]
