"""What every route of this dialect is handed: the services and the caller; and ids as it writes
them, which are bare UUIDs."""

from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Depends, Request

from weighbridge.core.caller import Caller
from weighbridge.core.ids import id_of, uuid_of
from weighbridge.dialects import shared
from weighbridge.errors import NotFound
from weighbridge.wiring import Services

DOOR = "dataframer"


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesHere: TypeAlias = Annotated[Services, Depends(_services)]


async def _caller(request: Request, services: ServicesHere) -> Caller:
    return await shared.caller_of(services, request.headers, DOOR)


CallerHere: TypeAlias = Annotated[Caller, Depends(_caller)]


def shown_id(id_: str) -> str:
    """An id of ours, as the vendor would write it."""
    return str(uuid_of(id_))


def read_id(prefix: str, text: str, what: str) -> str:
    """The id of ours that is meant.

    Args:
        prefix: of our ids of that kind. what: what has such an id, for people.

    Raises:
        NotFound: no id looks like this, so nothing can have it.
    """
    try:
        return id_of(prefix, UUID(text))
    except (ValueError, AttributeError) as error:
        raise NotFound(f"{what} not found") from error
