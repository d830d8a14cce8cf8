"""Keys are shown once, listed without themselves, and rotated."""

import httpx2
import pytest

from support.native import problem


async def test_a_new_key_is_shown_once_and_works(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/keys", json={"name": "CI", "role": "reader"})
    assert answer.status_code == 201
    made = answer.json()
    assert made["key"].startswith("wb_")
    assert made["hint"] == made["key"][: len(made["hint"])]
    me = await client.get("/me", headers={"Authorization": f"Bearer {made['key']}"})
    assert (me.json()["key_id"], me.json()["role"]) == (made["id"], "reader")
    listed = await client.get("/keys")
    assert made["id"] in {key["id"] for key in listed.json()["data"]}
    assert made["key"] not in listed.text


async def test_a_rotated_key_has_a_successor_with_its_name_and_role(
    client: httpx2.AsyncClient,
) -> None:
    old = (await client.post("/keys", json={"name": "CI", "role": "reader"})).json()
    answer = await client.post(f"/keys/{old['id']}/rotate")
    assert answer.status_code == 201
    new = answer.json()
    assert (new["name"], new["role"]) == ("CI", "reader")
    assert new["id"] != old["id"]
    for key, status in ((old["key"], 401), (new["key"], 200)):
        answer = await client.get("/me", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == status
    problem(await client.post("/keys/key_" + "0" * 26 + "/rotate"), 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x\0"}, None),
        ({"name": "x", "rule": "admin"}, "rule"),
        ({"name": "x", "role": "emperor"}, "role"),
        ({"name": "x", "expires_at": "tomorrow"}, "expires_at"),
        ({"name": "x", "expires_at": "2030-01-01T00:00:00"}, "expires_at"),
        ({"name": "x", "expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
        ({"name": "x", "expires_at": "2001-01-01T00:00:00Z"}, None),
    ],
)
async def test_a_key_that_cannot_be_made_is_refused(
    client: httpx2.AsyncClient, body: dict[str, str], field: str | None
) -> None:
    before = (await client.get("/keys")).json()["data"]
    told = problem(await client.post("/keys", json=body), 422)
    assert [error["field"] for error in told.get("errors", [])] == ([field] if field else [])
    assert (await client.get("/keys")).json()["data"] == before


async def test_an_idempotency_key_is_refused_as_no_key_is_ever_stored(
    client: httpx2.AsyncClient,
) -> None:
    headers = {"Idempotency-Key": "1"}
    told = problem(await client.post("/keys", json={"name": "x"}, headers=headers), 422)
    assert told["errors"][0]["field"] == "Idempotency-Key"
