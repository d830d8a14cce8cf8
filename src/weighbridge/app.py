"""The root of everything served over HTTP: mounts the dialects, and the pages beneath them."""

import importlib
from collections.abc import Callable
from typing import cast

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weighbridge.dialects import DIALECTS
from weighbridge.dialects.native.errors import from_http
from weighbridge.dialects.prometheus import CountRequests, Exposition
from weighbridge.wiring import Services

SAFE_DEFAULTS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""Headers of every answer that does not set them itself."""
_PAGES = "weighbridge.web.app:build"


def build_app(services: Services) -> Starlette:
    """The application with every dialect at its place.

    Args:
        services: open, and kept open by the caller for as long as the application is served.
    """
    exposition = Exposition(services)
    app = Starlette(
        routes=[
            Route("/metrics", exposition.answer, methods=["GET"]),
            # Otherwise the pages, which are beneath all, would say that there is nothing.
            Route("/metrics", _other_method, methods=["POST", "PUT", "PATCH", "DELETE"]),
            *(Mount(path, app=build_dialect(name)(services)) for path, name in DIALECTS.items()),
            Mount("/", app=build_dialect(_PAGES)(services)),
        ],
        middleware=[
            Middleware(CountRequests, exposition=exposition),
            Middleware(SafeHeaders),
        ],
        exception_handlers={HTTPException: _refused},
    )
    app.router.redirect_slashes = False
    return app


def build_dialect(name: str) -> Callable[[Services], ASGIApp]:
    """The build function of a row of the table of dialects, `module:function`."""
    # The one place where dialects are loaded: the table names them only, so that a command line
    # which prints one of their types need not load them all.
    module, _, function = name.partition(":")
    return cast("Callable[[Services], ASGIApp]", getattr(importlib.import_module(module), function))


class SafeHeaders:
    """ASGI middleware: answers forbid what they need not allow."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE_DEFAULTS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers)


async def _other_method(_request: Request) -> Response:
    raise HTTPException(405, headers={"Allow": "GET"})


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (it is registered for these)
    return from_http(error)
