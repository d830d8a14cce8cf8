"""Red teaming, as rows: what is attacked, and the prompts that were written for it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.red_team import (
    RedTeamResult,
    RedTeamRun,
    RedTeamSpec,
    Target,
    read_result,
)
from weighbridge.store.moments import now
from weighbridge.store.tables import red_team_runs as runs
from weighbridge.store.tables import red_team_specs as specs
from weighbridge.store.upsert import insert_into


async def add_spec(connection: AsyncConnection, spec: RedTeamSpec) -> bool:
    """Keep a spec; False: the workspace has one of that name."""
    insert = insert_into(specs, connection.dialect).values(
        id=spec.id,
        workspace_id=spec.workspace_id,
        name=spec.name,
        **_columns(spec.target),
        author=spec.author,
        created_at=spec.created_at,
        updated_at=spec.updated_at,
    )
    made = insert.on_conflict_do_nothing(index_elements=["workspace_id", "name"])
    return await connection.scalar(made.returning(specs.c.id)) is not None


async def find_spec(
    connection: AsyncConnection, workspace_id: str, spec_id: str
) -> RedTeamSpec | None:
    """The spec with this id, if it is in the workspace."""
    found = await connection.execute(
        select(specs).where(specs.c.workspace_id == workspace_id, specs.c.id == spec_id)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _spec(row)


async def list_specs(connection: AsyncConnection, workspace_id: str) -> list[RedTeamSpec]:
    """Newest first."""
    rows = await connection.execute(
        select(specs).where(specs.c.workspace_id == workspace_id).order_by(specs.c.id.desc())
    )
    return [_spec(row) for row in rows.mappings()]


async def change_spec(connection: AsyncConnection, spec: RedTeamSpec) -> bool:
    """Keep what a spec says now; False: another one of the workspace has its name."""
    others = select(specs.c.id).where(
        specs.c.workspace_id == spec.workspace_id,
        specs.c.name == spec.name,
        specs.c.id != spec.id,
    )
    if await connection.scalar(others) is not None:
        return False
    await connection.execute(
        update(specs)
        .where(specs.c.workspace_id == spec.workspace_id, specs.c.id == spec.id)
        .values(name=spec.name, **_columns(spec.target), updated_at=spec.updated_at)
    )
    return True


async def delete_spec(connection: AsyncConnection, workspace_id: str, spec_id: str) -> bool:
    """Remove a spec; its runs stay. False: it is not there."""
    gone = await connection.execute(
        delete(specs).where(specs.c.workspace_id == workspace_id, specs.c.id == spec_id)
    )
    return gone.rowcount == 1


async def add_run(connection: AsyncConnection, run: RedTeamRun) -> None:
    """Keep a run."""
    await connection.execute(
        runs.insert().values(
            id=run.id,
            workspace_id=run.workspace_id,
            spec_id=run.spec_id,
            model=run.model,
            behaviors=run.behaviors,
            prompts=run.prompts,
            evaluation_id=run.evaluation_id,
            run_id=run.run_id,
            result={
                "spec": {"name": run.spec_name, **asdict(run.target)},
                "parts": {name: list(texts) for name, texts in run.parts.items()},
                "found": None if run.result is None else run.result.as_json(),
                "suite": run.suite_id,
            },
            problem=run.problem,
            door=run.door,
            author=run.author,
            created_at=run.created_at,
            updated_at=run.updated_at,
        )
    )


async def find_run(
    connection: AsyncConnection, workspace_id: str, red_team_id: str
) -> RedTeamRun | None:
    """The run with this id, if it is in the workspace."""
    return await _one(connection, workspace_id, runs.c.id == red_team_id)


async def find_run_written_by(
    connection: AsyncConnection, workspace_id: str, evaluation_id: str
) -> RedTeamRun | None:
    """The run whose prompts an evaluation writes; None: it writes none."""
    return await _one(connection, workspace_id, runs.c.evaluation_id == evaluation_id)


async def list_runs(
    connection: AsyncConnection, workspace_id: str, *, spec_id: str | None = None
) -> list[RedTeamRun]:
    """Newest first.

    Args:
        spec_id: only those of this spec.
    """
    query = select(runs).where(runs.c.workspace_id == workspace_id)
    if spec_id is not None:
        query = query.where(runs.c.spec_id == spec_id)
    rows = await connection.execute(query.order_by(runs.c.id.desc()))
    return [_run(row) for row in rows.mappings()]


async def put_part(
    connection: AsyncConnection, run: RedTeamRun, part: str, texts: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Keep a list that was written; one that is there already stays.

    Returns:
        All parts that there are now.
    """
    kept = await _kept(connection, run)
    parts: dict[str, Any] = {part: list(texts), **(kept["parts"] if kept is not None else {})}
    if kept is not None:
        await _keep(connection, run, {**kept, "parts": parts})
    return _parts(parts)


async def end_run(
    connection: AsyncConnection, run: RedTeamRun, result: RedTeamResult, problem: str | None
) -> None:
    """Keep what the writing came to. A suite that was made of something else is no longer its."""
    kept = await _kept(connection, run)
    if kept is None:  # it was deleted meanwhile
        return
    found = result.as_json()
    suite = kept["suite"] if kept["found"] == found else None
    await _keep(connection, run, {**kept, "found": found, "suite": suite}, problem=problem)


async def put_suite(connection: AsyncConnection, run: RedTeamRun, suite_id: str) -> str | None:
    """Note the suite that was made of a run's prompts; the other one, if it has one already."""
    kept = await _kept(connection, run)
    if kept is None or kept["suite"] not in {None, run.suite_id}:
        return None if kept is None else str(kept["suite"])
    await _keep(connection, run, {**kept, "suite": suite_id})
    return None


async def delete_run(connection: AsyncConnection, workspace_id: str, red_team_id: str) -> bool:
    """Remove a run with its prompts; False: it is not there."""
    gone = await connection.execute(
        delete(runs).where(runs.c.workspace_id == workspace_id, runs.c.id == red_team_id)
    )
    return gone.rowcount == 1


async def _kept(connection: AsyncConnection, run: RedTeamRun) -> dict[str, Any] | None:
    """What is kept of a run, which nobody else changes until the transaction ends; None: the run is
    gone."""
    # Writing comes first: that takes the lock, in SQLite as well, where reading takes none.
    await connection.execute(_this(run, update(runs).values(updated_at=now())))
    found = await connection.execute(_this(run, select(runs.c.result)))
    row = found.one_or_none()
    return None if row is None else dict(row.result)


async def _keep(
    connection: AsyncConnection, run: RedTeamRun, kept: Mapping[str, Any], **more: Any
) -> None:
    changed = update(runs).values(result=kept, updated_at=now(), **more)
    await connection.execute(_this(run, changed))


def _this(run: RedTeamRun, query: Any) -> Any:
    return query.where(runs.c.workspace_id == run.workspace_id, runs.c.id == run.id)


async def _one(connection: AsyncConnection, workspace_id: str, condition: Any) -> RedTeamRun | None:
    found = await connection.execute(
        select(runs).where(runs.c.workspace_id == workspace_id, condition)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _run(row)


def _columns(target: Target) -> dict[str, str | None]:
    return asdict(target)


def _spec(row: RowMapping) -> RedTeamSpec:
    return RedTeamSpec(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        target=Target(row["domain"], row["application"], row["concerns"]),
        author=row["author"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _run(row: RowMapping) -> RedTeamRun:
    kept = row["result"]
    spec = dict(kept["spec"])
    return RedTeamRun(
        id=row["id"],
        workspace_id=row["workspace_id"],
        spec_id=row["spec_id"],
        spec_name=spec.pop("name"),
        target=Target(**spec),
        model=row["model"],
        behaviors=row["behaviors"],
        prompts=row["prompts"],
        evaluation_id=row["evaluation_id"],
        run_id=row["run_id"],
        parts=_parts(kept["parts"]),
        result=None if kept["found"] is None else read_result(kept["found"]),
        suite_id=kept["suite"],
        problem=row["problem"],
        door=row["door"],
        author=row["author"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _parts(kept: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(texts) for name, texts in kept.items()}
