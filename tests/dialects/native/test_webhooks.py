"""Webhooks through the API: made by administrators, for addresses that everyone can reach."""

from typing import Any

import httpx2
import pytest
from standardwebhooks.webhooks import Webhook as Verifier

from support.native import MakeClient, ended, problem, start, working
from weighbridge.core.caller import Role
from weighbridge.dialects.native.translate import told_run
from weighbridge.jobs.postman import Postman
from weighbridge.outbound.guard import Guard
from weighbridge.outbound.sending import Sender, Sent
from weighbridge.wiring import Services

URL = "https://1.1.1.1/hook"


async def make(client: httpx2.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/webhooks", json={"url": URL} | changes)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_webhook_is_made_listed_changed_and_removed(client: httpx2.AsyncClient) -> None:
    made = await make(client, description="CI", events=["run.failed", "run.failed"])
    assert made["secret"].startswith("whsec_")
    assert (made["events"], made["enabled"]) == (["run.failed"], True)
    listed = await client.get("/webhooks")
    assert [it["id"] for it in listed.json()["data"]] == [made["id"]]
    assert "secret" not in listed.text
    path = f"/webhooks/{made['id']}"
    changed = (await client.patch(path, json={"enabled": False, "events": ["run.started"]})).json()
    assert (changed["enabled"], changed["events"]) == (False, ["run.started"])
    assert (changed["url"], changed["description"]) == (URL, "CI")
    assert (await client.get(path)).json() == changed
    problem(await client.post(f"{path}/test"), 409)
    rotated = await client.post(f"{path}/rotate", params={"keep_hours": 0})
    assert rotated.json()["secret"] != made["secret"]
    assert (await client.delete(path)).status_code == 204
    problem(await client.get(path), 404)
    problem(await client.delete(path), 404)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": "http://127.0.0.1:9999/x"}, "url"),
        ({"url": "http://localhost/x"}, "url"),
        ({"url": "http://169.254.169.254/latest"}, "url"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": "http://2130706433/"}, "url"),
        ({"url": "ftp://1.1.1.1/"}, "url"),
        ({"url": "https://user:pass@1.1.1.1/"}, "url"),
        ({"url": 5}, "url"),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": ["run.exploded"]}, "events.0"),
        ({"url": URL, "events": ["webhook.test"]}, "events"),
        ({"url": URL, "secret": "mine"}, "secret"),
        ({"url": URL, "description": "x" * 501}, "description"),
    ],
)
async def test_a_webhook_that_cannot_be_is_refused_with_the_field(
    client: httpx2.AsyncClient, body: dict[str, Any], field: str
) -> None:
    told = problem(await client.post("/webhooks", json=body), 422)
    assert [error["field"] for error in told["errors"]] == [field]
    assert (await client.get("/webhooks")).json()["data"] == []


async def test_an_address_cannot_become_private_later(client: httpx2.AsyncClient) -> None:
    made = await make(client)
    answer = await client.patch(f"/webhooks/{made['id']}", json={"url": "http://10.0.0.1/"})
    assert "WEIGHBRIDGE_ALLOWED_NETWORKS" in problem(answer, 422)["detail"]
    assert (await client.get(f"/webhooks/{made['id']}")).json()["url"] == URL


async def test_webhooks_are_for_administrators_of_their_workspace(make_client: MakeClient) -> None:
    admin, writer = await make_client(), await make_client(Role.WRITER)
    stranger = await make_client(workspace="another")
    made = await make(admin)
    path = f"/webhooks/{made['id']}"
    problem(await writer.post("/webhooks", json={"url": URL}), 403)
    for read in ("/webhooks", path, f"{path}/deliveries"):
        problem(await writer.get(read), 403)
    assert (await stranger.get("/webhooks")).json()["data"] == []
    problem(await stranger.get(path), 404)
    problem(await stranger.patch(path, json={"enabled": False}), 404)
    problem(await stranger.delete(path), 404)
    problem(await stranger.get(f"{path}/deliveries"), 404)
    for verb in ("test", "rotate"):
        problem(await stranger.post(f"{path}/{verb}"), 404)
    sent = (await admin.post(f"{path}/test")).json()
    problem(await stranger.post(f"{path}/deliveries/{sent['id']}/resend"), 404)
    problem(await admin.post(f"{path}/deliveries/msg_{'0' * 26}/resend"), 404)


async def test_there_may_be_fifty(client: httpx2.AsyncClient) -> None:
    for _ in range(50):
        await make(client)
    assert "50" in problem(await client.post("/webhooks", json={"url": URL}), 409)["detail"]


async def test_an_idempotency_key_is_refused_as_the_secret_is_shown_once(
    client: httpx2.AsyncClient,
) -> None:
    headers = {"Idempotency-Key": "1"}
    told = problem(await client.post("/webhooks", json={"url": URL}, headers=headers), 422)
    assert told["errors"][0]["field"] == "Idempotency-Key"


async def test_what_was_sent_can_be_looked_at_and_sent_again(
    client: httpx2.AsyncClient, services: Services
) -> None:
    made = await make(client)
    path = f"/webhooks/{made['id']}/deliveries"
    seen: list[tuple[dict[str, str], bytes]] = []

    class Here(Sender):
        async def post(self, url: str, headers: Any, body: bytes) -> Sent:
            seen.append((headers, body))
            return Sent(200, "thanks")

    postman = Postman(services.store, Here(Guard()), told_run)
    async with working(services):
        started = await start(client)
        run = await ended(client, started["runs"][0]["id"])
    assert (await client.get(path, params={"status": "pending"})).json()["data"] != []
    await postman.send_due()
    await postman.settled()
    told = {Verifier(made["secret"]).verify(body, headers)["type"]: body for headers, body in seen}
    assert set(told) == {"run.started", "run.succeeded"}
    first = (await client.get(path, params={"limit": 1})).json()
    assert first["has_more"]
    rest = (await client.get(path, params={"cursor": first["next_cursor"]})).json()["data"]
    [last] = first["data"]
    assert {it["event"] for it in [last, *rest]} == set(told)
    assert (last["run_id"], last["status"], last["attempts"]) == (run["id"], "delivered", 1)
    assert (last["http_status"], last["response"]) == (200, "thanks")
    assert last["next_attempt_at"] is None
    again = await client.post(f"{path}/{last['id']}/resend")
    assert (again.status_code, again.json()["status"]) == (202, "pending")
    before = len(seen)
    await postman.send_due()
    await postman.settled()
    assert len(seen) == before + 1
    assert seen[-1][1] == told[last["event"]]
