"""Whatever is committed, removed, branched and merged: the repository is what dictionaries say."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weighbridge.core.versions import Commit, Signature
from weighbridge.errors import Conflict, Invalid, NotFound
from weighbridge.services.keys import Keys
from weighbridge.store.engine import Store
from weighbridge.store.migrate import migrate
from weighbridge.versions.local import LocalRepo, LocalVersions

ANN = Signature("Ann", "ann@example.com")
PATHS = ["a", "b", "d/a", "d/b", "d/e/a", "f"]
BRANCHES = ["main", "exp", "exp/two"]

changes = st.dictionaries(
    st.sampled_from(PATHS), st.one_of(st.none(), st.sampled_from("xyz")), min_size=1, max_size=3
)
commands = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.sampled_from(BRANCHES), changes),
        st.tuples(st.just("branch"), st.sampled_from(BRANCHES), st.sampled_from(BRANCHES)),
        st.tuples(st.just("merge"), st.sampled_from(BRANCHES), st.sampled_from(BRANCHES)),
    ),
    min_size=1,
    max_size=12,
)
State = dict[str, str]


class Model:
    """What must be true: the files of every commit, and where every branch is."""

    def __init__(self) -> None:
        self.states: dict[str, State] = {}
        self.parents: dict[str, tuple[str, ...]] = {}
        self.branches: dict[str, str] = {}

    def note(self, branch: str, commit: Commit, state: State) -> None:
        self.states[commit.id] = state
        self.parents[commit.id] = commit.parents
        self.branches[branch] = commit.id

    def ancestors(self, commit_id: str) -> set[str]:
        found, open_ = set(), [commit_id]
        while open_:
            found.add(here := open_.pop())
            open_ += self.parents[here]
        return found


async def read(repo: LocalRepo, commit: Commit) -> State:
    return {
        entry.path: (await repo.read(await repo.content(entry.hash))).decode()
        async for entry in repo.files(commit)
    }


async def play(repo: LocalRepo, model: Model, script: list[Any]) -> None:
    contents = {text: await repo.keep_bytes(text.encode(), "a.txt") for text in "xyz"}
    for action, branch, other in script:
        if action == "commit":
            await _commit(repo, model, branch, other, contents)
        elif action == "branch" and other in model.branches:
            try:
                await repo.create_branch(branch, model.branches[other])
            except Conflict:
                assert branch in model.branches
            else:
                assert branch not in model.branches
                model.branches[branch] = model.branches[other]
        elif action == "merge" and {branch, other} <= model.branches.keys():
            await _merge(repo, model, branch, other)
    await _compare(repo, model)


async def _commit(
    repo: LocalRepo, model: Model, branch: str, wanted: dict[str, str | None], contents: Any
) -> None:
    before = model.states[model.branches[branch]] if branch in model.branches else {}
    after = {**before, **wanted}
    missing = [path for path, text in wanted.items() if text is None and path not in before]
    expected = {path: text for path, text in after.items() if text is not None}
    try:
        commit = await repo.commit(
            branch,
            {path: contents[text] if text else None for path, text in wanted.items()},
            "m",
            ANN,
        )
    except NotFound:
        assert missing or (branch not in model.branches and model.branches)
    except Invalid:
        assert expected == before
    else:
        assert not missing
        model.note(branch, commit, expected)


async def _merge(repo: LocalRepo, model: Model, branch: str, other: str) -> None:
    ours, theirs = model.branches[branch], model.branches[other]
    common = model.ancestors(ours) & model.ancestors(theirs)
    into, head = [await repo.commit_at(commit_id) for commit_id in (ours, theirs)]
    plan = await repo.merge_plan(into, head)
    assert plan.base is None or plan.base.id in common
    base = model.states[plan.base.id] if plan.base else {}
    mine, yours = model.states[ours], model.states[theirs]
    paths = base.keys() | mine.keys() | yours.keys()
    clashes = sorted(
        path
        for path in paths
        if mine.get(path) != base.get(path)
        and yours.get(path) != base.get(path)
        and mine.get(path) != yours.get(path)
    )
    assert [conflict.path for conflict in plan.conflicts] == clashes
    if clashes:
        return
    merged = await repo.merge(branch, head, ANN)
    picked = {
        path: mine.get(path) if mine.get(path) != base.get(path) else yours.get(path)
        for path in paths
    }
    model.note(branch, merged, {path: text for path, text in picked.items() if text is not None})


async def _compare(repo: LocalRepo, model: Model) -> None:
    assert {it.name: it.commit_id for it in await repo.branches()} == model.branches
    commits = await repo.commits(list(model.states))
    assert commits.keys() == model.states.keys()
    for commit in commits.values():
        assert await read(repo, commit) == model.states[commit.id]
    for commit_id in model.branches.values():
        line = await repo.log(commits[commit_id], limit=1_000)
        assert {it.id for it in line} == model.ancestors(commit_id)
        places = {commit.id: place for place, commit in enumerate(line)}
        for commit in line:  # nobody comes before what came of it
            assert all(places[parent] > places[commit.id] for parent in commit.parents)
        for one in commits.values():
            told = {it.path for it in await repo.changes(one, commits[commit_id])}
            before, after = model.states[one.id], model.states[commit_id]
            assert told == {
                path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
            }


def run(database_url: str | None, script: list[Any]) -> None:
    async def story() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store = Store(database_url, Path(folder))
            try:
                await migrate(store)
                workspace = (await Keys(store).operator()).workspace_id
                versions = LocalVersions(store)
                name = f"r{id(script)}-{len(await versions.list(workspace))}"
                await play(await versions.create(workspace, "ns", name), Model(), script)
            finally:
                await store.close()

    asyncio.run(story())


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(commands)
def test_a_repository_is_what_dictionaries_say(script: list[Any]) -> None:
    run(None, script)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(commands)
def test_a_repository_is_what_dictionaries_say_on_postgresql(
    postgres_url: str, script: list[Any]
) -> None:
    run(postgres_url, script)
