"""A run: one execution of an evaluation, and the states it may go through."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from weighbridge.core.outcome import Metric, Usage


class RunState(StrEnum):
    """Where a run is."""

    QUEUED = "queued"
    """accepted; no worker has begun"""
    RUNNING = "running"
    """cases are being asked and scored"""
    DELIVERING = "delivering"
    """every case has an outcome; the report is made and put where the caller wants it"""
    SUCCEEDED = "succeeded"
    """delivered; cases may still have failed one by one, and the report counts them"""
    FAILED = "failed"
    """stopped by something that concerns the whole run; `reason` says what; can be resumed"""
    CANCELLED = "cancelled"
    """stopped on purpose, by a person or by a budget; can be resumed"""


FINISHED = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})

# `succeeded → queued` is `retry-failed`: the run is taken up again for its failed cases.
LEGAL_MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.FAILED, RunState.CANCELLED}),
    RunState.RUNNING: frozenset(
        {RunState.QUEUED, RunState.DELIVERING, RunState.FAILED, RunState.CANCELLED}
    ),
    RunState.DELIVERING: frozenset(
        {RunState.QUEUED, RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED}
    ),
    RunState.SUCCEEDED: frozenset({RunState.QUEUED}),
    RunState.FAILED: frozenset({RunState.QUEUED}),
    RunState.CANCELLED: frozenset({RunState.QUEUED}),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is, counted from its outcome rows.

    Attributes:
        done: (case, epoch) pairs with an outcome, failed ones included.
        total: (case, epoch) pairs of the run.
        failed, ungraded: of those done.
    """

    done: int
    total: int
    failed: int = 0
    ungraded: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of an evaluation.

    Attributes:
        id: `run_…`.
        evaluation_id: what is executed.
        model: the model name as the evaluation names it.
        state, reason: where it is, and why it stopped (`budget`, `cancelled by …`, an error).
        progress, usage: counted from rows.
        metrics: empty until the report is made.
    """

    id: str
    workspace_id: str
    evaluation_id: str
    model: str
    state: RunState
    reason: str | None
    progress: Progress
    usage: Usage
    metrics: tuple[Metric, ...]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
