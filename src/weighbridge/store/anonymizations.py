"""Anonymisations as rows, and where the files are that they write."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.anonymization import (
    Anonymization,
    AnonymizationRequest,
    AnonymizedFile,
    Detection,
)
from weighbridge.core.json import JsonObject
from weighbridge.store.moments import now
from weighbridge.store.tables import anonymizations as table


def anonymized_key(sha256: str) -> str:
    """Where a file is kept that was written: identical ones are stored once."""
    return f"anonymized/{sha256[:2]}/{sha256}"


async def add_anonymization(connection: AsyncConnection, made: Anonymization) -> None:
    """Keep an anonymisation as it begins."""
    await connection.execute(
        table.insert().values(
            id=made.id,
            workspace_id=made.workspace_id,
            seeds_id=made.seeds_id,
            seeds_name=made.seeds_name,
            request=asdict(made.request),
            evaluation_id=made.evaluation_id,
            run_id=made.run_id,
            result=None,
            files=[],
            problem=None,
            door=made.door,
            author=made.author,
            created_at=made.created_at,
            updated_at=made.updated_at,
        )
    )


async def find_anonymization(
    connection: AsyncConnection, workspace_id: str, anonymization_id: str
) -> Anonymization | None:
    """The one with this id, if it is in the workspace."""
    return await _one(connection, workspace_id, table.c.id == anonymization_id)


async def find_anonymization_by(
    connection: AsyncConnection, workspace_id: str, evaluation_id: str
) -> Anonymization | None:
    """The one for which an evaluation finds personal data; None: it does so for none."""
    return await _one(connection, workspace_id, table.c.evaluation_id == evaluation_id)


async def list_anonymizations(
    connection: AsyncConnection, workspace_id: str
) -> list[Anonymization]:
    """All of a workspace, newest first."""
    rows = await connection.execute(
        select(table).where(table.c.workspace_id == workspace_id).order_by(table.c.id.desc())
    )
    return [_made(row) for row in rows.mappings()]


async def end_anonymization(
    connection: AsyncConnection,
    made: Anonymization,
    *,
    result: JsonObject | None,
    files: Sequence[AnonymizedFile] = (),
    archive: AnonymizedFile | None = None,
    problem: str | None = None,
) -> None:
    """Note how one has ended."""
    moment = now()
    kept = [{**asdict(it), "archive": False} for it in files]
    if archive is not None:
        kept.append({**asdict(archive), "archive": True})
    await connection.execute(
        update(table)
        .where(table.c.workspace_id == made.workspace_id, table.c.id == made.id)
        .values(result=result, files=kept, problem=problem, updated_at=moment, finished_at=moment)
    )


async def delete_anonymization(
    connection: AsyncConnection, workspace_id: str, anonymization_id: str
) -> bool:
    """Forget one; False: there is none with this id."""
    gone = await connection.execute(
        delete(table).where(table.c.workspace_id == workspace_id, table.c.id == anonymization_id)
    )
    return gone.rowcount == 1


async def _one(
    connection: AsyncConnection, workspace_id: str, condition: ColumnElement[bool]
) -> Anonymization | None:
    rows = await connection.execute(
        select(table).where(table.c.workspace_id == workspace_id, condition)
    )
    row = rows.mappings().one_or_none()
    return None if row is None else _made(row)


def _made(row: RowMapping) -> Anonymization:
    fields: dict[str, Any] = {column.name: row[column.name] for column in table.columns}
    kept = fields.pop("files")
    archives = [_file(it) for it in kept if it["archive"]]
    asked = row["request"]
    return Anonymization(
        **{
            **fields,
            "request": AnonymizationRequest(
                **{
                    **asked,
                    "detection": Detection(asked["detection"]),
                    "types": tuple(asked["types"]),
                }
            ),
            "files": tuple(_file(it) for it in kept if not it["archive"]),
            "archive": archives[0] if archives else None,
        }
    )


def _file(kept: Mapping[str, Any]) -> AnonymizedFile:
    return AnonymizedFile(**{name: value for name, value in kept.items() if name != "archive"})
