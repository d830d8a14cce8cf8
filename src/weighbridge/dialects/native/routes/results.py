"""What a run came to: its outcomes, its report, and its export as a file."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response, StreamingResponse

from weighbridge.dialects import shared
from weighbridge.dialects.native import answers, translate, wire
from weighbridge.dialects.native.access import CallerHere, Id, ServicesHere
from weighbridge.dialects.native.description import READ
from weighbridge.services.exports import MEDIA_TYPES, Format, outcome_object
from weighbridge.spec import parse_spec
from weighbridge.store.moments import now

_MOST = 2**31 - 1
# A model made it, so it is anybody's: only what cannot hold a script is shown in place.
_SAFE_TO_SHOW = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

router = APIRouter(prefix="/runs/{run_id}", tags=["results"])


@router.get("/outcomes", response_model=wire.Page[wire.Outcome], responses=READ)
async def list_outcomes(
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    query: Annotated[wire.OutcomesQuery, Query()],
) -> Response:
    """The outcomes of a run so far, in the order of the data set."""
    after = None if query.cursor is None else shared.decode_cursor(query.cursor, int, int)
    run = await services.runs.get(caller, run_id)
    views = await services.outcomes.page(
        caller,
        run,
        after=None if after is None else (after[0], after[1]),
        limit=query.limit + 1,
        status=query.status,
        case_id=query.case_id,
        epoch=query.epoch,
        overridden=query.overridden,
    )
    more = len(views) > query.limit
    views = views[: query.limit]
    last = views[-1].record if more else None
    return answers.page(
        [outcome_object(view) for view in views],
        shared.encode_cursor(last.position, last.epoch) if last else None,
    )


@router.get(
    "/outcomes/{position}/images/{number}",
    response_class=Response,
    responses=READ
    | {200: {"description": "The image, as the model made it.", "content": {"image/*": {}}}},
)
async def get_image(
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    position: Annotated[int, Path(ge=0, le=_MOST, description="Of the case, from 0.")],
    number: Annotated[int, Path(ge=0, le=_MOST, description="Which image, from 0.")],
    query: Annotated[wire.ImageQuery, Query()],
) -> Response:
    """An image that the model made for a case."""
    run = await services.runs.get(caller, run_id)
    image = await services.outcomes.image(caller, run, position, query.epoch, number)
    suffix = image.media_type.removeprefix("image/").partition("+")[0]
    name = f"{run_id}-{position}-{query.epoch}-{number}.{suffix}"
    shown = "inline" if image.media_type in _SAFE_TO_SHOW else "attachment"
    return Response(
        image.data,
        media_type=image.media_type,
        headers={
            "Content-Disposition": f'{shown}; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
            "Cache-Control": "private, max-age=31536000, immutable",
            "ETag": f'"{image.sha256}"',
        },
    )


@router.get("/report", response_model=wire.Report, responses=READ)
async def get_report(
    services: ServicesHere, caller: CallerHere, run_id: Id, _query: Annotated[wire.NoQuery, Query()]
) -> Response:
    """What a run came to: metrics with intervals, counts, usage, and which model answered. Before
    the run has ended there are no metrics yet, and the rest is what there is so far."""
    return answers.one(translate.from_report(await services.reports.get(caller, run_id), now()))


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses=READ
    | {
        200: {
            "description": "The outcomes so far, as a file.",
            "content": {kind.partition(";")[0]: {} for kind in MEDIA_TYPES.values()},
        }
    },
)
async def export_run(
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    query: Annotated[wire.ExportQuery, Query()],
) -> Response:
    """The outcomes so far as a file, streamed."""
    file_format = Format(query.format)
    view = await services.runs.view(caller, run_id)
    scorers = parse_spec(view.evaluation.spec).to_evaluation().scorers
    pieces = services.exports.stream(view.run, tuple(s.key for s in scorers), file_format)
    # What can go wrong goes wrong before the first piece, while it can still be told properly.
    first = await anext(pieces, b"")
    return StreamingResponse(
        _all(first, pieces),
        media_type=MEDIA_TYPES[file_format],
        headers={"Content-Disposition": f'attachment; filename="{run_id}.{file_format}"'},
    )


async def _all(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece
