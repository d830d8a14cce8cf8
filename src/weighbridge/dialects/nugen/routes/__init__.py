"""The dialect as one application, out of a router per resource."""

from fastapi import FastAPI
from starlette.types import Scope

from weighbridge.dialects.nugen import errors
from weighbridge.dialects.nugen.routes import (
    benchmarks,
    documents,
    evaluations,
    inference,
    models,
    refused,
)
from weighbridge.dialects.shared import BodyLimit, LastResort, WithoutSlash
from weighbridge.wiring import Services

# `refused` before `models`, which takes whatever follows `/models/`.
PARTS = (evaluations, benchmarks, documents, inference, refused, models)
_FORM_BYTES = 1 << 20  # what a form may have beside its files
_WITH_FILES = ("/upload", "/documents", "/documents/create")


def build(services: Services) -> FastAPI:
    """The application, to be mounted by `app`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.services = services
    errors.add_handlers(app)
    for part in PARTS:
        app.include_router(part.router)
    settings = services.settings

    def limit(scope: Scope) -> int:
        if scope["method"] == "POST" and scope["path"].rstrip("/").endswith(_WITH_FILES):
            return (settings.max_upload_mb << 20) + _FORM_BYTES
        return settings.max_body_mb << 20

    app.add_middleware(BodyLimit, limit=limit, refuse=errors.from_error)
    app.add_middleware(LastResort, answer=errors.from_unexpected)
    app.add_middleware(WithoutSlash)
    return app
