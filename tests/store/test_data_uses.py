"""Which runs read a data set, itself or what was selected from it; on both databases."""

import hashlib

import pytest

from weighbridge.core.caller import Caller
from weighbridge.datasets.frame import FrameIndex
from weighbridge.services.keys import Keys
from weighbridge.store import data_uses, datasets, evaluations, runs
from weighbridge.store.datasets import Dataset
from weighbridge.store.engine import Store


@pytest.fixture
async def caller(store: Store) -> Caller:
    return await Keys(store).operator()


async def add(
    store: Store, caller: Caller, name: str, content: str = "", parent: Dataset | None = None
) -> Dataset:
    sha256 = hashlib.sha256((name + content).encode()).hexdigest()
    frame = FrameIndex(sha256, 1, 10, ("q",), (0, 10))
    async with store.begin() as connection:
        return await datasets.add_dataset(
            connection, caller.workspace_id, name, frame, parent_id=parent.id if parent else None
        )


async def run_over(store: Store, caller: Caller, dataset: Dataset) -> str:
    async with store.begin() as connection:
        made = await evaluations.add_evaluation(connection, caller, "e", {}, dataset.id)
        return await runs.add_run(
            connection,
            workspace_id=caller.workspace_id,
            evaluation_id=made.id,
            model="m",
            pin="p",
            pin_parts={},
            total=1,
        )


async def test_what_was_selected_counts_for_what_it_was_selected_from(
    store: Store, caller: Caller
) -> None:
    whole = await add(store, caller, "whole")
    part = await add(store, caller, "part", parent=whole)
    shuffled = await add(store, caller, "shuffled", parent=part)
    other = await add(store, caller, "other")
    ran = [await run_over(store, caller, it) for it in (whole, part, shuffled, other)]
    async with store.begin() as connection:
        workspace = caller.workspace_id
        counts = await data_uses.count_evaluations(connection, workspace, [whole.id, part.id])
        reading = await data_uses.runs_reading(
            connection, workspace, [whole.id], after=None, limit=10
        )
        first = await data_uses.runs_reading(connection, workspace, [whole.id], after=None, limit=2)
        rest = await data_uses.runs_reading(
            connection, workspace, [whole.id], after=list(first)[-1], limit=2
        )
        foreign = await data_uses.runs_reading(
            connection, "nobody", [whole.id], after=None, limit=10
        )
    assert counts == {whole.id: 3, part.id: 2}
    assert reading == dict.fromkeys(sorted(ran[:3], reverse=True), whole.id)
    assert list(first) + list(rest) == sorted(ran[:3], reverse=True)
    assert foreign == {}


async def test_the_states_of_a_file_are_found_by_its_address(store: Store, caller: Caller) -> None:
    here = [
        await add(store, caller, f"ns/one@{commit}:d/50%_a.csv")
        for commit in ("c1" * 12, "c2" * 12)
    ]
    for name in ("ns/one@x:d/50x_a.csv", "ns/two@x:d/50%_a.csv", "ns/oneself@x:d/50%_a.csv"):
        await add(store, caller, name)
    async with store.begin() as connection:
        found = await data_uses.datasets_of_file(
            connection, caller.workspace_id, "ns/one", "d/50%_a.csv", 10
        )
    assert list(found) == [it.id for it in reversed(here)]


async def test_names_are_searched_and_only_the_last_version_is_given(
    store: Store, caller: Caller
) -> None:
    for content in ("a", "b"):
        await add(store, caller, "100% Sure", content)
    await add(store, caller, "quite sure")

    async def names(**by: str | bool) -> list[tuple[str, int]]:
        async with store.begin() as connection:
            found = await datasets.list_datasets(
                connection,
                caller.workspace_id,
                after=None,
                limit=10,
                **by,  # type: ignore[arg-type]
            )
        return [(it.name, it.version) for it in found]

    assert await names(search="sure", newest=True) == [("quite sure", 1), ("100% Sure", 2)]
    assert await names(search="100%") == [("100% Sure", 2), ("100% Sure", 1)]
    assert await names(search="0_%") == []
    async with store.begin() as connection:
        versions = await datasets.versions_of(
            connection, caller.workspace_id, "100% Sure", below=2, limit=5
        )
    assert [it.version for it in versions] == [1]
