"""Every route needs a key that is good for it, and shows one workspace only."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from support.native import SPEC, MakeClient, problem, start
from weighbridge.core.caller import Role
from weighbridge.dialects.native.routes import build
from weighbridge.store.moments import now
from weighbridge.wiring import Services

OPEN = {"/health", "/ready"}
SOME_ID = "run_" + "0" * 26


def operations(services: Services) -> list[tuple[str, str]]:
    """Method and path of everything that the API's description lists."""
    document = build(services).openapi()
    return [
        (method.upper(), path.replace("{", "").replace("}", ""))
        for path, methods in document["paths"].items()
        for method in methods
    ]


async def test_every_route_but_health_and_ready_needs_a_key(
    services: Services, client: httpx2.AsyncClient
) -> None:
    del client.headers["Authorization"]
    found = operations(services)
    assert len(found) > 20
    for method, path in found:
        answer = await client.request(method, path)
        if path in OPEN:
            assert answer.status_code == 200, path
            assert answer.json()["status"] == "ok"
        else:
            told = problem(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert told["title"] == "A valid API key is needed"


async def test_a_key_may_come_in_either_header(
    client: httpx2.AsyncClient,
) -> None:
    secret = client.headers.pop("Authorization").removeprefix("Bearer ")
    for headers in (
        {"Authorization": f"bearer {secret}"},
        {"x-api-key": secret},
        {"Authorization": "Basic abc", "x-api-key": secret},
    ):
        assert (await client.get("/me", headers=headers)).status_code == 200
    for headers in (
        {"Authorization": secret},
        {"Authorization": f"Basic {secret}"},
        {"Authorization": "Bearer "},
        {"x-api-key": secret[:-1]},
        {"x-api-key": "ÿ\x80".encode("latin-1")},  # type: ignore[dict-item]
    ):
        problem(await client.get("/me", headers=headers), 401)


async def test_a_revoked_and_an_expired_key_are_refused_and_say_why(
    services: Services, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = (await client.post("/keys", json={"name": "short-lived"})).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert (await client.get("/me", headers=headers)).status_code == 200
    assert (await client.delete(f"/keys/{made['id']}")).status_code == 204
    assert "revoked" in problem(await client.get("/me", headers=headers), 401)["detail"]
    expires = (now() + timedelta(seconds=60)).isoformat()
    made = (await client.post("/keys", json={"name": "soon", "expires_at": expires})).json()
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert (await client.get("/me", headers=headers)).status_code == 200
    later = now() + timedelta(seconds=61)
    monkeypatch.setattr("weighbridge.services.keys.now", lambda: later)
    assert "expired" in problem(await client.get("/me", headers=headers), 401)["detail"]


async def test_another_workspace_sees_nothing_of_ours(
    client: httpx2.AsyncClient, make_client: MakeClient
) -> None:
    stranger = await make_client(workspace="elsewhere")
    started = await start(client)
    run_id = started["runs"][0]["id"]
    for path in (
        f"/evaluations/{started['id']}",
        f"/datasets/{started['dataset_id']}",
        f"/runs/{run_id}",
        *(f"/runs/{run_id}/{part}" for part in ("events", "outcomes", "report", "export")),
    ):
        assert (await client.get(path.replace("/events", ""))).status_code == 200, path
        problem(await stranger.get(path), 404)
    for verb in ("cancel", "resume", "retry-failed", "rescore"):
        problem(await stranger.post(f"/runs/{run_id}/{verb}"), 404)
    for path in ("/evaluations", "/datasets", "/runs", f"/runs?evaluation={started['id']}"):
        assert (await stranger.get(path)).json()["data"] == []
    told = problem(
        await stranger.post(
            "/evaluations",
            json={k: v for k, v in SPEC.items() if k != "cases"} | {"data": started["dataset_id"]},
        ),
        422,
    )
    assert "there is no data set" in told["detail"]
    key = (await client.get("/me")).json()["key_id"]
    problem(await stranger.delete(f"/keys/{key}"), 404)
    assert key not in {item["id"] for item in (await stranger.get("/keys")).json()["data"]}


@pytest.mark.parametrize(
    ("role", "allowed"),
    [(Role.READER, set()), (Role.WRITER, {"write"}), (Role.ADMIN, {"write", "keys"})],
)
async def test_a_role_may_do_what_is_its_and_no_more(
    client: httpx2.AsyncClient, make_client: MakeClient, role: Role, allowed: set[str]
) -> None:
    theirs = await make_client(role)
    run_id = (await start(client))["runs"][0]["id"]
    assert (await theirs.get("/me")).json()["role"] == role
    assert (await theirs.get(f"/runs/{run_id}")).status_code == 200
    calls: list[tuple[str, Any, int]] = [
        ("write", theirs.post("/evaluations", json=SPEC), 201),
        ("write", theirs.post("/datasets", files={"file": ("a.csv", b"a\n1\n")}), 201),
        ("write", theirs.post(f"/runs/{run_id}/cancel"), 200),
        ("write", theirs.post(f"/runs/{run_id}/resume"), 200),
        ("keys", theirs.get("/keys"), 200),
        ("keys", theirs.post("/keys", json={"name": "x"}), 201),
    ]
    for kind, call, status in calls:
        answer = await call
        if kind in allowed:
            assert answer.status_code == status, answer.text
        else:
            assert role in problem(answer, 403)["detail"]


@pytest.mark.parametrize("bad", ["x", "run_1", "%00", "..%2f..%2fetc", "run_" + "A" * 26, "%ff"])
async def test_what_cannot_be_an_id_is_not_found(client: httpx2.AsyncClient, bad: str) -> None:
    for path in (f"/runs/{bad}", f"/evaluations/{bad}", f"/datasets/{bad}", f"/runs/{bad}/report"):
        problem(await client.get(path), 404)
    problem(await client.delete(f"/keys/{bad}"), 404)


async def test_an_unknown_id_is_not_found(client: httpx2.AsyncClient) -> None:
    assert SOME_ID in problem(await client.get(f"/runs/{SOME_ID}"), 404)["detail"]
