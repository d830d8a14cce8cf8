"""What the installation is: whether it is there, which models it has, and the caller's own key."""

from fastapi import APIRouter
from starlette.responses import Response

from weighbridge.dialects.dataframer.access import CallerHere, ServicesHere
from weighbridge.dialects.dataframer.wire import json_answer

router = APIRouter()
users = APIRouter()


@router.get("/health")
async def check() -> Response:
    """It is there; needs no key."""
    return json_answer({"status": "healthy"})


@router.get("/models")
async def list_models(services: ServicesHere, _caller: CallerHere) -> Response:
    """The models that can be named, by any of their names."""
    return json_answer(
        [
            {"id": name, "name": name, "provider": row.protocol}
            for row in services.catalog.list()
            for name in dict.fromkeys((row.name, *row.aliases))
        ]
    )
