"""What a run's outcome rows say in sum, besides its metrics: counted in the database."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.outcome import Status
from weighbridge.store.outcomes import ASKED
from weighbridge.store.tables import outcomes

SCORING_FAILED = "scoring"
"""Stands in for the kind of a failure where the answer was had, but no call to a judge got through.
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """Sums over the outcomes of a run.

    Attributes:
        answered_by: (the model's name in the endpoint's words, number of answers), most first.
        failures: kind of failure -> number of outcomes.
        latency_mean_s, latency_max_s: over all answers, in seconds; None when there are none.
    """

    answered_by: tuple[tuple[str | None, int], ...]
    failures: dict[str, int]
    latency_mean_s: float | None
    latency_max_s: float | None


async def summarise(connection: AsyncConnection, workspace_id: str, run_id: str) -> Summary:
    """Go through the run's rows once; what comes back has a line per model and kind of failure."""
    kind = outcomes.c.failure["kind"].as_string()
    groups = await connection.execute(
        select(
            outcomes.c.answered_by,
            outcomes.c.status,
            kind.label("kind"),
            func.count().label("n"),
            func.count(outcomes.c.answer).label("answers"),
            func.sum(outcomes.c.latency_s).label("seconds"),
            func.max(outcomes.c.latency_s).label("slowest"),
        )
        .where(
            outcomes.c.run_id == run_id,
            outcomes.c.workspace_id == workspace_id,
            outcomes.c.kind == ASKED,
        )
        .group_by(outcomes.c.answered_by, outcomes.c.status, kind)
    )
    answered: Counter[str | None] = Counter()
    failures: Counter[str] = Counter()
    seconds, slowest = 0.0, 0.0
    for group in groups:
        if group.answers:
            answered[group.answered_by] += group.answers
            seconds += group.seconds or 0.0
            slowest = max(slowest, group.slowest or 0.0)
        if group.status == Status.FAILED:
            failures[group.kind or SCORING_FAILED] += group.n
    answers = answered.total()
    return Summary(
        answered_by=tuple(answered.most_common()),
        failures=dict(failures.most_common()),
        latency_mean_s=seconds / answers if answers else None,
        latency_max_s=slowest if answers else None,
    )


async def latency_quantiles(
    connection: AsyncConnection, workspace_id: str, run_id: str, answers: int, at: Sequence[float]
) -> tuple[float | None, ...]:
    """Seconds within which such shares of the answers came: 0.5 for half of them. Sorts them all.

    Args:
        answers: how many there are.
    """
    columns = outcomes.c
    found: list[float | None] = []
    for share in at:
        nearest = max(0, math.ceil(share * answers) - 1)
        found.append(
            await connection.scalar(
                select(columns.latency_s)
                .where(
                    columns.run_id == run_id,
                    columns.workspace_id == workspace_id,
                    columns.kind == ASKED,
                    columns.answer.is_not(None),
                    columns.latency_s.is_not(None),
                )
                .order_by(columns.latency_s)
                .offset(nearest)
                .limit(1)
            )
        )
    return tuple(found)
