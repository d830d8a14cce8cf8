"""Answers that become a column of a file, over HTTP: from the evaluation to the commit."""

from typing import Any

import httpx2
import pytest

from support.native import MakeClient, ended, problem, working
from weighbridge.core.caller import Role
from weighbridge.dialects.native import wire_repositories as sent
from weighbridge.wiring import Services

CSV = b"q,answer\nsay ja,ja\nsay trouble,trouble\nsay oui,non\n"
REPO = "/repositories/ns/r"


@pytest.fixture
async def repo(client: httpx2.AsyncClient) -> None:
    """A repository with a file of rows."""
    await client.post("/repositories", json={"namespace": "ns", "name": "r"})
    answer = await client.put(f"{REPO}/content?path=data/q.csv", content=CSV)
    assert answer.status_code == 201


async def evaluate(client: httpx2.AsyncClient, services: Services, **deliver: Any) -> str:
    """An evaluation over that file, done; the id of its run."""
    spec = {
        "name": "echo",
        "data": "ns/r@main:data/q.csv",
        "model": "shaky",
        "prompt": "{q}",
        "target": "answer",
        "scorers": ["exact"],
        "deliver": {"column": "said", **deliver},
    }
    started = await client.post("/evaluations", json=spec)
    assert started.status_code == 201, started.text
    run_id: str = started.json()["runs"][0]["id"]
    async with working(services):
        await ended(client, run_id)
    return run_id


async def delivery(client: httpx2.AsyncClient, run_id: str) -> sent.ColumnDelivery:
    answer = await client.get(f"/runs/{run_id}/delivery")
    assert answer.status_code == 200, answer.text
    return sent.ColumnDelivery.model_validate_json(answer.content, extra="forbid")


async def read(client: httpx2.AsyncClient, revision: str = "main") -> bytes:
    params = {"revision": revision, "path": "data/q.csv"}
    answer = await client.get(f"{REPO}/content", params=params)
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.mark.usefixtures("repo")
async def test_answers_are_committed_and_scored_against_a_reference_column(
    client: httpx2.AsyncClient, services: Services
) -> None:
    run_id = await evaluate(client, services, message="said so")
    found = await delivery(client, run_id)
    assert (found.status, found.state, found.problem) == ("succeeded", "committed", None)
    assert (found.repository, found.branch, found.path) == ("ns/r", "main", "data/q.csv")
    assert (found.column, found.rows, found.rows_failed) == ("said", 3, 1)
    answered = b"q,answer,said\nsay ja,ja,ja\nsay trouble,trouble,\nsay oui,non,oui\n"
    assert await read(client) == answered
    [newest, _] = (await client.get(f"{REPO}/commits")).json()["data"]
    assert (newest["id"], newest["message"]) == (found.commit_id, "said so")
    run = (await client.get(f"/runs/{run_id}")).json()
    assert (run["metrics"][0]["value"], run["metrics"][0]["n_scored"]) == (0.5, 2)
    assert (run["progress"]["failed"], run["metrics"][0]["n_failed"]) == (1, 1)
    assert (await client.get(f"/runs/{run_id}/delivery/content")).content == answered


@pytest.mark.usefixtures("repo")
async def test_a_result_is_held_read_and_committed_by_whoever_has_looked_at_it(
    client: httpx2.AsyncClient, services: Services
) -> None:
    run_id = await evaluate(client, services, commit=False)
    assert (await delivery(client, run_id)).state == "held"
    assert await read(client) == CSV
    held = (await client.get(f"/runs/{run_id}/delivery/content")).content
    assert held.startswith(b"q,answer,said\n")
    for _ in range(2):
        answer = await client.post(f"/runs/{run_id}/delivery/commit", json={"message": "fine"})
        assert (answer.status_code, answer.json()["state"]) == (200, "committed"), answer.text
    assert await read(client) == held
    log = (await client.get(f"{REPO}/commits")).json()["data"]
    assert [it["message"] for it in log] == ["fine", "Add data/q.csv"]


@pytest.mark.usefixtures("repo")
async def test_a_conflict_keeps_the_result_for_another_branch(
    client: httpx2.AsyncClient, services: Services
) -> None:
    run_id = await evaluate(client, services, commit=False)
    changed = await client.put(f"{REPO}/content?path=data/q.csv", content=CSV + b"x,y\n")
    assert changed.status_code == 201
    told = problem(await client.post(f"/runs/{run_id}/delivery/commit"), 409)
    assert "commit it to another branch" in told["detail"]
    answer = await client.post(f"/runs/{run_id}/delivery/commit", json={"branch": "review/one"})
    assert (answer.json()["state"], answer.json()["branch"]) == ("committed", "review/one")
    assert (await read(client, "review/one")).startswith(b"q,answer,said\n")
    assert await read(client) == CSV + b"x,y\n"


@pytest.mark.usefixtures("repo")
async def test_another_workspace_sees_no_delivery_and_a_reader_commits_none(
    make_client: MakeClient, client: httpx2.AsyncClient, services: Services
) -> None:
    run_id = await evaluate(client, services, commit=False)
    stranger = await make_client(workspace="another")
    for path in ("delivery", "delivery/content"):
        problem(await stranger.get(f"/runs/{run_id}/{path}"), 404)
    problem(await stranger.post(f"/runs/{run_id}/delivery/commit"), 404)
    reader = await make_client(Role.READER)
    assert (await delivery(reader, run_id)).state == "held"
    problem(await reader.post(f"/runs/{run_id}/delivery/commit"), 403)
    spec = {"data": "ns/r@main:data/q.csv", "model": "parrot", "prompt": "{q}"}
    told = problem(await stranger.post("/evaluations", json=spec), 422)
    assert told["errors"][0]["field"] == "data"


@pytest.mark.usefixtures("repo")
async def test_a_delivery_outlives_its_repository(
    client: httpx2.AsyncClient, services: Services
) -> None:
    run_id = await evaluate(client, services)
    await client.delete(REPO)
    found = await delivery(client, run_id)
    assert (found.state, found.repository, found.rows) == ("committed", None, None)
    problem(await client.get(f"/runs/{run_id}/delivery/content"), 404)


async def test_a_run_that_delivers_nothing_says_so(client: httpx2.AsyncClient) -> None:
    spec = {"cases": [{"q": "say ja"}], "model": "parrot", "prompt": "{q}"}
    run_id = (await client.post("/evaluations", json=spec)).json()["runs"][0]["id"]
    for path in ("delivery", "delivery/content"):
        assert run_id in problem(await client.get(f"/runs/{run_id}/{path}"), 404)["detail"]
    problem(await client.post(f"/runs/{run_id}/delivery/commit"), 404)


@pytest.mark.usefixtures("repo")
async def test_nothing_is_delivered_while_answers_are_missing(client: httpx2.AsyncClient) -> None:
    spec = {
        "data": "ns/r@main:data/q.csv",
        "model": "parrot",
        "prompt": "{q}",
        "deliver": {"column": "said"},
    }
    run_id = (await client.post("/evaluations", json=spec)).json()["runs"][0]["id"]
    found = await delivery(client, run_id)
    assert (found.state, found.rows, found.commit_id) == ("waiting", None, None)
    problem(await client.get(f"/runs/{run_id}/delivery/content"), 404)
    problem(await client.post(f"/runs/{run_id}/delivery/commit"), 409)


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"data": "ns/r@none:data/q.csv"}, "data"),
        ({"data": "ns/none@main:data/q.csv"}, "data"),
        ({"data": "ns/r@main:none.csv"}, "data"),
        ({"data": "ns/r@main:../q.csv"}, "data"),
        ({"deliver": {"column": "_oxen_id"}}, "deliver.column"),
        ({"deliver": {"column": "said", "branch": "a b"}}, "deliver.branch"),
        ({"deliver": {"column": "said", "path": "x.txt"}}, "deliver.path"),
        ({"deliver": {"column": "said", "path": "../x.csv"}}, "deliver.path"),
        ({"epochs": 2}, "epochs"),
        ({"sample": {"n": 1}}, "sample"),
        ({"model": "nobody"}, "model"),
        ({"output": "video", "model": "unpriced"}, "model"),
    ],
)
async def test_what_cannot_be_delivered_is_refused_by_field(
    client: httpx2.AsyncClient, changes: dict[str, Any], field: str
) -> None:
    spec = {
        "data": "ns/r@main:data/q.csv",
        "model": "parrot",
        "prompt": "{q}",
        "deliver": {"column": "said"},
        **changes,
    }
    told = problem(await client.post("/evaluations", json=spec), 422)
    assert field in {error["field"] for error in told["errors"]}, told
    assert (await client.get("/runs")).json()["data"] == []


@pytest.mark.usefixtures("repo")
async def test_a_column_that_is_not_there_is_refused_with_those_that_are(
    client: httpx2.AsyncClient,
) -> None:
    spec = {
        "data": "ns/r@main:data/q.csv",
        "model": "parrot",
        "prompt": "{none}",
        "deliver": {"column": "said"},
    }
    told = problem(await client.post("/evaluations", json=spec), 422)
    assert "`none`" in told["detail"]
    assert "columns: `q`, `answer`" in told["detail"]
