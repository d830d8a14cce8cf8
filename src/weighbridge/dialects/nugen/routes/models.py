"""Models: which there are."""

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from weighbridge.dialects.nugen import models
from weighbridge.dialects.nugen.access import CallerHere, ServicesHere

router = APIRouter(prefix="/models")


@router.get("")
@router.get("/base")
async def list_models(services: ServicesHere, _caller: CallerHere) -> Response:
    """Every model that can be evaluated."""
    found = list(models.listed(services.catalog))
    return Response(
        orjson.dumps({"models": found, "total": len(found)}), media_type="application/json"
    )


@router.get("/aligned")
async def list_aligned(_services: ServicesHere, _caller: CallerHere) -> Response:
    """Models that were trained here: none, as nothing is trained here."""
    return Response(
        orjson.dumps({"domain_aligned_models": [], "total": 0}), media_type="application/json"
    )


@router.get("/{model:path}")
async def get_model(services: ServicesHere, _caller: CallerHere, model: str) -> Response:
    """One model, by name or alias."""
    return Response(orjson.dumps(models.find(services.catalog, model)), 200, None,
                    "application/json")  # fmt: skip
