"""Evaluations: a model over every row of a data frame, and the answers as a column."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from weighbridge.core.caller import Caller
from weighbridge.core.inference import Inference
from weighbridge.core.run import Run
from weighbridge.dialects import shared
from weighbridge.dialects.oxen import evaluations as translate
from weighbridge.dialects.oxen.access import (
    CallerHere,
    Page,
    RepoToRead,
    RepoToWrite,
    ServicesHere,
)
from weighbridge.dialects.oxen.answers import CREATED, FOUND, UPDATED, success
from weighbridge.dialects.oxen.models import shown as shown_model
from weighbridge.dialects.oxen.requests import spec_of
from weighbridge.dialects.oxen.routes.files import stream
from weighbridge.errors import Invalid, NotFound
from weighbridge.versions.base import Repo
from weighbridge.wiring import Services

router = APIRouter(prefix="/repos/{namespace}/{repository}/evaluations")


@router.get("")
async def list_evaluations(
    services: ServicesHere, caller: CallerHere, repo: RepoToRead, paging: Page
) -> Response:
    """The evaluations over this repository, newest first."""
    found = await services.inferences.list(
        caller, repo.repository.id, start=paging.start, limit=paging.page_size + 1
    )
    more = len(found) > paging.page_size
    return success(
        evaluations=[await _shown(services, caller, it) for it in found[: paging.page_size]],
        has_more=more,
        page_number=paging.page,
        page_size=paging.page_size,
    )


@router.get("/{evaluation_id}")
async def get_evaluation(
    services: ServicesHere, caller: CallerHere, repo: RepoToRead, evaluation_id: str
) -> Response:
    """One evaluation, as it is now."""
    return await _answer(services, caller, repo, evaluation_id, FOUND)


@router.delete("/{evaluation_id}")
async def cancel_evaluation(
    services: ServicesHere, caller: CallerHere, repo: RepoToWrite, evaluation_id: str
) -> Response:
    """Stop an evaluation; it stays, and what was answered stays."""
    inference = await _inference(services, caller, repo, evaluation_id)
    await services.runs.cancel(caller, inference.run_id)
    return await _answer(services, caller, repo, evaluation_id, UPDATED)


@router.get("/{evaluation_id}/result")
async def get_result(
    services: ServicesHere, caller: CallerHere, repo: RepoToRead, evaluation_id: str
) -> Response:
    """The file with the column, whether it is on its branch or waits."""
    inference = await _inference(services, caller, repo, evaluation_id)
    there, content, path = await services.inferences.result(caller, inference.run_id)
    return stream(there, content, path)


@router.post("/{evaluation_id}/commit")
async def commit_evaluation(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    repo: RepoToWrite,
    evaluation_id: str,
) -> Response:
    """Put a result on its branch, after somebody has looked at it."""
    inference = await _inference(services, caller, repo, evaluation_id)
    body = await request.body()
    told = shared.parse_json(body) if body.strip() else {}
    if not isinstance(told, dict):
        raise Invalid("the body is an object with `commit_message` and `target_branch`, or empty")
    texts = {name: told.get(name) for name in ("commit_message", "target_branch")}
    if any(it is not None and not isinstance(it, str) for it in texts.values()):
        raise Invalid("`commit_message` and `target_branch` are text")
    await services.inferences.commit(
        caller,
        inference.run_id,
        message=texts["commit_message"] or None,
        branch=texts["target_branch"] or None,
    )
    return await _answer(services, caller, repo, evaluation_id, UPDATED)


@router.post("/{resource:path}")
async def create_evaluation(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    repo: RepoToWrite,
    resource: str,
) -> Response:
    """Start a model over the rows of a file. Everything that can be wrong is found before it is
    asked."""
    body = shared.parse_json(await request.body())
    spec = await spec_of(repo, resource, body, services.catalog)
    try:
        started = await services.evaluations.start(caller, spec)
    except Invalid as error:
        raise translate.refused(error) from error
    found = await services.inferences.get(caller, started.runs[0].id)
    return success(CREATED, evaluation=await _shown(services, caller, found))


async def _inference(
    services: Services, caller: Caller, repo: Repo, evaluation_id: str
) -> Inference:
    found = await services.inferences.find(caller, translate.run_id(evaluation_id))
    if found is None or found.repository_id != repo.repository.id:
        raise NotFound(f"there is no evaluation {evaluation_id[:80]!r}")
    return found


async def _answer(
    services: Services, caller: Caller, repo: Repo, evaluation_id: str, message: str
) -> Response:
    inference = await _inference(services, caller, repo, evaluation_id)
    return success(message, evaluation=await _shown(services, caller, inference))


async def _shown(services: Services, caller: Caller, inference: Inference) -> dict[str, Any]:
    run: Run = await services.runs.get(caller, inference.run_id)
    stored = await services.evaluations.get(caller, run.evaluation_id)
    author = await services.keys.name_of(caller, stored.created_by)
    model = shown_model(services.catalog, run.model)
    return translate.shown(run, stored, inference, author, model)
