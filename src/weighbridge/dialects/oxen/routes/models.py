"""Models: which there are."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from weighbridge.dialects.oxen import models
from weighbridge.dialects.oxen.access import CallerHere, ServicesHere
from weighbridge.dialects.oxen.answers import success

router = APIRouter()


@router.get("/ai/models")
async def list_models(services: ServicesHere, _caller: CallerHere) -> Response:
    """All models, in the shape of an OpenAI list."""
    return success(object="list", data=list(models.listed(services.catalog)))


@router.get("/ai/models/search")
async def search_models(
    services: ServicesHere, _caller: CallerHere, search: Annotated[str, Query(max_length=500)] = ""
) -> Response:
    """Models whose name or alias has these words in it."""
    words = search.lower().split()
    found = [
        model
        for model in models.listed(services.catalog)
        if all(word in " ".join((model["name"], *model["aliases"])).lower() for word in words)
    ]
    return success(object="list", data=found)


@router.get("/ai/models/{model:path}")
async def get_model(services: ServicesHere, _caller: CallerHere, model: str) -> Response:
    """One model, by UUID or name."""
    found = models.find(services.catalog, model)
    return success(model=found, **found)


@router.get("/evaluations/models")
async def list_models_of_evaluations(services: ServicesHere, _caller: CallerHere) -> Response:
    """As `list_models`, in the older shape."""
    fields = ("id", "name", "display_name", "capabilities", "provider")
    found = [{field: model[field] for field in fields} for model in models.listed(services.catalog)]
    return success(models=found)
