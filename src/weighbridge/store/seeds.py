"""Seeds as rows, and where the bytes of their files are."""

from typing import Any

from sqlalchemy import ColumnElement, RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.synthesis import SeedFile, Seeds, Shape
from weighbridge.store.tables import data_specs, seed_datasets, seed_files


def seed_key(sha256: str) -> str:
    """Where a file of seeds is kept: identical ones are stored once."""
    return f"seeds/{sha256[:2]}/{sha256}"


def seed_text_key(sha256: str) -> str:
    """Where the text is kept that was taken out of a file of seeds with this hash."""
    return f"seed-texts/{sha256[:2]}/{sha256}"


async def add_seeds(connection: AsyncConnection, seeds: Seeds) -> None:
    """Keep new seeds, and their files in their order.

    Raises:
        IntegrityError: the workspace has seeds of that name.
    """
    await connection.execute(
        seed_datasets.insert().values(
            id=seeds.id,
            workspace_id=seeds.workspace_id,
            name=seeds.name,
            description=seeds.description,
            shape=seeds.shape.value,
            folders=seeds.folders,
            rows=seeds.rows,
            author=seeds.author,
            created_at=seeds.created_at,
            updated_at=seeds.updated_at,
        )
    )
    rows = [
        {
            "id": file.id,
            "workspace_id": seeds.workspace_id,
            "seeds_id": seeds.id,
            "number": number,
            "path": file.path,
            "media_type": file.media_type,
            "size": file.size,
            "sha256": file.sha256,
        }
        for number, file in enumerate(seeds.files)
    ]
    await connection.execute(seed_files.insert(), rows)


async def find_seeds(connection: AsyncConnection, workspace_id: str, seeds_id: str) -> Seeds | None:
    """Seeds of the workspace with their files; None: it has none with this id."""
    return await _one(connection, workspace_id, seed_datasets.c.id == seeds_id)


async def find_seeds_called(
    connection: AsyncConnection, workspace_id: str, name: str
) -> Seeds | None:
    """Seeds of the workspace with their files; None: it has none of this name."""
    return await _one(connection, workspace_id, seed_datasets.c.name == name)


async def list_seeds(connection: AsyncConnection, workspace_id: str) -> list[tuple[Seeds, int]]:
    """All of a workspace, newest first: without their files, and how many these are."""
    count = (
        select(func.count())
        .where(seed_files.c.seeds_id == seed_datasets.c.id)
        .scalar_subquery()
        .label("count")
    )
    rows = await connection.execute(
        select(seed_datasets, count)
        .where(seed_datasets.c.workspace_id == workspace_id)
        .order_by(seed_datasets.c.id.desc())
    )
    return [(_seeds(row, ()), int(row["count"])) for row in rows.mappings()]


async def delete_seeds(connection: AsyncConnection, workspace_id: str, seeds_id: str) -> bool:
    """Have seeds and the rows of their files gone.

    Returns:
        Whether there were any.
    """
    done = await connection.execute(
        seed_datasets.delete().where(
            seed_datasets.c.workspace_id == workspace_id, seed_datasets.c.id == seeds_id
        )
    )
    return done.rowcount == 1


async def specs_from_seeds(
    connection: AsyncConnection, workspace_id: str, seeds_id: str
) -> list[str]:
    """The names of the specs that were proposed from these seeds."""
    query = (
        select(data_specs.c.name)
        .where(data_specs.c.workspace_id == workspace_id, data_specs.c.seeds_id == seeds_id)
        .order_by(data_specs.c.id)
    )
    return list(await connection.scalars(query))


async def _one(
    connection: AsyncConnection, workspace_id: str, condition: ColumnElement[bool]
) -> Seeds | None:
    found = await connection.execute(
        select(seed_datasets).where(seed_datasets.c.workspace_id == workspace_id, condition)
    )
    row = found.mappings().one_or_none()
    if row is None:
        return None
    files = await connection.execute(
        select(seed_files)
        .where(seed_files.c.workspace_id == workspace_id, seed_files.c.seeds_id == row["id"])
        .order_by(seed_files.c.number)
    )
    return _seeds(
        row,
        tuple(
            SeedFile(it["id"], it["path"], it["media_type"], it["size"], it["sha256"])
            for it in files.mappings()
        ),
    )


def _seeds(row: RowMapping, files: tuple[SeedFile, ...]) -> Seeds:
    fields: dict[str, Any] = {column.name: row[column.name] for column in seed_datasets.columns}
    return Seeds(**{**fields, "shape": Shape(fields["shape"]), "files": files})
