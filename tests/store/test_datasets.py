"""Versions are numbered by content, tags move between them; on both databases."""

import asyncio
import hashlib

import pytest

from weighbridge.core.caller import Caller
from weighbridge.datasets.frame import FrameIndex
from weighbridge.services.keys import Keys
from weighbridge.store import datasets
from weighbridge.store.datasets import Dataset
from weighbridge.store.engine import Store


@pytest.fixture
async def caller(store: Store) -> Caller:
    return await Keys(store).operator()


async def add(store: Store, caller: Caller, content: str, name: str = "capitals") -> Dataset:
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    frame = FrameIndex(sha256, 1, 10, ("q",), (0, 10))
    async with store.begin() as connection:
        return await datasets.add_dataset(connection, caller.workspace_id, name, frame)


async def test_other_content_under_the_same_name_is_the_next_version(
    store: Store, caller: Caller
) -> None:
    versions = [(await add(store, caller, content)).version for content in ("a", "b", "a", "c")]
    assert versions == [1, 2, 1, 3]
    assert (await add(store, caller, "a", "rivers")).version == 1


async def test_versions_added_at_once_each_get_a_number_of_their_own(
    store: Store, caller: Caller
) -> None:
    added = await asyncio.gather(*(add(store, caller, f"content {n % 6}") for n in range(12)))
    assert sorted({dataset.version for dataset in added}) == [1, 2, 3, 4, 5, 6]
    assert len({dataset.id for dataset in added}) == 6


async def test_a_version_is_found_by_number_by_tag_and_as_the_newest(
    store: Store, caller: Caller
) -> None:
    first, second = await add(store, caller, "a"), await add(store, caller, "b")
    workspace = caller.workspace_id
    async with store.begin() as connection:
        await datasets.set_tag(connection, first, "prod")
        found = [
            await datasets.find_version(connection, workspace, "capitals", which)
            for which in (None, 1, 2, 3, "prod", "other")
        ]
        elsewhere = await datasets.find_version(connection, "another workspace", "capitals")
    ids = [dataset and dataset.id for dataset in found]
    assert ids == [second.id, first.id, second.id, None, first.id, None]
    assert elsewhere is None
    assert found[1] is not None
    assert found[1].tags == ("prod",)


async def test_a_tag_moves_from_version_to_version(store: Store, caller: Caller) -> None:
    first, second = await add(store, caller, "a"), await add(store, caller, "b")
    async with store.begin() as connection:
        await datasets.set_tag(connection, first, "prod")
        await datasets.set_tag(connection, first, "checked")
        await datasets.set_tag(connection, second, "prod")
        listed = await datasets.list_datasets(
            connection, caller.workspace_id, after=None, limit=10, name="capitals"
        )
        tagged = await datasets.list_datasets(
            connection, caller.workspace_id, after=None, limit=10, tag="prod"
        )
        assert await datasets.remove_tag(connection, second, "prod")
        assert not await datasets.remove_tag(connection, second, "prod")
    assert [dataset.tags for dataset in listed] == [("prod",), ("checked",)]
    assert [dataset.id for dataset in tagged] == [second.id]
