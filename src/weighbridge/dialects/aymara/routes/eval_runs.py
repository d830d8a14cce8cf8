"""Eval runs: answers handed in, scored, looked at, overridden."""

import asyncio
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from weighbridge.core.caller import Caller
from weighbridge.dialects.aymara import eval_runs as translate
from weighbridge.dialects.aymara import ids, people, wire
from weighbridge.dialects.aymara.access import CallerHere, Page, SandboxHere, ServicesHere
from weighbridge.dialects.aymara.errors import Busy, parsed
from weighbridge.dialects.aymara.fields import OF_RUNS, in_their_words
from weighbridge.dialects.aymara.files import base_of
from weighbridge.dialects.shared import read_json
from weighbridge.services.scorings import Submission, fingerprint_of
from weighbridge.wiring import Services

router = APIRouter(prefix="/eval-runs")

WAITED_S = 50.0
"""For how long a scoring is waited for: the client gives up after 60 s, and sends it again."""

MOST_WAITING = 256
"""Scorings that are waited for at the same time in one process."""

_waiting = asyncio.Semaphore(MOST_WAITING)


@router.post("")
async def create(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    sandbox: SandboxHere,
    is_sandbox: Annotated[bool | None, Query()] = None,
) -> Response:
    """Hand in answers, to be scored in the background."""
    sent = await _submit(request, services, caller, sandbox=bool(is_sandbox) or sandbox)
    [shown] = await translate.shown(services, caller, [sent.scoring])
    return _json(shown, 201)


@router.post("/-/score-responses")
async def score_responses(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    sandbox: SandboxHere,
    is_sandbox: Annotated[bool | None, Query()] = None,
) -> Response:
    """Hand in answers, and wait for their scores."""
    if _waiting.locked():
        raise Busy(
            f"{MOST_WAITING} scorings are waited for already: try again in a second, or use "
            "POST /v2/eval-runs, which does not wait"
        )
    async with _waiting:
        sent = await _submit(request, services, caller, sandbox=bool(is_sandbox) or sandbox)
        await services.scorings.wait(caller, sent.scoring, WAITED_S)
    scoring = await services.scorings.get(caller, sent.scoring.id)
    [shown] = await translate.shown(services, caller, [scoring])
    found = await services.scorings.scored(caller, scoring, sent.responses)
    shown["responses"] = await translate.responses(services, caller, found, base_of(request))
    return _json(shown)


@router.get("")
async def list_all(
    services: ServicesHere,
    caller: CallerHere,
    page: Page,
    eval_uuid: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """All runs, or those of an eval, newest first."""
    suite_id = None if not eval_uuid else ids.read(ids.SUITE, eval_uuid)
    found, total = await services.scorings.list(
        caller, suite_id=suite_id, start=page.offset, limit=page.limit
    )
    return _json(wire.page(await translate.shown(services, caller, found), total))


@router.get("/{eval_run_uuid}")
async def get(services: ServicesHere, caller: CallerHere, eval_run_uuid: str) -> Response:
    """One run. Its responses have an address of their own."""
    scoring = await services.scorings.get(caller, ids.read(ids.SCORING, eval_run_uuid))
    [shown] = await translate.shown(services, caller, [scoring])
    # The vendor gives the ground truth back here, and only here.
    shown["evaluation"]["ground_truth"] = await services.suites.truth(caller, scoring.suite_id)
    return _json(shown)


@router.delete("/{eval_run_uuid}")
async def delete(services: ServicesHere, caller: CallerHere, eval_run_uuid: str) -> Response:
    """Take a run out of sight."""
    await services.scorings.delete(caller, ids.read(ids.SCORING, eval_run_uuid))
    return Response(status_code=204)


@router.get("/{eval_run_uuid}/responses")
async def list_responses(
    request: Request, services: ServicesHere, caller: CallerHere, page: Page, eval_run_uuid: str
) -> Response:
    """The responses of a run with their scores, in the order in which they were handed in."""
    scoring = await services.scorings.get(caller, ids.read(ids.SCORING, eval_run_uuid))
    found = await services.scorings.responses(caller, scoring, start=page.offset, limit=page.limit)
    shown = await translate.responses(services, caller, found, base_of(request))
    return _json(wire.page(shown, scoring.responses))


@router.patch("/{eval_run_uuid}/responses/{response_uuid}")
async def override(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    eval_run_uuid: str,
    response_uuid: str,
) -> Response:
    """Put a person's word in the place of the judge's."""
    said = parsed(wire.RESPONSE_CHANGE, (await read_json(request))[0])
    scoring = await services.scorings.get(caller, ids.read(ids.SCORING, eval_run_uuid))
    async with in_their_words(OF_RUNS):
        found = await services.scorings.override(
            caller,
            scoring,
            ids.read(ids.RESPONSE, response_uuid),
            passed=said.is_passed,
            confidence=said.confidence,
            explanation=said.explanation,
        )
    [shown] = await translate.responses(services, caller, [found], base_of(request))
    return _json(shown)


@router.get("/{eval_run_uuid}/responses/{response_uuid}/history")
async def list_history(
    services: ServicesHere, caller: CallerHere, eval_run_uuid: str, response_uuid: str
) -> Response:
    """What people said of a response, the oldest first."""
    scoring = await services.scorings.get(caller, ids.read(ids.SCORING, eval_run_uuid))
    first, said = await services.scorings.history(
        caller, scoring, ids.read(ids.RESPONSE, response_uuid)
    )
    return _json(people.history(caller, first, said))


async def _submit(
    request: Request, services: Services, caller: Caller, *, sandbox: bool
) -> Submission:
    value, body = await read_json(request)
    asked = parsed(wire.EVAL_RUN, value)
    async with in_their_words(OF_RUNS):
        return await services.scorings.submit(
            caller,
            ids.read(ids.SUITE, asked.eval_uuid),
            await translate.given_of(services, caller, asked),
            scoring_id=None
            if not asked.eval_run_uuid
            else ids.read(ids.SCORING, asked.eval_run_uuid),
            name=asked.name,
            ai_description=asked.ai_description,
            examples=translate.examples_of(asked),
            sandbox=sandbox,
            fingerprint=fingerprint_of(body, request.url.path),
            # What the vendor's client says when it sends a request once more.
            sent_again=request.headers.get("x-stainless-retry-count", "0") != "0",
        )


def _json(value: dict[str, Any] | list[dict[str, Any]], status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
