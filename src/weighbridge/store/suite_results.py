"""What came of suites: the scorings of answers that were handed in, and the runs of models that
were put to their prompts, one list by time."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Subquery, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.store.tables import datasets, evaluations, runs, scorings

PROMPTS_OF = "prompts of "
"""What the data set with the prompts of a suite is called, in front of the suite's id."""

_SCORING, _RUN = "scoring", "run"


@dataclass(frozen=True, slots=True)
class ResultOf:
    """A scoring or a run, and the suite it is of.

    Attributes:
        scored: whether it is a scoring; else it is a run.
    """

    scored: bool
    id: str
    suite_id: str
    created_at: datetime


async def latest_results(
    connection: AsyncConnection, workspace_id: str, suite_ids: Sequence[str], *, each: int
) -> dict[str, list[ResultOf]]:
    """The newest results of some suites (a few hundred at most), by the suite's id, newest first.

    Args:
        each: the most of each suite.
    """
    every = _every(workspace_id, suite_ids)
    newest = (
        func.row_number()
        .over(
            partition_by=every.c.suite_id, order_by=(every.c.created_at.desc(), every.c.id.desc())
        )
        .label("newest")
    )
    ranked = select(every, newest).subquery()
    rows = await connection.execute(
        select(ranked.c.kind, ranked.c.id, ranked.c.suite_id, ranked.c.created_at)
        .where(ranked.c.newest <= each)
        .order_by(ranked.c.suite_id, ranked.c.newest)
    )
    found: dict[str, list[ResultOf]] = defaultdict(list)
    for kind, *rest in rows:
        found[rest[1]].append(ResultOf(kind == _SCORING, *rest))
    return dict(found)


async def results_of(
    connection: AsyncConnection, workspace_id: str, suite_id: str, *, start: int, limit: int
) -> list[ResultOf]:
    """The results of a suite, newest first, from the 0-based place `start` on."""
    every = _every(workspace_id, [suite_id])
    rows = await connection.execute(
        select(every.c.kind, every.c.id, every.c.suite_id, every.c.created_at)
        .order_by(every.c.created_at.desc(), every.c.id.desc())
        .offset(start)
        .limit(limit)
    )
    return [ResultOf(kind == _SCORING, *rest) for kind, *rest in rows]


def _every(workspace_id: str, suite_ids: Sequence[str]) -> Subquery:
    scored = select(
        literal(_SCORING).label("kind"), scorings.c.id, scorings.c.suite_id, scorings.c.created_at
    ).where(
        scorings.c.workspace_id == workspace_id,
        scorings.c.suite_id.in_(list(suite_ids)),
        scorings.c.deleted_at.is_(None),
    )
    asked = (
        select(
            literal(_RUN).label("kind"),
            runs.c.id,
            func.substr(datasets.c.name, len(PROMPTS_OF) + 1).label("suite_id"),
            runs.c.created_at,
        )
        .join(evaluations, evaluations.c.id == runs.c.evaluation_id)
        .join(datasets, datasets.c.id == evaluations.c.dataset_id)
        .where(
            datasets.c.workspace_id == workspace_id,
            datasets.c.name.in_([PROMPTS_OF + it for it in suite_ids]),
            evaluations.c.workspace_id == workspace_id,
            runs.c.workspace_id == workspace_id,
        )
    )
    return union_all(scored, asked).subquery()
