"""This dialect as one application, out of a router per resource."""

from fastapi import FastAPI
from starlette.types import Scope

from weighbridge.dialects.oxen import errors
from weighbridge.dialects.oxen.routes import (
    branches,
    chat,
    commits,
    data_frames,
    diffs,
    evaluations,
    exports,
    files,
    merges,
    models,
    pushes,
    repositories,
    trees,
    uploads,
    workspaces,
)
from weighbridge.dialects.shared import BodyLimit, LastResort
from weighbridge.wiring import Services

_PARTS = (
    repositories,
    branches,
    files,
    pushes,
    trees,
    commits,
    workspaces,
    data_frames,
    uploads,
    merges,
    exports,
    diffs,
    evaluations,
    models,
    chat,
)
_FORM_BYTES = 1 << 20  # what a form may have beside its files
_WITH_FILES = ("/file/", "/files/", "/versions", "/parts/", "/tree/nodes", "/commits/upload")


def build(services: Services) -> FastAPI:
    """The application, to be mounted by `app` at `/api`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.services = services
    errors.add_handlers(app)
    for part in _PARTS:
        app.include_router(part.router)
    settings = services.settings

    def limit(scope: Scope) -> int:
        if any(part in scope["path"] for part in _WITH_FILES):
            return (settings.max_upload_mb << 20) + _FORM_BYTES
        return settings.max_body_mb << 20

    app.add_middleware(BodyLimit, limit=limit, refuse=errors.from_error)
    app.add_middleware(LastResort, answer=errors.from_unexpected)
    return app
