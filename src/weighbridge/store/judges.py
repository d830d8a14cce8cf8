"""Judges with several dimensions and their evaluations, as rows."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.outcome import Usage
from weighbridge.core.rubric_judge import (
    Dimension,
    DimensionalJudge,
    JudgeEvaluation,
    JudgeVersion,
    Option,
    ScoringModel,
    Tick,
    version_json,
)
from weighbridge.store.tables import judge_evaluations, judges


async def add_judge(connection: AsyncConnection, judge: DimensionalJudge) -> None:
    """Keep a judge.

    Raises:
        IntegrityError: the workspace has one of that name.
    """
    await connection.execute(
        judges.insert().values(
            id=judge.id,
            workspace_id=judge.workspace_id,
            name=judge.name,
            description=judge.description,
            project=judge.project,
            versions=[version_json(it) for it in judge.versions],
            author=judge.author,
            created_at=judge.created_at,
            updated_at=judge.updated_at,
        )
    )


async def find_judge(
    connection: AsyncConnection, workspace_id: str, judge_id: str
) -> DimensionalJudge | None:
    """The judge with this id, if it is in the workspace."""
    return await _one(connection, judges.c.workspace_id == workspace_id, judges.c.id == judge_id)


async def find_judge_named(
    connection: AsyncConnection, workspace_id: str, name: str
) -> DimensionalJudge | None:
    """The judge of that name, if it is in the workspace."""
    return await _one(connection, judges.c.workspace_id == workspace_id, judges.c.name == name)


async def list_judges(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    project: str | None = None,
    after: str | None = None,
    start: int = 0,
    limit: int,
) -> list[DimensionalJudge]:
    """Newest first.

    Args:
        project: only those of it. after: only those behind the judge with this id.
        start: how many to skip.
    """
    behind = [] if after is None else [judges.c.id < after]
    rows = await connection.execute(
        select(judges)
        .where(_listed(workspace_id, project), *behind)
        .order_by(judges.c.id.desc())
        .offset(start)
        .limit(limit)
    )
    return [_judge(row) for row in rows.mappings()]


async def count_judges(
    connection: AsyncConnection, workspace_id: str, project: str | None = None
) -> int:
    """How many there are, of a project or in all."""
    query = select(func.count()).select_from(judges).where(_listed(workspace_id, project))
    return int(await connection.scalar(query) or 0)


async def change_judge(connection: AsyncConnection, judge: DimensionalJudge, before: int) -> bool:
    """Keep what a judge has become.

    Args:
        before: how many versions it had when it was read.

    Returns:
        False: it is gone, or somebody else has changed it meanwhile.

    Raises:
        IntegrityError: the workspace has another one of that name.
    """
    found = await connection.execute(
        select(judges.c.versions)
        .where(judges.c.workspace_id == judge.workspace_id, judges.c.id == judge.id)
        .with_for_update()
    )
    row = found.one_or_none()
    if row is None or len(row.versions) != before:
        return False
    changed = await connection.execute(
        update(judges)
        .where(judges.c.workspace_id == judge.workspace_id, judges.c.id == judge.id)
        .values(
            name=judge.name,
            description=judge.description,
            project=judge.project,
            versions=[version_json(it) for it in judge.versions],
            updated_at=judge.updated_at,
        )
    )
    return changed.rowcount == 1


async def delete_judge(connection: AsyncConnection, workspace_id: str, judge_id: str) -> bool:
    """Forget a judge and its evaluations; False: there is none with this id."""
    evaluations = judge_evaluations.c
    await connection.execute(
        delete(judge_evaluations).where(
            evaluations.workspace_id == workspace_id, evaluations.judge_id == judge_id
        )
    )
    gone = await connection.execute(
        delete(judges).where(judges.c.workspace_id == workspace_id, judges.c.id == judge_id)
    )
    return gone.rowcount == 1


async def add_evaluation(connection: AsyncConnection, evaluation: JudgeEvaluation) -> None:
    """Keep what became of content.

    Raises:
        IntegrityError: the judge is gone.
    """
    await connection.execute(judge_evaluations.insert().values(**asdict(evaluation)))


async def find_evaluation(
    connection: AsyncConnection, workspace_id: str, judge_id: str, evaluation_id: str
) -> JudgeEvaluation | None:
    """The evaluation of this judge with this id."""
    rows = await connection.execute(
        select(judge_evaluations).where(
            _of_judge(workspace_id, judge_id), judge_evaluations.c.id == evaluation_id
        )
    )
    row = rows.mappings().one_or_none()
    return None if row is None else _evaluation(row)


async def list_evaluations(
    connection: AsyncConnection, workspace_id: str, judge_id: str, *, start: int, limit: int
) -> list[JudgeEvaluation]:
    """Those of a judge, newest first, from the 0-based place `start` on."""
    rows = await connection.execute(
        select(judge_evaluations)
        .where(_of_judge(workspace_id, judge_id))
        .order_by(judge_evaluations.c.id.desc())
        .offset(start)
        .limit(limit)
    )
    return [_evaluation(row) for row in rows.mappings()]


async def count_evaluations(connection: AsyncConnection, workspace_id: str, judge_id: str) -> int:
    """How many a judge has made."""
    query = (
        select(func.count()).select_from(judge_evaluations).where(_of_judge(workspace_id, judge_id))
    )
    return int(await connection.scalar(query) or 0)


def _listed(workspace_id: str, project: str | None) -> ColumnElement[bool]:
    here = judges.c.workspace_id == workspace_id
    return here if project is None else and_(here, judges.c.project == project)


def _of_judge(workspace_id: str, judge_id: str) -> ColumnElement[bool]:
    return and_(
        judge_evaluations.c.workspace_id == workspace_id, judge_evaluations.c.judge_id == judge_id
    )


async def _one(connection: AsyncConnection, *where: ColumnElement[bool]) -> DimensionalJudge | None:
    rows = await connection.execute(select(judges).where(*where))
    row = rows.mappings().one_or_none()
    return None if row is None else _judge(row)


def _judge(row: RowMapping) -> DimensionalJudge:
    return DimensionalJudge(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        description=row["description"],
        project=row["project"],
        versions=tuple(_version(it) for it in row["versions"]),
        author=row["author"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _version(kept: Mapping[str, Any]) -> JudgeVersion:
    return JudgeVersion(
        number=kept["number"],
        model=kept["model"],
        instructions=kept["instructions"],
        author=kept["author"],
        created_at=datetime.fromisoformat(kept["created_at"]),
        dimensions=tuple(
            Dimension(
                id=it["id"],
                name=it["name"],
                scoring_model=ScoringModel(it["scoring_model"]),
                criteria=it["criteria"],
                required=it["required"],
                options=tuple(Option(**one) for one in it["options"]),
                items=tuple(Tick(**one) for one in it["items"]),
            )
            for it in kept["dimensions"]
        ),
    )


def _evaluation(row: RowMapping) -> JudgeEvaluation:
    kept = {name: row[name] for name in JudgeEvaluation.__dataclass_fields__}
    return JudgeEvaluation(**{**kept, "usage": Usage(**row["usage"])})
