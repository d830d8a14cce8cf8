"""Judges with several dimensions: made, listed, changed, deleted."""

from typing import Any

import httpx2
import pytest

from support.native import MakeClient, problem
from weighbridge.core.caller import Role

NEW: dict[str, Any] = {
    "name": "Replies",
    "project": "support",
    "dimensions": [
        {"name": "Polite", "scoring_model": "pass_fail"},
        {"name": "Steps", "scoring_model": "checklist", "items": ["greets", "thanks"]},
    ],
}


async def made(client: httpx2.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/judges", json=NEW | changes)
    assert answer.status_code == 201, answer.text
    judge: dict[str, Any] = answer.json()
    return judge


async def test_a_judge_is_made_found_and_deleted(client: httpx2.AsyncClient) -> None:
    judge = await made(client)
    assert (judge["version"], judge["project"]) == (1, "support")
    assert [it["id"] for it in judge["versions"][0]["dimensions"]] == ["polite", "steps"]
    assert (await client.get(f"/judges/{judge['id']}")).json() == judge
    assert (await client.get("/judges/rubrics")).json()["data"] == [judge]
    assert (await client.delete(f"/judges/{judge['id']}")).status_code == 204
    assert (await client.get("/judges/rubrics")).json()["data"] == []
    problem(await client.get(f"/judges/{judge['id']}"), 404)


async def test_to_judge_otherwise_is_another_version_and_a_new_name_is_not(
    client: httpx2.AsyncClient,
) -> None:
    judge = await made(client)
    path = f"/judges/{judge['id']}"
    named = (await client.put(path, json=NEW | {"name": "Other", "description": "d"})).json()
    assert (named["version"], named["name"], named["description"]) == (1, "Other", "d")
    changed = (await client.put(path, json=NEW | {"instructions": "Be strict."})).json()
    assert (changed["version"], changed["name"]) == (2, "Replies")
    assert changed["versions"][0] == judge["versions"][0]
    assert changed["versions"][1]["instructions"] == "Be strict."


async def test_two_judges_are_not_called_the_same(client: httpx2.AsyncClient) -> None:
    await made(client)
    answer = await client.post("/judges", json=NEW)
    assert problem(answer, 422)["errors"][0]["field"] == "name"
    other = await made(client, name="Other")
    answer = await client.put(f"/judges/{other['id']}", json=NEW)
    assert problem(answer, 422)["errors"][0]["field"] == "name"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": "nobody"}, "model"),
        ({"dimensions": []}, "dimensions"),
        ({"dimensions": [{"name": "x", "scoring_model": "stars"}]}, "dimensions.0.scoring_model"),
        ({"naem": "x"}, "naem"),
    ],
)
async def test_what_is_wrong_is_told_with_its_field(
    client: httpx2.AsyncClient, changes: dict[str, Any], field: str
) -> None:
    answer = await client.post("/judges", json=NEW | changes)
    assert field in [it["field"] for it in problem(answer, 422)["errors"]]


async def test_a_repeat_with_the_same_key_makes_no_second(client: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await client.post("/judges", json=NEW, headers=headers)
    again = await client.post("/judges", json=NEW, headers=headers)
    assert (first.json(), again.status_code) == (again.json(), 201)


async def test_readers_may_look_and_others_see_nothing(
    client: httpx2.AsyncClient, make_client: MakeClient
) -> None:
    judge = await made(client)
    reader = await make_client(Role.READER)
    assert (await reader.get(f"/judges/{judge['id']}")).status_code == 200
    problem(await reader.post("/judges", json=NEW | {"name": "b"}), 403)
    problem(await reader.put(f"/judges/{judge['id']}", json=NEW), 403)
    problem(await reader.delete(f"/judges/{judge['id']}"), 403)
    other = await make_client(Role.ADMIN, "elsewhere")
    problem(await other.get(f"/judges/{judge['id']}"), 404)
    problem(await other.put(f"/judges/{judge['id']}", json=NEW), 404)
    problem(await other.delete(f"/judges/{judge['id']}"), 404)
