"""Files that callers hand in, as rows. Their bytes are blobs, at `jobs.keeping.image_key`."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.asset import Asset, AssetKind, AssetState, Frame
from weighbridge.store.moments import now
from weighbridge.store.tables import assets

_COLUMNS = tuple(column for column in assets.columns if column.name != "deleted_at")
_IDS_AT_ONCE = 500


async def add_asset(connection: AsyncConnection, asset: Asset) -> None:
    """Keep a file that is new."""
    await connection.execute(
        assets.insert().values(
            id=asset.id,
            workspace_id=asset.workspace_id,
            uri=asset.uri,
            author=asset.author,
            created_at=asset.created_at,
            **_changing(asset),
        )
    )


async def find_asset(connection: AsyncConnection, workspace_id: str, asset_id: str) -> Asset | None:
    """A file of the workspace; None: it has no such file, or had it deleted."""
    return (await find_assets(connection, workspace_id, [asset_id])).get(asset_id)


async def find_assets(
    connection: AsyncConnection, workspace_id: str, ids: Iterable[str]
) -> dict[str, Asset]:
    """Those of these files that are in the workspace and not deleted, by id."""
    wanted = list(dict.fromkeys(ids))
    found: dict[str, Asset] = {}
    for start in range(0, len(wanted), _IDS_AT_ONCE):
        query = _present(workspace_id).where(assets.c.id.in_(wanted[start : start + _IDS_AT_ONCE]))
        rows = await connection.execute(query)
        found |= {row["id"]: _asset(row) for row in rows.mappings()}
    return found


async def list_assets(
    connection: AsyncConnection,
    workspace_id: str,
    *,
    kind: AssetKind | None = None,
    start: int = 0,
    limit: int = 100,
) -> list[Asset]:
    """Newest first, from the 0-based place `start` on."""
    query = _of_kind(_present(workspace_id), kind)
    rows = await connection.execute(query.order_by(assets.c.id.desc()).offset(start).limit(limit))
    return [_asset(row) for row in rows.mappings()]


async def count_assets(
    connection: AsyncConnection, workspace_id: str, *, kind: AssetKind | None = None
) -> int:
    """How many files the workspace has."""
    query = select(func.count()).where(
        assets.c.workspace_id == workspace_id, assets.c.deleted_at.is_(None)
    )
    return int(await connection.scalar(_of_kind(query, kind)) or 0)


async def set_asset(
    connection: AsyncConnection, asset: Asset, *, unchanged_since: datetime | None = None
) -> bool:
    """Write what can change about a file: everything but its id, workspace, address and author.

    Args:
        unchanged_since: only where it was last written at this moment, and not by anybody since.

    Returns:
        Whether it was written; False: it is deleted, or somebody else wrote it.
    """
    query = assets.update().where(
        assets.c.id == asset.id,
        assets.c.workspace_id == asset.workspace_id,
        assets.c.deleted_at.is_(None),
    )
    if unchanged_since is not None:
        query = query.where(assets.c.updated_at == unchanged_since)
    return (await connection.execute(query.values(**_changing(asset)))).rowcount == 1


async def touch_assets(connection: AsyncConnection, ids: Iterable[str], moment: datetime) -> None:
    """Say that these files are still worked on: those of them that are being processed."""
    await connection.execute(
        assets.update()
        .where(assets.c.id.in_(list(ids)), assets.c.state == AssetState.PROCESSING)
        .values(updated_at=moment)
    )


async def delete_asset(connection: AsyncConnection, workspace_id: str, asset_id: str) -> bool:
    """Have a file gone for everybody; its row stays.

    Returns:
        Whether there was one.
    """
    done = await connection.execute(
        assets.update()
        .where(
            assets.c.id == asset_id,
            assets.c.workspace_id == workspace_id,
            assets.c.deleted_at.is_(None),
        )
        .values(deleted_at=now())
    )
    return done.rowcount == 1


def _present(workspace_id: str) -> Select[Any]:
    return select(*_COLUMNS).where(
        assets.c.workspace_id == workspace_id, assets.c.deleted_at.is_(None)
    )


def _of_kind(query: Select[Any], kind: AssetKind | None) -> Select[Any]:
    return query if kind is None else query.where(assets.c.kind == kind.value)


def _changing(asset: Asset) -> dict[str, Any]:
    return {
        "name": asset.name,
        "kind": asset.kind.value,
        "media_type": asset.media_type,
        "size": asset.size,
        "sha256": asset.sha256,
        "state": asset.state.value,
        "problem": asset.problem,
        "frames": [[it.sha256, it.size, it.second] for it in asset.frames] or None,
        "about": asset.about,
        "updated_at": asset.updated_at,
    }


def _asset(row: RowMapping) -> Asset:
    fields: dict[str, Any] = dict(row)
    return Asset(
        **{
            **fields,
            "kind": AssetKind(fields["kind"]),
            "state": AssetState(fields["state"]),
            "frames": tuple(
                Frame(str(sha256), int(size), float(second))
                for sha256, size, second in fields["frames"] or ()
            ),
        }
    )
