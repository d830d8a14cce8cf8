"""Evaluations of runs: started, looked at, listed."""

from contextlib import aclosing

from fastapi import APIRouter, Request
from starlette.responses import Response

from weighbridge.dialects.dataframer import evaluations as translate
from weighbridge.dialects.dataframer.access import CallerHere, ServicesHere, read_id
from weighbridge.dialects.dataframer.errors import parsed
from weighbridge.dialects.dataframer.wire import json_answer
from weighbridge.dialects.shared import read_json
from weighbridge.errors import InvalidFields
from weighbridge.jobs.inspections import Classified

router = APIRouter()


@router.post("/evaluations")
async def create(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Have the samples of a run evaluated."""
    body = parsed(translate.EVALUATION, (await read_json(request))[0])
    run_id = translate.named_run(body.run_id)
    try:
        view = await services.inspections.create(caller, run_id, body.evaluation_model)
    except InvalidFields as error:
        raise translate.in_vendors_words(error) from error
    return json_answer(translate.evaluation(view), 202)


@router.get("/evaluations/{evaluation_id}")
async def get(services: ServicesHere, caller: CallerHere, evaluation_id: str) -> Response:
    """One evaluation, with what was seen in each sample once it has succeeded."""
    found = read_id("insp", evaluation_id, "Evaluation")
    view = await services.inspections.get(caller, found)
    classified: list[Classified] = []
    async with aclosing(services.inspections.classified(caller, view)) as pages:
        async for page in pages:
            classified += page
    return json_answer(translate.evaluation(view, classified))


@router.get("/runs/{run_id}/evaluations")
async def list_of_run(services: ServicesHere, caller: CallerHere, run_id: str) -> Response:
    """The evaluations of a run, newest first."""
    production_id = read_id("prod", run_id, "Run")
    found = await services.inspections.list_of(caller, production_id)
    return json_answer([translate.summary(it) for it in found])
