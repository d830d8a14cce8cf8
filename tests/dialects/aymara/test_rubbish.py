"""Whatever is sent to whatever address: an answer as this dialect has it, never a failure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute

from dialects.aymara.conftest import KEY, Api, problem
from weighbridge.core.caller import Role
from weighbridge.dialects.aymara.errors import KINDS
from weighbridge.dialects.aymara.routes import PARTS as PARTS_OF_THE_DIALECT
from weighbridge.dialects.aymara.routes import eval_runs
from weighbridge.wiring import Services

ALLOWED = {200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 415, 422}
BODIES: list[tuple[str, bytes]] = [
    ("application/json", b""),
    ("application/json", b"{"),
    ("application/json", b"[]"),
    ("application/json", b"null"),
    ("application/json", b"[" * 500),
    ("application/json", b'{"ai_description": "\\u0000", "eval_type": "safety"}'),
    ("application/json", b'{"ai_description": "\\ud800", "eval_type": "\\ud800"}'),
    ("application/json", b'{"ai_description": {}, "eval_type": [], "num_prompts": 1e99}'),
    ("application/json", b'{"ai_description": "x", "eval_type": "safety", "ground_truth": []}'),
    ("application/json", b'{"eval_uuid": "x", "responses": [{"prompt_uuid": 7}]}'),
    ("application/json", b'{"eval_uuid": "test.x", "responses": [[]]}'),
    ("application/json", b'{"eval_run_uuids": ["x", 7]}'),
    ("application/json", b'{"files": [{"remote_uri": "file:///etc/passwd"}]}'),
    ("application/json", b'{"limit": -1, "sort_by": "x"}'),
    ("text/plain", b"hello"),
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=b", b"--b\r\n\r\nx"),
]
PARTS = ["x", "%00", "..%2f..", "ü" * 300, "%ff%fe", "' or 1=1 --", "test.", "-"]


def routes() -> list[tuple[str, str]]:
    """Method and path of every route."""
    found = []
    for part in PARTS_OF_THE_DIALECT:
        for route in part.router.routes:
            assert isinstance(route, APIRoute)
            found += [(method, route.path) for method in sorted(route.methods)]
    assert len(found) >= 19
    return found


def addresses(path: str) -> list[str]:
    if "{" not in path:
        return [path]
    filled = []
    for value in PARTS:
        here = path
        for part in path.split("/"):
            if part.startswith("{"):
                here = here.replace(part, value)
        filled.append(here)
    return filled


def check(answer: httpx2.Response, what: Any) -> None:
    assert answer.status_code in ALLOWED, (what, answer.status_code, answer.text[:500])
    if answer.status_code >= 400:
        assert set(answer.json()) == {"error", "request_id"}, what
        assert "Traceback" not in answer.text


async def test_no_address_fails(client: httpx2.AsyncClient) -> None:
    for method, path in routes():
        for address in addresses(path):
            body = {} if method in {"POST", "PUT", "PATCH"} else None
            check(await client.request(method, address, json=body), (method, address))


async def test_no_body_fails(client: httpx2.AsyncClient) -> None:
    for method, path in routes():
        if method not in {"POST", "PUT", "PATCH"}:
            continue
        for content_type, body in BODIES:
            answer = await client.request(
                method, addresses(path)[0], content=body, headers={"Content-Type": content_type}
            )
            check(answer, (method, path, body))


async def test_no_query_fails(client: httpx2.AsyncClient) -> None:
    queries = [
        *("limit=0", "limit=x", "offset=-1", "limit=99999999999", "workspace_uuid=%00"),
        *("eval_uuid=%ff", "offset=9e9", "file_type=x", "eval_type_slug=", "is_sandbox=x"),
    ]
    for method, path in routes():
        if method == "GET" and "{" not in path:
            for query in queries:
                check(await client.get(f"{path}?{query}"), (path, query))


@pytest.mark.parametrize("key", [None, "", "wrong", "wb_" + "x" * 5_000, "ü"])
async def test_without_a_good_key_nothing_is_to_be_had(
    client: httpx2.AsyncClient, key: str | None
) -> None:
    del client.headers["x-api-key"]
    headers = {} if key is None else {"x-api-key": key.encode()}
    for method, path in routes():
        if "/content/" in path:  # a signed link is its own key
            continue
        answer = await client.request(method, addresses(path)[0], headers=headers)
        assert answer.status_code in {401, 422}, (method, path, answer.text)
    problem(await client.get("/evals", headers=headers), 401, "auth.invalid_key")


async def test_a_bearer_token_does_as_well(client: httpx2.AsyncClient) -> None:
    del client.headers["x-api-key"]
    answer = await client.get("/evals", headers={"Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200


async def test_an_expired_key_is_told_from_a_wrong_one(
    client: httpx2.AsyncClient, services: Services
) -> None:
    operator = await services.keys.operator()
    _, secret = await services.keys.create(
        operator, name="old", expires_at=datetime.now(UTC) + timedelta(milliseconds=50)
    )
    for _ in range(100):
        answer = await client.get("/evals", headers={"x-api-key": secret})
        if answer.status_code == 401:
            break
    problem(answer, 401, "auth.expired_key")


async def test_a_reader_may_look_and_not_touch(api: Api, services: Services) -> None:
    made = await api.eval()
    body = await api.answers(made, "fine")
    operator = await services.keys.operator()
    _, secret = await services.keys.create(operator, name="reader", role=Role.READER)
    api.client.headers["x-api-key"] = secret
    assert (await api.get(f"/evals/{made['eval_uuid']}"))["name"] == made["name"]
    forbidden = "auth.insufficient_permissions"
    problem(
        await api.post("/evals", {"ai_description": "A bot", "eval_type": "safety"}), 403, forbidden
    )
    problem(await api.post("/eval-runs", body), 403, forbidden)
    problem(await api.client.delete(f"/evals/{made['eval_uuid']}"), 403, forbidden)


async def test_more_scorings_than_can_be_waited_for_are_sent_away(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await api.eval()
    body = await api.answers(made, "fine")
    monkeypatch.setattr(eval_runs._waiting, "locked", lambda: True)
    answer = await api.post("/eval-runs/-/score-responses", body)
    problem(answer, 429, "quota.limit_exceeded")
    assert answer.headers["retry-after"] == "1"
    assert (await api.get("/eval-runs"))["count"] == 0


async def test_a_body_over_the_limit_is_refused(client: httpx2.AsyncClient) -> None:
    answer = await client.post(
        "/evals",
        content=b'"' + b"x" * (1 << 20) + b'"',
        headers={"content-type": "application/json"},
    )
    problem(answer, 413, "validation.invalid_request")


async def test_health_needs_no_key(client: httpx2.AsyncClient) -> None:
    del client.headers["x-api-key"]
    answer = await client.get("http://test/health/")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer.headers["x-request-id"]


def test_every_code_of_the_vendor_is_there() -> None:
    codes = {code for _, code in KINDS.values()} | {"auth.expired_key"}
    assert codes == {
        "auth.invalid_key", "auth.expired_key", "auth.insufficient_permissions",
        "validation.invalid_request", "validation.invalid_format", "resource.not_found",
        "resource.conflict", "quota.limit_exceeded", "server.internal_error",
    }  # fmt: skip
