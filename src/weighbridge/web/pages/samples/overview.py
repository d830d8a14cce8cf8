"""What there is of synthetic data, the newest first."""

from starlette.responses import Response

from weighbridge.web.pages.samples.paging import part_of
from weighbridge.web.routing import page
from weighbridge.web.visit import Visit


async def show_samples(visit: Visit) -> Response:
    """Sample runs, with the spec of each and how far it is."""
    wanted = visit.query.text("q").casefold()
    views = [
        view
        for view in await visit.services.productions.list(visit.caller)
        if wanted in view.production.spec_name.casefold()
    ]
    shown, after = part_of(visit, views)
    return visit.page("samples.html", tab="runs", views=shown, next=after)


async def show_specs(visit: Visit) -> Response:
    """Specs, with what they were proposed from."""
    wanted = visit.query.text("q").casefold()
    found = await visit.services.data_specs.list(visit.caller)
    shown, after = part_of(visit, [it for it in found if wanted in it.name.casefold()])
    return visit.page("samples.html", tab="specs", specs=shown, next=after)


async def show_seeds(visit: Visit) -> Response:
    """Seeds, with how many files they are."""
    wanted = visit.query.text("q").casefold()
    found = await visit.services.seeding.list(visit.caller)
    shown, after = part_of(visit, [it for it in found if wanted in it[0].name.casefold()])
    return visit.page("samples.html", tab="seeds", seeds=shown, next=after)


ROUTES = (
    page("/samples", show_samples),
    page("/samples/specs", show_specs),
    page("/samples/seeds", show_seeds),
)
