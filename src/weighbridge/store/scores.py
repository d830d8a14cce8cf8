"""Scores as columns: what a comparison needs of a run and nothing else, as fast as rows are read.

A comparison goes through a million rows a run. Outcomes as objects (`store.outcomes`) would take
three times as long and be thrown away at once.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Text, cast, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.outcome import Status
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import ASKED
from weighbridge.store.tables import outcomes

PAGE = 2_000


@dataclass(slots=True)
class GradesRow:
    """One outcome row, as a comparison sees it.

    Attributes:
        position: 0-based place of the case. epoch: 0-based repeat.
        case_id, cluster: of the case.
        latency_s: of the answer; None when there is none.
        grades: for each scorer asked for, in that order: its value, or else why there is none,
            `Status.UNGRADED` or `Status.FAILED`.
    """

    position: int
    epoch: int
    case_id: str
    cluster: str | None
    latency_s: float | None
    grades: list[float | Status]


async def stream_grades(
    store: Store,
    workspace_id: str,
    run_id: str,
    scorers: Sequence[str],
    *,
    after: int = -1,
    until: int | None = None,
) -> AsyncIterator[list[GradesRow]]:
    """The grades of a run in the order (position, epoch), in pages; answers are not read.

    Args:
        scorers: keys of the scorers wanted.
        after, until: 0-based positions: only cases behind the one and not behind the other.
    """
    columns = outcomes.c
    query = (
        select(
            columns.position,
            columns.epoch,
            columns.case_id,
            columns.cluster,
            columns.latency_s,
            cast(columns.scores, Text).label("scores"),
            columns.failure.is_not(None).label("unanswered"),
        )
        .where(
            columns.run_id == run_id,
            columns.workspace_id == workspace_id,
            columns.kind == ASKED,
        )
        .order_by(columns.position, columns.epoch)
        .limit(PAGE)
    )
    if until is not None:
        query = query.where(columns.position <= until)
    # Each page has one lower bound: with two, SQLite would begin every page at the lower of them.
    page = query.where(columns.position > after)
    grades_of = _reader(scorers)
    while True:
        async with store.begin() as connection:
            rows = (await connection.execute(page)).all()
        yield [
            GradesRow(
                position,
                epoch,
                case_id,
                cluster,
                latency_s,
                [Status.FAILED] * len(scorers) if unanswered else grades_of(scores),
            )
            for position, epoch, case_id, cluster, latency_s, scores, unanswered in rows
        ]
        if len(rows) < PAGE:
            return
        page = query.where(tuple_(columns.position, columns.epoch) > tuple(rows[-1][:2]))


async def least_confident(
    connection: AsyncConnection, workspace_id: str, run_id: str, scorer: str, limit: int
) -> list[tuple[int, int]]:
    """Where a scorer was least sure of its score, as (position, epoch), the least sure first.
    Goes through the run's scores once; scores without a confidence are left out."""
    columns = outcomes.c
    confidence = columns.scores[(scorer, "confidence")].as_float()
    rows = await connection.execute(
        select(columns.position, columns.epoch)
        .where(
            columns.run_id == run_id,
            columns.workspace_id == workspace_id,
            columns.kind == ASKED,
            columns.scores[(scorer, "status")].as_string() == "scored",
            confidence.is_not(None),
        )
        .order_by(confidence, columns.position, columns.epoch)
        .limit(limit)
    )
    return [(position, epoch) for position, epoch in rows]


def _reader(scorers: Sequence[str]) -> Callable[[str], list[float | Status]]:
    loads = orjson.loads

    def read(text: str) -> list[float | Status]:
        stored = loads(text)
        return [_grade(stored.get(key)) for key in scorers]

    return read


def _grade(stored: Mapping[str, Any] | None) -> float | Status:
    if stored is None:
        return Status.UNGRADED
    status = stored["status"]
    if status == "scored":
        # JSON has no NaN and no infinities: what was none of its numbers was stored as null.
        value = stored["value"]
        return Status.UNGRADED if value is None else float(value)
    return Status.UNGRADED if status == "ungraded" else Status.FAILED
