"""What people said about scores. Rows are added and never changed: of several about one score, the
one with the highest revision counts."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

from sqlalchemy import ColumnElement, RowMapping, and_, exists, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller
from weighbridge.core.ids import new_id
from weighbridge.core.review import Override
from weighbridge.store.moments import now
from weighbridge.store.tables import outcomes, overrides
from weighbridge.store.upsert import insert_into

Place: TypeAlias = tuple[int, int]
"""Position and epoch."""
_LOOKED_UP = 1_000


@dataclass(frozen=True, slots=True)
class Saying:
    """What is to be kept as an `Override`.

    Attributes:
        seen: the revision that whoever says this has seen, 0 where there was none; None: whatever
            there is.
    """

    position: int
    epoch: int
    case_id: str
    scorer: str
    value: float | None
    label: str | None
    reason: str
    author: str
    confidence: float | None = None
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """How much of a run people have reviewed, of one scorer.

    Attributes:
        outcomes: about which somebody's saying counts. reviewers: authors of these.
    """

    outcomes: int
    reviewers: int


async def add_overrides(
    connection: AsyncConnection, caller: Caller, run_id: str, sayings: Sequence[Saying]
) -> list[Override] | None:
    """Keep what was said, each as the newest about its score; no score may be there twice.

    Returns:
        As they are kept, in this order; None when somebody else said something about one of these
        scores in the same moment, or since it was seen: then nothing was kept, if the transaction
        is not committed.
    """
    before = await _revisions(connection, run_id, sayings)
    moment = now()
    made: list[Override] = []
    for saying in sayings:
        revision = before.get((saying.position, saying.epoch, saying.scorer), 0)
        if saying.seen is not None and saying.seen != revision:
            return None
        said = asdict(saying)
        del said["seen"]
        made.append(
            Override(
                id=new_id("ovr"),
                run_id=run_id,
                revision=revision + 1,
                user_id=caller.user_id,
                key_id=caller.key_id,
                created_at=moment,
                **said,
            )
        )
    result = await connection.execute(
        insert_into(overrides, connection.dialect)
        .on_conflict_do_nothing()
        .returning(overrides.c.id),
        [{**asdict(override), "workspace_id": caller.workspace_id} for override in made],
    )
    return made if len(result.all()) == len(made) else None


async def overrides_between(
    connection: AsyncConnection, workspace_id: str, run_id: str, first: int, last: int
) -> dict[Place, dict[str, Override]]:
    """What counts about the outcomes of these positions, both ends included: place → scorer → it.
    Withdrawn ones are left out."""
    rows = await connection.execute(
        select(overrides)
        .where(
            _of_run(workspace_id, run_id),
            overrides.c.position >= first,
            overrides.c.position <= last,
        )
        .order_by(overrides.c.revision)
    )
    return _standing(rows.mappings())


async def overrides_at(
    connection: AsyncConnection, workspace_id: str, run_id: str, positions: Collection[int]
) -> dict[Place, dict[str, Override]]:
    """As `overrides_between`, of a few cases (some hundred at most) wherever they are."""
    rows = await connection.execute(
        select(overrides)
        .where(_of_run(workspace_id, run_id), overrides.c.position.in_(list(positions)))
        .order_by(overrides.c.revision)
    )
    return _standing(rows.mappings())


async def current_overrides(
    connection: AsyncConnection, workspace_id: str, run_id: str
) -> dict[str, dict[Place, tuple[float, str | None]]]:
    """What counts in a run: scorer → place → value and label. As many as people have reviewed."""
    columns = overrides.c
    rows = await connection.execute(
        select(columns.position, columns.epoch, columns.scorer, columns.value, columns.label).where(
            _of_run(workspace_id, run_id), _counts()
        )
    )
    found: dict[str, dict[Place, tuple[float, str | None]]] = defaultdict(dict)
    for position, epoch, scorer, value, label in rows:
        found[scorer][position, epoch] = (value, label)
    return dict(found)


async def history_of(
    connection: AsyncConnection, workspace_id: str, run_id: str, position: int, epoch: int | None
) -> list[Override]:
    """Everything that was said about the scores of a case, the oldest first."""
    conditions = [_of_run(workspace_id, run_id), overrides.c.position == position]
    if epoch is not None:
        conditions.append(overrides.c.epoch == epoch)
    rows = await connection.execute(
        select(overrides)
        .where(*conditions)
        .order_by(overrides.c.epoch, overrides.c.scorer, overrides.c.revision)
    )
    return [_override(row) for row in rows.mappings()]


async def page_of_overrides(
    connection: AsyncConnection,
    workspace_id: str,
    run_id: str,
    *,
    after: str | None,
    limit: int,
    scorer: str | None = None,
) -> list[Override]:
    """Everything that was said in a run, newest first, below the id `after`."""
    conditions = [_of_run(workspace_id, run_id)]
    if after is not None:
        conditions.append(overrides.c.id < after)
    if scorer is not None:
        conditions.append(overrides.c.scorer == scorer)
    rows = await connection.execute(
        select(overrides).where(*conditions).order_by(overrides.c.id.desc()).limit(limit)
    )
    return [_override(row) for row in rows.mappings()]


async def scorers_overridden(
    connection: AsyncConnection, workspace_id: str, run_id: str
) -> set[str]:
    """Keys of the scorers about which something was said in a run."""
    rows = await connection.execute(
        select(overrides.c.scorer).where(_of_run(workspace_id, run_id)).distinct()
    )
    return {row.scorer for row in rows}


async def newest_override(
    connection: AsyncConnection, workspace_id: str, run_id: str
) -> str | None:
    """Id of what was said last in a run; None: nothing was."""
    rows = await connection.execute(
        select(func.max(overrides.c.id)).where(_of_run(workspace_id, run_id))
    )
    newest: str | None = rows.scalar_one()
    return newest


async def tally_reviews(
    connection: AsyncConnection, workspace_id: str, run_ids: Sequence[str]
) -> dict[str, dict[str, Reviewed]]:
    """How much of some runs is reviewed: run → scorer → that; what nobody reviewed is missing."""
    columns = overrides.c
    rows = await connection.execute(
        select(
            columns.run_id,
            columns.scorer,
            func.count().label("outcomes"),
            func.count(columns.author.distinct()).label("reviewers"),
        )
        .where(columns.workspace_id == workspace_id, columns.run_id.in_(run_ids), _counts())
        .group_by(columns.run_id, columns.scorer)
    )
    found: dict[str, dict[str, Reviewed]] = defaultdict(dict)
    for row in rows:
        found[row.run_id][row.scorer] = Reviewed(row.outcomes, row.reviewers)
    return dict(found)


async def runs_reviewed(connection: AsyncConnection, workspace_id: str) -> list[str]:
    """Runs about whose scores something was said, newest first."""
    rows = await connection.execute(
        select(overrides.c.run_id).where(overrides.c.workspace_id == workspace_id).distinct()
    )
    return sorted((row.run_id for row in rows), reverse=True)


def is_overridden(workspace_id: str, run_id: str) -> ColumnElement[bool]:
    """Condition on `outcomes`: somebody's saying about one of its scores counts."""
    counting = (
        select(overrides.c.position, overrides.c.epoch)
        .where(_of_run(workspace_id, run_id), _counts())
        .subquery()
    )
    # The first lets the database look up the few positions that there are; the second is the whole.
    return and_(
        outcomes.c.position.in_(select(counting.c.position)),
        exists().where(
            counting.c.position == outcomes.c.position, counting.c.epoch == outcomes.c.epoch
        ),
    )


def _of_run(workspace_id: str, run_id: str) -> ColumnElement[bool]:
    return and_(overrides.c.run_id == run_id, overrides.c.workspace_id == workspace_id)


def _counts() -> ColumnElement[bool]:
    newer = overrides.alias()
    return and_(
        overrides.c.value.is_not(None),
        ~exists().where(
            newer.c.run_id == overrides.c.run_id,
            newer.c.position == overrides.c.position,
            newer.c.epoch == overrides.c.epoch,
            newer.c.scorer == overrides.c.scorer,
            newer.c.revision > overrides.c.revision,
        ),
    )


async def _revisions(
    connection: AsyncConnection, run_id: str, sayings: Sequence[Saying]
) -> Mapping[tuple[int, int, str], int]:
    found: dict[tuple[int, int, str], int] = {}
    columns = overrides.c
    places = list(dict.fromkeys((said.position, said.epoch) for said in sayings))
    for start in range(0, len(places), _LOOKED_UP):
        chunk = places[start : start + _LOOKED_UP]
        rows = await connection.execute(
            select(
                columns.position,
                columns.epoch,
                columns.scorer,
                func.max(columns.revision).label("revision"),
            )
            .where(columns.run_id == run_id, tuple_(columns.position, columns.epoch).in_(chunk))
            .group_by(columns.position, columns.epoch, columns.scorer)
        )
        found |= {(row.position, row.epoch, row.scorer): row.revision for row in rows}
    return found


def _standing(rows: Iterable[RowMapping]) -> dict[Place, dict[str, Override]]:
    """The newest about each score, of these in the order of their revisions; no withdrawals."""
    newest: dict[Place, dict[str, Override]] = defaultdict(dict)
    for row in rows:
        newest[row["position"], row["epoch"]][row["scorer"]] = _override(row)
    return {
        place: standing
        for place, said in newest.items()
        if (standing := {key: it for key, it in said.items() if it.value is not None})
    }


def _override(row: RowMapping) -> Override:
    return Override(**{name: row[name] for name in _FIELDS})


_FIELDS = (
    *("id", "run_id", "position", "epoch", "case_id", "scorer", "revision", "value", "label"),
    *("confidence", "reason", "author", "user_id", "key_id", "created_at"),
)
