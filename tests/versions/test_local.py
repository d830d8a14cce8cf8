"""Repositories, branches and commits, in our own store."""

import asyncio

import pytest

from weighbridge.core.versions import Signature
from weighbridge.errors import Conflict, Invalid, NotFound
from weighbridge.store.engine import Store
from weighbridge.versions.local import LocalRepo, LocalVersions

ANN = Signature("Ann", "ann@example.com")


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


class TestDrafts:
    async def test_what_is_staged_becomes_one_commit_and_the_draft_is_gone(
        self, repo: LocalRepo
    ) -> None:
        a, b = [await repo.keep_bytes(text, "a.txt") for text in (b"a", b"b")]
        first = await repo.commit("main", {"a.txt": a, "old.txt": a}, "one", ANN)
        await repo.begin_draft("d-1", "main", "mine")
        await repo.stage("d-1", {"a.txt": b, "old.txt": None, "oops.txt": b})
        draft = await repo.unstage("d-1", "oops.txt")
        assert dict(draft.changes) == {"a.txt": b.hash, "old.txt": None}
        assert (await repo.branch("main")).commit_id == first.id
        commit = await repo.commit_draft("d-1", "main", "two", ANN)
        assert [entry.path for entry in await repo.folder(commit)] == ["a.txt"]
        assert await repo.drafts() == []

    async def test_a_branch_that_moved_elsewhere_is_committed_to(self, repo: LocalRepo) -> None:
        a, b = [await repo.keep_bytes(text, "a.txt") for text in (b"a", b"b")]
        await repo.commit("main", {"a.txt": a}, "one", ANN)
        await repo.begin_draft("d", "main")
        await repo.stage("d", {"b.txt": b})
        await repo.commit("main", {"c.txt": a}, "meanwhile", ANN)
        commit = await repo.commit_draft("d", "main", "two", ANN)
        assert [entry.path for entry in await repo.folder(commit)] == ["a.txt", "b.txt", "c.txt"]

    async def test_what_changed_there_meanwhile_is_not_overwritten(self, repo: LocalRepo) -> None:
        a, b, c = [await repo.keep_bytes(text, "a.txt") for text in (b"a", b"b", b"c")]
        await repo.commit("main", {"a.txt": a}, "one", ANN)
        await repo.begin_draft("d", "main")
        await repo.stage("d", {"a.txt": b})
        await repo.commit("main", {"a.txt": c}, "meanwhile", ANN)
        with pytest.raises(Conflict, match=r"a\.txt was changed there since"):
            await repo.commit_draft("d", "main", "two", ANN)
        assert (await repo.draft("d")).changes

    async def test_an_empty_draft_is_no_commit(self, repo: LocalRepo) -> None:
        a = await repo.keep_bytes(b"a", "a.txt")
        await repo.commit("main", {"a.txt": a}, "one", ANN)
        await repo.begin_draft("d", "main")
        with pytest.raises(Invalid, match="nothing was added"):
            await repo.commit_draft("d", "main", "two", ANN)


class TestManyAtOnce:
    async def test_commits_to_eight_branches_do_not_meet(self, repo: LocalRepo) -> None:
        a = await repo.keep_bytes(b"a", "a.txt")
        first = await repo.commit("main", {"a.txt": a}, "one", ANN)

        async def work(number: int) -> None:
            await repo.create_branch(f"b/{number}", first.id)
            for turn in range(4):
                content = await repo.keep_bytes(f"{number} {turn}".encode(), "x.txt")
                await repo.commit(f"b/{number}", {f"f{number}": content}, f"{turn}", ANN)

        await asyncio.gather(*map(work, range(8)))
        for number in range(8):
            commit = await repo.commit_at(f"b/{number}")
            assert [entry.path for entry in await repo.folder(commit)] == ["a.txt", f"f{number}"]
            assert [it.message for it in await repo.log(commit)] == ["3", "2", "1", "0", "one"]

    async def test_commits_to_one_branch_are_all_there(self, repo: LocalRepo) -> None:
        a = await repo.keep_bytes(b"a", "a.txt")
        await repo.commit("main", {"a.txt": a}, "one", ANN)

        async def work(number: int) -> None:
            content = await repo.keep_bytes(f"{number}".encode(), "x.txt")
            await repo.commit("main", {f"f{number}": content}, f"{number}", ANN)

        await asyncio.gather(*map(work, range(8)))
        head = await repo.commit_at("main")
        assert len(await repo.folder(head)) == 9
        assert len(await repo.log(head)) == 9


async def test_history_of_a_file_is_what_changed_it(repo: LocalRepo) -> None:
    a, b = [await repo.keep_bytes(text, "a.txt") for text in (b"a", b"b")]
    await repo.commit("main", {"d/a.txt": a}, "one", ANN)
    await repo.commit("main", {"other.txt": a}, "two", ANN)
    await repo.commit("main", {"d/a.txt": b}, "three", ANN)
    await repo.commit("main", {"d/a.txt": None}, "four", ANN)
    head = await repo.commit_at("main")
    told = [it.message for it in await repo.log(head, path="d/a.txt")]
    assert told == ["four", "three", "one"]
    assert [it.message for it in await repo.log(head, path="d")] == told


async def test_deleting_a_repository_leaves_the_others(store: Store, workspace: str) -> None:
    versions = LocalVersions(store)
    one, two = [await versions.create(workspace, "ns", name) for name in ("one", "two")]
    for repo in (one, two):
        a = await repo.keep_bytes(b"same", "a.txt")
        await repo.commit("main", {"a.txt": a}, "one", ANN)
    await versions.delete(workspace, one.repository.id)
    assert [it.address for it in await versions.list(workspace)] == ["ns/two"]
    assert await two.read(a) == b"same"
