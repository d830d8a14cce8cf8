"""Runs: listed, looked at, followed, cancelled, taken up again."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from weighbridge.core.caller import Caller
from weighbridge.core.run import Run
from weighbridge.dialects.native import answers, translate, wire
from weighbridge.dialects.native.access import CallerHere, Id, IdempotencyKey, ServicesHere
from weighbridge.dialects.native.description import READ, WRITE, json_body
from weighbridge.dialects.native.errors import from_error
from weighbridge.errors import WeighbridgeError
from weighbridge.services.runs import RunView
from weighbridge.store.moments import now
from weighbridge.wiring import Services

_HEARTBEAT_S = 15
_DONE = "done"
_BREAK = "\n"

router = APIRouter(prefix="/runs", tags=["runs"])


@router.get("", response_model=wire.Page[wire.Run], responses=READ)
async def list_runs(
    services: ServicesHere, caller: CallerHere, query: Annotated[wire.RunsQuery, Query()]
) -> Response:
    """The runs of the workspace, newest first."""
    moment = now()
    return await answers.newest(
        query,
        lambda after, limit: services.runs.views(
            caller, after=after, limit=limit, evaluation_id=query.evaluation, state=query.status
        ),
        lambda view: view.run.id,
        lambda view: translate.from_run(view, moment),
    )


@router.get("/{run_id}", response_model=wire.Run, responses=READ)
async def get_run(
    services: ServicesHere, caller: CallerHere, run_id: Id, _query: Annotated[wire.NoQuery, Query()]
) -> Response:
    """One run."""
    return answers.one(translate.from_run(await services.runs.view(caller, run_id), now()))


@router.post("/{run_id}/cancel", response_model=wire.Run, responses=WRITE)
async def cancel_run(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Stop a run. Calls in flight end within a second; what was done is kept."""
    return await _moved(
        request, services, caller, idempotency_key, lambda: services.runs.cancel(caller, run_id)
    )


@router.post("/{run_id}/resume", response_model=wire.Run, responses=WRITE)
async def resume_run(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Take up a run that failed or was cancelled. Only cases without an outcome are asked."""
    return await _moved(
        request, services, caller, idempotency_key, lambda: services.runs.resume(caller, run_id)
    )


@router.post("/{run_id}/retry-failed", response_model=wire.Run, responses=WRITE)
async def retry_failed(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    query: Annotated[wire.RetryQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Do the cases of an ended run again that failed for good; the others stay as they are. A model
    is not asked again for an answer that is there: only the missing verdicts are."""
    return await _moved(
        request,
        services,
        caller,
        idempotency_key,
        lambda: services.runs.retry_failed(caller, run_id, ungraded=query.ungraded),
        b"ungraded" if query.ungraded else b"",
    )


@router.post(
    "/{run_id}/rescore",
    status_code=201,
    response_model=wire.EvaluationWithRuns,
    responses=WRITE,
    openapi_extra=json_body("Rescoring", required=False),
)
async def rescore_run(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Score the stored answers of an ended run again, by other scorers or another judge: a new
    evaluation with a run of its own. The model is not asked again."""
    body = await request.body()
    asked = await answers.read_body(request, wire.Rescoring) if body else wire.Rescoring()
    changes = asked.model_dump(exclude_none=True)

    async def start() -> wire.EvaluationWithRuns:
        started = await services.evaluations.rescore(caller, run_id, changes)
        views = await services.runs.views(caller, evaluation_id=started.evaluation.id)
        return translate.with_runs(started.evaluation, views, now())

    return await answers.idempotently(request, services, caller, idempotency_key, body, start, 201)


@router.post(
    "/{run_id}/reproduce", status_code=201, response_model=wire.Reproduction, responses=WRITE
)
async def reproduce_run(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Queue a run that does the same again: the same version of the data, prompt, model, judge and
    scorers. `changed` names what is no longer what it was."""

    async def start() -> wire.Reproduction:
        again = await services.evaluations.reproduce(caller, run_id)
        view = await services.runs.view(caller, again.run.id)
        return translate.from_reproduction(again, translate.from_run(view, now()))

    return await answers.idempotently(request, services, caller, idempotency_key, b"", start, 201)


@router.get(
    "/{run_id}/events",
    response_class=EventSourceResponse,
    responses=READ
    | {
        200: {
            "description": "Server-sent events: `progress` with the run whenever it has changed, "
            "`done` with the run when it has ended.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        204: {"description": "The client has seen `done` (`Last-Event-ID`): nothing will follow."},
    },
)
async def follow_run(
    services: ServicesHere,
    caller: CallerHere,
    run_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Follow a run live. The first event is the run as it is now, so that nothing is missed by
    connecting late or again."""
    view = await services.runs.view(caller, run_id)
    if last_event_id == _DONE:
        return Response(status_code=204)
    return EventSourceResponse(_events(services, caller, view), ping=_HEARTBEAT_S, sep=_BREAK)


async def _events(
    services: Services, caller: Caller, view: RunView
) -> AsyncIterator[ServerSentEvent]:
    number = 0
    try:
        async for run in services.runs.changes(caller, view.run.id):
            view = replace(view, run=run)
            number += 1
            yield _event("progress", view, str(number))
    except WeighbridgeError as error:
        # The answer has begun: what went wrong can only be told as one more event.
        yield ServerSentEvent(bytes(from_error(error).body).decode(), event="error", sep=_BREAK)
        return
    yield _event(_DONE, view, _DONE)


def _event(name: str, view: RunView, event_id: str) -> ServerSentEvent:
    return ServerSentEvent(
        translate.from_run(view, now()).model_dump_json(), event=name, id=event_id, sep=_BREAK
    )


async def _moved(
    request: Request,
    services: Services,
    caller: Caller,
    idempotency_key: str | None,
    move: Callable[[], Awaitable[Run]],
    how: bytes = b"",
) -> Response:
    async def moved() -> wire.Run:
        run = await move()
        return translate.from_run(await services.runs.view(caller, run.id), now())

    return await answers.idempotently(request, services, caller, idempotency_key, how, moved)
