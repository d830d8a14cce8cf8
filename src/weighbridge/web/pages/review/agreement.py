"""How far people and a scorer agree so far, as a part of the pages of a review."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.responses import Response

from weighbridge.core.outcome import Metric
from weighbridge.figures.confusion import confusion_figure
from weighbridge.services.agreement import ScorerAndPeople
from weighbridge.services.review_queues import Order
from weighbridge.statistics.results import Agreement
from weighbridge.web.charts import Chart
from weighbridge.web.pages.review.state import Review, read_review
from weighbridge.web.streams import follow
from weighbridge.web.visit import Visit


@dataclass(frozen=True, slots=True)
class AgreementPart:
    """What is shown.

    Attributes:
        ready: whether it was quick to work out; else it comes by a stream.
        people: None: nothing is reviewed yet.
        metric: what the scorer found by itself, with its interval; None before the report is made.
        chosen: whether cases were taken in an order that corrects no rate.
    """

    ready: bool
    people: ScorerAndPeople | None = None
    metric: Metric | None = None
    chosen: bool = False


async def agreement_of(review: Review) -> AgreementPart:
    """What is known at once."""
    services = review.visit.services
    found = await services.agreements.at_hand(review.visit.caller, review.run_id, review.seed)
    return AgreementPart(ready=False) if found is None else _part(review, found)


async def follow_agreement(visit: Visit) -> Response:
    """What takes a moment: a large run has to be gone through."""
    review = await read_review(visit)

    async def parts() -> AsyncIterator[str]:
        found = await visit.services.agreements.of_run(visit.caller, review.run_id, review.seed)
        yield visit.render("_review_agreement.html", review=review, agreement=_part(review, found))

    return follow(parts())


def confusion_chart(agreement: Agreement | None) -> Chart | None:
    """Who said what; None where there is nothing to be seen."""
    if agreement is None or not agreement.confusion:
        return None
    labels = [it.label for it in agreement.labels]
    confusion = {
        row: {it: agreement.confusion.get((row, it), 0) for it in labels} for row in labels
    }
    return Chart(
        "Rows: what people said. Columns: what the scorer said. On the diagonal they agree.",
        confusion_figure(confusion, labels=labels, rows="people", columns="scorer"),
        ("people said", *(f"scorer said {label}" for label in labels), "found again"),
        [
            (
                of.label,
                *(confusion[of.label][said] for said in labels),
                of.recall,
            )
            for of in agreement.labels
        ],
    )


def _part(review: Review, found: tuple[ScorerAndPeople, ...]) -> AgreementPart:
    key = review.scorer.key
    return AgreementPart(
        ready=True,
        people=next((it for it in found if it.scorer == key), None),
        metric=next((it for it in review.view.run.metrics if it.scorer == key), None),
        chosen=review.order is not Order.RANDOM,
    )
