"""Evaluations as they were asked for."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller
from weighbridge.core.ids import new_id
from weighbridge.core.run import FINISHED, RunState
from weighbridge.store.moments import now
from weighbridge.store.tables import evaluations, runs


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


class Standing(StrEnum):
    """How an evaluation stands, by its runs together."""

    GOING_ON = "going on"
    """one of them has not ended"""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """all have ended, and not all of them well"""


async def list_of_door(
    connection: AsyncConnection,
    workspace_id: str,
    door: str,
    *,
    model: str | None = None,
    standing: Standing | None = None,
    start: int,
    limit: int,
) -> tuple[list[StoredEvaluation], int]:
    """Those that came through a door, newest first, from the 0-based place `start` on.

    Args:
        model: only those with a run of this model.
        standing: only those that stand so.

    Returns:
        The evaluations, and how many there are in all.
    """
    of_it = runs.c.evaluation_id == evaluations.c.id
    open_ = exists().where(of_it, runs.c.state.not_in([state.value for state in FINISHED]))
    bad = exists().where(of_it, runs.c.state != RunState.SUCCEEDED.value)
    conditions: list[ColumnElement[bool]] = [
        evaluations.c.workspace_id == workspace_id,
        evaluations.c.door == door,
    ]
    if model is not None:
        conditions.append(exists().where(of_it, runs.c.model == model))
    if standing is Standing.GOING_ON:
        conditions.append(open_)
    elif standing is Standing.SUCCEEDED:
        conditions.append(~bad)
    elif standing is Standing.FAILED:
        conditions += [~open_, bad]
    rows = await connection.execute(
        select(evaluations)
        .where(*conditions)
        .order_by(evaluations.c.id.desc())
        .offset(start)
        .limit(limit)
    )
    found = [_evaluation(row) for row in rows.mappings()]
    total = await connection.scalar(
        select(func.count()).select_from(evaluations).where(*conditions)
    )
    return found, int(total or 0)


async def evaluations_called(
    connection: AsyncConnection, workspace_id: str, name: str
) -> list[StoredEvaluation]:
    """All with this name, newest first."""
    rows = await connection.execute(
        select(evaluations)
        .where(evaluations.c.workspace_id == workspace_id, evaluations.c.name == name)
        .order_by(evaluations.c.id.desc())
    )
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
