"""Data sets: which frame they are, and the rows of one segment of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Select, delete, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.ids import new_id
from weighbridge.core.json import Json, JsonObject
from weighbridge.datasets.frame import FrameIndex, parse_rows, segment_range
from weighbridge.store.blobs import Blobs
from weighbridge.store.moments import now
from weighbridge.store.tables import dataset_tags, datasets
from weighbridge.store.upsert import insert_into


@dataclass(frozen=True, slots=True)
class Dataset:
    """A stored data set; `frame` says where its rows are in the blob.

    Attributes:
        version: 1, 2, … among the data sets of this name, which differ in content.
        parent_id: the data set it was selected from; selection: how, as it was written.
        tags: names that were given to this version and may be moved to another.
    """

    id: str
    workspace_id: str
    name: str
    frame: FrameIndex
    created_at: datetime
    version: int = 1
    parent_id: str | None = None
    selection: JsonObject | None = None
    tags: tuple[str, ...] = ()


def blob_key(sha256: str) -> str:
    """Where the frame with this hash is kept: identical content is stored once."""
    return f"frames/{sha256[:2]}/{sha256}.jsonl"


async def add_dataset(
    connection: AsyncConnection,
    workspace_id: str,
    name: str,
    frame: FrameIndex,
    *,
    parent_id: str | None = None,
    selection: JsonObject | None = None,
) -> Dataset:
    """Keep a data set: the next version of this name, or, when one of its versions has the same
    content, that one."""
    while True:
        found = await connection.execute(
            _with_tags(
                datasets.c.workspace_id == workspace_id,
                datasets.c.sha256 == frame.sha256,
                datasets.c.name == name,
            )
        )
        row = found.mappings().one_or_none()
        if row is not None:
            return _dataset(row)
        latest = await connection.scalar(
            select(func.max(datasets.c.version)).where(
                datasets.c.workspace_id == workspace_id, datasets.c.name == name
            )
        )
        added = insert_into(datasets, connection.dialect).values(
            id=new_id("ds"),
            workspace_id=workspace_id,
            name=name,
            sha256=frame.sha256,
            rows=frame.rows,
            size=frame.size,
            columns=list(frame.columns),
            offsets=list(frame.offsets),
            version=(latest or 0) + 1,
            parent_id=parent_id,
            selection=selection,
            created_at=now(),
        )
        # Somebody may have added a version meanwhile; then this one gets the number after it.
        await connection.execute(added.on_conflict_do_nothing())


async def find_dataset(
    connection: AsyncConnection, workspace_id: str, dataset_id: str
) -> Dataset | None:
    """The data set with this id, if it is in the workspace."""
    found = await connection.execute(
        _with_tags(datasets.c.workspace_id == workspace_id, datasets.c.id == dataset_id)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _dataset(row)


async def find_version(
    connection: AsyncConnection, workspace_id: str, name: str, which: int | str | None = None
) -> Dataset | None:
    """A version of the data set of this name.

    Args:
        which: its number, or a tag; None: the newest.
    """
    conditions = [datasets.c.workspace_id == workspace_id, datasets.c.name == name]
    if isinstance(which, int):
        conditions.append(datasets.c.version == which)
    elif which is not None:
        tagged = select(dataset_tags.c.dataset_id).where(
            dataset_tags.c.workspace_id == workspace_id,
            dataset_tags.c.name == name,
            dataset_tags.c.tag == which,
        )
        conditions.append(datasets.c.id.in_(tagged))
    found = await connection.execute(
        _with_tags(*conditions).order_by(datasets.c.version.desc()).limit(1)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _dataset(row)


async def names_of_datasets(
    connection: AsyncConnection, workspace_id: str, limit: int = 1_000
) -> list[str]:
    """Names of data sets that were not selected from others, for hints."""
    rows = await connection.execute(
        select(datasets.c.name)
        .where(datasets.c.workspace_id == workspace_id, datasets.c.parent_id.is_(None))
        .distinct()
        .limit(limit)
    )
    return [row.name for row in rows]


async def list_datasets(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    after: str | None,
    limit: int,
    name: str | None = None,
    tag: str | None = None,
    selected: bool = False,
    search: str | None = None,
    newest: bool = False,
) -> list[Dataset]:
    """Newest first, below the id `after`.

    Args:
        name, tag: only those that are called so.
        selected: those, too, that evaluations selected from others.
        search: only those with this in their name, whether in capitals or not.
        newest: only the last version of each name.
    """
    conditions = [datasets.c.workspace_id == workspace_id]
    if after is not None:
        conditions.append(datasets.c.id < after)
    if name is not None:
        conditions.append(datasets.c.name == name)
    if tag is not None:
        conditions.append(
            datasets.c.id.in_(
                select(dataset_tags.c.dataset_id).where(
                    dataset_tags.c.workspace_id == workspace_id, dataset_tags.c.tag == tag
                )
            )
        )
    if not selected:
        conditions.append(datasets.c.parent_id.is_(None))
    if search is not None:
        conditions.append(datasets.c.name.icontains(search, autoescape=True))
    if newest:
        later = datasets.alias()
        conditions.append(
            ~exists().where(
                later.c.workspace_id == datasets.c.workspace_id,
                later.c.name == datasets.c.name,
                later.c.version > datasets.c.version,
            )
        )
    rows = await connection.execute(
        _with_tags(*conditions).order_by(datasets.c.id.desc()).limit(limit)
    )
    return [_dataset(row) for row in rows.mappings()]


async def versions_of(
    connection: AsyncConnection, workspace_id: str, name: str, *, below: int | None, limit: int
) -> list[Dataset]:
    """The versions of a name, the last first.

    Args:
        below: only those with a smaller number.
    """
    conditions = [datasets.c.workspace_id == workspace_id, datasets.c.name == name]
    if below is not None:
        conditions.append(datasets.c.version < below)
    rows = await connection.execute(
        _with_tags(*conditions).order_by(datasets.c.version.desc()).limit(limit)
    )
    return [_dataset(row) for row in rows.mappings()]


async def set_tag(connection: AsyncConnection, dataset: Dataset, tag: str) -> None:
    """Give a version a tag, taking it from the version of the same name that had it."""
    statement = insert_into(dataset_tags, connection.dialect).values(
        workspace_id=dataset.workspace_id,
        name=dataset.name,
        tag=tag,
        dataset_id=dataset.id,
        moved_at=now(),
    )
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["workspace_id", "name", "tag"],
            set_={"dataset_id": dataset.id, "moved_at": now()},
        )
    )


async def remove_tag(connection: AsyncConnection, dataset: Dataset, tag: str) -> bool:
    """Take a tag from a version; False when it has no such tag."""
    removed = await connection.execute(
        delete(dataset_tags).where(
            dataset_tags.c.workspace_id == dataset.workspace_id,
            dataset_tags.c.dataset_id == dataset.id,
            dataset_tags.c.tag == tag,
        )
    )
    return removed.rowcount == 1


async def read_segment(blobs: Blobs, frame: FrameIndex, segment: int) -> list[dict[str, Json]]:
    """The rows of one segment of the frame, in order."""
    start, end = segment_range(frame, segment)
    return parse_rows(await blobs.get_range(blob_key(frame.sha256), start, end))


def _with_tags(*conditions: ColumnElement[bool]) -> Select[Any]:
    tags = (
        select(func.aggregate_strings(dataset_tags.c.tag, ","))
        .where(dataset_tags.c.dataset_id == datasets.c.id)
        .scalar_subquery()
        .label("tags")
    )
    return select(datasets, tags).where(*conditions)


def _dataset(row: RowMapping) -> Dataset:
    return Dataset(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        frame=FrameIndex(
            sha256=row["sha256"],
            rows=row["rows"],
            size=row["size"],
            columns=tuple(row["columns"]),
            offsets=tuple(row["offsets"]),
        ),
        created_at=row["created_at"],
        version=row["version"],
        parent_id=row["parent_id"],
        selection=row["selection"],
        tags=tuple(sorted(row["tags"].split(","))) if row["tags"] else (),
    )
