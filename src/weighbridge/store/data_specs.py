"""Specs of data as rows: blueprints with their versions."""

from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.synthesis import DataSpec, Shape, SpecState, SpecVersion
from weighbridge.store.moments import now
from weighbridge.store.tables import data_spec_versions as versions
from weighbridge.store.tables import data_specs as specs
from weighbridge.store.tables import productions, workspaces


async def add_data_spec(connection: AsyncConnection, spec: DataSpec) -> bool:
    """Keep a spec, which has no version yet; False: there is one of that name from the same seeds,
    or, if it has none, among those without seeds."""
    # Whoever adds another one to the workspace waits until this one is there.
    workspace = select(workspaces.c.id).where(workspaces.c.id == spec.workspace_id)
    await connection.execute(workspace.with_for_update(key_share=True))
    if await spec_is_called(connection, spec.workspace_id, spec.seeds_id, spec.name):
        return False
    values: dict[str, Any] = {
        column.name: getattr(spec, column.name)
        for column in specs.columns
        if column.name not in {"shape", "state"}
    }
    values |= {"shape": spec.shape.value, "state": spec.state.value}
    await connection.execute(specs.insert().values(**values))
    return True


async def spec_is_called(
    connection: AsyncConnection, workspace_id: str, seeds_id: str | None, name: str
) -> bool:
    """Whether there is a spec of that name from these seeds; None: among those without seeds."""
    same = select(specs.c.id).where(
        specs.c.workspace_id == workspace_id,
        specs.c.name == name,
        specs.c.seeds_id.is_(None) if seeds_id is None else specs.c.seeds_id == seeds_id,
    )
    return await connection.scalar(same.limit(1)) is not None


async def find_data_spec(
    connection: AsyncConnection, workspace_id: str, spec_id: str
) -> DataSpec | None:
    """The spec with this id, if it is in the workspace, with its newest content."""
    return await _one(connection, workspace_id, specs.c.id == spec_id)


async def find_spec_proposed_by(
    connection: AsyncConnection, workspace_id: str, evaluation_id: str
) -> DataSpec | None:
    """The spec whose blueprint an evaluation proposes; None: it proposes none."""
    return await _one(connection, workspace_id, specs.c.evaluation_id == evaluation_id)


async def list_data_specs(connection: AsyncConnection, workspace_id: str) -> list[DataSpec]:
    """All of a workspace, newest first, without their contents."""
    rows = await connection.execute(
        select(specs, _newest().label("version"))
        .where(specs.c.workspace_id == workspace_id)
        .order_by(specs.c.id.desc())
    )
    return [_spec(row, None) for row in rows.mappings()]


async def list_spec_versions(
    connection: AsyncConnection, workspace_id: str, spec_id: str
) -> list[SpecVersion]:
    """The versions of a spec, oldest first."""
    rows = await connection.execute(
        select(*_VERSION)
        .where(versions.c.workspace_id == workspace_id, versions.c.spec_id == spec_id)
        .order_by(versions.c.number)
    )
    return [SpecVersion(*row) for row in rows]


async def find_spec_version(
    connection: AsyncConnection, workspace_id: str, spec_id: str, number: int
) -> SpecVersion | None:
    """One version of a spec, 1, 2, …; None: there is no such version."""
    rows = await connection.execute(
        select(*_VERSION).where(
            versions.c.workspace_id == workspace_id,
            versions.c.spec_id == spec_id,
            versions.c.number == number,
        )
    )
    row = rows.one_or_none()
    return None if row is None else SpecVersion(*row)


async def add_spec_version(
    connection: AsyncConnection, spec: DataSpec, content: str, author: str
) -> SpecVersion | None:
    """Give a spec another version, the next after those that it has.

    Args:
        content: YAML. author: of this version.

    Returns:
        The version; None: the spec is gone.
    """
    moment = now()
    # The row of the spec is locked by this, so that no two versions get the same number.
    changed = await connection.execute(
        update(specs).where(_this(spec)).values(updated_at=moment).returning(specs.c.id)
    )
    if changed.one_or_none() is None:
        return None
    newest = await connection.scalar(
        select(func.max(versions.c.number)).where(versions.c.spec_id == spec.id)
    )
    made = SpecVersion((newest or 0) + 1, content, author, moment)
    await connection.execute(
        versions.insert().values(
            spec_id=spec.id,
            number=made.number,
            workspace_id=spec.workspace_id,
            content=content,
            author=author,
            created_at=moment,
        )
    )
    return made


async def end_data_spec(
    connection: AsyncConnection,
    spec: DataSpec,
    *,
    content: str | None = None,
    problem: str | None = None,
) -> bool:
    """Note what proposing a blueprint has come to.

    Args:
        content: YAML, which becomes version 1; None: it failed.
        problem: why it failed, for people.

    Returns:
        False: it is noted already, or the spec is gone.
    """
    state = SpecState.FAILED if content is None else SpecState.SUCCEEDED
    changed = await connection.execute(
        update(specs)
        .where(_this(spec), specs.c.state == SpecState.PROCESSING.value)
        .values(state=state.value, problem=problem, updated_at=now())
    )
    if changed.rowcount != 1:
        return False
    if content is not None:
        await add_spec_version(connection, spec, content, spec.author)
    return True


async def delete_data_spec(connection: AsyncConnection, workspace_id: str, spec_id: str) -> bool:
    """Remove a spec with its versions; False: it is not there."""
    gone = await connection.execute(
        delete(specs).where(specs.c.workspace_id == workspace_id, specs.c.id == spec_id)
    )
    return gone.rowcount == 1


async def productions_by_spec(
    connection: AsyncConnection, workspace_id: str, spec_id: str
) -> list[tuple[str, str]]:
    """The productions that go by a spec and are not deleted: their ids, and those of their runs."""
    rows = await connection.execute(
        select(productions.c.id, productions.c.run_id)
        .where(
            productions.c.workspace_id == workspace_id,
            productions.c.spec_id == spec_id,
            productions.c.deleted_at.is_(None),
        )
        .order_by(productions.c.id)
    )
    return [(row.id, row.run_id) for row in rows]


async def _one(
    connection: AsyncConnection, workspace_id: str, condition: ColumnElement[bool]
) -> DataSpec | None:
    newest = and_(versions.c.spec_id == specs.c.id, versions.c.number == _newest())
    found = await connection.execute(
        select(specs, versions.c.number.label("version"), versions.c.content)
        .select_from(specs.outerjoin(versions, newest))
        .where(specs.c.workspace_id == workspace_id, condition)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _spec(row, row["content"])


def _this(spec: DataSpec) -> ColumnElement[bool]:
    return and_(specs.c.workspace_id == spec.workspace_id, specs.c.id == spec.id)


def _newest() -> Any:
    inner = versions.alias()
    newest = select(func.max(inner.c.number)).where(inner.c.spec_id == specs.c.id)
    return newest.correlate(specs).scalar_subquery()


def _spec(row: RowMapping, content: str | None) -> DataSpec:
    fields: dict[str, Any] = {column.name: row[column.name] for column in specs.columns}
    fields |= {"shape": Shape(fields["shape"]), "state": SpecState(fields["state"])}
    return DataSpec(**fields, version=row["version"] or 0, content=content)


_VERSION = (versions.c.number, versions.c.content, versions.c.author, versions.c.created_at)
