"""Repositories, branches and commits, in our own store."""

import pytest

from weighbridge.core.versions import Signature
from weighbridge.errors import Conflict, Invalid, NotFound
from weighbridge.services.keys import Keys
from weighbridge.store.engine import Store
from weighbridge.versions.local import LocalRepo, LocalVersions

ANN = Signature("Ann", "ann@example.com")


@pytest.fixture
async def workspace(store: Store) -> str:
    return (await Keys(store).operator()).workspace_id


@pytest.fixture
async def repo(store: Store, workspace: str) -> LocalRepo:
    return await LocalVersions(store).create(workspace, "ns", "one")


async def test_a_file_is_read_as_it_was_at_any_revision(repo: LocalRepo) -> None:
    a = await repo.keep_bytes(b"x\n1\n", "a.csv")
    b = await repo.keep_bytes(b"x\n1\n2\n", "a.csv")
    first = await repo.commit("main", {"data/a.csv": a}, "one", ANN)
    second = await repo.commit("main", {"data/a.csv": b}, "two", ANN)
    assert second.parents == (first.id,)
    for commit, text in ((first, b"x\n1\n"), (second, b"x\n1\n2\n")):
        entry = await repo.entry(commit, "data/a.csv")
        assert entry is not None
        assert await repo.read(await repo.content(entry.hash)) == text
        assert entry.commit_id == commit.id
    assert [it.message for it in await repo.log(second)] == ["two", "one"]


async def test_a_branch_with_slashes_is_found_by_its_longest_name(repo: LocalRepo) -> None:
    a = await repo.keep_bytes(b"a", "a.txt")
    first = await repo.commit("main", {"one/a.txt": a, "a.txt": a}, "one", ANN)
    await repo.create_branch("exp", first.id)
    await repo.create_branch("exp/one", first.id)
    for resource, branch, path in (
        ("exp/one/a.txt", "exp/one", "a.txt"),
        ("exp/two/a.txt", "exp", "two/a.txt"),
        (f"{first.id}/one/a.txt", None, "one/a.txt"),
        ("main", "main", ""),
    ):
        found = await repo.locate(resource)
        assert (found.branch.name if found.branch else None, found.path) == (branch, path)
    with pytest.raises(NotFound, match="no branch or commit 'mian'; did you mean"):
        await repo.locate("mian/a.txt")


async def test_a_branch_that_moved_is_not_overwritten(repo: LocalRepo) -> None:
    a, b = [await repo.keep_bytes(text, "a.txt") for text in (b"a", b"b")]
    first = await repo.commit("main", {"a.txt": a}, "one", ANN)
    second = await repo.commit("main", {"b.txt": b}, "two", ANN)
    with pytest.raises(Conflict, match=r"not at .* any more"):
        await repo.commit("main", {"a.txt": b}, "three", ANN, expected=first.id)
    assert (await repo.branch("main")).commit_id == second.id


async def test_a_key_makes_one_commit(repo: LocalRepo) -> None:
    a = await repo.keep_bytes(b"a", "a.txt")
    first = await repo.commit("main", {"a.txt": a}, "one", ANN, key="run")
    assert await repo.commit("main", {"a.txt": a}, "one", ANN, key="run") == first


@pytest.mark.parametrize("path", ["/etc/passwd", "a/../../b", "..", "C:/x", "a\\b", "a\0b", ""])
async def test_no_path_leaves_the_repository(repo: LocalRepo, path: str) -> None:
    a = await repo.keep_bytes(b"a", "a.txt")
    with pytest.raises(Invalid):
        await repo.commit("main", {path: a}, "one", ANN)


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.parquet", b"PAR1 rubbish"), ("a.jsonl", b"{"), ("a.json", b"[{"), ("a.arrow", b"x")],
)
async def test_a_damaged_data_frame_is_refused(repo: LocalRepo, name: str, data: bytes) -> None:
    with pytest.raises(Invalid, match=name):
        await repo.keep_bytes(data, name)


async def test_another_workspace_sees_no_repository(store: Store, repo: LocalRepo) -> None:
    with pytest.raises(NotFound):
        await LocalVersions(store).open("ws_other", "ns", "one")
