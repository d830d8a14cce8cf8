"""Commits of somebody else's store become commits here, whatever they are made of and in whatever
order their parts come."""

import hashlib
import random
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from weighbridge.core.sent import SentCommit, SentEntry, SentFolder, SentGroup, SentNode
from weighbridge.core.versions import Content, Entry, Kind, Signature
from weighbridge.errors import Conflict, Invalid
from weighbridge.store.engine import Store
from weighbridge.versions.base import Names
from weighbridge.versions.local import LocalRepo, LocalVersions

ANN = Signature("Ann", "ann@example.com")
NOW = -60.0  # everything was touched before a minute from now
START = datetime(2020, 1, 1, tzinfo=UTC)
Files = Mapping[str, Content]


def names_of(folder: Entry) -> Names:
    """How the sender calls a folder of ours."""
    of_it = f"{folder.path} {folder.hash} {folder.commit_id}"
    return Names(_hash("ours", of_it), _hash("our group", of_it))


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest().lstrip("0")[:32]


def nodes_of(files: Files, name: str = "", *, together: int = 3) -> list[SentNode]:
    """A folder, which comes first, and those in it."""
    below: dict[str, dict[str, Content]] = {}
    entries: list[SentEntry] = []
    for path, content in sorted(files.items()):
        first, slash, rest = path.partition("/")
        if slash:
            below.setdefault(first, {})[rest] = content
        else:
            entries.append(SentEntry(first, Kind.FILE, content.hash, content.size, "[1]"))
    nodes: list[SentNode] = []
    for first, some in below.items():
        inside = nodes_of(some, first, together=together)
        entries.append(SentEntry(first, Kind.FOLDER, inside[0].hash, 0))
        nodes += inside
    parts = [tuple(entries[at : at + together]) for at in range(0, len(entries), together)]
    groups = [SentGroup(_hash("group", part), part) for part in parts]
    folder = SentFolder(_hash("folder", name, parts), tuple(it.hash for it in groups))
    return [folder, *groups, *nodes]


def commit_of(
    files: Files, *parents: str, message: str = "sent"
) -> tuple[SentCommit, list[SentNode]]:
    nodes = nodes_of(files)
    made = SentCommit(_hash(files, parents, message), parents, message, ANN, START, nodes[0].hash)
    return made, nodes


async def files_at(repo: LocalRepo, commit_id: str) -> dict[str, str]:
    commit = await repo.commit_at(commit_id)
    return {entry.path: entry.hash async for entry in repo.files(commit)}


def hashes(files: Files) -> dict[str, str]:
    return {path: content.hash for path, content in files.items()}


@pytest.mark.parametrize("seed", range(3))
async def test_any_line_of_commits_is_what_was_sent(repo: LocalRepo, seed: int) -> None:
    chance = random.Random(seed)
    contents = [await repo.keep_bytes(b"%d" % number, "") for number in range(5)]
    sent: dict[str, Files] = {}
    before: set[str] = set()
    line: list[str] = []
    waiting: list[SentNode] = []
    for number in range(14):
        files = dict(sent[line[-1]]) if line else {}
        for path in chance.sample(sorted(files), min(len(files), chance.randrange(3))):
            del files[path]
        for _ in range(chance.randrange(1, 4)):
            folder = chance.choice(["", "a/", "b/", "a/c/", "a/c/d/"])
            files[f"{folder}{chance.randrange(6)}.txt"] = chance.choice(contents)
        parents = [line[-1]] if line else []
        if len(line) > 3 and chance.random() < 0.3:
            parents.append(chance.choice(line[:-1]))
        made, nodes = commit_of(files, *parents, message=str(number))
        sent[made.hash] = files
        line.append(made.hash)
        waiting += [made, *(node for node in nodes if node.hash not in before)]
        before |= {node.hash for node in nodes}
        if chance.random() < 0.5 or number == 13:
            chance.shuffle(waiting)
            await repo.stage_sent(waiting)
            waiting.clear()
            await repo.receive("main", made.hash, names_of)
    for commit_id, files in sent.items():
        assert await files_at(repo, commit_id) == hashes(files)
    assert (await repo.branch("main")).commit_id == line[-1]
    assert await repo.sent([*line, "ab" * 16]) == set(line)


async def changed_by(repo: LocalRepo, commit_id: str) -> dict[str, str]:
    commit = await repo.commit_at(commit_id)
    return {entry.path: entry.commit_id async for entry in repo.files(commit)}


async def test_who_changed_a_file_last_is_found_by_looking_and_not_believed(
    repo: LocalRepo,
) -> None:
    one, two = [await repo.keep_bytes(text, "") for text in (b"1", b"2")]
    ours = await repo.commit("main", {"a/x.txt": one, "a/y.txt": one}, "ours", ANN)
    made, nodes = commit_of({"a/x.txt": one, "a/y.txt": two}, ours.id)
    await repo.stage_sent([made, *nodes])
    await repo.receive("main", made.hash, names_of)
    assert await changed_by(repo, made.hash) == {"a/x.txt": ours.id, "a/y.txt": made.hash}
    received = await repo.commit_at(made.hash)
    assert (received.generation, received.created_at, received.parents) == (1, START, (ours.id,))
    entries = {entry.path: entry.told async for entry in repo.files(received)}
    assert entries == {"a/x.txt": None, "a/y.txt": "[1]"}


async def test_a_commit_here_on_top_of_one_that_was_sent_goes_on(repo: LocalRepo) -> None:
    one, two = [await repo.keep_bytes(text, "") for text in (b"1", b"2")]
    made, nodes = commit_of({"a/x.txt": one, "b/y.txt": one})
    await repo.stage_sent([made, *nodes])
    await repo.receive("main", made.hash, names_of)
    ours = await repo.commit("main", {"a/x.txt": two}, "ours", ANN)
    entry = await repo.entry(ours, "b")
    assert entry is not None
    # The sender has fetched our commit: the folder that it left alone goes by either name.
    for name in (names_of(entry).folder, nodes_of({"y.txt": one}, "b")[0].hash):
        group = SentGroup(
            _hash("group", name),
            (
                SentEntry("b", Kind.FOLDER, name, 0),
                SentEntry("n.txt", Kind.FILE, one.hash, one.size),
            ),
        )
        root = SentFolder(_hash("root", name), (group.hash,))
        later = SentCommit(_hash(name), (ours.id,), "later", ANN, START, root.hash)
        await repo.stage_sent([later, root, group])
        await repo.receive(f"by-{name[:6]}", later.hash, names_of)
        assert await files_at(repo, later.hash) == {"b/y.txt": one.hash, "n.txt": one.hash}


async def test_a_folder_that_an_earlier_commit_had_is_found(repo: LocalRepo) -> None:
    one, two = [await repo.keep_bytes(text, "") for text in (b"1", b"2")]
    first = await repo.commit("main", {"a/x.txt": one}, "first", ANN)
    entry = await repo.entry(first, "a")
    assert entry is not None
    second = await repo.commit("main", {"a/x.txt": two}, "second", ANN)
    group = SentGroup("ab" * 16, (SentEntry("a", Kind.FOLDER, names_of(entry).folder, 0),))
    made = SentCommit("cd" * 16, (second.id,), "back", ANN, START, "ef" * 16)
    await repo.stage_sent([made, SentFolder("ef" * 16, (group.hash,)), group])
    await repo.receive("main", made.hash, names_of)
    assert await files_at(repo, made.hash) == {"a/x.txt": one.hash}


async def test_a_branch_moves_only_to_what_it_led_to(repo: LocalRepo) -> None:
    one = await repo.keep_bytes(b"1", "")
    ours = await repo.commit("main", {"x.txt": one}, "ours", ANN)
    made, nodes = commit_of({"y.txt": one})
    await repo.stage_sent([made, *nodes])
    with pytest.raises(Conflict, match="did not lead to"):
        await repo.receive("main", made.hash, names_of)
    assert await repo.commits([made.hash]) == {}
    await repo.receive("other", made.hash, names_of)
    assert [it.commit_id for it in await repo.branches()] == [ours.id, made.hash]


async def test_what_was_sent_in_vain_is_collected(store: Store, repo: LocalRepo) -> None:
    one = await repo.keep_bytes(b"1", "")
    made, nodes = commit_of({"a/x.txt": one})
    await repo.stage_sent([made, *nodes])
    versions = LocalVersions(store)
    await versions.collect_garbage(older_than_s=3600)
    assert await repo.receive("main", made.hash, names_of)
    later, more = commit_of({"a/y.txt": one}, made.hash)
    await repo.stage_sent([later, *more])
    await versions.collect_garbage(older_than_s=NOW)
    with pytest.raises(Invalid, match="was not sent"):
        await repo.receive("main", later.hash, names_of)
    assert await files_at(repo, made.hash) == {"a/x.txt": one.hash}


async def test_what_is_settled_is_forgotten_with_its_commit(store: Store, repo: LocalRepo) -> None:
    one = await repo.keep_bytes(b"1", "")
    await repo.commit("main", {"x.txt": one}, "ours", ANN)
    made, nodes = commit_of({"a/y.txt": one})
    await repo.stage_sent([made, *nodes])
    await repo.receive("other", made.hash, names_of)
    await repo.delete_branch("other")
    await LocalVersions(store).collect_garbage(older_than_s=-10 * 365 * 86_400.0)
    assert await repo.sent([made.hash]) == set()
    again, _ = commit_of({"a/y.txt": one}, message="again")
    await repo.stage_sent([again])
    with pytest.raises(Invalid, match="was not sent"):
        await repo.receive("other", again.hash, names_of)


async def test_many_contents_are_kept_in_their_order(repo: LocalRepo, store: Store) -> None:
    folder = store.folder / "many"
    folder.mkdir()
    paths = []
    for number in range(230):
        paths.append(folder / str(number))
        paths[-1].write_text(str(number % 200))
    kept = await repo.keep_all(paths)
    assert [await repo.read(it) for it in kept] == [b"%d" % (it % 200) for it in range(230)]
