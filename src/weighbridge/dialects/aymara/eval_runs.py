"""Eval runs and their responses: the vendor's words and ours, in both directions."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

from weighbridge.core.asset import Asset
from weighbridge.core.caller import Caller
from weighbridge.core.suite import (
    Given,
    Modality,
    ScoredResponse,
    Scoring,
    ScoringExample,
    Suite,
)
from weighbridge.dialects.aymara import evals, ids, people, wire
from weighbridge.dialects.aymara.files import link_to_get
from weighbridge.dialects.aymara.wire import EvalRunIn, FileReference, ResponseIn
from weighbridge.errors import FieldProblem, InvalidFields, NotFound
from weighbridge.services.scorings import Overview
from weighbridge.wiring import Services

FIRST_TURN = 1


async def given_of(services: Services, caller: Caller, asked: EvalRunIn) -> list[Given]:
    """The answers of a request.

    Raises:
        InvalidFields: an id is none, or a file is not there or not what the answer says it is.
    """
    problems: list[FieldProblem] = []
    found: list[Given] = []
    assets = await _assets_of(services, caller, asked)
    for number, it in enumerate(asked.responses):
        field = f"responses.{number}"
        try:
            prompt_id = ids.read(ids.PROMPT, it.prompt_uuid)
        except NotFound:
            problems.append(FieldProblem(f"{field}.prompt_uuid", "the eval has no such prompt"))
            continue
        thread_id = None
        if it.thread_uuid:
            try:
                thread_id = ids.read(ids.THREAD, it.thread_uuid)
            except NotFound as error:
                problems.append(FieldProblem(f"{field}.thread_uuid", error.message))
                continue
        asset: Asset | None = None
        if isinstance(it.content, FileReference):
            try:
                meant = services.assets.meant(it.content.file_uuid, it.content.remote_file_path)
            except NotFound as error:
                problems.append(FieldProblem(f"{field}.content", error.message))
                continue
            asset = assets.get(meant)
            if asset is None:
                problems.append(FieldProblem(f"{field}.content", "there is no such file"))
                continue
        elif it.content_type in {"image", "video"} and it.content is not None:
            message = f"an answer of the type {it.content_type} is a file: upload it first"
            problems.append(FieldProblem(f"{field}.content", message))
            continue
        if problem := _mismatch(it, asset):
            problems.append(FieldProblem(f"{field}.content_type", problem))
            continue
        found.append(await _given(services, it, asked, prompt_id, thread_id, asset))
    if problems:
        raise InvalidFields(problems[:50])
    return found


def examples_of(asked: EvalRunIn) -> list[ScoringExample]:
    """What the judge goes by besides."""
    return [
        ScoringExample(it.prompt, it.response, it.type == "pass", it.explanation, it.example_uuid)
        for it in asked.eval_run_examples or ()
    ]


async def shown(
    services: Services, caller: Caller, found: Sequence[Scoring]
) -> list[dict[str, Any]]:
    """Eval runs, without their responses."""
    about = await services.suites.find(caller, [it.suite_id for it in found])
    overview = await services.scorings.overview(caller, found)
    return [run(it, about[it.suite_id], overview[it.id]) for it in found if it.suite_id in about]


def run(it: Scoring, suite: Suite, overview: Overview) -> dict[str, Any]:
    """An eval run."""
    rate = overview.rate
    return {
        "eval_run_uuid": ids.shown(ids.SCORING, it.id),
        "eval_uuid": ids.shown(ids.SUITE, it.suite_id),
        "status": wire.SCORING_STATUS[overview.state],
        "name": it.name,
        "ai_description": it.ai_description,
        "evaluation": evals.shown(suite),
        "eval_run_examples": [
            {
                "prompt": one.prompt,
                "response": one.answer,
                "type": "pass" if one.passed else "fail",
                "explanation": one.explanation,
                "example_uuid": one.id,
            }
            for one in it.examples
        ]
        or None,
        "is_sandbox": it.sandbox,
        "num_prompts": suite.prompts,
        "num_responses_scored": rate.n_scored,
        "pass_rate": rate.rate or 0.0,
        "responses": None,
        "workspace_uuid": ids.shown(ids.WORKSPACE, it.workspace_id),
        "created_at": wire.moment(it.created_at),
        "updated_at": wire.moment(it.updated_at),
        # Ours: what the rate is worth, what is not in it, and the runs that the native API has.
        "weighbridge": {
            "scoring": it.id,
            "runs": list(overview.runs),
            "pass_rate": {
                "value": rate.rate,
                "low": rate.low,
                "high": rate.high,
                "level": 0.95,
                "method": "wilson",
                "n_passed": rate.n_passed,
                "n_scored": rate.n_scored,
                "n_ungraded": rate.n_ungraded,
                "n_failed": rate.n_failed,
                "n_excluded": rate.n_excluded,
            },
        },
    }


async def responses(
    services: Services, caller: Caller, found: Iterable[ScoredResponse], base_url: str
) -> list[dict[str, Any]]:
    """Responses with what counts about them; files among them as links that expire.

    Args:
        base_url: where this dialect is, for these links.
    """
    listed = list(found)
    wanted = [it.response.file_id for it in listed if it.response.file_id is not None]
    assets = await services.assets.find(caller, wanted) if wanted else {}
    return [
        await _response(services, caller, it, assets.get(it.response.file_id or ""), base_url)
        for it in listed
    ]


async def _response(
    services: Services, caller: Caller, it: ScoredResponse, asset: Asset | None, base_url: str
) -> dict[str, Any]:
    response, verdict = it.response, it.verdict
    content: Any = response.text
    if response.file_id is not None:
        link = None
        if asset is not None:
            link = await link_to_get(services, base_url, asset)
        content = {
            "file_uuid": ids.shown(ids.ASSET, response.file_id),
            "remote_file_path": link,
        }
    by_hand = verdict.overridden_at is not None
    return {
        "response_uuid": ids.shown(ids.RESPONSE, response.id),
        "prompt_uuid": ids.shown(ids.PROMPT, response.prompt_id),
        "content": content,
        "content_type": response.medium,
        "ai_refused": response.refused,
        "exclude_from_scoring": response.excluded,
        "thread_uuid": ids.shown(ids.THREAD, response.thread_id),
        "turn_number": response.turn,
        "continue_thread": response.continues,
        "is_passed": verdict.passed,
        "confidence": verdict.confidence,
        "explanation": verdict.explanation,
        "manually_updated": by_hand,
        "manually_updated_at": wire.moment(verdict.overridden_at)
        if verdict.overridden_at is not None
        else None,
        "manually_updated_by": people.user(verdict.overridden_by or "", caller.workspace_id)
        if by_hand
        else None,
        "next_prompt": None if it.next_prompt is None else evals.prompt(it.next_prompt),
        "update_history": None,
        # Ours: who judged, and what of the answer the verdict rests on.
        "weighbridge": {"judge": verdict.judge, "evidence": list(verdict.evidence)},
    }


async def _assets_of(services: Services, caller: Caller, asked: EvalRunIn) -> dict[str, Asset]:
    """The files that answers refer to, by id, as far as they are there."""
    wanted = []
    for it in asked.responses:
        if isinstance(it.content, FileReference):
            with suppress(NotFound):  # that is told at its place
                wanted.append(
                    services.assets.meant(it.content.file_uuid, it.content.remote_file_path)
                )
    return await services.assets.find(caller, wanted) if wanted else {}


async def _given(
    services: Services,
    it: ResponseIn,
    asked: EvalRunIn,
    prompt_id: str,
    thread_id: str | None,
    asset: Asset | None,
) -> Given:
    text = it.content if isinstance(it.content, str) else None
    medium: Modality = "text"
    file_id = None
    if asset is not None:
        if asset.kind in {"image", "video"}:
            file_id, medium = asset.id, "image" if asset.kind == "image" else "video"
        else:
            text = await services.assets.text(asset)
    continues = asked.continue_thread if it.continue_thread is None else it.continue_thread
    return Given(
        prompt_id=prompt_id,
        text=text,
        file_id=file_id,
        medium=medium,
        refused=bool(it.ai_refused),
        excluded=bool(it.exclude_from_scoring),
        continues=bool(continues or asked.continue_thread),
        thread_id=thread_id,
        # The vendor's client says 1 where nobody said anything.
        turn=None if it.turn_number in {None, FIRST_TURN} else it.turn_number,
    )


def _mismatch(it: ResponseIn, asset: Asset | None) -> str | None:
    """What is wrong with what an answer says it is; None: nothing, or it does not say."""
    if asset is None or it.content_type is None or it.content_type == asset.kind:
        return None
    if it.content_type == "text" and asset.kind == "document":
        return None
    return f"the answer is said to be {it.content_type}, and its file is {asset.kind}"
