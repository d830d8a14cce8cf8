"""Outcomes looked for: by score, label, status, text; in an order other than the data set's.

What is looked for may be anywhere in a run, so the database goes through all of it. It carries no
more than a place and the value that is sorted by; the rows of a page are fetched by their places.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Float,
    and_,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.outcome import Record, Status
from weighbridge.store.outcomes import ASKED, page_of_outcomes
from weighbridge.store.overrides import Place, is_overridden
from weighbridge.store.tables import outcomes

_PLAIN_KEY = re.compile(r"[^\"\\\x00-\x1f]+")
"""A name that can stand between quotes in a path of SQLite's as it is."""


class Order(StrEnum):
    """What outcomes can be put in order by."""

    POSITION = "position"
    SCORE = "score"
    LATENCY = "latency"
    COST = "cost"
    TOKENS = "tokens"


class Verdict(StrEnum):
    """What one scorer made of an answer."""

    PASSED = "passed"
    """the whole score: 1 or more"""
    MISSED = "missed"
    """less than that"""
    UNGRADED = "ungraded"
    """no usable verdict"""
    FAILED = "failed"
    """no call to the judge got through"""


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, and in which order it is wanted. What is None is not asked for.

    Attributes:
        scorer: key of the scorer that `verdict`, `label`, `at_least`, `at_most` and the order by
            score are about; None: there is no such scorer, and they find nothing.
        status: of the outcome.
        failure: kind of the failure, where there is no answer.
        text: part of the answer or of the case's id; letters of ASCII, large or small.
        overridden: whether somebody's saying about one of the scores counts.
        descending: the greatest first. What has no value to go by comes last in any case.
    """

    scorer: str | None = None
    verdict: Verdict | None = None
    label: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    status: Status | None = None
    failure: str | None = None
    text: str | None = None
    overridden: bool | None = None
    order: Order = Order.POSITION
    descending: bool = False

    @property
    def narrows(self) -> bool:
        """Whether it leaves any outcome out."""
        asked = (self.verdict, self.label, self.at_least, self.at_most, self.status)
        return any(it is not None for it in (*asked, self.failure, self.text, self.overridden))


@dataclass(frozen=True, slots=True)
class Found:
    """Where an outcome is, in the run and in the order.

    Attributes:
        value: what it is sorted by; None: it has no such value, or the order is that of positions.
    """

    position: int
    epoch: int
    value: float | None = None


async def find_outcomes(
    connection: AsyncConnection,
    workspace_id: str,
    run_id: str,
    search: Search,
    *,
    after: Found | None = None,
    limit: int = 100,
    backwards: bool = False,
) -> list[Found]:
    """The next places behind `after`, in the order wanted; `backwards`: the next before it, the
    nearest first."""
    dialect = connection.dialect.name
    value = _sorted_by(search, dialect)
    columns = outcomes.c
    down = search.descending != backwards
    place = tuple_(columns.position, columns.epoch)
    conditions = _conditions(workspace_id, run_id, search, dialect)
    if value is None:
        if after is not None:
            at = (after.position, after.epoch)
            conditions.append(place < at if down else place > at)
        order = [_turned(it, down) for it in (columns.position, columns.epoch)]
    else:
        if after is not None:
            conditions.append(_behind(value, after, down=down, backwards=backwards))
        # What has no value is last, so that backwards it is first; among equals, by position.
        order = [_turned(value.is_(None), backwards), _turned(value, down)]
        order += [_turned(it, backwards) for it in (columns.position, columns.epoch)]
    rows = await connection.execute(
        select(columns.position, columns.epoch, (null() if value is None else value).label("value"))
        .where(*conditions)
        .order_by(*order)
        .limit(limit)
    )
    return [Found(row.position, row.epoch, row.value) for row in rows]


async def place_in_order(
    connection: AsyncConnection, workspace_id: str, run_id: str, search: Search, place: Place
) -> Found | None:
    """Where an outcome stands in the order wanted, whether it is looked for or not; None: there is
    no such outcome."""
    value = _sorted_by(search, connection.dialect.name)
    columns = outcomes.c
    row = (
        await connection.execute(
            select((null() if value is None else value).label("value")).where(
                columns.run_id == run_id,
                columns.workspace_id == workspace_id,
                columns.kind == ASKED,
                columns.position == place[0],
                columns.epoch == place[1],
            )
        )
    ).one_or_none()
    return None if row is None else Found(*place, row.value)


async def count_outcomes(
    connection: AsyncConnection, workspace_id: str, run_id: str, search: Search, most: int
) -> int:
    """How many there are; of more than `most`, so many."""
    conditions = _conditions(workspace_id, run_id, search, connection.dialect.name)
    found = select(literal(1)).select_from(outcomes).where(*conditions).limit(most).subquery()
    return int(await connection.scalar(select(func.count()).select_from(found)) or 0)


async def records_at(
    connection: AsyncConnection,
    workspace_id: str,
    run_id: str,
    places: Sequence[Found],
    *,
    shortened: int | None = None,
) -> list[Record]:
    """The outcomes at some places (some hundred at most), in their order.

    Args:
        shortened: of answers, so many characters, and nothing of what came with them; None: all.
    """
    wanted = [(it.position, it.epoch) for it in places]
    if not wanted:
        return []
    columns = outcomes.c
    such = and_(
        # The first is looked up in the index; the second is the whole.
        columns.position.in_({position for position, _ in wanted}),
        tuple_(columns.position, columns.epoch).in_(wanted),
    )
    records = await page_of_outcomes(
        connection, workspace_id, run_id, limit=len(wanted), such=such, shortened=shortened
    )
    by_place = {(record.position, record.epoch): record for record in records}
    return [by_place[place] for place in wanted if place in by_place]


def _conditions(
    workspace_id: str, run_id: str, search: Search, dialect: str
) -> list[ColumnElement[bool]]:
    columns = outcomes.c
    found: list[ColumnElement[bool]] = [
        columns.run_id == run_id,
        columns.workspace_id == workspace_id,
        columns.kind == ASKED,
    ]
    if search.status is not None:
        found.append(columns.status == search.status)
    if search.failure is not None:
        found.append(columns.failure["kind"].as_string() == search.failure)
    if search.text is not None:
        found.append(
            or_(*(_has(it, search.text, dialect) for it in (columns.answer, columns.case_id)))
        )
    if search.overridden is not None:
        such = is_overridden(workspace_id, run_id)
        found.append(such if search.overridden else ~such)
    return found + _of_scorer(search, dialect)


def _of_scorer(search: Search, dialect: str) -> list[ColumnElement[bool]]:
    asked = (search.verdict, search.label, search.at_least, search.at_most)
    if all(it is None for it in asked):
        return []
    if search.scorer is None:
        return [false()]
    value = _score(search.scorer, "value", dialect)
    found: list[ColumnElement[bool]] = []
    if search.verdict is Verdict.PASSED:
        found.append(value >= 1)
    elif search.verdict is Verdict.MISSED:
        found.append(value < 1)
    elif search.verdict is not None:
        found.append(_score(search.scorer, "status", dialect) == search.verdict.value)
    if search.label is not None:
        found.append(_score(search.scorer, "label", dialect) == search.label)
    if search.at_least is not None:
        found.append(value >= search.at_least)
    if search.at_most is not None:
        found.append(value <= search.at_most)
    return found


def _sorted_by(search: Search, dialect: str) -> ColumnElement[Any] | None:
    columns = outcomes.c
    match search.order:
        case Order.SCORE if search.scorer is not None:
            return _score(search.scorer, "value", dialect)
        case Order.LATENCY:
            return columns.latency_s
        case Order.COST:
            return columns.cost_usd
        case Order.TOKENS:
            return cast(columns.input_tokens + columns.output_tokens, Float)
        case _:
            return None


def _score(scorer: str, part: str, dialect: str) -> ColumnElement[Any]:
    """`status`, `value` or `label` of a scorer's verdict; null where there is none."""
    scores = outcomes.c.scores
    if dialect == "postgresql":
        kept = scores[scorer][part]
        found: ColumnElement[Any] = kept.as_float() if part == "value" else kept.as_string()
        return found
    if _PLAIN_KEY.fullmatch(scorer):
        plain: ColumnElement[Any] = func.json_extract(scores, f'$."{scorer}".{part}')
        return plain
    each = func.json_each(scores).table_valued("key", "value", name="verdict_of")
    return (
        select(func.json_extract(each.c.value, f"$.{part}"))
        .where(each.c.key == scorer)
        .scalar_subquery()
    )


def _has(text: ColumnElement[Any], part: str, dialect: str) -> ColumnElement[bool]:
    # Nothing in `part` is a wildcard. SQLite's `like` takes no heed of case by itself, and its
    # `ilike` would copy every answer.
    like = text.ilike if dialect == "postgresql" else text.like
    return like(f"%{_escaped(part)}%", escape="\\")


def _escaped(part: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", part)


def _behind(
    value: ColumnElement[Any], after: Found, *, down: bool, backwards: bool
) -> ColumnElement[bool]:
    place = tuple_(outcomes.c.position, outcomes.c.epoch)
    at = (after.position, after.epoch)
    further = place < at if backwards else place > at
    if after.value is None:
        beside = and_(value.is_(None), further)
        return or_(value.is_not(None), beside) if backwards else beside
    beyond = value < after.value if down else value > after.value
    found = or_(beyond, and_(value == after.value, further))
    return found if backwards else or_(found, value.is_(None))


def _turned(expression: ColumnElement[Any], down: bool) -> ColumnElement[Any]:
    return expression.desc() if down else expression.asc()
