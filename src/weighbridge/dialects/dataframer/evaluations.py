"""Evaluations of runs in the vendor's words. What they do not know stands under `weighbridge`."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from uuid import UUID, uuid5
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field, StrictStr, TypeAdapter

from weighbridge.core.run import Run, RunState
from weighbridge.core.synthesis import ProductionState, sample_name
from weighbridge.dialects.dataframer.access import read_id, shown_id
from weighbridge.dialects.dataframer.wire import STATUS, moment
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.jobs.inspections import Classified
from weighbridge.services.inspections import InspectionView

_CANCELED = "The evaluation was canceled"
_CONFORMANCE = ("corrected", "low", "high", "level", "samples", "read")
_BEYOND = ("judge", "judged_by_embedded", "unread", "why_unread", "untold", "seeds_note")
_MOST_NUMBER = 2**31 - 1


class EvaluationBody(BaseModel):
    """What an evaluation is made of; fields that we do not know are passed over."""

    model_config = ConfigDict(frozen=True)

    run_id: StrictStr
    evaluation_model: Annotated[StrictStr, Field(min_length=1, max_length=500)] | None = None


EVALUATION: TypeAdapter[EvaluationBody] = TypeAdapter(EvaluationBody)


def named_run(text: str) -> str:
    """The id of the run that is meant.

    Raises:
        InvalidFields: it is no UUID.
    """
    try:
        UUID(text)
    except ValueError as error:
        raise InvalidFields([FieldProblem("run_id", "Must be a valid UUID.")]) from error
    return read_id("prod", text, "Run")


def in_vendors_words(error: InvalidFields) -> InvalidFields:
    """The error, its fields called as the vendor calls them."""
    return InvalidFields(
        [
            FieldProblem("evaluation_model" if it.field == "model" else it.field, it.message)
            for it in error.problems
        ]
    )


def summary(view: InspectionView) -> dict[str, Any]:
    """An evaluation beside others."""
    inspection, run = view.inspection, view.run
    return {
        "id": shown_id(inspection.id),
        "run_id": shown_id(inspection.production_id),
        "status": _status(run).value,
        "created_at": moment(inspection.created_at),
        "completed_at": moment(run.finished_at),
        "created_by_email": inspection.author,
    }


def evaluation(view: InspectionView, classified: Sequence[Classified] = ()) -> dict[str, Any]:
    """An evaluation.

    Args:
        classified: what was seen in each sample; none before it has succeeded.
    """
    inspection, run = view.inspection, view.run
    result: Mapping[str, Any] | None = view.result
    state = _status(run)
    return {
        **summary(view),
        "status_display": state.value.capitalize(),
        "company_id": shown_id(inspection.workspace_id),
        "created_by": crc32(inspection.author.encode()) & _MOST_NUMBER,
        "updated_at": moment(run.finished_at or inspection.updated_at),
        "started_at": moment(run.started_at),
        "duration_seconds": _duration(run),
        "error_message": _error(run, state),
        "trace": {"task_id": run.id, "evaluation_model": inspection.model},
        "conformance_score": None if result is None else _rounded(result["score"]),
        "conformance_explanation": None if result is None else result["explanation"],
        "conformant_areas": None if result is None else result["conformant"],
        "non_conformant_areas": None if result is None else result["non_conformant"],
        "distribution_analysis": None
        if result is None
        else [_distributions(it, result) for it in result["properties"]],
        "sample_classifications": _classifications(view, classified),
        "weighbridge": _ours(run, result),
    }


def _distributions(found: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "property_name": found["name"],
        "total_samples": result["samples"],
        "total_samples_analyzed": found["n"],
        "requested_distributions": found["requested"],
        "expected_distributions": found["expected"],
        "evaluated_distributions": found["evaluated"],
        "observed_distributions": found["evaluated"],
    }


def _classifications(view: InspectionView, found: Sequence[Classified]) -> list[dict[str, Any]]:
    evaluation_id = UUID(shown_id(view.inspection.id))
    finished_at = moment(view.run.finished_at)
    return [_classification(evaluation_id, finished_at, it) for it in found]


def _classification(
    evaluation_id: UUID, finished_at: str | None, found: Classified
) -> dict[str, Any]:
    name = sample_name(found.number)
    # UUIDs stay what they are: to write them is the quickest in JSON itself.
    told: dict[str, Any] = {
        "id": uuid5(evaluation_id, name),
        "evaluation_id": evaluation_id,
        "sample_identifier": name,
        "classifications": None
        if found.classes is None
        else {name: value for name, value in found.classes.items() if value is not None},
        "generation_tags": dict(found.tags),
        "is_verification_sample": False,
        "created_at": finished_at,
    }
    if found.why is not None or found.untold:
        told["weighbridge"] = {"unread": found.why, "untold": dict(found.untold)}
    return told


def _ours(run: Run, result: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the vendor does not tell: how sure the score is, tests, and what samples are like."""
    usage = run.usage
    told: dict[str, Any] = {
        "native_run_id": run.id,
        "progress": {"done": run.progress.done, "total": run.progress.total},
        "usage": {
            "calls": usage.calls,
            "cached": usage.cached,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cost_usd": usage.cost_usd,
        },
    }
    if result is None:
        return told
    return {
        **told,
        "conformance": {name: result[name] for name in _CONFORMANCE},
        "properties": result["properties"],
        **{name: result[name] for name in _BEYOND},
        **result["like"],
    }


def _status(run: Run) -> ProductionState:
    """The vendor knows no evaluation that was cancelled."""
    state = STATUS[run.state]
    return ProductionState.FAILED if state is ProductionState.CANCELED else state


def _error(run: Run, state: ProductionState) -> str | None:
    if state is not ProductionState.FAILED:
        return None
    if run.state is RunState.CANCELLED:
        return f"{_CANCELED}: {run.reason}" if run.reason else _CANCELED
    return run.reason or "The evaluation failed"


def _duration(run: Run) -> float | None:
    if run.started_at is None or run.finished_at is None:
        return None
    return round((run.finished_at - run.started_at).total_seconds(), 3)


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 2)
