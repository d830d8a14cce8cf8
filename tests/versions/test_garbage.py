"""What nothing leads to goes; what anything leads to stays."""

import asyncio

import pytest

from weighbridge.core.versions import Signature
from weighbridge.errors import NotFound
from weighbridge.store.engine import Store
from weighbridge.versions.local import LocalRepo, LocalVersions
from weighbridge.versions.places import blob_key

ANN = Signature("Ann", "ann@example.com")
NOW = -60.0  # everything was touched before a minute from now


async def test_what_a_deleted_branch_held_goes(store: Store, repo: LocalRepo) -> None:
    kept, gone = [await repo.keep_bytes(text, "a.txt") for text in (b"kept", b"gone")]
    first = await repo.commit("main", {"a.txt": kept}, "one", ANN)
    await repo.create_branch("exp", first.id)
    second = await repo.commit("exp", {"b/a.txt": gone}, "two", ANN)
    versions = LocalVersions(store)
    assert (await versions.collect_garbage(older_than_s=NOW)).commits == 0
    await repo.delete_branch("exp")
    assert (await versions.collect_garbage(older_than_s=3600)).commits == 0
    collected = await versions.collect_garbage(older_than_s=NOW)
    assert (collected.commits, collected.contents, collected.bytes) == (1, 1, 4)
    with pytest.raises(NotFound):
        await repo.commit_at(second.id)
    assert not await store.blobs.exists(blob_key(gone.sha256))
    assert await repo.read(kept) == b"kept"
    assert [entry.path for entry in await repo.folder(first)] == ["a.txt"]


async def test_what_is_staged_stays(store: Store, repo: LocalRepo) -> None:
    a, staged = [await repo.keep_bytes(text, "a.txt") for text in (b"a", b"staged")]
    await repo.commit("main", {"a.txt": a}, "one", ANN)
    await repo.begin_draft("d", "main")
    await repo.stage("d", {"b.txt": staged})
    await LocalVersions(store).collect_garbage(older_than_s=NOW)
    commit = await repo.commit_draft("d", "main", "two", ANN)
    entry = await repo.entry(commit, "b.txt")
    assert entry is not None
    assert await repo.read(await repo.content(entry.hash)) == b"staged"


async def test_a_content_of_two_repositories_goes_with_the_last(
    store: Store, workspace: str
) -> None:
    versions = LocalVersions(store)
    one, two = [await versions.create(workspace, "ns", name) for name in ("a", "b")]
    for repo in (one, two):
        content = await repo.keep_bytes(b"same", "a.txt")
        await repo.commit("main", {"a.txt": content}, "one", ANN)
    for repo, freed in ((one, 0), (two, 4)):
        await versions.delete(workspace, repo.repository.id)
        assert (await versions.collect_garbage(older_than_s=NOW)).bytes == freed


async def test_nothing_is_lost_to_a_collection_at_the_same_time(
    store: Store, repo: LocalRepo
) -> None:
    versions = LocalVersions(store)
    for turn in range(10):
        forgotten = await repo.keep_bytes(b"again and again", "a.txt")
        _, kept = await asyncio.gather(
            versions.collect_garbage(older_than_s=NOW),
            repo.keep_bytes(b"again and again", "a.txt"),
        )
        assert kept == forgotten
        # Whichever came first: what was kept last can be read as soon as it is named again.
        content = await repo.keep_bytes(b"again and again", "a.txt")
        commit = await repo.commit("main", {f"{turn}.txt": content}, "x", ANN)
        entry = await repo.entry(commit, f"{turn}.txt")
        assert entry is not None
        assert await repo.read(content) == b"again and again"
        await repo.commit(
            "main",
            {f"{turn}.txt": None, "z.txt": await repo.keep_bytes(str(turn).encode(), "z.txt")},
            "y",
            ANN,
        )
