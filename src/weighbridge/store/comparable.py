"""Runs that a run can be compared with."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.run import RunState
from weighbridge.store.tables import evaluations, runs


@dataclass(frozen=True, slots=True)
class ComparableRun:
    """A run that is about the same rows as another.

    Attributes:
        evaluation_id, evaluation: the evaluation that it is a run of, and its name.
    """

    id: str
    model: str
    evaluation_id: str
    evaluation: str
    created_at: datetime


async def comparable_runs(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    dataset_id: str,
    evaluation_id: str,
    besides: str,
    limit: int,
) -> list[ComparableRun]:
    """The newest runs over a data set that have succeeded, those of one evaluation first.

    Args:
        besides: a run that is left out.
    """
    rows = await connection.execute(
        select(
            runs.c.id,
            runs.c.model,
            runs.c.evaluation_id,
            evaluations.c.name.label("evaluation"),
            runs.c.created_at,
        )
        .join(evaluations, evaluations.c.id == runs.c.evaluation_id)
        .where(
            runs.c.workspace_id == workspace_id,
            evaluations.c.workspace_id == workspace_id,
            evaluations.c.dataset_id == dataset_id,
            runs.c.state == RunState.SUCCEEDED,
            runs.c.id != besides,
        )
        .order_by((runs.c.evaluation_id == evaluation_id).desc(), runs.c.id.desc())
        .limit(limit)
    )
    return [ComparableRun(*row) for row in rows]
