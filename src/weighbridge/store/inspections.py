"""Inspections of samples as rows."""

from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.json import JsonObject
from weighbridge.core.synthesis import Inspection
from weighbridge.store.moments import now
from weighbridge.store.tables import inspections


async def add_inspection(connection: AsyncConnection, inspection: Inspection) -> None:
    """Keep an inspection as it begins."""
    await connection.execute(
        inspections.insert().values(**{name: getattr(inspection, name) for name in _FIELDS})
    )


async def find_inspection(
    connection: AsyncConnection, workspace_id: str, inspection_id: str
) -> Inspection | None:
    """The inspection with this id, if it is in the workspace."""
    return await _one(connection, workspace_id, inspections.c.id == inspection_id)


async def find_inspection_by(
    connection: AsyncConnection, workspace_id: str, evaluation_id: str
) -> Inspection | None:
    """The inspection for which an evaluation looks at samples; None: it does so for none."""
    return await _one(connection, workspace_id, inspections.c.evaluation_id == evaluation_id)


async def list_inspections(
    connection: AsyncConnection, workspace_id: str, production_id: str
) -> list[Inspection]:
    """Those of a production, newest first, without their results."""
    columns = [column for column in inspections.columns if column.name != "result"]
    rows = await connection.execute(
        select(*columns)
        .where(
            inspections.c.workspace_id == workspace_id,
            inspections.c.production_id == production_id,
        )
        .order_by(inspections.c.id.desc())
    )
    return [Inspection(**row, result=None) for row in rows.mappings()]


async def end_inspection(
    connection: AsyncConnection, inspection: Inspection, result: JsonObject
) -> None:
    """Note what an inspection has found, instead of what was noted before."""
    await connection.execute(
        update(inspections)
        .where(
            inspections.c.workspace_id == inspection.workspace_id,
            inspections.c.id == inspection.id,
        )
        .values(result=result, updated_at=now())
    )


async def _one(
    connection: AsyncConnection, workspace_id: str, condition: ColumnElement[bool]
) -> Inspection | None:
    rows = await connection.execute(
        select(inspections).where(inspections.c.workspace_id == workspace_id, condition)
    )
    row = rows.mappings().one_or_none()
    return None if row is None else _inspection(row)


def _inspection(row: RowMapping) -> Inspection:
    fields: dict[str, Any] = {name: row[name] for name in _FIELDS}
    return Inspection(**fields)


_FIELDS = tuple(column.name for column in inspections.columns)
