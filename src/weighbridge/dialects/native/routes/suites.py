"""Suites of prompts: written, looked at, put to models."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from weighbridge.dialects import shared
from weighbridge.dialects.native import answers, translate, wire, wire_suites
from weighbridge.dialects.native.access import CallerHere, Id, IdempotencyKey, ServicesHere
from weighbridge.dialects.native.description import READ, WRITE, json_body
from weighbridge.dialects.native.translate_suites import (
    from_prompt,
    from_suite,
    in_body,
    to_asking,
    to_request,
)
from weighbridge.errors import InvalidFields
from weighbridge.store.moments import now

router = APIRouter(prefix="/suites", tags=["suites"])


@router.post(
    "",
    status_code=201,
    response_model=wire_suites.Suite,
    responses=WRITE,
    openapi_extra=json_body("NewSuite"),
)
async def create_suite(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Have a suite of prompts written. Where a model writes them, its `status` is `writing` until
    the run of its evaluation has ended; out of the bank they are there at once."""
    new = await answers.read_body(request, wire_suites.NewSuite)

    async def create() -> wire_suites.Suite:
        try:
            made = await services.suites.create(
                caller, to_request(new), name=new.name, generator=new.generator
            )
        except InvalidFields as error:
            raise in_body(error) from error
        return from_suite(made)

    body = await request.body()
    return await answers.idempotently(request, services, caller, idempotency_key, body, create, 201)


@router.get("", response_model=wire.Page[wire_suites.Suite], responses=READ)
async def list_suites(
    services: ServicesHere, caller: CallerHere, query: Annotated[wire.PageQuery, Query()]
) -> Response:
    """The suites of the workspace, newest first, through whatever door they came."""
    return await answers.newest(
        query,
        lambda after, limit: services.suites.page(caller, after=after, limit=limit),
        lambda suite: suite.id,
        from_suite,
    )


@router.get("/{suite_id}", response_model=wire_suites.Suite, responses=READ)
async def get_suite(
    services: ServicesHere,
    caller: CallerHere,
    suite_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """One suite."""
    return answers.one(from_suite(await services.suites.get(caller, suite_id)))


@router.get(
    "/{suite_id}/prompts", response_model=wire.Page[wire_suites.SuitePrompt], responses=READ
)
async def list_prompts(
    services: ServicesHere,
    caller: CallerHere,
    suite_id: Id,
    query: Annotated[wire.PageQuery, Query()],
) -> Response:
    """The prompts of a suite, in order; none while they are written."""
    after = -1 if query.cursor is None else shared.decode_cursor(query.cursor, int)[0]
    suite = await services.suites.get(caller, suite_id)
    found = await services.suites.prompts_after(caller, suite, after, limit=query.limit + 1)
    page = found[: query.limit]
    more = len(found) > query.limit
    return answers.page(
        [from_prompt(it) for it in page], shared.encode_cursor(page[-1].position) if more else None
    )


@router.post(
    "/{suite_id}/runs",
    status_code=201,
    response_model=wire.EvaluationWithRuns,
    responses=WRITE,
    openapi_extra=json_body("NewSuiteRuns"),
)
async def start_runs(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    suite_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Put models to the prompts of a suite and have their answers judged: an evaluation with a run
    for each, queued. Runs over the same prompts can be compared."""
    new = await answers.read_body(request, wire_suites.NewSuiteRuns)

    async def start() -> wire.EvaluationWithRuns:
        try:
            started = await services.suite_runs.start(caller, suite_id, to_asking(new))
        except InvalidFields as error:
            raise in_body(error) from error
        views = await services.runs.views(
            caller, evaluation_id=started.evaluation.id, limit=len(new.models)
        )
        return translate.with_runs(started.evaluation, views, now())

    body = await request.body()
    return await answers.idempotently(request, services, caller, idempotency_key, body, start, 201)


@router.delete("/{suite_id}", status_code=204, responses=WRITE)
async def delete_suite(
    services: ServicesHere,
    caller: CallerHere,
    suite_id: Id,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """Take a suite out of sight. Runs over its prompts stay."""
    await services.suites.delete(caller, suite_id)
    return Response(status_code=204)
