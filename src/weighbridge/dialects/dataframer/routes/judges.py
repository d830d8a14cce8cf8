"""Judges with several dimensions, and content that is sent to them. They are made through our own
API or at the command line, as the vendor has no way to make them but its pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from starlette.responses import Response

from weighbridge.core.rubric_judge import DimensionalJudge, JudgeEvaluation
from weighbridge.dialects import shared
from weighbridge.dialects.dataframer.access import CallerHere, ServicesHere, read_id, shown_id
from weighbridge.dialects.dataframer.errors import parsed
from weighbridge.dialects.dataframer.wire import json_answer, moment
from weighbridge.errors import NotFound
from weighbridge.services.judge_content import Sent

router = APIRouter(prefix="/judges")

MOST = 500
"""Results in one answer."""

_JUDGE, _EVALUATION = "Judge", "Evaluation"
_Word = Annotated[str, Field(max_length=1_000)]


class Paging(BaseModel):
    """Which part of a list."""

    limit: int = Field(100, ge=1, le=MOST)
    offset: int = Field(0, ge=0, le=2**31)
    project_id: str | None = None


class NewEvaluation(BaseModel):
    """Content that is to be judged; fields that we do not know are passed over."""

    model_config = ConfigDict(extra="ignore")

    messages: Any = None
    input: Any = None
    output: Any = None
    name: _Word | None = None
    generation_model: _Word | None = None
    metadata: Any = None
    model_override: _Word | None = None


_NEW = TypeAdapter(NewEvaluation)


@router.get("")
async def list_judges(
    services: ServicesHere, caller: CallerHere, paging: Annotated[Paging, Query()]
) -> Response:
    """Newest first."""
    found, count = await services.judges.list(
        caller, project=paging.project_id, start=paging.offset, limit=paging.limit
    )
    return json_answer({"count": count, "results": [_shown(it) for it in found]})


@router.get("/{judge_id}")
async def get_judge(services: ServicesHere, caller: CallerHere, judge_id: str) -> Response:
    """One judge."""
    with _not_found(_JUDGE):
        found = await services.judges.get(caller, read_id("judge", judge_id, _JUDGE))
    return json_answer(_shown(found))


@router.post("/{judge_id}/evaluations")
async def evaluate(
    request: Request, services: ServicesHere, caller: CallerHere, judge_id: str
) -> Response:
    """Have content judged, and wait for it."""
    found = read_id("judge", judge_id, _JUDGE)
    body, _ = await shared.read_json(request)
    new = parsed(_NEW, body)
    sent = Sent(
        output=new.output,
        messages=new.messages,
        input=new.input,
        name=new.name,
        generation_model=new.generation_model,
        metadata=new.metadata,
    )
    with _not_found(_JUDGE):
        made = await services.judges.evaluate(caller, found, sent, model=new.model_override or None)
    return json_answer(_evaluation(made))


@router.get("/{judge_id}/evaluations")
async def list_evaluations(
    services: ServicesHere, caller: CallerHere, judge_id: str, paging: Annotated[Paging, Query()]
) -> Response:
    """Those of a judge, newest first, without the text that was judged."""
    with _not_found(_JUDGE):
        found, count = await services.judges.evaluations(
            caller, read_id("judge", judge_id, _JUDGE), start=paging.offset, limit=paging.limit
        )
    return json_answer({"count": count, "results": [_evaluation(it) for it in found]})


@router.get("/{judge_id}/evaluations/{evaluation_id}")
async def get_evaluation(
    services: ServicesHere, caller: CallerHere, judge_id: str, evaluation_id: str
) -> Response:
    """One evaluation, with the text that was judged."""
    with _not_found(_EVALUATION):
        found = await services.judges.evaluation(
            caller, read_id("judge", judge_id, _JUDGE), read_id("jeval", evaluation_id, _EVALUATION)
        )
    return json_answer({**_evaluation(found), "rendered_text": found.rendered})


@contextmanager
def _not_found(what: str) -> Iterator[None]:
    """What is not there is told of without the id that we know it by."""
    try:
        yield
    except NotFound as error:
        raise NotFound(f"{what} not found") from error


def _shown(judge: DimensionalJudge) -> dict[str, Any]:
    latest = judge.latest
    return {
        "id": shown_id(judge.id),
        "name": judge.name,
        "description": judge.description,
        "project_id": judge.project,
        "created_at": moment(judge.created_at),
        "updated_at": moment(judge.updated_at),
        "latest_version": {
            "version_number": latest.number,
            "model": latest.model,
            "created_at": moment(latest.created_at),
            "dimensions": [
                {
                    "dimension_id": it.id,
                    "name": it.name,
                    "required": it.required,
                    "scoring_model": it.scoring_model.value,
                }
                for it in latest.dimensions
            ],
        },
    }


def _evaluation(made: JudgeEvaluation) -> dict[str, Any]:
    verdict = None
    if made.verdict is not None:
        verdict = {name: value for name, value in made.verdict.items() if name != "judge"}
    usage = made.usage
    return {
        "id": shown_id(made.id),
        "judge_id": shown_id(made.judge_id),
        "judge_version": made.judge_version,
        "source": made.source,
        "status": "failed" if verdict is None else "succeeded",
        "model": made.model,
        "latency_ms": made.latency_ms,
        "created_at": moment(made.created_at),
        "error": made.error,
        "verdict": verdict,
        "usage": {
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost_usd": usage.cost_usd,
        },
    }
