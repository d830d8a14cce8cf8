"""Runs of late and what people did about them, as the first page wants them: a few columns of many
rows, never an outcome that nobody has reviewed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.outcome import Metric
from weighbridge.core.run import FINISHED, Progress, RunState
from weighbridge.core.webhook import DeliveryState
from weighbridge.store.outcomes import ASKED
from weighbridge.store.tables import (
    deliveries,
    evaluations,
    inferences,
    outcomes,
    overrides,
    runs,
    tallies,
    webhooks,
)

_REVIEWS = 1_000


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that has ended, with the name of its evaluation.

    Attributes:
        pin_parts: a hash for each part of what determines its result; empty for old runs.
    """

    id: str
    evaluation_id: str
    name: str
    door: str
    model: str
    state: RunState
    reason: str | None
    total: int
    metrics: tuple[Metric, ...]
    pin_parts: dict[str, str]
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A person's word on a score, beside the scorer's.

    Attributes:
        person, scorer: value and label; the scorer's is None where it gave no verdict.
    """

    run_id: str
    key: str
    person: tuple[float, str | None]
    scorer: tuple[float, str | None] | None


@dataclass(frozen=True, slots=True)
class Undelivered:
    """What did not reach a webhook.

    Attributes:
        failed: deliveries that were given up, of those not forgotten.
        reason: why it was switched off; None: it is on.
    """

    webhook_id: str
    description: str
    failed: int
    reason: str | None


async def past_runs(connection: AsyncConnection, workspace_id: str, limit: int) -> list[PastRun]:
    """The newest that have ended, newest first."""
    return await _past(connection, _of_past(workspace_id).order_by(runs.c.id.desc()).limit(limit))


async def past_runs_called(
    connection: AsyncConnection, workspace_id: str, name: str, limit: int
) -> list[PastRun]:
    """The newest that have ended of all evaluations with this name, newest first."""
    query = _of_past(workspace_id).where(evaluations.c.name == name)
    return await _past(connection, query.order_by(runs.c.id.desc()).limit(limit))


async def progress_of(connection: AsyncConnection, of: Iterable[PastRun]) -> dict[str, Progress]:
    """How the cases of several runs ended, by the run's id."""
    totals = {run.id: run.total for run in of}
    rows = await connection.execute(
        select(
            tallies.c.run_id,
            func.sum(tallies.c.done).label("done"),
            func.sum(tallies.c.failed).label("failed"),
            func.sum(tallies.c.ungraded).label("ungraded"),
        )
        .where(tallies.c.run_id.in_(list(totals)))
        .group_by(tallies.c.run_id)
    )
    found = {
        row.run_id: Progress(int(row.done), totals[row.run_id], int(row.failed), int(row.ungraded))
        for row in rows
    }
    return {run_id: found.get(run_id, Progress(0, total)) for run_id, total in totals.items()}


async def reviews_of_late(connection: AsyncConnection, workspace_id: str) -> list[Reviewed]:
    """The newest of what people said and what counts of it, beside what the scorers said."""
    newest = (
        select(overrides.c.id)
        .where(overrides.c.workspace_id == workspace_id)
        .order_by(overrides.c.id.desc())
        .limit(_REVIEWS)
        .scalar_subquery()
    )
    same = and_(
        outcomes.c.run_id == overrides.c.run_id,
        outcomes.c.position == overrides.c.position,
        outcomes.c.epoch == overrides.c.epoch,
        outcomes.c.kind == ASKED,
    )
    columns = overrides.c
    rows = await connection.execute(
        select(
            *(columns.run_id, columns.position, columns.epoch, columns.scorer, columns.revision),
            *(columns.value, columns.label, outcomes.c.scores),
        )
        .join(outcomes, same)
        .where(columns.id.in_(newest))
    )
    counting: dict[tuple[Any, ...], Any] = {}
    for row in rows:
        place = (row.run_id, row.position, row.epoch, row.scorer)
        if place not in counting or counting[place].revision < row.revision:
            counting[place] = row
    return [
        Reviewed(row.run_id, row.scorer, (row.value, row.label), _verdict(row.scores, row.scorer))
        for row in counting.values()
        if row.value is not None
    ]


async def undelivered(connection: AsyncConnection, workspace_id: str) -> list[Undelivered]:
    """Webhooks that something did not reach, or that were switched off because nothing did."""
    failed = (
        select(deliveries.c.webhook_id, func.count().label("n"))
        .where(
            deliveries.c.workspace_id == workspace_id,
            deliveries.c.state == DeliveryState.FAILED.value,
        )
        .group_by(deliveries.c.webhook_id)
        .subquery()
    )
    rows = await connection.execute(
        select(
            webhooks.c.id,
            webhooks.c.description,
            webhooks.c.disabled_reason,
            func.coalesce(failed.c.n, 0).label("n"),
        )
        .outerjoin(failed, failed.c.webhook_id == webhooks.c.id)
        .where(
            webhooks.c.workspace_id == workspace_id,
            (failed.c.n > 0) | webhooks.c.disabled_reason.is_not(None),
        )
        .order_by(webhooks.c.id)
    )
    return [Undelivered(row.id, row.description, row.n, row.disabled_reason) for row in rows]


async def held_columns(
    connection: AsyncConnection, workspace_id: str, run_ids: Iterable[str]
) -> dict[str, tuple[str, str | None]]:
    """Of these runs, those whose answers are not committed yet: state and problem."""
    rows = await connection.execute(
        select(inferences.c.run_id, inferences.c.state, inferences.c.problem).where(
            inferences.c.workspace_id == workspace_id,
            inferences.c.run_id.in_(list(run_ids)),
            inferences.c.state.in_(["held", "conflict", "failed"]),
        )
    )
    return {row.run_id: (row.state, row.problem) for row in rows}


def _of_past(workspace_id: str) -> Select[Any]:
    wanted = ("id", "evaluation_id", "model", "state", "reason", "total", "metrics", "pin_parts")
    return (
        select(
            *(runs.c[name] for name in (*wanted, "created_at", "finished_at")),
            evaluations.c.name,
            evaluations.c.door,
        )
        .join(evaluations, evaluations.c.id == runs.c.evaluation_id)
        .where(
            runs.c.workspace_id == workspace_id,
            runs.c.state.in_([state.value for state in FINISHED]),
        )
    )


async def _past(connection: AsyncConnection, query: Select[Any]) -> list[PastRun]:
    return [
        PastRun(
            row.id,
            row.evaluation_id,
            row.name,
            row.door,
            row.model,
            RunState(row.state),
            row.reason,
            row.total,
            tuple(Metric(**metric) for metric in row.metrics or ()),
            row.pin_parts or {},
            row.created_at,
            row.finished_at,
        )
        for row in await connection.execute(query)
    ]


def _verdict(scores: dict[str, Any], key: str) -> tuple[float, str | None] | None:
    said = scores.get(key)
    if not isinstance(said, dict) or said.get("value") is None:
        return None
    return (float(said["value"]), said.get("label"))
