"""What every route of our API is handed: the services, the caller, an id that may exist."""

import re
from typing import Annotated, TypeAlias

from fastapi import Depends, Header, Path, Request, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from pydantic import AfterValidator

from weighbridge.core.caller import Caller
from weighbridge.dialects import shared
from weighbridge.errors import NotFound
from weighbridge.wiring import Services

DOOR = "native"
_ID = re.compile(r"[a-z]{1,10}_[0-9a-z]{26}")

# Only for the API's description; the key itself is read by `shared`, alike for every dialect.
_BEARER = HTTPBearer(auto_error=False, scheme_name="bearer", description="`Bearer wb_…`")
_HEADER = APIKeyHeader(name="x-api-key", auto_error=False, scheme_name="x-api-key")


async def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesHere: TypeAlias = Annotated[Services, Depends(_services)]


async def _caller(
    request: Request,
    services: ServicesHere,
    _bearer: Annotated[object, Security(_BEARER)],
    _header: Annotated[object, Security(_HEADER)],
) -> Caller:
    return await shared.caller_of(services, request.headers, DOOR)


CallerHere: TypeAlias = Annotated[Caller, Depends(_caller)]


def _maybe(value: str) -> str:
    # What cannot be an id need not be looked up; some of it (NUL) no database lets one look up.
    if not _ID.fullmatch(value):
        raise NotFound("there is nothing with this id")
    return value


Id: TypeAlias = Annotated[str, Path(description="Its id."), AfterValidator(_maybe)]
IdempotencyKey: TypeAlias = Annotated[
    str | None,
    Header(
        description="Any text that is new with every new request. A repeat with the same key is "
        "not done again; it gets the first answer, with `Idempotency-Replayed: true`."
    ),
]
