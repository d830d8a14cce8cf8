"""Specs: made from seeds or objectives, looked at, edited, deleted."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from weighbridge.dialects.dataframer import specs as translate
from weighbridge.dialects.dataframer.access import CallerHere, ServicesHere, read_id
from weighbridge.dialects.dataframer.errors import parsed
from weighbridge.dialects.dataframer.wire import empty_answer, json_answer
from weighbridge.dialects.shared import read_json
from weighbridge.errors import InvalidFields

router = APIRouter(prefix="/specs")


@router.post("")
async def create(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Have a spec made."""
    body = parsed(translate.SPEC, (await read_json(request))[0])
    try:
        made = await services.data_specs.create(
            caller,
            body.name,
            seeds_id=body.seeds_id(),
            objectives=body.generation_objectives,
            description=body.description,
            model=body.spec_generation_model_name,
            distributions=body.generate_distributions is not False,
            conditionals=bool(body.generate_conditional_distributions),
            extrapolate_values=body.extrapolate_values is not False,
            extrapolate_axes=bool(body.extrapolate_axes),
        )
    except InvalidFields as error:
        raise translate.in_vendors_words(error) from error
    return json_answer(translate.spec(made), 202)


@router.get("")
async def list_all(services: ServicesHere, caller: CallerHere) -> Response:
    """All of the workspace, newest first."""
    return json_answer([translate.summary(it) for it in await services.data_specs.list(caller)])


@router.get("/{spec_id}")
async def get(
    services: ServicesHere, caller: CallerHere, spec_id: str, include_versions: bool = False
) -> Response:
    """One, with its newest YAML, or with that of all versions."""
    found = await services.data_specs.get(caller, _id(spec_id))
    versions = await services.data_specs.versions(caller, found.id) if include_versions else None
    return json_answer(translate.spec(found, versions))


@router.put("/{spec_id}")
async def change(
    request: Request, services: ServicesHere, caller: CallerHere, spec_id: str
) -> Response:
    """Give a spec another version."""
    body = parsed(translate.SPEC_CHANGE, (await read_json(request))[0])
    try:
        changed = await services.data_specs.change(caller, _id(spec_id), body.content_yaml)
    except InvalidFields as error:
        raise translate.about_content(error) from error
    return json_answer(translate.spec(changed))


@router.delete("/{spec_id}")
async def delete(
    services: ServicesHere, caller: CallerHere, spec_id: str, force: bool = False
) -> Response:
    """Have one gone; with `force` its runs, too."""
    await services.data_specs.delete(caller, _id(spec_id), force=force)
    return empty_answer()


def _id(spec_id: str) -> str:
    return read_id("dspec", spec_id, "Spec")
