"""What a table of many cases and runs shows of an outcome: its verdict, and how the answer begins.

An answer may have megabytes, and there may be a thousand on a page.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.outcome import Outcome
from weighbridge.store.outcomes import ASKED, outcome_from_json
from weighbridge.store.tables import outcomes

LONGEST = 400
"""Characters of an answer that are read."""


@dataclass(frozen=True, slots=True)
class Glance:
    """An outcome at a glance.

    Attributes:
        outcome: by the scorer asked for; None: it said nothing about this answer.
        begins: how the answer begins; None: there is none.
        failure: why there is none.
    """

    position: int
    epoch: int
    case_id: str
    outcome: Outcome | None
    begins: str | None
    failure: str | None


async def glances_at(
    connection: AsyncConnection,
    workspace_id: str,
    run_id: str,
    scorer: str,
    positions: Collection[int],
) -> dict[int, list[Glance]]:
    """The outcomes of a few cases (some hundred at most) by position, each in the order of its
    epochs."""
    columns = outcomes.c
    rows = await connection.execute(
        select(
            columns.position,
            columns.epoch,
            columns.case_id,
            columns.scores,
            func.substr(columns.answer, 1, LONGEST).label("begins"),
            columns.failure,
        )
        .where(
            columns.run_id == run_id,
            columns.workspace_id == workspace_id,
            columns.position.in_(list(positions)),
            columns.kind == ASKED,
        )
        .order_by(columns.position, columns.epoch)
    )
    found: dict[int, list[Glance]] = {}
    for position, epoch, case_id, scores, begins, failure in rows:
        stored = scores.get(scorer)
        found.setdefault(position, []).append(
            Glance(
                position,
                epoch,
                case_id,
                outcome_from_json(stored) if stored else None,
                begins,
                failure["message"] if failure else None,
            )
        )
    return found


async def positions_called(
    connection: AsyncConnection, workspace_id: str, run_id: str, part: str, limit: int
) -> list[int]:
    """Positions of the first cases whose id has this part, whatever its case."""
    columns = outcomes.c
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = await connection.execute(
        select(columns.position)
        .where(
            columns.run_id == run_id,
            columns.workspace_id == workspace_id,
            columns.kind == ASKED,
            columns.epoch == 0,
            func.lower(columns.case_id).like(f"%{escaped.lower()}%", escape="\\"),
        )
        .order_by(columns.position)
        .limit(limit)
    )
    return list(rows.scalars())
