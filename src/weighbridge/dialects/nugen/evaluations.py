"""Evaluations as this dialect has them, and as ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from weighbridge.core.run import FINISHED, Run, RunState
from weighbridge.dialects.nugen import wire
from weighbridge.dialects.nugen.metrics import ALWAYS, CORRECT, RELEVANT
from weighbridge.store.evaluations import StoredEvaluation

KEPT = "nugen"
"""Where an evaluation keeps what this dialect said of it, among its metadata."""

PROCESSING, READY, FAILED = "PROCESSING", "READY", "FAILED"


@dataclass(frozen=True, slots=True)
class Asked:
    """An evaluation of this dialect.

    Attributes:
        runs: one for each model; one alone where both models are the same, or there is one.
    """

    stored: StoredEvaluation
    runs: tuple[Run, ...]

    @property
    def kept(self) -> dict[str, Any]:
        """What the request said."""
        kept: dict[str, Any] = self.stored.spec.get("metadata", {}).get(KEPT, {})
        return kept

    @property
    def keys(self) -> tuple[str, ...]:
        """Its metrics, in the order in which they are shown."""
        return tuple(self.kept["metrics"])

    @property
    def measured(self) -> tuple[str, ...]:
        """Those of them that have a scorer; the others have no values."""
        return tuple(self.kept["measured"])

    @property
    def is_comparison(self) -> bool:
        """Whether two models were named."""
        return self.kept["model_id_2"] is not None

    @property
    def sides(self) -> tuple[Run, ...]:
        """The run of each model that was named: one run twice where a model was named twice."""
        return (self.runs[0], self.runs[-1]) if self.is_comparison else (self.runs[0],)

    @property
    def status(self) -> str:
        """`PROCESSING`, `READY` or `FAILED`."""
        states = {run.state for run in self.runs}
        if states - FINISHED:
            return PROCESSING
        return READY if states == {RunState.SUCCEEDED} else FAILED

    @property
    def problem(self) -> str | None:
        """Why it has failed; None: it has not."""
        told = [
            f"{run.model}: {run.reason or run.state.value}"
            for run in self.runs
            if run.state in FINISHED and run.state is not RunState.SUCCEEDED
        ]
        return "; ".join(told) or None


def created(asked: Asked) -> dict[str, Any]:
    """The answer to the request."""
    return {
        "evaluation_id": asked.stored.id,
        "model_id": asked.kept["model_id"],
        "status": PROCESSING,
        "benchmark_id": asked.kept["benchmark_id"],
        "created_at": wire.moment(asked.stored.created_at),
        "message": wire.CREATED,
        "judge_provider": asked.kept["judge_provider"],
    }


def status(asked: Asked, now: datetime | None = None) -> dict[str, Any]:
    """How far it is. In a comparison the questions of both models are counted."""
    done = sum(run.progress.done for run in asked.sides)
    total = sum(run.progress.total for run in asked.sides)
    began = min((run.started_at for run in asked.runs if run.started_at), default=None)
    ended = _ended(asked.runs)
    average = None
    if began is not None and done:
        average = max(0.0, ((ended or now or datetime.now(UTC)) - began).total_seconds()) / done
    return {
        "evaluation_id": asked.stored.id,
        "status": asked.status,
        "benchmark_id": asked.kept["benchmark_id"],
        "progress": f"{done}/{total} questions",
        "questions_completed": done,
        "total_questions": total,
        "avg_time_per_question": None if average is None else round(average, 6),
        "eta_seconds": _eta(asked.status, average, total - done),
        "start_time": wire.moment(began or asked.stored.created_at),
        "end_time": wire.moment(ended),
        "model_id": asked.kept["model_id"],
        "model_id_2": asked.kept["model_id_2"],
        "error": asked.problem,
    }


def listed(asked: Asked) -> dict[str, Any]:
    """An evaluation in a list: its metrics are those of the report."""
    sides = asked.sides
    metrics: dict[str, Any] | None = None
    if asked.status == READY:
        if asked.is_comparison:
            base, evaluated = (_means(run) for run in sides)
            metrics = {"base_model": base, "eval_model": evaluated}
        else:
            metrics = _means(sides[0])
    return {
        "evaluation_id": asked.stored.id,
        "name": asked.stored.name,
        "model_id": asked.kept["model_id"],
        "model_id_2": asked.kept["model_id_2"],
        "benchmark_id": asked.kept["benchmark_id"],
        "status": asked.status,
        "method": method(asked),
        "judge_provider": asked.kept["judge_provider"],
        "created_at": wire.moment(asked.stored.created_at),
        "completed_at": wire.moment(_ended(asked.runs)),
        "metrics": metrics,
        "error": asked.problem,
    }


def method(asked: Asked) -> str:
    """The vendor's word for one model, or two side by side."""
    return "eval-compare" if asked.is_comparison else "eval"


def single_metrics(
    flat: dict[str, float | None], scored: int, total: int, correct: int
) -> dict[str, Any]:
    """The metrics of one model: the words of the single-model form, and every figure.

    Args:
        flat: `{metric}_{figure}` → value.
        scored: questions that have a verdict on their correctness. total: all of them.
        correct: those that were answered correctly.
    """
    means = [flat[f"{key}_mean"] for key in ALWAYS]
    known = [mean for mean in means if mean is not None]
    return {
        "accuracy": flat[f"{CORRECT}_mean"],
        "relevance": flat[f"{RELEVANT}_mean"],
        "average_score": sum(known) / len(known) if known else None,
        "total_questions": total,
        "correct_answers": correct,
        "scored_questions": scored,
        **flat,
    }


def _means(run: Run) -> dict[str, float | None]:
    return {f"{metric.scorer}_mean": metric.value for metric in run.metrics}


def _ended(runs: Sequence[Run]) -> datetime | None:
    """When the last of them ended; None: one goes on."""
    moments = [run.finished_at for run in runs if run.state in FINISHED and run.finished_at]
    return max(moments) if len(moments) == len(runs) else None


def _eta(status_: str, average: float | None, left: int) -> float | None:
    if status_ != PROCESSING:
        return 0
    return None if average is None else round(average * left, 3)
