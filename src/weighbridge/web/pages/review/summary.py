"""What came of a review: agreement, confusion, the corrected rate, and all that was said."""

from starlette.responses import Response

from weighbridge.dialects.shared import encode_cursor
from weighbridge.services.review_queues import MOST_QUEUED
from weighbridge.web.pages.review.agreement import agreement_of, confusion_chart, follow_agreement
from weighbridge.web.pages.review.state import after_cursor, read_review, write_place
from weighbridge.web.routing import page, stream
from weighbridge.web.visit import Visit

_ROWS = 50
_LARGER = (100, 200, MOST_QUEUED)


async def show_summary(visit: Visit) -> Response:
    """How far the review is, and what it tells."""
    review = await read_review(visit)
    after = after_cursor(visit)
    said = await visit.services.reviews.page(
        visit.caller, review.run_id, after=after, limit=_ROWS + 1, scorer=review.scorer.key
    )
    positions = {it.position for it in said[:_ROWS]}
    cases = await visit.services.outcomes.at(review.view.run, positions)
    views = {(it.record.position, it.record.epoch): it for of in cases.values() for it in of}
    agreement = await agreement_of(review)
    people = agreement.people
    return visit.page(
        "review_summary.html",
        review=review,
        queue=await review.queue(),
        agreement=agreement,
        chart=confusion_chart(people.beside.agreement) if people else None,
        said=said[:_ROWS],
        views=views,
        next=encode_cursor(said[_ROWS - 1].id) if len(said) > _ROWS else None,
        larger=next((it for it in _LARGER if it > review.n), None),
        write_place=write_place,
    )


ROUTES = (
    page("/review/{run_id}/summary", show_summary),
    stream("/review/{run_id}/agreement", follow_agreement),
)
