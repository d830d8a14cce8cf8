"""What the installation is: whether it is there, which models it has, and the caller's own key."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from weighbridge.dialects.dataframer.access import CallerHere, ServicesHere
from weighbridge.dialects.dataframer.rotations import Rotations
from weighbridge.dialects.dataframer.wire import json_answer, moment

_ANY = "/<model>"
_SHOWN = 4

router = APIRouter()
users = APIRouter()


@router.get("/health")
async def check() -> Response:
    """It is there; needs no key."""
    return json_answer({"status": "healthy"})


@router.get("/models")
async def list_models(services: ServicesHere, _caller: CallerHere) -> Response:
    """The models that can be named, by any of their names; of providers' only those declared."""
    return json_answer(
        [
            {"id": name, "name": name, "provider": row.protocol}
            for row in services.catalog.list()
            if row.usable and not row.name.endswith(_ANY)
            for name in dict.fromkeys((row.name, *row.aliases))
        ]
    )


@users.post("/api-key/rotate")
async def rotate(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """A new key in the place of the one that the request came with, which is dead at once."""
    rotations: Rotations = request.app.state.rotations
    rotations.note(request.client.host if request.client else "")
    key, secret = await services.keys.rotate_own(caller)
    return json_answer(
        {
            "api_key": secret,
            "expires_at": moment(key.expires_at),
            "masked_key": f"{secret[:_SHOWN]}{'*' * 8}{secret[-_SHOWN:]}",
        }
    )
