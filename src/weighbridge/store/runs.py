"""Runs: their states, who executes them, and their progress as the tallies of their rows."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.ids import new_id
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Metric, Usage
from weighbridge.core.run import FINISHED, LEGAL_MOVES, Progress, Run, RunState
from weighbridge.store.moments import now
from weighbridge.store.tables import runs, tallies
from weighbridge.store.webhooks import note_event

_LOOKED_UP = 500


async def add_run(
    connection: AsyncConnection,
    *,
    workspace_id: str,
    evaluation_id: str,
    model: str,
    pin: str,
    pin_parts: dict[str, str],
    total: int,
    owner: str | None = None,
    owned_for_s: float = 0.0,
    traceparent: str | None = None,
) -> str:
    """A new queued run; its id. One with an owner is left alone by the queue."""
    run_id = new_id("run")
    await connection.execute(
        insert(runs).values(
            id=run_id,
            workspace_id=workspace_id,
            evaluation_id=evaluation_id,
            model=model,
            pin=pin,
            pin_parts=pin_parts,
            state=RunState.QUEUED,
            total=total,
            round=1,
            owner=owner,
            owned_until=None if owner is None else now() + timedelta(seconds=owned_for_s),
            created_at=now(),
            traceparent=traceparent,
        )
    )
    return run_id


async def find_run(connection: AsyncConnection, workspace_id: str, run_id: str) -> Run | None:
    """The run with this id, if it is in the workspace."""
    rows = await connection.execute(
        _with_progress(and_(runs.c.workspace_id == workspace_id, runs.c.id == run_id))
    )
    row = rows.mappings().one_or_none()
    return None if row is None else _run(row)


async def find_runs(
    connection: AsyncConnection, workspace_id: str, run_ids: Iterable[str]
) -> dict[str, Run]:
    """Those of several ids that the workspace has, by id."""
    wanted = list(run_ids)
    found: dict[str, Run] = {}
    for start in range(0, len(wanted), _LOOKED_UP):
        these = and_(
            runs.c.workspace_id == workspace_id, runs.c.id.in_(wanted[start : start + _LOOKED_UP])
        )
        rows = await connection.execute(_with_progress(these))
        found |= {row["id"]: _run(row) for row in rows.mappings()}
    return found


async def workspace_of(connection: AsyncConnection, run_id: str) -> str | None:
    """The workspace a run belongs to: for the engine, which is handed nothing but run ids."""
    found: str | None = await connection.scalar(
        select(runs.c.workspace_id).where(runs.c.id == run_id)
    )
    return found


async def list_runs(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    after: str | None,
    limit: int,
    evaluation_id: str | None = None,
    state: RunState | None = None,
) -> list[Run]:
    """Newest first, below the id `after`."""
    conditions = [runs.c.workspace_id == workspace_id]
    if after is not None:
        conditions.append(runs.c.id < after)
    if evaluation_id is not None:
        conditions.append(runs.c.evaluation_id == evaluation_id)
    if state is not None:
        conditions.append(runs.c.state == state)
    page = (
        select(runs.c.id)
        .where(*conditions)
        .order_by(runs.c.id.desc())
        .limit(limit)
        .scalar_subquery()
    )
    rows = await connection.execute(_with_progress(runs.c.id.in_(page)).order_by(runs.c.id.desc()))
    return [_run(row) for row in rows.mappings()]


async def open_runs(connection: AsyncConnection, workspace_id: str, limit: int) -> list[Run]:
    """Those that have not ended, the oldest first: cheap enough to be asked every second."""
    # Written so that the few open runs are looked up by their states: by workspace or in the order
    # of ids, all that have ended would be gone through for them.
    page = (
        select(runs.c.id)
        .where(
            runs.c.state.in_([state.value for state in RunState if state not in FINISHED]),
            func.coalesce(runs.c.workspace_id, "") == workspace_id,
        )
        .order_by(runs.c.created_at, runs.c.id)
        .limit(limit)
        .scalar_subquery()
    )
    rows = await connection.execute(_with_progress(runs.c.id.in_(page)).order_by(runs.c.id))
    return [_run(row) for row in rows.mappings()]


async def move_run(
    connection: AsyncConnection,
    run_id: str,
    to: RunState,
    reason: str | None = None,
    *,
    round_: int | None = None,
) -> bool:
    """Bring the run into a state, if that is a legal move from where it is.

    One statement, so that of two processes that try, one does it. Webhooks are told of it: that
    they are is written in the same transaction.

    Args:
        round_: only as long as the run is in this round: whoever executes it says so, as somebody
            may have cancelled the run and queued it again in the meantime.
    """
    origins = [state for state, targets in LEGAL_MOVES.items() if to in targets]
    values: dict[str, Any] = {"state": to, "reason": reason}
    if to is RunState.RUNNING:
        values["started_at"] = func.coalesce(runs.c.started_at, now())
    if to is RunState.QUEUED:
        values |= {
            "finished_at": None,
            "metrics": None,
            "breakdown": None,
            "round": runs.c.round + 1,
        }
    if to in FINISHED:
        values |= {"finished_at": now(), "owner": None, "owned_until": None}
    result = await connection.execute(
        update(runs).where(_is(run_id, round_), runs.c.state.in_(origins)).values(**values)
    )
    if result.rowcount != 1:
        return False
    await note_event(connection, run_id, to, reason)
    return True


async def read_state(connection: AsyncConnection, run_id: str) -> tuple[RunState, int]:
    """State and round of a run."""
    row = (
        await connection.execute(select(runs.c.state, runs.c.round).where(runs.c.id == run_id))
    ).one()
    return RunState(row.state), int(row.round)


async def states_of(
    connection: AsyncConnection, run_ids: Iterable[str]
) -> dict[str, tuple[RunState, int]]:
    """The states and rounds of several runs at once."""
    rows = await connection.execute(
        select(runs.c.id, runs.c.state, runs.c.round).where(runs.c.id.in_(list(run_ids)))
    )
    return {row.id: (RunState(row.state), int(row.round)) for row in rows}


async def queued_runs(connection: AsyncConnection) -> list[tuple[str, int]]:
    """Runs that wait for the queue or are worked on by it, with their rounds, oldest first."""
    rows = await connection.execute(
        select(runs.c.id, runs.c.round)
        .where(
            runs.c.state.in_([RunState.QUEUED, RunState.RUNNING, RunState.DELIVERING]),
            runs.c.owner.is_(None),
        )
        .order_by(runs.c.id)
    )
    return [(row.id, row.round) for row in rows]


async def take_ownership(
    connection: AsyncConnection,
    run_id: str,
    owner: str,
    seconds: float,
    *,
    instead_of: str | None = None,
) -> str | None:
    """Execute this run outside the queue, as its only executor.

    Args:
        seconds: how long it is ours unless this is said again.
        instead_of: an owner that is known to be dead, whose time need not be up.

    Returns:
        None when it is ours now; else the owner whose time is not up.
    """
    result = await connection.execute(
        update(runs)
        .where(
            runs.c.id == run_id,
            or_(
                runs.c.owner.is_(None),
                runs.c.owner.in_([owner, instead_of or owner]),
                runs.c.owned_until < now(),
            ),
        )
        .values(owner=owner, owned_until=now() + timedelta(seconds=seconds))
    )
    if result.rowcount == 1:
        return None
    return await connection.scalar(select(runs.c.owner).where(runs.c.id == run_id)) or "another"


async def owner_of(connection: AsyncConnection, run_id: str) -> str | None:
    """Who executes the run outside the queue."""
    found: str | None = await connection.scalar(select(runs.c.owner).where(runs.c.id == run_id))
    return found


async def store_report(
    connection: AsyncConnection,
    run_id: str,
    metrics: tuple[Metric, ...],
    breakdown: Mapping[str, JsonObject],
    *,
    round_: int,
) -> None:
    """Keep the report with the run, as long as it is in this round."""
    await connection.execute(
        update(runs)
        .where(_is(run_id, round_))
        .values(metrics=[asdict(metric) for metric in metrics], breakdown=breakdown or None)
    )


async def read_breakdown(
    connection: AsyncConnection, workspace_id: str, run_id: str
) -> dict[str, JsonObject]:
    """What stands behind the metrics of a run, by the scorer's key; empty before it has ended."""
    found = await connection.scalar(
        select(runs.c.breakdown).where(runs.c.id == run_id, runs.c.workspace_id == workspace_id)
    )
    return found or {}


async def read_traceparent(
    connection: AsyncConnection, workspace_id: str, run_id: str
) -> str | None:
    """The trace context of the request that started the run, if it came with one."""
    found: str | None = await connection.scalar(
        select(runs.c.traceparent).where(runs.c.id == run_id, runs.c.workspace_id == workspace_id)
    )
    return found


async def read_pin(connection: AsyncConnection, run_id: str) -> str:
    """The hash of everything that determines the run's result."""
    return str(await connection.scalar(select(runs.c.pin).where(runs.c.id == run_id)))


async def read_pin_parts(connection: AsyncConnection, run_id: str) -> dict[str, str]:
    """A hash for each part of the run's pin; empty for runs older than these."""
    return dict(await connection.scalar(select(runs.c.pin_parts).where(runs.c.id == run_id)) or {})


async def read_pins(connection: AsyncConnection, run_ids: Iterable[str]) -> dict[str, str]:
    """The pins of several runs at once."""
    rows = await connection.execute(
        select(runs.c.id, runs.c.pin).where(runs.c.id.in_(list(run_ids)))
    )
    return {row.id: row.pin for row in rows}


def _is(run_id: str, round_: int | None) -> ColumnElement[bool]:
    this = runs.c.id == run_id
    return this if round_ is None else and_(this, runs.c.round == round_)


def _with_progress(condition: ColumnElement[bool]) -> Select[Any]:
    sums = (
        select(
            tallies.c.run_id,
            func.sum(tallies.c.done).label("done"),
            func.sum(tallies.c.failed).label("failed"),
            func.sum(tallies.c.ungraded).label("ungraded"),
            func.sum(tallies.c.input_tokens).label("input_tokens"),
            func.sum(tallies.c.output_tokens).label("output_tokens"),
            func.sum(tallies.c.cost_usd).label("cost_usd"),
            func.sum(tallies.c.calls).label("calls"),
            func.sum(tallies.c.cached).label("cached"),
        )
        .where(tallies.c.run_id.in_(select(runs.c.id).where(condition)))
        .group_by(tallies.c.run_id)
        .subquery()
    )
    # What stands behind the metrics may be large, and has a function of its own.
    of_run = (column for column in runs.c if column is not runs.c.breakdown)
    return (
        select(*of_run, *(column for column in sums.c if column.name != "run_id"))
        .outerjoin(sums, sums.c.run_id == runs.c.id)
        .where(condition)
    )


def _run(row: RowMapping) -> Run:
    return Run(
        id=row["id"],
        workspace_id=row["workspace_id"],
        evaluation_id=row["evaluation_id"],
        model=row["model"],
        state=RunState(row["state"]),
        reason=row["reason"],
        progress=Progress(
            done=int(row["done"] or 0),
            total=row["total"],
            failed=int(row["failed"] or 0),
            ungraded=int(row["ungraded"] or 0),
        ),
        usage=Usage(
            input_tokens=int(row["input_tokens"] or 0),
            output_tokens=int(row["output_tokens"] or 0),
            cost_usd=row["cost_usd"],
            calls=int(row["calls"] or 0),
            cached=int(row["cached"] or 0),
        ),
        metrics=tuple(Metric(**metric) for metric in row["metrics"] or ()),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )
