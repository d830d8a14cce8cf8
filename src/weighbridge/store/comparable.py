"""Runs that somebody may want to compare, with the data that they are about."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.outcome import Metric
from weighbridge.core.run import RunState
from weighbridge.store.tables import datasets, evaluations, runs


@dataclass(frozen=True, slots=True)
class Comparable:
    """A run at a glance.

    Attributes:
        evaluation: its name. data: the name of the data set. sha256, rows: of the data.
        metrics: empty before it has ended.
    """

    id: str
    evaluation_id: str
    evaluation: str
    model: str
    state: RunState
    metrics: tuple[Metric, ...]
    created_at: datetime
    data: str
    sha256: str
    rows: int


async def newest_runs(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    search: str = "",
    sha256: str | None = None,
    limit: int,
) -> list[Comparable]:
    """The newest runs, newest first.

    Args:
        search: part of an evaluation's name, of a model's, of a data set's, or of a run's id.
        sha256: only those over these data.
    """
    conditions = [runs.c.workspace_id == workspace_id]
    if search:
        part = search.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        named = (evaluations.c.name, runs.c.model, datasets.c.name, runs.c.id)
        conditions.append(or_(*(func.lower(it).like(f"%{part}%", escape="\\") for it in named)))
    if sha256 is not None:
        conditions.append(datasets.c.sha256 == sha256)
    query = _query().where(*conditions).order_by(runs.c.id.desc()).limit(limit)
    return _read((await connection.execute(query)).mappings().all())


async def comparable_of(
    connection: AsyncConnection, workspace_id: str, run_ids: Sequence[str]
) -> list[Comparable]:
    """These runs, as far as the workspace has them, in this order."""
    query = _query().where(runs.c.workspace_id == workspace_id, runs.c.id.in_(list(run_ids)))
    found = {it.id: it for it in _read((await connection.execute(query)).mappings().all())}
    return [found[run_id] for run_id in run_ids if run_id in found]


async def comparable_with(
    connection: AsyncConnection,
    workspace_id: str,
    run_id: str,
    *,
    dataset_id: str,
    evaluation_id: str,
    limit: int,
) -> list[Comparable]:
    """The newest runs over a data set that have succeeded, but for one run.

    Args:
        evaluation_id: the runs of this one come first.
    """
    query = (
        _query()
        .where(
            runs.c.workspace_id == workspace_id,
            evaluations.c.dataset_id == dataset_id,
            runs.c.state == RunState.SUCCEEDED,
            runs.c.id != run_id,
        )
        .order_by((runs.c.evaluation_id == evaluation_id).desc(), runs.c.id.desc())
        .limit(limit)
    )
    return _read((await connection.execute(query)).mappings().all())


def _query() -> Select[Any]:
    return (
        select(
            runs.c.id,
            runs.c.evaluation_id,
            evaluations.c.name.label("evaluation"),
            runs.c.model,
            runs.c.state,
            runs.c.metrics,
            runs.c.created_at,
            datasets.c.name.label("data"),
            datasets.c.sha256,
            datasets.c.rows,
        )
        .join(
            evaluations,
            and_(
                evaluations.c.id == runs.c.evaluation_id,
                evaluations.c.workspace_id == runs.c.workspace_id,
            ),
        )
        .join(datasets, datasets.c.id == evaluations.c.dataset_id)
    )


def _read(rows: Sequence[Any]) -> list[Comparable]:
    return [
        Comparable(
            **{
                **row,
                "state": RunState(row["state"]),
                "metrics": tuple(Metric(**metric) for metric in row["metrics"] or ()),
            }
        )
        for row in rows
    ]
