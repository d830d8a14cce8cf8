"""Evaluations that end at the same moment, against a server in another process: none is lost, and
none is in another's commit."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import psycopg
import pytest

from support.oxen_app import Repository
from support.oxen_client import KEY, Server, serving

ROWS = 60
BRANCHES = 8
QUESTIONS = ("q\n" + "".join(f"{number}\n" for number in range(ROWS))).encode()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def at_either(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server on each database."""
    if request.param == "sqlite":
        yield request.getfixturevalue("server")
        return
    address: str = request.getfixturevalue("postgres_server")
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("create database at_once")
    url = address.replace("/postgres?", "/at_once?")
    with serving(tmp_path_factory.mktemp("server"), url) as server:
        yield server


@pytest.fixture
async def repository(
    at_either: Server, request: pytest.FixtureRequest
) -> AsyncIterator[Repository]:
    """With `q.csv` and `other.csv` on `main`."""
    async with made(at_either, request.node.name) as repository:
        yield repository


@asynccontextmanager
async def made(server: Server, name: str) -> AsyncIterator[Repository]:
    async with httpx2.AsyncClient(
        base_url=f"http://{server.host}/api",
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=30,
    ) as client:
        name = "".join(it if it.isalnum() else "-" for it in name).strip("-")
        answer = await client.post("/repos", json={"namespace": "ns", "name": name})
        assert answer.status_code == 200, answer.text
        repository = Repository(client, name)
        answer = await repository.put("main", {"q.csv": QUESTIONS, "other.csv": QUESTIONS})
        assert answer.status_code == 200, answer.text
        yield repository


async def all_ended(repository: Repository, *wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Begun and ended together; each says `resource`, and what it wants besides."""

    async def one(resource: str, **fields: Any) -> dict[str, Any]:
        return await repository.ended(await repository.start(resource, **fields), within=60)

    return await asyncio.gather(*(one(**fields) for fields in wanted))


async def columns(repository: Repository, resource: str) -> dict[str, list[str]]:
    """What is in a file, by column."""
    text = (await repository.read(resource)).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    return {name: [row[name] for row in rows] for name in rows[0]}


def answers(said: str) -> list[str]:
    return [f"{said} {number}" for number in range(ROWS)]


def wanted(resource: str, said: str, **fields: Any) -> dict[str, Any]:
    return {
        "resource": resource,
        "prompt": f"say {said} {{q}}",
        "commit_message": f"answers of {said}",
        **fields,
    }


NUMBERS = [str(number) for number in range(ROWS)]


async def test_eight_branches_each_get_their_own_column_and_no_other(
    repository: Repository,
) -> None:
    head = await repository.head("main")
    before = await repository.messages("main")
    names = [f"team/branch-{number}" for number in range(BRANCHES)]
    for name in names:
        answer = await repository.client.post(
            f"{repository.address}/branches", json={"new_name": name, "commit_id": head}
        )
        assert answer.status_code == 200, answer.text
    ended = await all_ended(
        repository,
        *(wanted(f"{name}/q.csv", name, target_column=f"of {name}") for name in names),
    )
    assert [it["status"] for it in ended] == ["completed"] * BRANCHES
    assert len({it["commit_id"] for it in ended}) == BRANCHES
    for name, evaluation in zip(names, ended, strict=True):
        assert await repository.messages(name) == [f"answers of {name}", *before]
        assert await repository.head(name) == evaluation["commit_id"]
        found = await columns(repository, f"{name}/q.csv")
        assert found == {"q": NUMBERS, f"of {name}": answers(name)}
        assert await repository.read(f"{name}/other.csv") == QUESTIONS
    assert await repository.head("main") == head


async def test_columns_of_two_files_on_one_branch_are_both_there(repository: Repository) -> None:
    before = await repository.messages("main")
    ended = await all_ended(
        repository,
        wanted("main/q.csv", "one", target_column="first"),
        wanted("main/other.csv", "two", target_column="second"),
    )
    assert [it["status"] for it in ended] == ["completed", "completed"]
    told = await repository.messages("main")
    assert set(told[:2]) == {"answers of one", "answers of two"}
    assert told[2:] == before
    assert await columns(repository, "main/q.csv") == {"q": NUMBERS, "first": answers("one")}
    assert await columns(repository, "main/other.csv") == {"q": NUMBERS, "second": answers("two")}
    assert await repository.head("main") in {it["commit_id"] for it in ended}


async def test_a_new_branch_is_made_once_by_the_four_that_write_it(repository: Repository) -> None:
    before = await repository.messages("main")
    names = [f"said-{number}" for number in range(4)]
    ended = await all_ended(
        repository,
        *(
            wanted("main/q.csv", name, target_branch="results/new", target_path=f"{name}.csv")
            for name in names
        ),
    )
    assert [it["status"] for it in ended] == ["completed"] * 4
    told = await repository.messages("results/new")
    assert set(told[:4]) == {f"answers of {name}" for name in names}
    assert told[4:] == before
    for name in names:
        found = await columns(repository, f"results/new/{name}.csv")
        assert found == {"q": NUMBERS, "answer": answers(name)}
    assert await repository.messages("main") == before


async def test_of_four_that_write_the_same_file_one_is_committed_and_the_others_kept(
    repository: Repository,
) -> None:
    before = await repository.messages("main")
    names = [f"said-{number}" for number in range(4)]
    ended = await all_ended(
        repository,
        *(wanted("main/q.csv", name, target_branch="results/same") for name in names),
    )
    (won,) = [number for number, it in enumerate(ended) if it["status"] == "completed"]
    assert await repository.messages("results/same") == [f"answers of {names[won]}", *before]
    assert await repository.head("results/same") == ended[won]["commit_id"]
    found = await columns(repository, "results/same/q.csv")
    assert found == {"q": NUMBERS, "answer": answers(names[won])}
    for number in {0, 1, 2, 3} - {won}:
        assert ended[number]["status"] == "errored"
        assert "has changed since this evaluation began" in ended[number]["error_message"]
        kept = await repository.client.get(f"{repository.of(ended[number])}/result")
        assert kept.text.splitlines()[1] == f"0,{names[number]} 0"
