"""Runs compared, and the cases that flipped between two of them."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from weighbridge.dialects import shared
from weighbridge.dialects.native import answers, wire
from weighbridge.dialects.native import translate_comparisons as translate
from weighbridge.dialects.native.access import CallerHere, ServicesHere
from weighbridge.dialects.native.description import READ
from weighbridge.services.flips import Direction

router = APIRouter(prefix="/compare", tags=["comparisons"])


@router.get("", response_model=wire.Comparison, responses=READ)
async def compare_runs(
    services: ServicesHere, caller: CallerHere, query: Annotated[wire.CompareQuery, Query()]
) -> Response:
    """Compare runs on the cases that they share: `?run=…&run=…`, the baseline first. Every pair,
    by every scorer: difference, interval, paired test, flips each way, and what was left out."""
    view = await services.comparisons.compare(
        caller, query.run, scorers=query.scorer, level=query.level
    )
    return answers.one(translate.from_comparison(view))


@router.get("/flips", response_model=wire.Page[wire.Flip], responses=READ)
async def list_flips(
    services: ServicesHere, caller: CallerHere, query: Annotated[wire.FlipsQuery, Query()]
) -> Response:
    """The cases whose scores differ between two runs, in the order of the first one's data, with
    what was asked and answered."""
    after = -1 if query.cursor is None else shared.decode_cursor(query.cursor, int)[0]
    flips = await services.flips.page(
        caller,
        query.a,
        query.b,
        query.scorer,
        direction=Direction(query.direction),
        after=after,
        limit=query.limit + 1,
    )
    more = len(flips) > query.limit
    flips = flips[: query.limit]
    return answers.page(
        [translate.from_flip(flip, query.scorer, query.a, query.b) for flip in flips],
        shared.encode_cursor(flips[-1].a.position) if more else None,
    )
