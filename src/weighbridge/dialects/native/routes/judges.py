"""Judges with several dimensions: made, looked at, changed, deleted. Content is sent to them
through the DataFramer API, or at the command line."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from weighbridge.dialects import shared
from weighbridge.dialects.native import answers, wire, wire_judges
from weighbridge.dialects.native.access import CallerHere, Id, IdempotencyKey, ServicesHere
from weighbridge.dialects.native.description import READ, WRITE, json_body
from weighbridge.dialects.native.translate_judges import from_rubric_judge
from weighbridge.judgefile import parse_judge

# `GET /judges` itself is about all judges, beside people: see `reviews`.
router = APIRouter(prefix="/judges", tags=["judges"])


@router.post(
    "",
    status_code=201,
    response_model=wire_judges.RubricJudge,
    responses=WRITE,
    openapi_extra=json_body("JudgeSpec"),
)
async def create_judge(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A judge with several dimensions, at version 1."""
    value, body = await shared.read_json(request)
    spec = parse_judge(value)

    async def create() -> wire_judges.RubricJudge:
        return from_rubric_judge(await services.judges.create(caller, spec))

    return await answers.idempotently(request, services, caller, idempotency_key, body, create, 201)


@router.get("/rubrics", response_model=wire.Page[wire_judges.RubricJudge], responses=READ)
async def list_rubric_judges(
    services: ServicesHere, caller: CallerHere, query: Annotated[wire.PageQuery, Query()]
) -> Response:
    """The judges with several dimensions of the workspace, newest first."""
    return await answers.newest(
        query,
        lambda after, limit: services.judges.page(caller, after=after, limit=limit),
        lambda judge: judge.id,
        from_rubric_judge,
    )


@router.get("/{judge_id}", response_model=wire_judges.RubricJudge, responses=READ)
async def get_judge(
    services: ServicesHere,
    caller: CallerHere,
    judge_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """One judge, with its versions."""
    return answers.one(from_rubric_judge(await services.judges.get(caller, judge_id)))


@router.put(
    "/{judge_id}",
    response_model=wire_judges.RubricJudge,
    responses=WRITE,
    openapi_extra=json_body("JudgeSpec"),
)
async def change_judge(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    judge_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """Say anew what a judge is. Where it judges otherwise than before, it gets another version; its
    earlier evaluations stay with the version that made them."""
    value, _ = await shared.read_json(request)
    changed = await services.judges.change(caller, judge_id, parse_judge(value))
    return answers.one(from_rubric_judge(changed))


@router.delete("/{judge_id}", status_code=204, responses=WRITE)
async def delete_judge(
    services: ServicesHere,
    caller: CallerHere,
    judge_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """Forget a judge and its evaluations."""
    await services.judges.delete(caller, judge_id)
    return Response(status_code=204)
