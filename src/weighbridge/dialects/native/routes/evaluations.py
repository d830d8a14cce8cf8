"""Evaluations: started, listed, looked at."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from weighbridge.dialects import shared
from weighbridge.dialects.native import answers, translate, wire
from weighbridge.dialects.native.access import CallerHere, Id, IdempotencyKey, ServicesHere
from weighbridge.dialects.native.description import READ, WRITE, json_body
from weighbridge.spec import parse_spec
from weighbridge.store.moments import now

_MOST_RUNS = 500

router = APIRouter(prefix="/evaluations", tags=["evaluations"])


@router.post(
    "",
    status_code=201,
    response_model=wire.EvaluationWithRuns,
    responses=WRITE,
    openapi_extra=json_body("EvaluationSpec"),
)
async def create_evaluation(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Start an evaluation: a run for each of its models, queued. Everything that can be wrong with
    it is refused here, before anything is started or paid."""
    value, body = await shared.read_json(request)
    spec = parse_spec(value)

    async def start() -> wire.EvaluationWithRuns:
        started = await services.evaluations.start(caller, spec)
        views = await services.runs.views(
            caller, evaluation_id=started.evaluation.id, limit=_MOST_RUNS
        )
        shown = translate.with_runs(started.evaluation, views, now())
        warnings = list(await services.evaluations.warnings(spec))
        return shown.model_copy(update={"warnings": warnings})

    return await answers.idempotently(request, services, caller, idempotency_key, body, start, 201)


@router.get("", response_model=wire.Page[wire.Evaluation], responses=READ)
async def list_evaluations(
    services: ServicesHere, caller: CallerHere, query: Annotated[wire.PageQuery, Query()]
) -> Response:
    """The evaluations of the workspace, newest first, through whatever door they came."""
    return await answers.newest(
        query,
        lambda after, limit: services.evaluations.list(caller, after=after, limit=limit),
        lambda evaluation: evaluation.id,
        translate.from_evaluation,
    )


@router.get("/{evaluation_id}", response_model=wire.EvaluationWithRuns, responses=READ)
async def get_evaluation(
    services: ServicesHere,
    caller: CallerHere,
    evaluation_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """One evaluation with its runs."""
    evaluation = await services.evaluations.get(caller, evaluation_id)
    views = await services.runs.views(caller, evaluation_id=evaluation_id, limit=_MOST_RUNS)
    return answers.one(translate.with_runs(evaluation, views, now()))
