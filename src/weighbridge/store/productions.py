"""Productions of samples as rows, and where the bytes of what they made are."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.json import JsonObject
from weighbridge.core.synthesis import MadeFile, Production, Shape
from weighbridge.store.moments import now
from weighbridge.store.tables import inspections, made_files, productions

_AT_ONCE = 500


def made_key(sha256: str) -> str:
    """Where a file is kept that a production made: identical ones are stored once."""
    return f"made/{sha256[:2]}/{sha256}"


async def add_production(connection: AsyncConnection, production: Production) -> None:
    """Keep a new production, which has made nothing yet."""
    values = {name: getattr(production, name) for name in _FIELDS}
    await connection.execute(
        productions.insert().values(**{**values, "shape": production.shape.value})
    )


async def find_production(
    connection: AsyncConnection, workspace_id: str, production_id: str
) -> Production | None:
    """The production with this id, if it is in the workspace and not deleted."""
    return await _one(connection, workspace_id, productions.c.id == production_id)


async def find_production_made_by(
    connection: AsyncConnection, workspace_id: str, evaluation_id: str
) -> Production | None:
    """The production whose samples an evaluation makes; None: it makes none, or it is deleted."""
    return await _one(connection, workspace_id, productions.c.evaluation_id == evaluation_id)


async def list_productions(
    connection: AsyncConnection, workspace_id: str, *, spec_id: str | None = None
) -> list[Production]:
    """Newest first.

    Args:
        spec_id: only those by this spec.
    """
    query = select(productions).where(_there(workspace_id)).order_by(productions.c.id.desc())
    if spec_id is not None:
        query = query.where(productions.c.spec_id == spec_id)
    rows = await connection.execute(query)
    return [_production(row) for row in rows.mappings()]


async def delete_production(
    connection: AsyncConnection, workspace_id: str, production_id: str
) -> bool:
    """Take a production out of sight, with its files; False: it is not there."""
    changed = await connection.execute(
        update(productions)
        .where(_there(workspace_id), productions.c.id == production_id)
        .values(deleted_at=now(), archive=None, files=0)
    )
    if changed.rowcount != 1:
        return False
    await connection.execute(delete(made_files).where(made_files.c.production_id == production_id))
    return True


async def set_files(
    connection: AsyncConnection,
    production: Production,
    files: Sequence[MadeFile],
    problem: str | None,
) -> bool:
    """Note what a production has made, instead of what it had made before.

    Args:
        problem: what is to be said of it, for people.

    Returns:
        False: it is deleted.
    """
    changed = await connection.execute(
        update(productions)
        .where(productions.c.id == production.id, productions.c.deleted_at.is_(None))
        .values(files=len(files), problem=problem, archive=None, updated_at=now())
    )
    if changed.rowcount != 1:
        return False
    await connection.execute(delete(made_files).where(made_files.c.production_id == production.id))
    for start in range(0, len(files), _AT_ONCE):
        rows = [
            {
                "id": file.id,
                "workspace_id": production.workspace_id,
                "production_id": production.id,
                "number": start + number,
                "path": file.path,
                "sample": file.sample,
                "media_type": file.media_type,
                "size": file.size,
                "sha256": file.sha256,
            }
            for number, file in enumerate(files[start : start + _AT_ONCE])
        ]
        await connection.execute(made_files.insert(), rows)
    return True


async def list_files(
    connection: AsyncConnection, workspace_id: str, production_id: str
) -> list[MadeFile]:
    """What a production has made, in the order of the samples."""
    rows = await connection.execute(
        select(made_files)
        .where(
            made_files.c.workspace_id == workspace_id, made_files.c.production_id == production_id
        )
        .order_by(made_files.c.number)
    )
    return [_file(row) for row in rows.mappings()]


async def find_file(
    connection: AsyncConnection, workspace_id: str, production_id: str, file_id: str
) -> MadeFile | None:
    """One file of a production; None: it has none with this id."""
    rows = await connection.execute(
        select(made_files).where(
            made_files.c.workspace_id == workspace_id,
            made_files.c.production_id == production_id,
            made_files.c.id == file_id,
        )
    )
    row = rows.mappings().one_or_none()
    return None if row is None else _file(row)


async def read_archive(connection: AsyncConnection, production_id: str) -> dict[str, Any] | None:
    """What is kept about the archive of a production; None: there is none."""
    found: dict[str, Any] | None = await connection.scalar(
        select(productions.c.archive).where(productions.c.id == production_id)
    )
    return found


async def set_archive(
    connection: AsyncConnection,
    production_id: str,
    archive: JsonObject | None,
    *,
    instead_of: JsonObject | None,
) -> bool:
    """Keep something else about the archive of a production.

    Args:
        instead_of: what has to be kept now; where it is something else, nothing changes.

    Returns:
        Whether it was changed.
    """
    # The row is locked first: two that ask at once would both find what they expect.
    now_there = await connection.execute(
        select(productions.c.archive)
        .where(productions.c.id == production_id, productions.c.deleted_at.is_(None))
        .with_for_update()
    )
    row = now_there.one_or_none()
    if row is None or row.archive != instead_of:
        return False
    await connection.execute(
        update(productions).where(productions.c.id == production_id).values(archive=archive)
    )
    return True


async def newest_result(
    connection: AsyncConnection, workspace_id: str, production_id: str
) -> tuple[str, JsonObject] | None:
    """The newest inspection of a production that has a result: its id and this."""
    rows = await connection.execute(
        select(inspections.c.id, inspections.c.result)
        .where(
            inspections.c.workspace_id == workspace_id,
            inspections.c.production_id == production_id,
        )
        .order_by(inspections.c.id.desc())
    )
    # JSON null and no value at all are two things to some databases, so it is looked at here.
    return next(((row.id, row.result) for row in rows if row.result), None)


async def _one(
    connection: AsyncConnection, workspace_id: str, condition: ColumnElement[bool]
) -> Production | None:
    rows = await connection.execute(select(productions).where(_there(workspace_id), condition))
    row = rows.mappings().one_or_none()
    return None if row is None else _production(row)


def _there(workspace_id: str) -> ColumnElement[bool]:
    return and_(productions.c.workspace_id == workspace_id, productions.c.deleted_at.is_(None))


def _production(row: RowMapping) -> Production:
    fields: dict[str, Any] = {name: row[name] for name in _FIELDS}
    return Production(**{**fields, "shape": Shape(fields["shape"])})


def _file(row: RowMapping) -> MadeFile:
    return MadeFile(
        row["id"], row["path"], row["sample"], row["media_type"], row["size"], row["sha256"]
    )


_FIELDS = tuple(
    column.name for column in productions.columns if column.name not in {"archive", "deleted_at"}
)
