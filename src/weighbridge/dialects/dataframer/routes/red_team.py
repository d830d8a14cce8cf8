"""Red teams: specs, and runs that write prompts by them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from weighbridge.dialects.dataframer import red_teams as translate
from weighbridge.dialects.dataframer.access import CallerHere, ServicesHere, read_id
from weighbridge.dialects.dataframer.errors import parsed
from weighbridge.dialects.dataframer.wire import empty_answer, json_answer
from weighbridge.dialects.shared import read_json
from weighbridge.errors import InvalidFields

router = APIRouter()


@router.post("/red-team-specs")
async def create_spec(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Say what is attacked."""
    body = parsed(translate.SPEC, (await read_json(request))[0])
    try:
        made = await services.red_teams.create(caller, body.name, body.target())
    except InvalidFields as error:
        raise translate.in_vendors_words(error) from error
    return json_answer(translate.spec(made), 201)


@router.get("/red-team-specs")
async def list_specs(services: ServicesHere, caller: CallerHere) -> Response:
    """All specs, newest first."""
    found = await services.red_teams.list(caller)
    return json_answer([translate.spec(it, listed=True) for it in found])


@router.get("/red-team-specs/{spec_id}")
async def get_spec(services: ServicesHere, caller: CallerHere, spec_id: str) -> Response:
    """One spec."""
    found = await services.red_teams.get(caller, _spec_id(spec_id))
    return json_answer(translate.spec(found))


@router.patch("/red-team-specs/{spec_id}")
async def change_spec(
    request: Request, services: ServicesHere, caller: CallerHere, spec_id: str
) -> Response:
    """Say something else of what is attacked."""
    body = parsed(translate.SPEC_CHANGE, (await read_json(request))[0])
    known = await services.red_teams.get(caller, _spec_id(spec_id))
    try:
        changed = await services.red_teams.change(
            caller, known.id, name=body.new_name(), target=body.target(known)
        )
    except InvalidFields as error:
        raise translate.in_vendors_words(error) from error
    return json_answer(translate.spec(changed))


@router.delete("/red-team-specs/{spec_id}")
async def delete_spec(services: ServicesHere, caller: CallerHere, spec_id: str) -> Response:
    """Remove a spec; its runs stay."""
    await services.red_teams.delete(caller, _spec_id(spec_id))
    return empty_answer()


@router.post("/red-team-runs")
async def create_run(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Have prompts written."""
    body = parsed(translate.RUN, (await read_json(request))[0])
    try:
        view = await services.red_teams.start(
            caller,
            translate.named_spec("red_team_spec_id", body.red_team_spec_id),
            model=body.model_name,
            behaviors=body.number_of_behaviors,
            prompts=body.number_of_prompts_per_behavior,
        )
    except InvalidFields as error:
        raise translate.in_vendors_words(error, body.model_name) from error
    return json_answer(translate.run(view), 202)


@router.get("/red-team-runs")
async def list_runs(
    services: ServicesHere, caller: CallerHere, spec_id: Annotated[str | None, Query()] = None
) -> Response:
    """All runs, newest first, or those of one spec."""
    named = translate.named_spec("spec_id", spec_id) if spec_id is not None else None
    found = await services.red_teams.runs(caller, spec_id=named)
    return json_answer([translate.run(it, listed=True) for it in found])


@router.get("/red-team-runs/{run_id}")
@router.get("/red-team-runs/{run_id}/status")
async def get_run(services: ServicesHere, caller: CallerHere, run_id: str) -> Response:
    """One run, with its prompts once they are there."""
    view = await services.red_teams.run(caller, _run_id(run_id))
    return json_answer(translate.run(view))


@router.delete("/red-team-runs/{run_id}")
async def delete_run(services: ServicesHere, caller: CallerHere, run_id: str) -> Response:
    """Remove a run with its prompts."""
    await services.red_teams.delete_run(caller, _run_id(run_id))
    return empty_answer()


def _spec_id(text: str) -> str:
    return read_id("rtspec", text, "Red team spec")


def _run_id(text: str) -> str:
    return read_id("rtrun", text, "Red team run")
