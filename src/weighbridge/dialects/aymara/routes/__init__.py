"""The dialect as one application, out of a router per resource."""

from fastapi import FastAPI
from starlette.types import Scope

from weighbridge.dialects.aymara import errors
from weighbridge.dialects.aymara.routes import (
    analysis,
    eval_runs,
    eval_types,
    evals,
    files,
    health,
    reports,
)
from weighbridge.dialects.shared import BodyLimit, LastResort
from weighbridge.wiring import Services

PARTS = (evals, eval_runs, eval_types, reports, analysis, files)
_FORM_BYTES = 1 << 20  # what a form may have beside its file


def build(services: Services) -> FastAPI:
    """The application below `/v2`, to be mounted by `app`."""
    app = _application(services)
    for part in PARTS:
        app.include_router(part.router)
    return app


def build_health(services: Services) -> FastAPI:
    """The application at `/health`."""
    app = _application(services)
    app.include_router(health.router)
    return app


def _application(services: Services) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.services = services
    errors.add_handlers(app)
    settings = services.settings

    def limit(scope: Scope) -> int:
        if scope["path"].startswith("/v2/files/-/"):
            return (settings.max_upload_mb << 20) + _FORM_BYTES
        return settings.max_body_mb << 20

    app.add_middleware(BodyLimit, limit=limit, refuse=errors.from_error)
    app.add_middleware(LastResort, answer=errors.from_unexpected)
    app.add_middleware(errors.RequestIds)
    return app
