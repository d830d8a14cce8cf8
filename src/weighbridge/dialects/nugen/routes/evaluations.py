"""Evaluations: started, followed, and read."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from weighbridge.core.caller import Caller
from weighbridge.core.outcome import Scored
from weighbridge.core.run import Run
from weighbridge.dialects import shared
from weighbridge.dialects.nugen import beside, results, wire
from weighbridge.dialects.nugen import evaluations as translate
from weighbridge.dialects.nugen.access import DOOR, CallerHere, Paging, ServicesHere
from weighbridge.dialects.nugen.errors import NotFinished
from weighbridge.dialects.nugen.evaluations import Asked
from weighbridge.dialects.nugen.metrics import ALWAYS, CORRECT, RELEVANT
from weighbridge.dialects.nugen.requests import spec_of
from weighbridge.errors import NotFound
from weighbridge.store.evaluations import Standing, StoredEvaluation
from weighbridge.wiring import Services

router = APIRouter(prefix="/evaluations")

_STANDING = {
    translate.PROCESSING: Standing.GOING_ON,
    translate.READY: Standing.SUCCEEDED,
    translate.FAILED: Standing.FAILED,
}


class Filters(Paging):
    """Which evaluations are listed."""

    status: Literal["PROCESSING", "READY", "FAILED"] | None = None
    model_id: str | None = Field(None, max_length=500)


@router.post("")
@router.post("/create")
async def create_evaluation(
    request: Request, services: ServicesHere, caller: CallerHere
) -> Response:
    """Start one model, or two, over the questions of a benchmark."""
    body, _ = await shared.read_json(request)
    spec = await spec_of(services, caller, body)
    started = await services.evaluations.start(caller, spec)
    return _json(translate.created(Asked(started.evaluation, started.runs)))


@router.get("")
async def list_evaluations(
    services: ServicesHere, caller: CallerHere, filters: Annotated[Filters, Query()]
) -> Response:
    """The evaluations that came through this API, newest first."""
    found, total = await services.evaluations.of_door(
        caller,
        DOOR,
        model=filters.model_id,
        standing=_STANDING[filters.status] if filters.status else None,
        start=filters.offset,
        limit=filters.limit,
    )
    shown = [translate.listed(await _with_runs(services, caller, it)) for it in found]
    return _json(
        {
            "user_id": caller.user_id,
            "evaluations": shown,
            "total": total,
            "limit": filters.limit,
            "offset": filters.offset,
        }
    )


@router.get("/{evaluation_id}")
async def get_evaluation(
    services: ServicesHere, caller: CallerHere, evaluation_id: str
) -> Response:
    """One evaluation, with its metrics once it is ready."""
    asked = await _asked(services, caller, evaluation_id)
    shown = {**translate.listed(asked), **translate.status(asked)}
    return _json(shown)


@router.get("/{evaluation_id}/status")
async def get_status(services: ServicesHere, caller: CallerHere, evaluation_id: str) -> Response:
    """How far it is."""
    return _json(translate.status(await _asked(services, caller, evaluation_id)))


@router.get("/{evaluation_id}/results")
async def get_results(services: ServicesHere, caller: CallerHere, evaluation_id: str) -> Response:
    """What it came to."""
    asked = await _ready(services, caller, evaluation_id)
    return _json(await _results(services, caller, asked))


@router.get("/{evaluation_id}/download")
async def download(services: ServicesHere, caller: CallerHere, evaluation_id: str) -> Response:
    """What it came to, with every answer; written as it is sent."""
    asked = await _ready(services, caller, evaluation_id)
    head = {
        **await _results(services, caller, asked),
        "created_at": wire.moment(asked.stored.created_at),
    }
    return StreamingResponse(
        _downloaded(services, asked, head),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{evaluation_id}.json"'},
    )


async def _results(services: Services, caller: Caller, asked: Asked) -> dict[str, Any]:
    flats, counts = [], []
    for run in asked.sides[:1] if len(asked.runs) == 1 else asked.sides:
        flat, scored, correct = await _figures(services, run, asked.keys)
        flats.append(flat)
        counts.append((scored, run.progress.total, correct))
    metrics: dict[str, Any] | None = None
    base: dict[str, Any] | None = None
    evaluated: dict[str, Any] | None = None
    compared: dict[str, Any] | None = None
    if asked.is_comparison:
        base = {"metrics": flats[0], "model_id": asked.kept["model_id"]}
        evaluated = {"metrics": flats[-1], "model_id": asked.kept["model_id_2"]}
        compared = results.comparison(flats[0], flats[-1])
    else:
        metrics = translate.single_metrics(flats[0], *counts[0])
    status = translate.status(asked)
    return {
        "evaluation_id": asked.stored.id,
        "model_id": asked.kept["model_id"],
        "benchmark_id": asked.kept["benchmark_id"],
        "status": status["status"],
        "method": translate.method(asked),
        "raw_answers_count": status["total_questions"],
        "completed_at": status["end_time"],
        "metrics": metrics,
        "model_id_2": asked.kept["model_id_2"],
        "base_model": base,
        "eval_model": evaluated,
        "comparison": compared,
        # Ours: what the numbers are worth.
        "weighbridge": await beside.told(services, caller, asked),
    }


async def _figures(
    services: Services, run: Run, keys: tuple[str, ...]
) -> tuple[dict[str, float | None], int, int]:
    """`{metric}_{figure}` → value; how many questions were scored for correctness, and how many of
    them fully."""
    spreads = {key: results.Spread() for key in keys}
    correct = 0
    async for page in services.outcomes.grades(run, keys):
        for row in page:
            for key, grade in zip(keys, row.grades, strict=True):
                if isinstance(grade, float):
                    spreads[key].add(grade)
                    correct += key == CORRECT and grade >= 1
    return results.flat(spreads), spreads[CORRECT].n, correct


async def _downloaded(
    services: Services, asked: Asked, head: dict[str, Any]
) -> AsyncIterator[bytes]:
    yield orjson.dumps(head)[:-1] + b',"detailed_results":['
    first = True
    for run in dict.fromkeys(asked.sides):
        async for view in services.outcomes.stream(run):
            record = view.record
            scores = {key: record.outcomes.get(key) for key in ALWAYS}
            values = {
                key: outcome.value if isinstance(outcome, Scored) else None
                for key, outcome in scores.items()
            }
            row = {
                "question_id": record.case_id,
                "model_id": run.model,
                "question": view.inputs.get("question"),
                "expected_answer": view.inputs.get(asked.stored.spec["target"]),
                "model_answer": record.answer.text if record.answer else None,
                "score": values[CORRECT],
                "relevance": values[RELEVANT],
                "error": record.failure.message if record.failure else None,
            }
            yield (b"" if first else b",") + orjson.dumps(row)
            first = False
    yield b"]}"


async def _ready(services: Services, caller: Caller, evaluation_id: str) -> Asked:
    """An evaluation that is ready.

    Raises:
        NotFinished: it is not.
    """
    asked = await _asked(services, caller, evaluation_id)
    if asked.status == translate.PROCESSING:
        progress = translate.status(asked)["progress"]
        raise NotFinished(f"the evaluation is not completed yet: {progress} (PROCESSING)")
    if asked.status == translate.FAILED:
        raise NotFinished(f"the evaluation has failed: {asked.problem}")
    return asked


async def _asked(services: Services, caller: Caller, evaluation_id: str) -> Asked:
    try:
        stored = await services.evaluations.get(caller, evaluation_id[:100])
    except NotFound:
        stored = None
    if stored is None or translate.KEPT not in stored.spec.get("metadata", {}):
        raise NotFound(f"there is no evaluation {evaluation_id[:80]!r}")
    return await _with_runs(services, caller, stored)


async def _with_runs(services: Services, caller: Caller, stored: StoredEvaluation) -> Asked:
    found = await services.runs.list(caller, evaluation_id=stored.id, limit=10)
    by_model = {run.model: run for run in found}
    asked = Asked(stored, tuple(found))
    named = dict.fromkeys(filter(None, (asked.kept["model_id"], asked.kept["model_id_2"])))
    return Asked(stored, tuple(by_model[name] for name in named))


def _json(value: dict[str, Any]) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
