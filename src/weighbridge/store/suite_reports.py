"""Reports on scorings, as rows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime

from sqlalchemy import ColumnElement, RowMapping, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller
from weighbridge.core.json import JsonObject
from weighbridge.store.moments import now
from weighbridge.store.tables import suite_reports


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report on scorings.

    Attributes:
        id: `report_…`.
        scorings: ids, in the order in which they were named.
        evaluation_id: what has a model write it; None: nobody has to, or it is written.
        body: what it says so far (see `services.suite_reports`).
        author: who asked for it, for people.
    """

    id: str
    workspace_id: str
    scorings: tuple[str, ...]
    evaluation_id: str | None
    body: JsonObject
    door: str
    author: str
    created_at: datetime
    updated_at: datetime


def new_report(
    caller: Caller, report_id: str, scorings: Sequence[str], body: JsonObject, author: str
) -> StoredReport:
    """A report as it begins, not kept yet."""
    moment = now()
    return StoredReport(
        report_id,
        caller.workspace_id,
        tuple(scorings),
        None,
        body,
        caller.door,
        author,
        moment,
        moment,
    )


async def add_report(connection: AsyncConnection, report: StoredReport) -> None:
    """Keep a report."""
    values = {**asdict(report), "scorings": list(report.scorings)}
    await connection.execute(suite_reports.insert().values(**values))


async def find_report(
    connection: AsyncConnection, workspace_id: str, report_id: str
) -> StoredReport | None:
    """The report with this id, if it is in the workspace and not deleted."""
    found = await connection.execute(
        select(suite_reports).where(_there(workspace_id), suite_reports.c.id == report_id)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _report(row)


async def list_reports(
    connection: AsyncConnection, workspace_id: str, *, start: int = 0, limit: int
) -> list[StoredReport]:
    """Newest first, from the 0-based place `start` on."""
    rows = await connection.execute(
        select(suite_reports)
        .where(_there(workspace_id))
        .order_by(suite_reports.c.id.desc())
        .offset(start)
        .limit(limit)
    )
    return [_report(row) for row in rows.mappings()]


async def count_reports(connection: AsyncConnection, workspace_id: str) -> int:
    """How many there are."""
    query = select(func.count()).select_from(suite_reports).where(_there(workspace_id))
    return int(await connection.scalar(query) or 0)


async def end_report(
    connection: AsyncConnection, report: StoredReport, body: JsonObject
) -> StoredReport | None:
    """Note what a report says for good; None: that is noted already, or it is deleted."""
    ended = replace(report, evaluation_id=None, body=body, updated_at=now())
    changed = await connection.execute(
        update(suite_reports)
        .where(
            _there(report.workspace_id),
            suite_reports.c.id == report.id,
            suite_reports.c.evaluation_id.is_not(None),
        )
        .values(evaluation_id=None, body=ended.body, updated_at=ended.updated_at)
    )
    return ended if changed.rowcount == 1 else None


async def delete_report(connection: AsyncConnection, workspace_id: str, report_id: str) -> bool:
    """Take a report out of sight; False: it is not there."""
    changed = await connection.execute(
        update(suite_reports)
        .where(_there(workspace_id), suite_reports.c.id == report_id)
        .values(deleted_at=now())
    )
    return changed.rowcount == 1


def _there(workspace_id: str) -> ColumnElement[bool]:
    return and_(suite_reports.c.workspace_id == workspace_id, suite_reports.c.deleted_at.is_(None))


def _report(row: RowMapping) -> StoredReport:
    kept = {it.name: row[it.name] for it in fields(StoredReport)}
    return StoredReport(**{**kept, "scorings": tuple(row["scorings"])})
