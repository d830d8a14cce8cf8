"""Our API as one application, out of a router per resource."""

from fastapi import FastAPI
from starlette.types import Scope

from weighbridge import __version__
from weighbridge.dialects.native import errors
from weighbridge.dialects.native.description import Described
from weighbridge.dialects.native.routes import (
    about,
    comparisons,
    datasets,
    deliveries,
    evaluations,
    gates,
    judges,
    keys,
    repositories,
    repository_files,
    results,
    reviews,
    runs,
    suites,
    webhooks,
)
from weighbridge.dialects.shared import BodyLimit, LastResort
from weighbridge.wiring import Services

_UPLOADS = {("POST", "datasets"), ("POST", "commits"), ("PUT", "content")}
_FORM_BYTES = 1 << 20  # what a form may have beside its file


def build(services: Services) -> FastAPI:
    """The application, to be mounted by `app`."""
    app = Described(
        title="weighbridge",
        version=__version__,
        summary="Evaluate AI systems: start evaluations, follow runs, read results.",
        docs_url=None,  # both pages would load their scripts from a host that nobody named
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.services = services
    errors.add_handlers(app)
    parts = (
        evaluations,
        datasets,
        repositories,
        repository_files,
        runs,
        results,
        deliveries,
        reviews,
        comparisons,
        gates,
        suites,
        judges,
        about,
        keys,
        webhooks,
    )
    for part in parts:
        app.include_router(part.router)
    app.include_router(reviews.judges)
    settings = services.settings

    def limit(scope: Scope) -> int:
        if (scope["method"], scope["path"].rpartition("/")[2]) in _UPLOADS:
            return (settings.max_upload_mb << 20) + _FORM_BYTES
        return settings.max_body_mb << 20

    app.add_middleware(BodyLimit, limit=limit, refuse=errors.from_error)
    app.add_middleware(LastResort, answer=errors.from_unexpected)
    return app
