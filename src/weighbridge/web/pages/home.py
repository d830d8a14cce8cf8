"""Home: what runs now, and what came of the latest."""

from starlette.responses import Response

from weighbridge.web.routing import page
from weighbridge.web.visit import Visit

_LATEST = 20


async def show_home(visit: Visit) -> Response:
    """What runs now, the latest results, and what needs a person."""
    views = await visit.services.runs.views(visit.caller, limit=_LATEST)
    return visit.page("home.html", views=views)


ROUTES = (page("/", show_home),)
