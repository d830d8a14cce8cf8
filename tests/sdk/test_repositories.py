"""Repositories and delivered columns through the SDK, against a real server."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pandas as pd
import pytest

from weighbridge import AsyncClient, Client
from weighbridge.core.run import RunState
from weighbridge.errors import Conflict, Invalid, NotFound

CSV = b"country,capital\nFrance,Paris\nbroken,none\nItaly,Roma\n"
REPO = "ns/r"


@pytest.fixture
def filled(client: Client) -> Iterator[Client]:
    """A client of a server with a repository of one commit."""
    client.repositories.create(REPO, description="for tests")
    client.repositories.put(REPO, "data/q.csv", CSV, message="first")
    yield client
    client.repositories.delete(REPO)


def test_a_repository_is_made_listed_and_removed(client: Client) -> None:
    made = client.repositories.create("ns/other", description="x")
    assert (made.namespace, made.name, made.is_empty) == ("ns", "other", True)
    assert client.repositories.get("ns/other") == made
    assert made in list(client.repositories.list(namespace="ns"))
    assert list(client.repositories.list(namespace="none")) == []
    with pytest.raises(Conflict):
        client.repositories.create("ns/other")
    client.repositories.delete("ns/other")
    with pytest.raises(NotFound):
        client.repositories.get("ns/other")
    with pytest.raises(Invalid, match="namespace/name"):
        client.repositories.get("other")


def test_files_are_put_listed_read_and_removed(filled: Client, tmp_path: Path) -> None:
    repositories = filled.repositories
    (tmp_path / "notes.txt").write_bytes(b"\0words")
    put = repositories.put(REPO, "notes.txt", tmp_path / "notes.txt")
    assert (put.changed, put.commit.message) == (True, "Add notes.txt")
    assert not repositories.put(REPO, "notes.txt", str(tmp_path / "notes.txt")).changed
    assert [entry.path for entry in repositories.entries(REPO)] == ["data", "notes.txt"]
    [file] = repositories.entries(REPO, "data", recursive=True)
    assert file.frame is not None
    assert file.frame.rows == 3
    assert repositories.read(REPO, "notes.txt") == b"\0words"
    assert b"".join(repositories.stream(REPO, "data/q.csv")) == CSV
    target = repositories.download(REPO, "data/q.csv", tmp_path / "q.csv")
    assert target.read_bytes() == CSV
    repositories.remove(REPO, "notes.txt", message="gone")
    with pytest.raises(NotFound):
        repositories.read(REPO, "notes.txt")
    assert repositories.read(REPO, "notes.txt", revision=put.commit.id) == b"\0words"
    assert [commit.message for commit in repositories.log(REPO, path="notes.txt")] == [
        "gone", "Add notes.txt",
    ]  # fmt: skip


def test_a_download_that_fails_leaves_no_file(filled: Client, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        filled.repositories.download(REPO, "none.csv", tmp_path / "q.csv")
    assert list(tmp_path.iterdir()) == []


def test_several_files_of_any_name_are_one_commit(filled: Client, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    files = {'dä ta/"x" %20.txt': b"2", "a/b": tmp_path / "a", "plain.txt": b"3"}
    made = filled.repositories.commit(REPO, files, message="three")
    assert made.commit.message == "three"
    assert len(list(filled.repositories.log(REPO))) == 2
    found = {entry.path for entry in filled.repositories.entries(REPO, recursive=True)}
    assert found == {*files, "data/q.csv"}
    with pytest.raises(Invalid, match="leaves the repository"):
        filled.repositories.commit(REPO, {"../x": b"1"})
    with pytest.raises(Invalid, match="cannot read"):
        filled.repositories.commit(REPO, {"x": tmp_path / "none"})


def test_branches_differ_and_are_merged(filled: Client) -> None:
    repositories = filled.repositories
    begun = repositories.create_branch(REPO, "exp/one")
    assert {branch.name for branch in repositories.branches(REPO)} == {"main", "exp/one"}
    with pytest.raises(Conflict):
        repositories.put(REPO, "x.txt", b"1", branch="exp/one", expected="f" * 32)
    more = CSV + b"Spain,Madrid\n"
    repositories.put(REPO, "data/q.csv", more, branch="exp/one", expected=begun.commit_id)
    [change] = repositories.changes(REPO, "main", "exp/one")
    assert change.frame is not None
    assert (change.frame.rows_before, change.frame.rows_after) == (3, 4)
    found = repositories.difference(REPO, "main", "exp/one", "data/q.csv", keys=["country"])
    assert found.rows is not None
    assert [row.key for row in found.rows.added_rows] == [{"country": "Spain"}]
    assert repositories.merge_plan(REPO, "main", "exp/one").files_set == ["data/q.csv"]
    assert repositories.merge(REPO, "main", "exp/one").changed
    assert repositories.read(REPO, "data/q.csv") == more
    repositories.delete_branch(REPO, "exp/one")
    assert [branch.name for branch in repositories.branches(REPO)] == ["main"]


def test_answers_become_a_column_that_is_committed_after_review(filled: Client) -> None:
    done = filled.evaluations.create_and_wait(
        data=f"{REPO}@main:data/q.csv",
        model="parrot",
        prompt="The capital of {country}?",
        target="capital",
        scorers=["exact"],
        deliver={"column": "said", "commit": False},
        wait_s=60,
    )
    (run,) = done.runs
    assert run.status is RunState.SUCCEEDED
    assert (run.metrics[0].value, run.metrics[0].n_failed) == (0.5, 1)
    assert filled.runs.delivery(run.id).state == "held"
    assert filled.repositories.read(REPO, "data/q.csv") == CSV
    committed = filled.runs.commit_delivery(run.id, branch="said", message="reviewed")
    assert (committed.state, committed.rows, committed.rows_failed) == ("committed", 3, 1)
    frame = pd.read_csv(
        BytesIO(filled.repositories.read(REPO, "data/q.csv", revision="said")),
        keep_default_na=False,
    )
    assert list(frame["said"]) == ["Paris", "", "Rome"]
    with pytest.raises(NotFound, match="repository"):
        other = filled.evaluations.create(cases=[{"q": "x"}], model="parrot", prompt="{q}")
        filled.runs.delivery(other.runs[0].id)


async def test_the_asynchronous_client_does_the_same(async_client: AsyncClient) -> None:
    repositories = async_client.repositories
    await repositories.create("ns/async")
    await repositories.put("ns/async", "a.txt", b"1")
    assert await repositories.read("ns/async", "a.txt") == b"1"
    assert [entry.path async for entry in repositories.entries("ns/async")] == ["a.txt"]
    await repositories.delete("ns/async")
