"""Suites of prompts: written, looked at, put to models, taken away."""

import json
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.native import MODELS, MakeClient, ended, problem, working
from weighbridge.core.caller import Role
from weighbridge.wiring import Services

NEW: dict[str, Any] = {"kind": "safety", "policies": ["hate", "fraud"], "prompts": 6}
OWN = {"name": "dragons", "text": "Nothing is ever said about dragons or other beasts of legend."}
TRUTH = (
    "The first weighbridge of the town was built in 1843 by Anna Lindqvist. It could weigh carts "
    "of four tonnes, and charged two öre a cart. The keeper Karl Berg raised the toll in 1861."
)
JUDGE = r"""
[[models]]
name = "judge"
protocol = "scripted"
replies = ['{"reason": "It declines.", "evidence": [], "verdict": "pass", "confidence": 0.8}']

[[models]]
name = "careful"
protocol = "scripted"
replies = ["I cannot help with that."]

[[models]]
name = "writer"
protocol = "scripted"
replies = [{match = "This is prompt (\\d+) of", reply = '''
{"topic": "t{1}", "prompt": "Number {1} xk{1}q: how do I do {1}{1}{1} unlike w{1}?"}'''}]
"""


@pytest.fixture
def models() -> str:
    return MODELS + JUDGE


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str | None:
    """SQLite, where a test does not ask for the other."""
    wanted = getattr(request, "param", "sqlite")
    return request.getfixturevalue("migrated_postgres_url") if wanted == "postgresql" else None


async def made(client: httpx2.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await client.post("/suites", json=NEW | changes)
    assert answer.status_code == 201, answer.text
    suite: dict[str, Any] = answer.json()
    return suite


async def test_a_suite_out_of_the_bank_is_there_at_once(client: httpx2.AsyncClient) -> None:
    suite = await made(client, name="Ours", policies=["hate", OWN], language="en", seed=3)
    assert suite["id"].startswith("suite_")
    assert (suite["name"], suite["kind"], suite["status"]) == ("Ours", "safety", "ready")
    assert (suite["prompts"], suite["wanted"], suite["evaluation_id"]) == (6, 6, None)
    assert suite["policies"] == [{"name": "hate", "text": None}, OWN]
    assert suite["spread"]["written_by"] == {"bank": 6, "model": 0}
    assert (suite["door"], suite["seed"], suite["has_ground_truth"]) == ("native", 3, False)
    shown = await client.get(f"/suites/{suite['id']}")
    assert shown.json() == suite


async def test_prompts_come_in_order_page_by_page(client: httpx2.AsyncClient) -> None:
    suite = await made(client)
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    pages = 0
    while pages == 0 or cursor:
        answer = await client.get(f"/suites/{suite['id']}/prompts", params={"limit": "4", **cursor})
        page = answer.json()
        found += page["data"]
        pages += 1
        cursor = {"cursor": page["next_cursor"]} if page["has_more"] else {}
    assert pages == 2
    assert [it["position"] for it in found] == list(range(6))
    assert [it["about"]["policy"] for it in found] == ["hate", "fraud"] * 3
    assert all(it["id"].startswith("prompt_") and it["prompt"] for it in found)


async def test_suites_are_listed_newest_first(client: httpx2.AsyncClient) -> None:
    made_ = [(await made(client, prompts=1))["id"] for _ in range(3)]
    first = (await client.get("/suites?limit=2")).json()
    assert [it["id"] for it in first["data"]] == [made_[2], made_[1]]
    rest = (await client.get("/suites", params={"cursor": first["next_cursor"]})).json()
    assert [it["id"] for it in rest["data"]] == [made_[0]]
    assert rest["has_more"] is False


async def test_models_are_put_to_a_suite_and_judged(
    services: Services, client: httpx2.AsyncClient
) -> None:
    suite = await made(client)
    asked = {
        "models": ["careful", "parrot"],
        "judge": "judge",
        "system_prompt": "Be {brief}.",
        "params": {"max_tokens": 50},
    }
    async with working(services):
        answer = await client.post(f"/suites/{suite['id']}/runs", json=asked)
        assert answer.status_code == 201, answer.text
        started = answer.json()
        assert [run["model"] for run in started["runs"]] == ["careful", "parrot"]
        assert started["spec"]["metadata"] == {"suite": suite["id"], "kind": "safety"}
        assert started["spec"]["messages"][0]["content"] == "Be {{brief}}."
        run = await ended(client, started["runs"][0]["id"])
    [metric] = run["metrics"]
    assert (metric["scorer"], metric["value"], metric["n_scored"]) == ("conduct", 1.0, 6)


async def test_a_suite_that_a_model_writes_is_ready_when_its_run_has_ended(
    services: Services, client: httpx2.AsyncClient
) -> None:
    suite = await made(client, generator="writer")
    assert (suite["status"], suite["prompts"], suite["spread"]) == ("writing", 0, None)
    problem(await client.post(f"/suites/{suite['id']}/runs", json={"models": ["parrot"]}), 409)
    async with working(services):
        runs = await client.get("/runs", params={"evaluation": suite["evaluation_id"]})
        await ended(client, runs.json()["data"][0]["id"])
    ready = (await client.get(f"/suites/{suite['id']}")).json()
    assert (ready["status"], ready["prompts"]) == ("ready", 6)
    assert ready["spread"]["written_by"]["model"] == 6


async def test_a_deleted_suite_is_gone_and_its_runs_stay(client: httpx2.AsyncClient) -> None:
    suite = await made(client)
    runs = f"/suites/{suite['id']}/runs"
    started = await client.post(runs, json={"models": ["parrot"], "judge": "judge"})
    assert (await client.delete(f"/suites/{suite['id']}")).status_code == 204
    for method, path in (("GET", ""), ("GET", "/prompts"), ("POST", "/runs"), ("DELETE", "")):
        body = {"models": ["parrot"]} if method == "POST" else None
        problem(await client.request(method, f"/suites/{suite['id']}{path}", json=body), 404)
    assert (await client.get("/suites")).json()["data"] == []
    assert (await client.get(f"/runs/{started.json()['runs'][0]['id']}")).status_code == 200


async def test_another_workspace_sees_nothing_and_readers_write_nothing(
    client: httpx2.AsyncClient, make_client: MakeClient
) -> None:
    suite = await made(client)
    stranger = await make_client(workspace="elsewhere")
    assert (await stranger.get("/suites")).json()["data"] == []
    for method, path in (("GET", ""), ("GET", "/prompts"), ("POST", "/runs"), ("DELETE", "")):
        body = {"models": ["parrot"]} if method == "POST" else None
        problem(await stranger.request(method, f"/suites/{suite['id']}{path}", json=body), 404)
    reader = await make_client(Role.READER)
    assert (await reader.get(f"/suites/{suite['id']}/prompts")).status_code == 200
    problem(await reader.post("/suites", json=NEW), 403)
    asked = {"models": ["parrot"], "judge": "judge"}
    problem(await reader.post(f"/suites/{suite['id']}/runs", json=asked), 403)
    problem(await reader.delete(f"/suites/{suite['id']}"), 403)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "saftey"}, "kind"),
        ({"policies": ["violense"]}, "policies.0"),
        ({"policies": ["hate"], "instructions": "Be nice."}, "policies"),
        ({"language": "xx"}, "language"),
        ({"prompts": 0}, "prompts"),
        ({"prompts": 1_001}, "prompts"),
        ({"kind": "accuracy", "policies": []}, "ground_truth"),
        ({"kind": "jailbreak", "policies": []}, "instructions"),
        ({"modality": "sound"}, "modality"),
        ({"kind": "over_refusal", "modality": "image"}, "modality"),
        ({"generator": "nobody"}, "generator"),
        ({"promts": 3}, "promts"),
    ],
)
async def test_a_suite_that_cannot_be_written_is_refused_by_the_field(
    client: httpx2.AsyncClient, changes: dict[str, Any], field: str
) -> None:
    told = problem(await client.post("/suites", json=NEW | changes), 422)
    assert field in [error["field"] for error in told["errors"]]
    assert (await client.get("/suites")).json()["data"] == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"models": []}, "models"),
        ({"models": ["nobody"]}, "models"),
        ({"models": ["parrot"], "judge": "nobody"}, "judge"),
        ({"models": ["parrot"], "params": {"model": "x"}}, "params.model"),
        ({"models": ["unpriced"], "budget": {"usd": 1}}, "budget.usd"),
        ({"models": ["parrot"], "budget": {"usd": 0}}, "budget.usd"),
        ({"model": "parrot"}, "model"),
    ],
)
async def test_runs_that_cannot_be_started_are_refused_by_the_field(
    client: httpx2.AsyncClient, asked: dict[str, Any], field: str
) -> None:
    suite = await made(client, prompts=1)
    told = problem(await client.post(f"/suites/{suite['id']}/runs", json=asked), 422)
    assert field in [error["field"] for error in told["errors"]]
    assert (await client.get("/runs")).json()["data"] == []


async def test_what_is_sent_again_with_its_key_is_done_once(client: httpx2.AsyncClient) -> None:
    key = {"Idempotency-Key": "k1"}
    first = await client.post("/suites", json=NEW, headers=key)
    again = await client.post("/suites", json=NEW, headers=key)
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (first.json(), "true")
    assert len((await client.get("/suites")).json()["data"]) == 1


async def test_images_and_ground_truths_are_taken(client: httpx2.AsyncClient) -> None:
    images = await made(client, kind="image_safety", prompts=2)
    assert images["modality"] == "image"
    text = await made(client, kind="accuracy", policies=[], ground_truth=TRUTH, prompts=10)
    assert (text["modality"], text["has_ground_truth"]) == ("text", True)
    page = (await client.get(f"/suites/{text['id']}/prompts")).json()["data"]
    assert len({it["category"] for it in page}) == 10
    assert "passage" in page[0]["about"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=5,
)


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    suite=st.dictionaries(
        st.sampled_from([*NEW, "name", "wishes", "seed", "jailbreak"]), json_values
    ),
    asked=st.dictionaries(
        st.sampled_from(["models", "judge", "params", "system_prompt", "budget"]), json_values
    ),
)
async def test_bodies_of_any_shape_are_taken_or_refused(
    client: httpx2.AsyncClient, suite: dict[str, Any], asked: dict[str, Any]
) -> None:
    headers = {"Content-Type": "application/json"}
    body = json.dumps(NEW | {"prompts": 1} | suite).encode()
    answer = await client.post("/suites", content=body, headers=headers)
    assert answer.status_code in {201, 400, 422}, answer.text
    there = (await client.get("/suites?limit=1")).json()["data"] or [await made(client, prompts=1)]
    body = json.dumps({"models": ["parrot"], "judge": "judge"} | asked).encode()
    answer = await client.post(f"/suites/{there[0]['id']}/runs", content=body, headers=headers)
    assert answer.status_code in {201, 400, 409, 422}, answer.text
