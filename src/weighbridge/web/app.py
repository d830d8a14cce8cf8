"""The pages as one application."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Scope

from weighbridge.dialects.native.errors import from_http
from weighbridge.dialects.shared import BodyLimit, LastResort
from weighbridge.errors import TooLarge, WeighbridgeError
from weighbridge.web import static
from weighbridge.web.pages import ROUTES
from weighbridge.web.rendering import render
from weighbridge.web.routing import anybodys, failed, problem
from weighbridge.web.visit import POLICY
from weighbridge.wiring import Services

_FORM_BYTES = 4 << 20
_UPLOADS = "/upload"


def build(services: Services) -> Starlette:
    """The application, to be mounted by `app`."""
    limit_mb = services.settings.max_upload_mb

    def limit(scope: Scope) -> int:
        # Forms with a file are sent to addresses of their own.
        uploads = scope["path"].endswith(_UPLOADS)
        return _FORM_BYTES + (limit_mb << 20 if uploads else 0)

    app = Starlette(
        routes=[Route("/static/{release}/{name}", static.serve), *ROUTES],
        middleware=[
            Middleware(LastResort, answer=_unexpected),
            Middleware(BodyLimit, limit=limit, refuse=_too_large),
        ],
        exception_handlers={HTTPException: _refused, WeighbridgeError: _told},
    )
    app.state.services = services
    app.router.redirect_slashes = False
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (it is registered for these)
    # Whoever takes no HTML is no browser, but a script that lost its way.
    if "text/html" not in request.headers.get("accept", ""):
        return from_http(error)
    missing = error.status_code in {404, 405}
    message = "no page has this address" if missing else str(error.detail)
    return failed(await anybodys(request), error.status_code, message)


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, WeighbridgeError)  # noqa: S101 (it is registered for these)
    return problem(await anybodys(request), error)


def _too_large(error: TooLarge) -> ASGIApp:
    return _broken(error.message, None, 413)


def _unexpected(reference: str) -> ASGIApp:
    message = "Nothing was lost that was shown as done. The server's log says more."
    return _broken(message, reference, 500)


def _broken(message: str, reference: str | None, status: int) -> Response:
    text = render("broken.html", {"message": message, "reference": reference})
    return HTMLResponse(text, status, {"Content-Security-Policy": POLICY})
