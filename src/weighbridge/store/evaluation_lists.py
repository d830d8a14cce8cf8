"""Evaluations as a list of them shows them: what they are, found by filters, and their runs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, case, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.ids import id_of
from weighbridge.core.run import FINISHED, RunState
from weighbridge.store.tables import (
    anonymizations,
    benchmarks,
    data_specs,
    evaluations,
    inferences,
    inspections,
    productions,
    red_team_runs,
    runs,
    scoring_batches,
    suite_reports,
    suites,
)

_MODELS_FROM = 500


class EvaluationKind(StrEnum):
    """What an evaluation is for. Each is known by what the store holds beside it, and of several
    that fit, the first counts."""

    COLUMN = "column"
    """its answers become a column of a file in a repository"""
    RED_TEAM = "red-team"
    """a red team's prompts and answers"""
    SAFETY = "safety"
    """belongs to a suite: writes or judges its prompts and answers, or reports on them"""
    SAMPLES = "samples"
    """belongs to synthetic data: proposes a spec, writes samples, inspects or anonymises them"""
    STANDARD = "standard"
    """a standard benchmark"""
    BENCHMARK = "benchmark"
    """asks the questions of a benchmark of one's own, or writes them"""
    JUDGED = "judged"
    """none of these, and a model or the embedded judge grades"""
    PLAIN = "plain"
    """none of these: answers are graded by rules"""


class Doing(StrEnum):
    """Where runs of an evaluation are."""

    GOING_ON = "going-on"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATES = {
    Doing.GOING_ON: [state.value for state in RunState if state not in FINISHED],
    Doing.SUCCEEDED: [RunState.SUCCEEDED.value],
    Doing.FAILED: [RunState.FAILED.value],
    Doing.CANCELLED: [RunState.CANCELLED.value],
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which evaluations; what is None or empty does not matter.

    Attributes:
        door: through which they came. dataset_id: whose rows they take.
        model: part of the name of a model of one of their runs, whatever its case.
        doing: one of their runs is there.
        first, last: days in UTC on which they were started, both included.
        text: part of their name, whatever its case.
    """

    kind: EvaluationKind | None = None
    door: str = ""
    model: str = ""
    doing: Doing | None = None
    first: date | None = None
    last: date | None = None
    text: str = ""
    dataset_id: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """An evaluation in a list: without its spec, which may be long."""

    id: str
    name: str
    kind: EvaluationKind
    door: str
    dataset_id: str
    created_at: datetime


async def page_of_evaluations(
    connection: AsyncConnection,
    workspace_id: str,
    wanted: Wanted,
    *,
    after: str | None,
    limit: int,
) -> list[Listed]:
    """Newest first, below the id `after`."""
    columns = evaluations.c
    conditions = [columns.workspace_id == workspace_id, *_conditions(workspace_id, wanted)]
    if after is not None:
        conditions.append(columns.id < after)
    # The kinds of those on the page alone are worked out, unless it is one that is looked for.
    page = select(columns.id).where(*conditions).order_by(columns.id.desc()).limit(limit)
    rows = await connection.execute(
        select(
            *(columns.id, columns.name, columns.door, columns.dataset_id, columns.created_at),
            _kind(workspace_id).label("kind"),
        )
        .where(columns.id.in_(page.scalar_subquery()))
        .order_by(columns.id.desc())
    )
    return [
        Listed(row.id, row.name, EvaluationKind(row.kind), row.door, row.dataset_id, row.created_at)
        for row in rows
    ]


async def kind_of(
    connection: AsyncConnection, workspace_id: str, evaluation_id: str
) -> EvaluationKind | None:
    """What an evaluation is for; None: the workspace has none of this id."""
    found = await connection.scalar(
        select(_kind(workspace_id)).where(
            evaluations.c.id == evaluation_id, evaluations.c.workspace_id == workspace_id
        )
    )
    return None if found is None else EvaluationKind(found)


async def newest_runs_of(
    connection: AsyncConnection, workspace_id: str, evaluation_ids: Sequence[str], each: int
) -> dict[str, tuple[int, list[str]]]:
    """How many runs each of these evaluations has, and the ids of `each` of them, in the order in
    which they were made. Of several of a model the newest counts, in the place of the first."""
    ours = select(evaluations.c.id).where(
        evaluations.c.workspace_id == workspace_id, evaluations.c.id.in_(list(evaluation_ids))
    )
    of_model = (
        select(
            runs.c.evaluation_id,
            func.min(runs.c.id).label("first"),
            func.max(runs.c.id).label("newest"),
            func.count().label("runs"),
        )
        .where(runs.c.evaluation_id.in_(ours))
        .group_by(runs.c.evaluation_id, runs.c.model)
        .subquery()
    )
    whose = of_model.c.evaluation_id
    ranked = select(
        whose,
        of_model.c.newest,
        func.row_number().over(partition_by=whose, order_by=of_model.c.first).label("place"),
        func.sum(of_model.c.runs).over(partition_by=whose).label("runs"),
    ).subquery()
    rows = await connection.execute(
        select(ranked).where(ranked.c.place <= each).order_by(ranked.c.place)
    )
    found: dict[str, tuple[int, list[str]]] = defaultdict(lambda: (0, []))
    for row in rows:
        found[row.evaluation_id] = (int(row.runs), [*found[row.evaluation_id][1], row.newest])
    return dict(found)


async def models_of_late(connection: AsyncConnection, workspace_id: str) -> list[str]:
    """Names of the models of the newest runs, to be suggested."""
    newest = (
        select(runs.c.model)
        .where(runs.c.workspace_id == workspace_id)
        .order_by(runs.c.id.desc())
        .limit(_MODELS_FROM)
        .subquery()
    )
    rows = await connection.execute(select(newest.c.model).distinct().order_by(newest.c.model))
    return [row.model for row in rows]


def _conditions(workspace_id: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    columns = evaluations.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.door:
        conditions.append(columns.door == wanted.door)
    if wanted.dataset_id:
        conditions.append(columns.dataset_id == wanted.dataset_id)
    # Ids sort by the moment of making, and are what the index holds.
    if wanted.first is not None:
        conditions.append(columns.id >= _first_id_of(wanted.first))
    if wanted.last is not None and wanted.last < date.max:
        conditions.append(columns.id < _first_id_of(wanted.last + timedelta(days=1)))
    if wanted.text:
        conditions.append(columns.name.icontains(wanted.text, autoescape=True))
    if wanted.model:
        conditions.append(_has_run(runs.c.model.icontains(wanted.model, autoescape=True)))
    if wanted.doing is not None:
        conditions.append(_has_run(runs.c.state.in_(_STATES[wanted.doing])))
    if wanted.kind is not None:
        conditions.append(_kind(workspace_id) == wanted.kind.value)
    return conditions


def _first_id_of(day: date) -> str:
    ms = max(0, int(datetime.combine(day, time.min, UTC).timestamp() * 1000))
    return id_of("eval", UUID(int=ms << 80))


def _has_run(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(runs.c.evaluation_id == evaluations.c.id, condition)


def _kind(workspace_id: str) -> ColumnElement[str]:
    """Each part looks up a row by an index, and is asked only where those before it did not fit."""
    kinds = EvaluationKind
    this = evaluations.c
    told = this.spec["metadata"]
    of_benchmark = select(benchmarks.c.dataset_id).where(
        benchmarks.c.workspace_id == workspace_id, benchmarks.c.dataset_id.is_not(None)
    )
    of_workspace = select(suites.c.id).where(suites.c.workspace_id == workspace_id)
    fits: list[tuple[EvaluationKind, ColumnElement[bool]]] = [
        (kinds.COLUMN, _has_run(exists().where(inferences.c.run_id == runs.c.id))),
        (kinds.RED_TEAM, exists().where(red_team_runs.c.evaluation_id == this.id)),
        (
            kinds.SAFETY,
            or_(
                _has_run(exists().where(scoring_batches.c.run_id == runs.c.id)),
                exists().where(suites.c.evaluation_id == this.id),
                exists().where(scoring_batches.c.follows_evaluation_id == this.id),
                exists().where(suite_reports.c.evaluation_id == this.id),
                told["suite"].as_string().in_(of_workspace),
            ),
        ),
        (
            kinds.SAMPLES,
            or_(
                *(
                    exists().where(table.c.evaluation_id == this.id)
                    for table in (data_specs, productions, inspections, anonymizations)
                )
            ),
        ),
        (kinds.STANDARD, told["benchmark"]["mode"].as_string().is_not(None)),
        (
            kinds.BENCHMARK,
            or_(
                this.door == "nugen",
                this.dataset_id.in_(of_benchmark),
                exists().where(benchmarks.c.evaluation_id == this.id),
            ),
        ),
        (kinds.JUDGED, _has_run(runs.c.pin_parts["judging"].as_string().is_not(None))),
    ]
    return case(*((condition, kind.value) for kind, condition in fits), else_=kinds.PLAIN.value)
