"""Which suites there are of a kind, and what was answered to them: looked up in the database.

What follows from verdicts (pass rates, and whether a scoring is finished) is not in a column: for
that see `services.suite_statistics`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.run import RunState
from weighbridge.core.suite import SuiteState
from weighbridge.store.tables import runs, scorings, suites

_OVER = (RunState.FAILED.value, RunState.CANCELLED.value)


class Standing(StrEnum):
    """Where a suite is, the run that writes it taken into account."""

    CREATED = "created"
    """nobody has begun to write its prompts"""
    PROCESSING = "processing"
    FINISHED = "finished"
    FAILED = "failed"


class Order(StrEnum):
    """What suites can be put in order by."""

    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    NAME = "name"
    SCORINGS = "scorings"
    """how many there are of each"""
    LAST_SCORED_AT = "last_scored_at"
    """when the newest scoring of each was made; those without one stand last"""


@dataclass(frozen=True, slots=True)
class Such:
    """Which suites are wanted. None: all.

    Attributes:
        name: a part of the name. Case does not matter (on SQLite, only that of A to Z).
        kind, modality, language, jailbreak, sandbox: of the request.
        standing: where it is.
        author: who made it, whole; case as with the name.
        created_after, created_before: both ends included.
        has_scorings: whether anything was answered to it.
        scored_after, scored_before: whether any of its scorings was made then, ends included.
    """

    name: str | None = None
    kind: str | None = None
    modality: str | None = None
    language: str | None = None
    standing: Standing | None = None
    jailbreak: bool | None = None
    sandbox: bool | None = None
    author: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    has_scorings: bool | None = None
    scored_after: datetime | None = None
    scored_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class ScoringOf:
    """A scoring, and whose it is."""

    id: str
    suite_id: str
    created_at: datetime


async def suites_such(
    connection: AsyncConnection,
    workspace_id: str,
    such: Such,
    *,
    order: Order = Order.CREATED_AT,
    descending: bool = True,
    start: int = 0,
    limit: int | None = None,
) -> list[str]:
    """Ids of suites that are not deleted; of those that are alike in order, the newest first.

    Args:
        start: how many to leave out. limit: the most; None: all.
    """
    column = _ORDERS[order]()
    direction = (column.desc() if descending else column.asc()).nulls_last()
    rows = await connection.execute(
        _wanted(select(suites.c.id), workspace_id, such)
        .order_by(direction, suites.c.id.desc())
        .offset(start)
        .limit(limit)
    )
    return [row.id for row in rows]


async def count_such(connection: AsyncConnection, workspace_id: str, such: Such) -> int:
    """How many such suites there are."""
    query = _wanted(select(func.count()).select_from(suites), workspace_id, such)
    return int(await connection.scalar(query) or 0)


async def scorings_of(
    connection: AsyncConnection, workspace_id: str, suite_ids: Sequence[str]
) -> list[ScoringOf]:
    """The scorings of some suites (a thousand at most) that are not deleted, oldest first."""
    rows = await connection.execute(
        select(scorings.c.id, scorings.c.suite_id, scorings.c.created_at)
        .where(
            scorings.c.workspace_id == workspace_id,
            scorings.c.suite_id.in_(list(suite_ids)),
            scorings.c.deleted_at.is_(None),
        )
        .order_by(scorings.c.id)
    )
    return [ScoringOf(*row) for row in rows]


def _wanted(query: Select[Any], workspace_id: str, such: Such) -> Select[Any]:
    columns = suites.c
    query = query.where(columns.workspace_id == workspace_id, columns.deleted_at.is_(None))
    for column, value in (
        (columns.kind, such.kind),
        (columns.modality, such.modality),
        (columns.language, such.language),
        (columns.jailbreak, such.jailbreak),
        (columns.sandbox, such.sandbox),
    ):
        if value is not None:
            query = query.where(column == value)
    if such.name is not None:
        query = query.where(columns.name.icontains(such.name, autoescape=True))
    if such.author is not None:
        query = query.where(func.lower(columns.author) == func.lower(such.author))
    if such.created_after is not None:
        query = query.where(columns.created_at >= such.created_after)
    if such.created_before is not None:
        query = query.where(columns.created_at <= such.created_before)
    if such.standing is not None:
        query = query.where(_stands(such.standing))
    return query.where(*_scored(such))


def _scored(such: Such) -> list[ColumnElement[bool]]:
    found = []
    if such.has_scorings is not None:
        there = exists().where(_scoring_of_it())
        found.append(there if such.has_scorings else ~there)
    then = []
    if such.scored_after is not None:
        then.append(scorings.c.created_at >= such.scored_after)
    if such.scored_before is not None:
        then.append(scorings.c.created_at <= such.scored_before)
    if then:
        found.append(exists().where(_scoring_of_it(), *then))
    return found


def _scoring_of_it() -> ColumnElement[bool]:
    return and_(
        scorings.c.suite_id == suites.c.id,
        scorings.c.workspace_id == suites.c.workspace_id,
        scorings.c.deleted_at.is_(None),
    )


def _stands(standing: Standing) -> ColumnElement[bool]:
    writing = suites.c.state == SuiteState.WRITING.value
    run = (
        select(runs.c.state)
        .where(runs.c.evaluation_id == suites.c.evaluation_id)
        .order_by(runs.c.id.desc())
        .limit(1)
        .correlate(suites)
        .scalar_subquery()
    )
    run_state = func.coalesce(run, RunState.RUNNING.value)
    match standing:
        case Standing.FINISHED:
            return suites.c.state == SuiteState.READY.value
        case Standing.FAILED:
            broke_off = and_(writing, run_state.in_(_OVER))
            return or_(suites.c.state == SuiteState.FAILED.value, broke_off)
        case Standing.CREATED:
            return and_(writing, run_state == RunState.QUEUED.value)
        case Standing.PROCESSING:
            return and_(writing, run_state.not_in([*_OVER, RunState.QUEUED.value]))


def _of_scorings(what: Any) -> Any:
    return select(what).where(_scoring_of_it()).correlate(suites).scalar_subquery()


_ORDERS: Mapping[Order, Callable[[], ColumnElement[Any]]] = {
    Order.CREATED_AT: lambda: suites.c.created_at,
    Order.UPDATED_AT: lambda: suites.c.updated_at,
    Order.NAME: lambda: func.lower(suites.c.name),
    Order.SCORINGS: lambda: _of_scorings(func.count(scorings.c.id)),
    Order.LAST_SCORED_AT: lambda: _of_scorings(func.max(scorings.c.created_at)),
}
