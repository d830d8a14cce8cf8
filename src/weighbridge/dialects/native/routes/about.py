"""Health, who is asking, and what there is to choose from: models, scorers, the schema."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from weighbridge import __version__, scorers, spec
from weighbridge.dialects.native import answers, translate, wire
from weighbridge.dialects.native.access import CallerHere, ServicesHere
from weighbridge.dialects.native.description import READ, problems
from weighbridge.errors import Unavailable

_PATIENCE_S = 5.0

router = APIRouter(tags=["about"])


@router.get("/health", response_model=wire.Health)
async def health(_query: Annotated[wire.NoQuery, Query()]) -> Response:
    """Whether the server is there. Needs no key."""
    return answers.one(wire.Health(version=__version__))


@router.get("/ready", response_model=wire.Health, responses=problems(503))
async def ready(services: ServicesHere, _query: Annotated[wire.NoQuery, Query()]) -> Response:
    """Whether the server can serve: its database answers. Needs no key."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await services.keys.exist()
    except TimeoutError as error:
        raise Unavailable(f"the database did not answer within {_PATIENCE_S:.0f} s") from error
    return answers.one(wire.Health(version=__version__))


@router.get("/me", response_model=wire.Me, responses=READ)
async def me(caller: CallerHere, _query: Annotated[wire.NoQuery, Query()]) -> Response:
    """Who the key stands for, and what it may do."""
    return answers.one(translate.from_caller(caller))


@router.get("/models", response_model=wire.Page[wire.Model], responses=READ)
async def models(
    services: ServicesHere, _caller: CallerHere, _query: Annotated[wire.NoQuery, Query()]
) -> Response:
    """The models that an evaluation can name, and whether each can be used as things are."""
    return answers.page([translate.from_model(model) for model in services.catalog.list()], None)


@router.get("/scorers", response_model=wire.Page[wire.Scorer], responses=READ)
async def list_scorers(_caller: CallerHere, _query: Annotated[wire.NoQuery, Query()]) -> Response:
    """The ways to grade an answer, with their options."""
    shown = [translate.from_scorer(name, scorer) for name, scorer in scorers.SCORERS.items()]
    return answers.page(shown, None)


@router.get("/schema", responses=READ)
async def schema(_caller: CallerHere, _query: Annotated[wire.NoQuery, Query()]) -> dict[str, Any]:
    """The JSON schema of an evaluation, as `POST /evaluations` and YAML files have it."""
    return spec.json_schema()
