"""Data sets: which frame they are, and the rows of one segment of it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.ids import new_id
from weighbridge.core.json import Json
from weighbridge.datasets.frame import FrameIndex, parse_rows, segment_range
from weighbridge.store.blobs import Blobs
from weighbridge.store.moments import now
from weighbridge.store.tables import datasets


@dataclass(frozen=True, slots=True)
class Dataset:
    """A stored data set; `frame` says where its rows are in the blob."""

    id: str
    workspace_id: str
    name: str
    frame: FrameIndex
    created_at: datetime


def blob_key(sha256: str) -> str:
    """Where the frame with this hash is kept: identical content is stored once."""
    return f"frames/{sha256[:2]}/{sha256}.jsonl"


async def add_dataset(
    connection: AsyncConnection, workspace_id: str, name: str, frame: FrameIndex
) -> Dataset:
    """Keep a data set; the same content under the same name is the one that is there already."""
    found = await connection.execute(
        select(datasets).where(
            datasets.c.workspace_id == workspace_id,
            datasets.c.sha256 == frame.sha256,
            datasets.c.name == name,
        )
    )
    row = found.mappings().one_or_none()
    if row is not None:
        return _dataset(row)
    dataset = Dataset(new_id("ds"), workspace_id, name, frame, now())
    await connection.execute(
        insert(datasets).values(
            id=dataset.id,
            workspace_id=workspace_id,
            name=name,
            sha256=frame.sha256,
            rows=frame.rows,
            size=frame.size,
            columns=list(frame.columns),
            offsets=list(frame.offsets),
            created_at=dataset.created_at,
        )
    )
    return dataset


async def find_dataset(
    connection: AsyncConnection, workspace_id: str, dataset_id: str
) -> Dataset | None:
    """The data set with this id, if it is in the workspace."""
    found = await connection.execute(
        select(datasets).where(datasets.c.workspace_id == workspace_id, datasets.c.id == dataset_id)
    )
    row = found.mappings().one_or_none()
    return None if row is None else _dataset(row)


async def list_datasets(
    connection: AsyncConnection, workspace_id: str, *, after: str | None, limit: int
) -> list[Dataset]:
    """Newest first, below the id `after`."""
    query = select(datasets).where(datasets.c.workspace_id == workspace_id)
    if after is not None:
        query = query.where(datasets.c.id < after)
    rows = await connection.execute(query.order_by(datasets.c.id.desc()).limit(limit))
    return [_dataset(row) for row in rows.mappings()]


async def read_segment(blobs: Blobs, frame: FrameIndex, segment: int) -> list[dict[str, Json]]:
    """The rows of one segment of the frame, in order."""
    start, end = segment_range(frame, segment)
    return parse_rows(await blobs.get_range(blob_key(frame.sha256), start, end))


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
    )
