"""Which runs read a data set, itself or rows that were selected from it."""

from collections.abc import Collection

from sqlalchemy import CTE, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.store.tables import datasets, evaluations, runs


async def count_evaluations(
    connection: AsyncConnection, workspace_id: str, dataset_ids: Collection[str]
) -> dict[str, int]:
    """How many evaluations read each of these data sets; those that none does are left out."""
    reached = _come_from(workspace_id, dataset_ids)
    rows = await connection.execute(
        select(reached.c.root, func.count(evaluations.c.id).label("number"))
        .join(evaluations, evaluations.c.dataset_id == reached.c.id)
        .where(evaluations.c.workspace_id == workspace_id)
        .group_by(reached.c.root)
    )
    return {row.root: row.number for row in rows}


async def runs_reading(
    connection: AsyncConnection,
    workspace_id: str,
    dataset_ids: Collection[str],
    *,
    after: str | None,
    limit: int,
) -> dict[str, str]:
    """The runs over these data sets, newest first, below the id `after`.

    Returns:
        Run → which of the given data sets its rows come from.
    """
    reached = _come_from(workspace_id, dataset_ids)
    statement = (
        select(runs.c.id, func.min(reached.c.root).label("root"))
        .select_from(reached)
        .join(evaluations, evaluations.c.dataset_id == reached.c.id)
        .join(runs, runs.c.evaluation_id == evaluations.c.id)
        .where(runs.c.workspace_id == workspace_id)
        .group_by(runs.c.id)
    )
    if after is not None:
        statement = statement.where(runs.c.id < after)
    rows = await connection.execute(statement.order_by(runs.c.id.desc()).limit(limit))
    return {row.id: row.root for row in rows}


async def datasets_of_file(
    connection: AsyncConnection, workspace_id: str, repository: str, path: str, limit: int
) -> dict[str, str]:
    """The data sets that were taken from a file of a repository, at whatever commit, newest first.

    Args:
        repository: `namespace/name`.

    Returns:
        Data set → its name; some may be those of a file whose path ends like this one.
    """
    rows = await connection.execute(
        select(datasets.c.id, datasets.c.name)
        .where(
            datasets.c.workspace_id == workspace_id,
            datasets.c.parent_id.is_(None),
            datasets.c.name.startswith(f"{repository}@", autoescape=True),
            datasets.c.name.endswith(f":{path}", autoescape=True),
        )
        .order_by(datasets.c.id.desc())
        .limit(limit)
    )
    return {row.id: row.name for row in rows}


def _come_from(workspace_id: str, dataset_ids: Collection[str]) -> CTE:
    """These data sets, and all that came of them: `id`, and `root`, which of these it came of."""
    reached = (
        select(datasets.c.id, datasets.c.id.label("root"))
        .where(datasets.c.workspace_id == workspace_id, datasets.c.id.in_(list(dataset_ids)))
        .cte(recursive=True)
    )
    return reached.union(
        select(datasets.c.id, reached.c.root)
        .join(reached, datasets.c.parent_id == reached.c.id)
        .where(datasets.c.workspace_id == workspace_id)
    )
