"""What there is of synthetic data, the newest first."""

from collections.abc import Sequence
from typing import TypeVar

from starlette.responses import Response

from weighbridge.web.routing import page
from weighbridge.web.visit import Visit

PAGE = 50
_Item = TypeVar("_Item")


async def show_samples(visit: Visit) -> Response:
    """Sample runs, with the spec of each and how far it is."""
    wanted = visit.query.text("q").casefold()
    views = [
        view
        for view in await visit.services.productions.list(visit.caller)
        if wanted in view.production.spec_name.casefold()
    ]
    shown, after = _page(visit, views)
    return visit.page("samples.html", tab="runs", views=shown, next=after)


async def show_specs(visit: Visit) -> Response:
    """Specs, with what they were proposed from."""
    wanted = visit.query.text("q").casefold()
    found = await visit.services.data_specs.list(visit.caller)
    shown, after = _page(visit, [it for it in found if wanted in it.name.casefold()])
    return visit.page("samples.html", tab="specs", specs=shown, next=after)


async def show_seeds(visit: Visit) -> Response:
    """Seeds, with how many files they are."""
    wanted = visit.query.text("q").casefold()
    found = await visit.services.seeding.list(visit.caller)
    shown, after = _page(visit, [it for it in found if wanted in it[0].name.casefold()])
    return visit.page("samples.html", tab="seeds", seeds=shown, next=after)


def _page(visit: Visit, items: Sequence[_Item]) -> tuple[Sequence[_Item], str | None]:
    start = visit.query.whole("from", 0)
    after = start + PAGE
    return items[start:after], str(after) if after < len(items) else None


ROUTES = (
    page("/samples", show_samples),
    page("/samples/specs", show_specs),
    page("/samples/seeds", show_seeds),
)
