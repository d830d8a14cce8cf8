"""How well samples conform: the score, every property's distributions, what else was found."""

from starlette.responses import Response

from weighbridge.core.run import FINISHED
from weighbridge.jobs.inspections import Classified
from weighbridge.web.conformance import conformance_charts
from weighbridge.web.forms import Form
from weighbridge.web.pages.samples.paging import taken
from weighbridge.web.pages.samples.progress import follow_run
from weighbridge.web.routing import form, page, stream
from weighbridge.web.visit import Visit

PAGE = 50


async def show_inspection(visit: Visit) -> Response:
    """One evaluation of samples."""
    view = await visit.services.inspections.get(visit.caller, visit.path("id"))
    inspection = view.inspection
    production = await visit.services.productions.get(visit.caller, inspection.production_id)
    start = visit.query.whole("from", 0)
    only_other = bool(visit.query.text("differ"))
    pages = visit.services.inspections.classified(visit.caller, view)
    classified, after = await taken(
        pages, start, PAGE, lambda one: not (only_other and _as_drawn(one))
    )
    return visit.page(
        "sample_evaluation.html",
        view=view,
        inspection=inspection,
        production=production.production,
        going_on=view.run.state not in FINISHED,
        result=view.result,
        charts=conformance_charts(view.result) if view.result else {},
        classified=classified,
        only_other=only_other,
        next=after,
    )


async def follow_inspection(visit: Visit) -> Response:
    """How far it is."""
    view = await visit.services.inspections.get(visit.caller, visit.path("id"))
    return await follow_run(visit, view.run.id, "samples")


async def resume_inspection(visit: Visit, _form: Form) -> Response:
    """Go on where it stopped."""
    view = await visit.services.inspections.get(visit.caller, visit.path("id"))
    await visit.services.runs.resume(visit.caller, view.run.id)
    return visit.go(f"/samples/evaluations/{view.inspection.id}")


def _as_drawn(one: Classified) -> bool:
    """Whether it could be read, and shows what was drawn."""
    if one.classes is None:
        return False
    return all(one.classes.get(name) == value for name, value in one.tags.items())


ROUTES = (
    page("/samples/evaluations/{id}", show_inspection),
    stream("/samples/evaluations/{id}/events", follow_inspection),
    form("/samples/evaluations/{id}/resume", resume_inspection),
)
