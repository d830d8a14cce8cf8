"""Columns that runs make are found by what they go into; on both databases."""

from dataclasses import replace

from support.running import Bench, FakeModel
from weighbridge.core.inference import Inference, InferenceState
from weighbridge.core.versions import Signature
from weighbridge.services.keys import Keys
from weighbridge.store import inferences
from weighbridge.store.engine import Store


async def test_they_are_found_by_run_by_commit_and_by_the_file_they_go_into(store: Store) -> None:
    caller = await Keys(store).operator()
    bench = Bench(store, FakeModel(), caller)
    first, second = await bench.queue(1), await bench.queue(2)
    one = Inference(
        run_id=first,
        workspace_id=caller.workspace_id,
        repository_id="repo_1",
        commit_id="c0",
        path="in.csv",
        column="said",
        branch="main",
        target_path="out.csv",
        expected=None,
        message="m",
        author=Signature("Ann", "ann@example.com"),
        auto_commit=True,
    )
    other = replace(one, run_id=second, target_path="in.csv")
    async with store.begin() as connection:
        for it in (one, other):
            await inferences.add_inference(connection, it)
        await inferences.set_inference(
            connection, first, InferenceState.COMMITTED, committed_as="c1"
        )
        workspace = caller.workspace_id
        by_run = await inferences.find_inferences(connection, workspace, [first, second, "x"])
        made = await inferences.inferences_that_made(connection, workspace, "repo_1", ["c1", "c2"])
        into = await inferences.inferences_into(connection, workspace, "repo_1", "in.csv", 10)
        elsewhere = await inferences.inferences_into(connection, "nobody", "repo_1", "in.csv", 10)
    assert set(by_run) == {first, second}
    assert {commit: it.run_id for commit, it in made.items()} == {"c1": first}
    assert [it.run_id for it in into] == [second]
    assert elsewhere == []
