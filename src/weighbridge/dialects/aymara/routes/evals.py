"""Evals: made, looked at, changed; and their prompts."""

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from weighbridge.dialects.aymara import evals as translate
from weighbridge.dialects.aymara import ids, wire
from weighbridge.dialects.aymara.access import (
    CallerHere,
    Page,
    SandboxHere,
    ServicesHere,
    check_workspace,
)
from weighbridge.dialects.aymara.errors import parsed
from weighbridge.dialects.aymara.fields import OF_EVALS, in_their_words
from weighbridge.dialects.shared import read_json

router = APIRouter(prefix="/evals")


@router.post("")
async def create(
    request: Request, services: ServicesHere, caller: CallerHere, sandbox: SandboxHere
) -> Response:
    """Have a suite of prompts written."""
    asked = parsed(wire.EVAL, (await read_json(request))[0])
    check_workspace(caller, asked.workspace_uuid)
    async with in_their_words(OF_EVALS):
        suite = await services.suites.create(
            caller,
            await translate.request_of(services, caller, asked, sandbox=sandbox),
            name=asked.name,
            asked=translate.asked_of(asked),
        )
    return _json(translate.shown(suite, "created"), 201)


@router.get("")
async def list_all(services: ServicesHere, caller: CallerHere, page: Page) -> Response:
    """All evals, newest first."""
    found, total = await services.suites.list(caller, start=page.offset, limit=page.limit)
    return _json(wire.page([translate.shown(it) for it in found], total))


@router.get("/{eval_uuid}")
async def get(
    services: ServicesHere,
    caller: CallerHere,
    eval_uuid: str,
    weighbridge: Annotated[bool, Query()] = False,
) -> Response:
    """One eval; with `weighbridge=true` beside it what is ours."""
    suite = await services.suites.get(caller, ids.read(ids.SUITE, eval_uuid))
    begun = await services.suites.begun(caller, suite)
    shown = translate.shown(suite, None if begun else "created")
    return _json({**shown, "weighbridge": translate.ours(suite)} if weighbridge else shown)


@router.put("/{eval_uuid}")
async def change(
    request: Request, services: ServicesHere, caller: CallerHere, eval_uuid: str
) -> Response:
    """Change what is said about an eval, and its prompts."""
    asked = parsed(wire.EVAL_CHANGE, (await read_json(request))[0])
    about, words = await translate.change_of(services, caller, asked)
    async with in_their_words(OF_EVALS):
        suite = await services.suites.change(
            caller,
            ids.read(ids.SUITE, eval_uuid),
            name=asked.name,
            about=about,
            asked=words,
            additions=translate.additions_of(asked),
            changes=translate.changes_of(asked),
        )
    return _json(translate.shown(suite))


@router.delete("/{eval_uuid}")
async def delete(services: ServicesHere, caller: CallerHere, eval_uuid: str) -> Response:
    """Take an eval out of sight, with its runs."""
    await services.suites.delete(caller, ids.read(ids.SUITE, eval_uuid))
    return Response(status_code=204)


@router.get("/{eval_uuid}/prompts")
async def list_prompts(
    services: ServicesHere, caller: CallerHere, eval_uuid: str, page: Page
) -> Response:
    """The prompts of an eval, in an order that never changes."""
    suite = await services.suites.get(caller, ids.read(ids.SUITE, eval_uuid))
    found = await services.suites.prompts(caller, suite, start=page.offset, limit=page.limit)
    return _json(wire.page([translate.prompt(it) for it in found], suite.prompts))


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
