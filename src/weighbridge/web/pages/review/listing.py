"""What can be reviewed, what has been, and how far the judges agree with people over all runs."""

from starlette.responses import Response

from weighbridge.core.outcome import Metric
from weighbridge.dialects.shared import encode_cursor
from weighbridge.services.review_queues import ReviewedRun
from weighbridge.web.pages.review.agreement import confusion_chart
from weighbridge.web.pages.review.state import after_cursor
from weighbridge.web.routing import page
from weighbridge.web.visit import Visit

_ROWS = 50
_BEGUN = 15
_MOST_BEGUN = 100
_CHARTS = 8


async def show_reviews(visit: Visit) -> Response:
    """Runs that can be reviewed, those with a judge first."""
    queues = visit.services.review_queues
    after = after_cursor(visit)
    begun = [] if after else await queues.begun(visit.caller, _BEGUN)
    beside = {
        it.view.run.id: await visit.services.agreements.beside(visit.caller, it.view.run.id)
        for it in begun
    }
    known = {it.view.run.id for it in begun}
    runs = await queues.page(visit.caller, after=after, limit=_ROWS)
    others = sorted(
        (it for it in runs if it.view.run.id not in known and it.view.run.progress.done),
        key=lambda it: not any(scorer.judges for scorer in it.scorers),
    )
    # Runs without scorers are left out, so that a short page need not be the last.
    latest = await visit.services.runs.list(visit.caller, after=after, limit=_ROWS + 1)
    rows = [(it, of) for it in begun for of in it.scorers if of.key in it.reviewed]
    return visit.page(
        "review.html",
        begun=rows[:_MOST_BEGUN],
        beside=beside,
        runs=others,
        metric_of=_metric_of,
        next=encode_cursor(latest[_ROWS - 1].id) if len(latest) > _ROWS else None,
    )


async def show_judges(visit: Visit) -> Response:
    """How far each judge agrees with people, over all runs."""
    found = await visit.services.agreements.of_judges(visit.caller)
    charts = [confusion_chart(it.beside.agreement) for it in found[:_CHARTS]]
    return visit.page("review_judges.html", judges=found, charts=charts)


def _metric_of(run: ReviewedRun, scorer: str) -> Metric | None:
    return next((it for it in run.view.run.metrics if it.scorer == scorer), None)


ROUTES = (
    page("/review", show_reviews),
    # Before the runs' own addresses: no run is called so.
    page("/review/judges", show_judges),
)
