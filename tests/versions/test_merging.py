"""Three-way merges."""

from collections.abc import Mapping

import pytest

from weighbridge.core.versions import Commit, Signature
from weighbridge.errors import Conflict
from weighbridge.versions.local import LocalRepo

ANN = Signature("Ann", "ann@example.com")


async def commit(repo: LocalRepo, branch: str, files: Mapping[str, str | None]) -> Commit:
    changes = {
        path: None if text is None else await repo.keep_bytes(text.encode(), "a.txt")
        for path, text in files.items()
    }
    return await repo.commit(branch, changes, " ".join(files), ANN)


async def state(repo: LocalRepo, at: Commit) -> dict[str, str]:
    return {
        entry.path: (await repo.read(await repo.content(entry.hash))).decode()
        async for entry in repo.files(at)
    }


@pytest.fixture
async def parted(repo: LocalRepo) -> LocalRepo:
    """`main` and `exp`, at the same commit."""
    first = await commit(repo, "main", {"a": "1", "b": "1", "d/c": "1"})
    await repo.create_branch("exp", first.id)
    return repo


async def test_a_branch_with_nothing_of_its_own_is_moved(parted: LocalRepo) -> None:
    theirs = await commit(parted, "exp", {"a": "2"})
    assert await parted.merge("main", theirs, ANN) == theirs


async def test_changes_of_both_sides_are_there(parted: LocalRepo) -> None:
    ours = await commit(parted, "main", {"a": "2", "b": None})
    theirs = await commit(parted, "exp", {"d/c": "2", "new/x": "1"})
    plan = await parted.merge_plan(ours, theirs)
    assert (plan.conflicts, plan.fast_forward, plan.commits) == ((), False, (theirs,))
    merged = await parted.merge("main", theirs, ANN, "together")
    assert merged.parents == (ours.id, theirs.id)
    assert await state(parted, merged) == {"a": "2", "d/c": "2", "new/x": "1"}
    assert await parted.merge("main", theirs, ANN) == merged  # it is all there


async def test_a_path_that_both_changed_is_a_conflict(parted: LocalRepo) -> None:
    ours = await commit(parted, "main", {"a": "2"})
    theirs = await commit(parted, "exp", {"a": "3", "b": "3"})
    [conflict] = (await parted.merge_plan(ours, theirs)).conflicts
    assert conflict.path == "a"
    with pytest.raises(Conflict, match="both sides changed a; nothing was merged"):
        await parted.merge("main", theirs, ANN)
    assert (await parted.branch("main")).commit_id == ours.id


async def test_removing_what_the_other_changed_is_a_conflict(parted: LocalRepo) -> None:
    ours = await commit(parted, "main", {"a": None})
    theirs = await commit(parted, "exp", {"a": "3"})
    [conflict] = (await parted.merge_plan(ours, theirs)).conflicts
    assert (conflict.path, conflict.ours) == ("a", None)


async def test_the_same_change_on_both_sides_is_none(parted: LocalRepo) -> None:
    ours = await commit(parted, "main", {"a": "2"})
    theirs = await commit(parted, "exp", {"a": "2"})
    assert not (await parted.merge_plan(ours, theirs)).conflicts
    merged = await parted.merge("main", theirs, ANN)
    assert (await state(parted, merged))["a"] == "2"


async def test_a_file_where_the_other_has_a_folder_is_a_conflict(parted: LocalRepo) -> None:
    ours = await commit(parted, "main", {"x": "file"})
    theirs = await commit(parted, "exp", {"x/y": "in a folder"})
    assert [it.path for it in (await parted.merge_plan(ours, theirs)).conflicts] == ["x"]
    assert [it.path for it in (await parted.merge_plan(theirs, ours)).conflicts] == ["x"]
