"""Files as rows: of one workspace, and gone once they are deleted."""

from dataclasses import replace
from datetime import timedelta

import pytest

from weighbridge.core.asset import Asset, AssetKind, AssetState, Frame
from weighbridge.core.ids import new_id
from weighbridge.services.keys import Keys
from weighbridge.store import assets
from weighbridge.store.engine import Store
from weighbridge.store.moments import now


@pytest.fixture
async def workspace_id(store: Store) -> str:
    return (await Keys(store).operator()).workspace_id


def made(workspace_id: str, kind: AssetKind = AssetKind.IMAGE) -> Asset:
    return Asset(
        id=new_id("asset"),
        workspace_id=workspace_id,
        name="a.png",
        kind=kind,
        media_type="image/png",
        size=None,
        sha256=None,
        state=AssetState.PENDING,
        uri="https://example.com/a.png",
        problem=None,
        frames=(),
        about=None,
        author="somebody",
        created_at=now(),
        updated_at=now(),
    )


async def keep(store: Store, *files: Asset) -> None:
    async with store.begin() as connection:
        for asset in files:
            await assets.add_asset(connection, asset)


async def test_a_file_comes_back_as_it_was(store: Store, workspace_id: str) -> None:
    asset = made(workspace_id)
    await keep(store, asset)
    async with store.begin() as connection:
        assert await assets.find_asset(connection, workspace_id, asset.id) == asset
        assert await assets.find_asset(connection, "ws_other", asset.id) is None


async def test_what_changes_is_written_and_the_rest_is_not(store: Store, workspace_id: str) -> None:
    asset = made(workspace_id)
    await keep(store, asset)
    done = replace(
        asset,
        kind=AssetKind.VIDEO,
        state=AssetState.COMPLETED,
        size=2**40,
        sha256="0" * 64,
        frames=(Frame("1" * 64, 7, 0.5), Frame("2" * 64, 8, 1.5)),
        about={"seconds": 2.0},
        updated_at=asset.updated_at + timedelta(seconds=1),
    )
    async with store.begin() as connection:
        assert await assets.set_asset(connection, replace(done, author="x", uri=None))
        assert await assets.find_asset(connection, workspace_id, asset.id) == done
        assert not await assets.set_asset(connection, replace(done, workspace_id="ws_other"))


async def test_only_one_of_two_that_saw_the_same_may_write(store: Store, workspace_id: str) -> None:
    asset = made(workspace_id)
    await keep(store, asset)
    later = replace(asset, updated_at=asset.updated_at + timedelta(microseconds=1))
    async with store.begin() as connection:
        seen = asset.updated_at
        assert await assets.set_asset(connection, later, unchanged_since=seen)
        assert not await assets.set_asset(connection, later, unchanged_since=seen)


async def test_those_that_are_worked_on_are_touched_and_no_others(
    store: Store, workspace_id: str
) -> None:
    busy = replace(made(workspace_id), state=AssetState.PROCESSING)
    idle = made(workspace_id)
    await keep(store, busy, idle)
    moment = now() + timedelta(minutes=1)
    async with store.begin() as connection:
        await assets.touch_assets(connection, [busy.id, idle.id], moment)
        found = await assets.find_assets(connection, workspace_id, [busy.id, idle.id])
    assert found[busy.id].updated_at == moment
    assert found[idle.id].updated_at == idle.updated_at


async def test_files_are_listed_newest_first_and_by_kind(store: Store, workspace_id: str) -> None:
    kinds = [AssetKind.IMAGE, AssetKind.VIDEO, AssetKind.IMAGE, AssetKind.TEXT]
    files = []
    for number, kind in enumerate(kinds):
        files.append(replace(made(workspace_id, kind), id=f"asset_{number}"))
    await keep(store, *files)
    async with store.begin() as connection:
        everything = await assets.list_assets(connection, workspace_id)
        assert everything == files[::-1]
        images = await assets.list_assets(connection, workspace_id, kind=AssetKind.IMAGE)
        assert images == [files[2], files[0]]
        page = await assets.list_assets(connection, workspace_id, start=1, limit=2)
        assert page == [files[2], files[1]]
        assert await assets.count_assets(connection, workspace_id) == 4
        assert await assets.count_assets(connection, workspace_id, kind=AssetKind.IMAGE) == 2
        assert await assets.count_assets(connection, "ws_other") == 0
        assert await assets.list_assets(connection, "ws_other") == []


async def test_many_files_are_found_at_once(store: Store, workspace_id: str) -> None:
    files = [made(workspace_id) for _ in range(3)]
    await keep(store, *files)
    ids = [*(f"asset_{number}" for number in range(1_200)), *(it.id for it in files)]
    async with store.begin() as connection:
        found = await assets.find_assets(connection, workspace_id, ids)
    assert set(found) == {it.id for it in files}


async def test_a_deleted_file_is_gone_for_everybody(store: Store, workspace_id: str) -> None:
    asset = made(workspace_id)
    await keep(store, asset)
    async with store.begin() as connection:
        assert not await assets.delete_asset(connection, "ws_other", asset.id)
        assert await assets.delete_asset(connection, workspace_id, asset.id)
        assert not await assets.delete_asset(connection, workspace_id, asset.id)
        assert await assets.find_assets(connection, workspace_id, [asset.id]) == {}
        assert await assets.list_assets(connection, workspace_id) == []
        assert await assets.count_assets(connection, workspace_id) == 0
        assert not await assets.set_asset(connection, asset)
