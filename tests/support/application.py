"""The application over the services of a test, built once: what FastAPI works out at the first
request to each of its routes takes longer than most tests."""

from starlette.applications import Starlette
from starlette.routing import Mount

from weighbridge.app import build_app
from weighbridge.dialects.dataframer.rotations import Rotations
from weighbridge.wiring import Services

_built: dict[tuple[int, int], Starlette] = {}


def application_over(services: Services) -> Starlette:
    """The application, until it is asked for other services.

    Not for tests of what an application counts over all of its requests.
    """
    # How much may come in is settled when it is built.
    limits = (services.settings.max_body_mb, services.settings.max_upload_mb)
    if limits not in _built:
        _built[limits] = build_app(services)
    for route in _built[limits].routes:
        if isinstance(route, Mount) and isinstance(route.app, Starlette):
            state = route.app.state
            state.services = services
            if hasattr(state, "rotations"):
                state.rotations = Rotations()
    return _built[limits]
