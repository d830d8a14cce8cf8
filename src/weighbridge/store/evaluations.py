"""Evaluations as they were asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller
from weighbridge.core.ids import new_id
from weighbridge.store.moments import now
from weighbridge.store.tables import evaluations


@dataclass(frozen=True, slots=True)
class StoredEvaluation:
    """An evaluation, with the spec it was written as."""

    id: str
    workspace_id: str
    name: str
    spec: dict[str, Any]
    dataset_id: str
    door: str
    created_at: datetime
    created_by: str | None = None


async def add_evaluation(
    connection: AsyncConnection, caller: Caller, name: str, spec: dict[str, Any], dataset_id: str
) -> StoredEvaluation:
    """Keep an evaluation."""
    evaluation = StoredEvaluation(
        new_id("eval"),
        caller.workspace_id,
        name,
        spec,
        dataset_id,
        caller.door,
        now(),
        caller.user_id,
    )
    await connection.execute(
        insert(evaluations).values(
            id=evaluation.id,
            workspace_id=caller.workspace_id,
            name=name,
            spec=spec,
            dataset_id=dataset_id,
            door=caller.door,
            created_by=caller.user_id,
            created_at=evaluation.created_at,
        )
    )
    return evaluation


async def find_evaluation(
    connection: AsyncConnection, workspace_id: str, evaluation_id: str
) -> StoredEvaluation | None:
    """The evaluation with this id, if it is in the workspace."""
    found = await connection.execute(
        select(evaluations).where(
            evaluations.c.workspace_id == workspace_id, evaluations.c.id == evaluation_id
        )
    )
    row = found.mappings().one_or_none()
    return None if row is None else _evaluation(row)


async def find_evaluations(
    connection: AsyncConnection, workspace_id: str, evaluation_ids: Iterable[str]
) -> dict[str, StoredEvaluation]:
    """Those of these evaluations that are in the workspace, by id."""
    rows = await connection.execute(
        select(evaluations).where(
            evaluations.c.workspace_id == workspace_id,
            evaluations.c.id.in_(list(evaluation_ids)),
        )
    )
    return {row["id"]: _evaluation(row) for row in rows.mappings()}


async def list_evaluations(
    connection: AsyncConnection, workspace_id: str, *, after: str | None, limit: int
) -> list[StoredEvaluation]:
    """Newest first, below the id `after`."""
    query = select(evaluations).where(evaluations.c.workspace_id == workspace_id)
    if after is not None:
        query = query.where(evaluations.c.id < after)
    rows = await connection.execute(query.order_by(evaluations.c.id.desc()).limit(limit))
    return [_evaluation(row) for row in rows.mappings()]


def _evaluation(row: RowMapping) -> StoredEvaluation:
    return StoredEvaluation(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        spec=row["spec"],
        dataset_id=row["dataset_id"],
        door=row["door"],
        created_at=row["created_at"],
        created_by=row["created_by"],
    )
