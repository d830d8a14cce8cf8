"""Scorings: what was answered to the prompts of a suite, as rows."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.outcome import Metric
from weighbridge.core.run import FINISHED, RunState
from weighbridge.core.suite import Batch, Response, Scoring, ScoringExample
from weighbridge.store.moments import now
from weighbridge.store.tables import responses, runs, scoring_batches, scorings

_LOOKED_UP = 1_000


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a batch is.

    Attributes:
        state, reason: of the run that judges it; None: none does.
        metrics: of that run, once it has ended.
        follows_state: of the run that writes what is said next; None: none does.
    """

    batch: Batch
    state: RunState | None
    reason: str | None
    metrics: tuple[Metric, ...]
    follows_state: RunState | None


async def add_scoring(
    connection: AsyncConnection, scoring: Scoring, fingerprint: str | None = None
) -> None:
    """Keep a scoring.

    Args:
        fingerprint: of the request that it comes from.
    """
    await connection.execute(scorings.insert().values(**asdict(scoring), fingerprint=fingerprint))


async def find_scoring(
    connection: AsyncConnection, workspace_id: str, scoring_id: str
) -> Scoring | None:
    """The scoring with this id, if it is in the workspace and not deleted."""
    return await _one(connection, _there(workspace_id), scorings.c.id == scoring_id)


async def find_scorings(
    connection: AsyncConnection, workspace_id: str, scoring_ids: Sequence[str]
) -> list[Scoring]:
    """Those of several ids that are in the workspace; deleted ones too, for what came of them."""
    found: list[Scoring] = []
    wanted = list(dict.fromkeys(scoring_ids))
    for start in range(0, len(wanted), _LOOKED_UP):
        chunk = wanted[start : start + _LOOKED_UP]
        rows = await connection.execute(
            select(scorings).where(
                scorings.c.workspace_id == workspace_id, scorings.c.id.in_(chunk)
            )
        )
        found += [_scoring(row) for row in rows.mappings()]
    return found


async def find_sent_before(
    connection: AsyncConnection, workspace_id: str, fingerprint: str, since: datetime
) -> Scoring | None:
    """The newest scoring that the same request has made since then."""
    return await _one(
        connection,
        _there(workspace_id),
        scorings.c.fingerprint == fingerprint,
        scorings.c.created_at >= since,
    )


async def list_scorings(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    suite_id: str | None = None,
    start: int = 0,
    limit: int,
) -> list[Scoring]:
    """Newest first, of all suites or of one."""
    rows = await connection.execute(
        select(scorings)
        .where(_there(workspace_id), _of_suite(suite_id))
        .order_by(scorings.c.id.desc())
        .offset(start)
        .limit(limit)
    )
    return [_scoring(row) for row in rows.mappings()]


async def count_scorings(
    connection: AsyncConnection, workspace_id: str, suite_id: str | None = None
) -> int:
    """How many there are, of all suites or of one."""
    query = (
        select(func.count()).select_from(scorings).where(_there(workspace_id), _of_suite(suite_id))
    )
    return int(await connection.scalar(query) or 0)


async def delete_scoring(connection: AsyncConnection, workspace_id: str, scoring_id: str) -> bool:
    """Take a scoring out of sight; False: it is not there."""
    changed = await connection.execute(
        update(scorings)
        .where(_there(workspace_id), scorings.c.id == scoring_id)
        .values(deleted_at=now())
    )
    return changed.rowcount == 1


async def delete_scorings_of(connection: AsyncConnection, workspace_id: str, suite_id: str) -> None:
    """Take all scorings of a suite out of sight."""
    await connection.execute(
        update(scorings)
        .where(_there(workspace_id), scorings.c.suite_id == suite_id)
        .values(deleted_at=now())
    )


async def runs_at_work(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    suite_id: str | None = None,
    scoring_id: str | None = None,
) -> list[str]:
    """Ids of the runs that judge responses, or write what is said next to them, and have not ended.

    Args:
        suite_id: of all scorings of this suite. scoring_id: of this scoring.
    """
    of_batch = or_(
        runs.c.id == scoring_batches.c.run_id,
        runs.c.evaluation_id == scoring_batches.c.follows_evaluation_id,
    )
    which = scorings.c.id == scoring_id if suite_id is None else scorings.c.suite_id == suite_id
    rows = await connection.execute(
        select(runs.c.id)
        .join(scoring_batches, of_batch)
        .join(scorings, scorings.c.id == scoring_batches.c.scoring_id)
        .where(scorings.c.workspace_id == workspace_id, which, runs.c.state.not_in(FINISHED))
    )
    return [str(row.id) for row in rows]


async def touch_scoring(connection: AsyncConnection, scoring_id: str) -> None:
    """Note that something about a scoring has changed."""
    await connection.execute(
        update(scorings).where(scorings.c.id == scoring_id).values(updated_at=now())
    )


async def grow_scoring(connection: AsyncConnection, scoring_id: str, by: int) -> int | None:
    """Make room for more responses; whoever else adds to the same scoring, or deletes it, waits for
    this transaction.

    Returns:
        The number of the first of them; None: the scoring is deleted.
    """
    found = await connection.execute(
        update(scorings)
        .where(scorings.c.id == scoring_id, scorings.c.deleted_at.is_(None))
        .values(responses=scorings.c.responses + by, updated_at=now())
        .returning(scorings.c.responses)
    )
    total = found.scalar_one_or_none()
    return None if total is None else int(total) - by


async def add_batch(connection: AsyncConnection, batch: Batch, workspace_id: str) -> None:
    """Keep a batch."""
    await connection.execute(
        scoring_batches.insert().values(**asdict(batch), workspace_id=workspace_id)
    )


async def next_batch(connection: AsyncConnection, scoring_id: str) -> int:
    """The number of the next batch."""
    query = select(func.max(scoring_batches.c.number)).where(
        scoring_batches.c.scoring_id == scoring_id
    )
    last = await connection.scalar(query)
    return 0 if last is None else int(last) + 1


async def set_follows(
    connection: AsyncConnection, scoring_id: str, number: int, evaluation_id: str
) -> bool:
    """Note which evaluation writes what is said next; False: another does already."""
    changed = await connection.execute(
        update(scoring_batches)
        .where(
            scoring_batches.c.scoring_id == scoring_id,
            scoring_batches.c.number == number,
            scoring_batches.c.follows_evaluation_id.is_(None),
        )
        .values(follows_evaluation_id=evaluation_id)
    )
    return changed.rowcount == 1


async def find_batch_followed_by(
    connection: AsyncConnection, workspace_id: str, evaluation_id: str
) -> Batch | None:
    """The batch for which an evaluation writes what is said next; None: it does that for none."""
    found = await connection.execute(
        select(scoring_batches).where(
            scoring_batches.c.workspace_id == workspace_id,
            scoring_batches.c.follows_evaluation_id == evaluation_id,
        )
    )
    row = found.mappings().one_or_none()
    return None if row is None else _batch(row)


async def run_of_evaluation(connection: AsyncConnection, evaluation_id: str) -> str:
    """The id of the only run of an evaluation."""
    found = await connection.execute(select(runs.c.id).where(runs.c.evaluation_id == evaluation_id))
    return str(found.scalar_one())


async def standings(
    connection: AsyncConnection, workspace_id: str, scoring_ids: Sequence[str]
) -> dict[str, list[Standing]]:
    """How far the batches of several scorings are, by the scoring's id, in the order of batches."""
    follows = runs.alias("follows")
    found: dict[str, list[Standing]] = defaultdict(list)
    wanted = list(dict.fromkeys(scoring_ids))
    for start in range(0, len(wanted), _LOOKED_UP):
        chunk = wanted[start : start + _LOOKED_UP]
        rows = await connection.execute(
            select(
                scoring_batches,
                runs.c.state,
                runs.c.reason,
                runs.c.metrics,
                follows.c.state.label("follows_state"),
            )
            .outerjoin(runs, runs.c.id == scoring_batches.c.run_id)
            .outerjoin(follows, follows.c.evaluation_id == scoring_batches.c.follows_evaluation_id)
            .where(
                scoring_batches.c.workspace_id == workspace_id,
                scoring_batches.c.scoring_id.in_(chunk),
            )
            .order_by(scoring_batches.c.scoring_id, scoring_batches.c.number)
        )
        for row in rows.mappings():
            found[row["scoring_id"]].append(
                Standing(
                    batch=_batch(row),
                    state=None if row["state"] is None else RunState(row["state"]),
                    reason=row["reason"],
                    metrics=tuple(Metric(**it) for it in row["metrics"] or ()),
                    follows_state=None
                    if row["follows_state"] is None
                    else RunState(row["follows_state"]),
                )
            )
    return dict(found)


async def excluded_in(connection: AsyncConnection, scoring_ids: Sequence[str]) -> dict[str, int]:
    """How many responses of scorings are not to be judged, by the scoring's id: those that are no
    case of the runs that judge the others. They are not looked at one by one."""
    found: dict[str, int] = {}
    wanted = list(dict.fromkeys(scoring_ids))
    for start in range(0, len(wanted), _LOOKED_UP):
        judged = func.coalesce(func.sum(runs.c.total), 0)
        rows = await connection.execute(
            select(scorings.c.id, scorings.c.responses - judged)
            .outerjoin(scoring_batches, scoring_batches.c.scoring_id == scorings.c.id)
            .outerjoin(runs, runs.c.id == scoring_batches.c.run_id)
            .where(scorings.c.id.in_(wanted[start : start + _LOOKED_UP]))
            .group_by(scorings.c.id, scorings.c.responses)
        )
        found |= {scoring_id: int(count) for scoring_id, count in rows}
    return found


async def add_responses(connection: AsyncConnection, added: Sequence[Response]) -> None:
    """Keep responses; none of their prompts may have one in the scoring."""
    if added:
        await connection.execute(responses.insert(), [_row(it) for it in added])


async def list_responses(
    connection: AsyncConnection, workspace_id: str, scoring_id: str, *, start: int = 0, limit: int
) -> list[Response]:
    """The responses of a scoring in the order in which they came, from the 0-based place `start`
    on. Places are looked up, not counted, so that the last page costs what the first does."""
    rows = await connection.execute(
        select(*_COLUMNS)
        .where(
            responses.c.workspace_id == workspace_id,
            responses.c.scoring_id == scoring_id,
            responses.c.number >= start,
            responses.c.number < start + limit,
        )
        .order_by(responses.c.number)
    )
    return [Response(*row) for row in rows]


async def find_responses(
    connection: AsyncConnection, scoring_id: str, prompt_ids: Sequence[str]
) -> dict[str, Response]:
    """What was answered to several prompts, by the prompt's id."""
    found: dict[str, Response] = {}
    for start in range(0, len(prompt_ids), _LOOKED_UP):
        chunk = list(prompt_ids[start : start + _LOOKED_UP])
        rows = await connection.execute(
            select(*_COLUMNS).where(
                responses.c.scoring_id == scoring_id, responses.c.prompt_id.in_(chunk)
            )
        )
        found |= {it.prompt_id: it for it in (Response(*row) for row in rows)}
    return found


async def find_response(
    connection: AsyncConnection, workspace_id: str, scoring_id: str, response_id: str
) -> Response | None:
    """One response of a scoring."""
    found = await connection.execute(
        select(*_COLUMNS).where(
            responses.c.workspace_id == workspace_id,
            responses.c.scoring_id == scoring_id,
            responses.c.id == response_id,
        )
    )
    row = found.one_or_none()
    return None if row is None else Response(*row)


async def responses_of_threads(
    connection: AsyncConnection, scoring_id: str, thread_ids: Sequence[str]
) -> dict[str, list[Response]]:
    """What was answered in several conversations, by the conversation's id, turn by turn."""
    found: dict[str, list[Response]] = defaultdict(list)
    for start in range(0, len(thread_ids), _LOOKED_UP):
        chunk = list(thread_ids[start : start + _LOOKED_UP])
        rows = await connection.execute(
            select(*_COLUMNS)
            .where(responses.c.scoring_id == scoring_id, responses.c.thread_id.in_(chunk))
            .order_by(responses.c.turn)
        )
        for it in (Response(*row) for row in rows):
            found[it.thread_id].append(it)
    return dict(found)


async def responses_of_batch(
    connection: AsyncConnection, scoring_id: str, number: int
) -> list[Response]:
    """The responses of a batch, in the order in which they came."""
    rows = await connection.execute(
        select(*_COLUMNS)
        .where(responses.c.scoring_id == scoring_id, responses.c.batch == number)
        .order_by(responses.c.number)
    )
    return [Response(*row) for row in rows]


async def set_next_prompts(connection: AsyncConnection, next_prompts: Mapping[str, str]) -> None:
    """Note what is said next: id of the response → id of the prompt."""
    if next_prompts:
        await connection.execute(
            update(responses)
            .where(responses.c.id == bindparam("response"))
            .values(next_prompt_id=bindparam("prompt")),
            [{"response": response, "prompt": prompt} for response, prompt in next_prompts.items()],
        )


async def _one(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> Scoring | None:
    found = await connection.execute(
        select(scorings).where(*conditions).order_by(scorings.c.id.desc()).limit(1)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _scoring(row)


def _there(workspace_id: str) -> ColumnElement[bool]:
    return and_(scorings.c.workspace_id == workspace_id, scorings.c.deleted_at.is_(None))


def _of_suite(suite_id: str | None) -> ColumnElement[bool]:
    return scorings.c.id.is_not(None) if suite_id is None else scorings.c.suite_id == suite_id


def _scoring(row: RowMapping) -> Scoring:
    kept = {it.name: row[it.name] for it in fields(Scoring)}
    return Scoring(**{**kept, "examples": tuple(ScoringExample(**it) for it in kept["examples"])})


def _batch(row: RowMapping) -> Batch:
    return Batch(**{it.name: row[it.name] for it in fields(Batch)})


def response_columns() -> list[ColumnElement[Any]]:
    """The columns that a `Response` is made of, in its order."""
    return [*_COLUMNS]


def _row(it: Response) -> dict[str, Any]:
    # `asdict` copies what is in it, which takes ten times as long.
    return {column.name: getattr(it, column.name) for column in _COLUMNS}


_COLUMNS = [responses.c[it.name] for it in fields(Response)]
