"""The dialect as one application, out of a router per resource."""

from fastapi import APIRouter, FastAPI
from starlette.types import Scope

from weighbridge.dialects.dataframer import errors
from weighbridge.dialects.dataframer.rotations import Rotations
from weighbridge.dialects.dataframer.routes import (
    about,
    anonymization,
    content,
    data_plane,
    evaluations,
    judges,
    red_team,
    runs,
    seed_datasets,
    specs,
    traces,
)
from weighbridge.dialects.shared import BodyLimit, LastResort, WithoutSlash
from weighbridge.wiring import Services

PARTS: tuple[APIRouter, ...] = (
    about.router,
    anonymization.router,
    content.router,
    evaluations.router,
    judges.router,
    red_team.router,
    runs.router,
    seed_datasets.router,
    specs.router,
    traces.router,
)
_FORM_BYTES = 1 << 20  # what a form may have beside its files
_WITH_FILES = ("/seed-datasets/create", "/seed-datasets/create-from-zip")


def build(services: Services) -> FastAPI:
    """The application below `/api/dataframer`, to be mounted by `app`."""
    return _application(services, *PARTS)


def build_users(services: Services) -> FastAPI:
    """The application below `/api/users`."""
    app = _application(services, about.users)
    app.state.rotations = Rotations()
    return app


def build_data_plane(services: Services) -> FastAPI:
    """The application below `/api/data-plane`."""
    return _application(services, data_plane.router)


def _application(services: Services, *parts: APIRouter) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.services = services
    errors.add_handlers(app)
    for part in parts:
        app.include_router(part)
    settings = services.settings

    def limit(scope: Scope) -> int:
        if scope["method"] == "POST" and scope["path"].rstrip("/").endswith(_WITH_FILES):
            return (settings.max_upload_mb << 20) + _FORM_BYTES
        return settings.max_body_mb << 20

    app.add_middleware(BodyLimit, limit=limit, refuse=errors.from_error)
    app.add_middleware(LastResort, answer=errors.from_unexpected)
    app.add_middleware(WithoutSlash)
    return app
