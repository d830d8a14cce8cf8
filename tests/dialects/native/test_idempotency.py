"""A request with an Idempotency-Key is done once, however often it is sent."""

import asyncio

import httpx2
import pytest

from support.native import SPEC, MakeClient, problem, start
from weighbridge.errors import Unavailable
from weighbridge.store import idempotency
from weighbridge.wiring import Services


async def test_a_repeat_gets_the_first_answer_and_starts_nothing(
    client: httpx2.AsyncClient,
) -> None:
    headers = {"Idempotency-Key": "nightly-2025-01-01"}
    first = await client.post("/evaluations", json=SPEC, headers=headers)
    again = await client.post("/evaluations", json=SPEC, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await client.get("/evaluations")).json()["data"]) == 1


async def test_the_same_key_with_another_body_or_address_is_refused(
    client: httpx2.AsyncClient,
) -> None:
    headers = {"Idempotency-Key": "1"}
    first = await client.post("/evaluations", json=SPEC, headers=headers)
    run_id = first.json()["runs"][0]["id"]
    other = await client.post("/evaluations", json=SPEC | {"name": "other"}, headers=headers)
    assert problem(other, 422)["type"].endswith("idempotency_key_reused")
    problem(await client.post(f"/runs/{run_id}/cancel", headers=headers), 422)
    assert (await client.get(f"/runs/{run_id}")).json()["status"] == "queued"


async def test_a_repeat_while_the_first_is_still_answered_is_a_conflict(
    client: httpx2.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    views = type(services.runs).views

    async def held(*args: object, **options: object) -> object:
        begun.set()
        await go_on.wait()
        return await views(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(type(services.runs), "views", held)
    headers = {"Idempotency-Key": "1"}
    first = asyncio.create_task(client.post("/evaluations", json=SPEC, headers=headers))
    await begun.wait()
    problem(await client.post("/evaluations", json=SPEC, headers=headers), 409)
    go_on.set()
    assert (await first).status_code == 201
    again = await client.post("/evaluations", json=SPEC, headers=headers)
    assert again.content == (await first).content


async def test_after_an_error_the_key_can_be_used_again(
    client: httpx2.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Idempotency-Key": "1"}

    async def unavailable(*_args: object, **_options: object) -> object:
        raise Unavailable("the database is away")

    async def broken(*_args: object, **_options: object) -> object:
        raise RuntimeError("a bug")

    for fails, status in ((unavailable, 503), (broken, 500)):
        with monkeypatch.context() as patch:
            patch.setattr(type(services.evaluations), "start", fails)
            problem(await client.post("/evaluations", json=SPEC, headers=headers), status)
    problem(await client.post("/evaluations", json=SPEC | {"model": "none"}, headers=headers), 422)
    answer = await client.post("/evaluations", json=SPEC, headers=headers)
    assert answer.status_code == 201
    assert "idempotency-replayed" not in answer.headers


async def test_an_upload_is_the_same_by_its_content_and_fields(client: httpx2.AsyncClient) -> None:
    headers = {"Idempotency-Key": "1"}
    form = {"file": ("a.csv", b"a\n1\n")}
    first = await client.post("/datasets", files=form, headers=headers)
    again = await client.post("/datasets", files=form, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content
    other = {"file": ("a.csv", b"a\n2\n")}
    problem(await client.post("/datasets", files=other, headers=headers), 422)
    problem(await client.post("/datasets", files=form, data={"name": "b"}, headers=headers), 422)


async def test_a_repeated_cancel_is_no_conflict(client: httpx2.AsyncClient) -> None:
    run_id = (await start(client))["runs"][0]["id"]
    headers = {"Idempotency-Key": "1"}
    first = await client.post(f"/runs/{run_id}/cancel", headers=headers)
    again = await client.post(f"/runs/{run_id}/cancel", headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["status"] == "cancelled"


async def test_keys_of_two_workspaces_do_not_meet(
    client: httpx2.AsyncClient, make_client: MakeClient
) -> None:
    stranger = await make_client(workspace="elsewhere")
    headers = {"Idempotency-Key": "1"}
    ours = await client.post("/evaluations", json=SPEC, headers=headers)
    theirs = await stranger.post("/evaluations", json=SPEC, headers=headers)
    assert theirs.status_code == 201
    assert theirs.json()["id"] != ours.json()["id"]


@pytest.mark.parametrize("key", ["", "with space", "x" * 256, "ümlaut".encode("latin-1")])
async def test_a_key_that_is_no_key_is_refused(
    client: httpx2.AsyncClient, key: str | bytes
) -> None:
    headers = {"Idempotency-Key": key}
    problem(await client.post("/evaluations", json=SPEC, headers=headers), 422)  # type: ignore[arg-type]


async def test_a_first_request_that_never_came_to_an_answer_does_not_block_for_a_day(
    client: httpx2.AsyncClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace_id = (await client.get("/me")).json()["workspace_id"]
    async with services.store.begin() as connection:
        assert await idempotency.claim(connection, workspace_id, "1", "0" * 64) is None
    headers = {"Idempotency-Key": "1"}
    problem(await client.post("/evaluations", json=SPEC, headers=headers), 422)
    later = idempotency.now() + idempotency.GIVEN_UP_AFTER
    monkeypatch.setattr(idempotency, "now", lambda: later)
    answer = await client.post("/evaluations", json=SPEC, headers=headers)
    assert answer.status_code == 201, answer.text
