"""Whatever is sent to whatever address: an answer as this dialect has it, never a failure; and
nothing of what is another's."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute

from dialects.dataframer.conftest import KEY, Api, problem, wrong_fields
from weighbridge.core.caller import Role
from weighbridge.dialects.dataframer.routes import PARTS as PARTS_OF_THE_DIALECT
from weighbridge.dialects.dataframer.routes import about
from weighbridge.wiring import Services

BASE, USERS = "/api/dataframer", "/api/users"
ALLOWED = {200, 201, 202, 204, 400, 401, 403, 404, 405, 413, 415, 422, 429}
DETAIL = {401, 403, 404, 405, 415}
NOBODY = "00000000-0000-4000-8000-000000000000"
FILES = (
    b'--b\r\nContent-Disposition: form-data; name="files"; filename="../\xff.txt"\r\n\r\nx\r\n'
    b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\n\x00\xff\r\n--b--\r\n'
)
ARCHIVE = (
    b'--b\r\nContent-Disposition: form-data; name="zip_file"; filename="a"\r\n\r\nPK\x03\x04'
    b'\r\n--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nx\r\n--b--\r\n'
)
BODIES: list[tuple[str, bytes]] = [
    *(("application/json", body) for body in (b"", b"{", b"[]", b"null", b"[" * 500, b'"x"')),
    ("application/json", b'{"name": "\\u0000", "content_yaml": "\\u0000"}'),
    ("application/json", b'{"name": "\\ud800", "generation_objectives": "\\ud800"}'),
    ("application/json", b'{"name": {}, "dataset_id": [], "number_of_samples": 1e99}'),
    ("application/json", b'{"name": "x", "dataset_id": "../x", "generate_distributions": 7}'),
    ("application/json", b'{"content_yaml": "*a: &a [*a]"}'),
    ("application/json", b'{"content_yaml": "spec: {data_property_variations: [[]]}"}'),
    ("application/json", b'{"run_id": "%b", "evaluation_model": []}' % NOBODY.encode()),
    ("application/json", b'{"spec_id": "%b", "number_of_samples": 3}' % NOBODY.encode()),
    ("application/json", b'{"spec_id": "x", "revision_types": [7], "tools": {"a": 1}}'),
    ("application/json", b'{"red_team_spec_id": 7, "model_name": "", "number_of_behaviors": -1}'),
    ("application/json", b'{"dataset_id": "%b", "threshold": 1e999}' % NOBODY.encode()),
    ("application/json", b'{"dataset_id": "x", "mask_config": {"a": []}, "pii_types": "x"}'),
    ("application/json", b'{"output": {"a": [1]}, "messages": [[]], "metadata": "x"}'),
    ("text/plain", b"hello"),
    ("application/x-www-form-urlencoded", b"name=x&dataset_type=MULTI_FILE"),
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=b", b"--b\r\n\r\nx"),
    ("multipart/form-data; boundary=b", b"--b--\r\n"),
    ("multipart/form-data; boundary=b", FILES),
    ("multipart/form-data; boundary=b", ARCHIVE),
]
PARTS = ["x", "%00", "..%2f..", "ü" * 300, "%ff%fe", "' or 1=1 --", NOBODY, "-", "create"]
QUERIES = [
    *("limit=0", "limit=x", "limit=99999999999", "offset=-1", "offset=9e9", "include_versions=x"),
    *("spec_id=%00", "spec_id=x", "spec_id=", "project_id=%ff", "include=%00,context", "force=x"),
    *("rubric_id=%00", "updated_since=x", "detail=x", "a[]=1", "&&=", "limit=1&limit=2"),
]


def routes() -> list[tuple[str, str]]:
    """Method and address of every route, as they are written in the code."""
    found = []
    for base, parts in ((BASE, PARTS_OF_THE_DIALECT), (USERS, (about.users,))):
        for part in parts:
            for route in part.routes:
                assert isinstance(route, APIRoute)
                found += [(method, base + route.path) for method in sorted(route.methods)]
    assert len(found) >= 48
    return found


def writing() -> list[tuple[str, str]]:
    return [(method, path) for method, path in routes() if method in {"POST", "PUT", "PATCH"}]


def addresses(path: str) -> list[str]:
    """The address with each of `PARTS` in it, with the slash at its end and without."""
    if "{" not in path:
        return [path, f"{path}/"]
    filled = [re.sub(r"\{\w+\}", lambda _, value=value: value, path) for value in PARTS]
    return [*(f"{it}/" for it in filled), filled[0]]


def check(answer: httpx2.Response, what: Any) -> None:
    """It is one of ours."""
    assert answer.status_code in ALLOWED, (what, answer.status_code, answer.text[:500])
    if answer.status_code < 400:
        return
    assert "Traceback" not in answer.text
    body = answer.json()
    assert isinstance(body, dict), (what, body)
    assert body, what
    if answer.status_code in DETAIL:
        assert list(body) == ["detail"], (what, body)
        assert isinstance(body["detail"], str), (what, body)
    elif list(body) == ["error"] and isinstance(body["error"], str):
        assert body["error"], what
    else:
        assert answer.status_code == 400, (what, body)
        for messages in body.values():
            assert isinstance(messages, list), (what, body)
            assert messages, (what, body)
            assert all(isinstance(it, str) and it for it in messages), (what, body)


@pytest.fixture
async def at_root(client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """A client for addresses from the root; a rotated key would leave it outside."""
    client.base_url = "http://test"
    return client


def harmless(listed: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((method, path) for method, path in listed if "rotate" not in path)


async def test_no_address_fails(at_root: httpx2.AsyncClient) -> None:
    for method, path in harmless(routes()):
        for address in addresses(path):
            body = {} if method in {"POST", "PUT", "PATCH"} else None
            check(await at_root.request(method, address, json=body), (method, address))


async def test_no_method_fails(at_root: httpx2.AsyncClient) -> None:
    for _, path in harmless(routes()):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE", "BREW"):
            answer = await at_root.request(method, addresses(path)[0])
            if method == "HEAD":
                assert answer.status_code in ALLOWED
            else:
                check(answer, (method, path))


async def test_no_body_fails(at_root: httpx2.AsyncClient) -> None:
    for method, path in harmless(writing()):
        for content_type, body in BODIES:
            for address in {addresses(path)[0], path.replace("{spec_id}", NOBODY)}:
                answer = await at_root.request(
                    method, address, content=body, headers={"content-type": content_type}
                )
                check(answer, (method, address, body))
                assert answer.status_code >= 400, (method, address, body, answer.text)


async def test_no_query_fails(at_root: httpx2.AsyncClient) -> None:
    for method, path in harmless(routes()):
        if method in {"GET", "DELETE"}:
            for query in QUERIES:
                address = re.sub(r"\{\w+\}", NOBODY, path)
                check(await at_root.request(method, f"{address}/?{query}"), (method, path, query))


async def test_no_header_fails(client: httpx2.AsyncClient) -> None:
    for name, value in (
        *(("content-length", "-1"), ("content-length", "x"), ("content-type", "ü/ü; a=")),
        *(("traceparent", "00-x"), ("x-stainless-retry-count", "x"), ("accept", "a/b")),
        *(("x-data-plane-follow", "1"), ("content-encoding", "gzip"), ("expect", "100-continue")),
    ):
        answer = await client.post("/specs/", content=b"{}", headers={name: value.encode()})
        check(answer, (name, value))
        answer = await client.get("/specs/", headers={name: value.encode()})
        check(answer, (name, value))


@pytest.mark.parametrize("key", [None, "", "wrong", "wb_" + "x" * 5_000, "ü", "\x01"])
async def test_without_a_good_key_nothing_is_to_be_had(
    at_root: httpx2.AsyncClient, key: str | None
) -> None:
    del at_root.headers["authorization"]
    headers = {} if key is None else {"authorization": f"Bearer {key}".encode()}
    for method, path in routes():
        # A signed link is its own key, and whether we are there may be asked by anybody.
        if "/content/" in path or path.endswith("/health"):
            continue
        answer = await at_root.request(method, addresses(path)[0], headers=headers)
        assert problem(answer, 401), (method, path)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_link_that_was_not_signed_here_opens_nothing(client: httpx2.AsyncClient) -> None:
    for token in ("x", "a.b.c", "%00", "..%2f..%2fmodels.toml", "e30.e30", "x" * 10_000):
        answer = await client.get(f"/content/{token}/", headers={"authorization": ""})
        check(answer, token)
        assert answer.status_code >= 400, token


async def test_a_body_over_the_limit_is_refused(client: httpx2.AsyncClient) -> None:
    for method, path in (("POST", "/specs/"), ("POST", "/runs/"), ("PUT", f"/specs/{NOBODY}/")):
        answer = await client.request(
            method,
            path,
            content=b'"' + b"x" * (1 << 20) + b'"',
            headers={"content-type": "application/json"},
        )
        assert "1 MiB" in problem(answer, 413)


async def test_what_is_not_there_at_all_is_told_in_this_dialect(client: httpx2.AsyncClient) -> None:
    for path in (
        "/",
        "/nothing/",
        "/runs/x/y/z/",
        "/runs/x/files/",
        "/seed-datasets/create-for-hybrid/",
    ):
        answer = await client.post(path, json={})
        check(answer, path)
        assert answer.status_code in {404, 405}, path


# Another workspace


@pytest.fixture
async def ours(api: Api) -> dict[str, tuple[str, ...]]:
    """One of everything, made by us: the first part of its address → the ids that follow."""
    seeds = await api.seeds("Dear Mr Blue", "Dear Mrs Green, write to a@example.org")
    spec = await api.made("/specs/", {"name": "ours", "dataset_id": seeds["id"]})
    await api.ended(f"/specs/{spec['id']}/")
    asked = {"spec_id": spec["id"], "number_of_samples": 2, "skip_outline": True}
    run = await api.ended(f"/runs/{(await api.made('/runs/', asked))['id']}/")
    assert run["status"] == "SUCCEEDED", run
    asked = {"run_id": run["id"], "evaluation_model": "embedded"}
    evaluation = await api.made("/evaluations/", asked)
    await api.ended(f"/evaluations/{evaluation['id']}/")
    answer = await api.client.post(
        "http://test/api/v1/judges",
        json={
            "name": "Ours",
            "model": "judge",
            "dimensions": [{"name": "Polite", "scoring_model": "pass_fail"}],
        },
    )
    assert answer.status_code == 201, answer.text
    [judge] = (await api.get("/judges/"))["results"]
    verdict = await api.made(f"/judges/{judge['id']}/evaluations/", {"output": "Hello."})
    target = await api.made(
        "/red-team-specs/",
        {"name": "ours", "domain_description": "Health", "app_description": "A bot"},
    )
    team = await api.made(
        "/red-team-runs/",
        {
            "red_team_spec_id": target["id"],
            "model_name": "embedded",
            "number_of_behaviors": 1,
            "number_of_prompts_per_behavior": 1,
        },
    )
    asked = {"dataset_id": seeds["id"], "detection_method": "pii_m1", "pii_types": ["email"]}
    masked = await api.made("/anonymization-runs/", asked)
    masked = await api.ended(f"/anonymization-runs/{masked['id']}/")
    return {
        "seed-datasets": (seeds["id"], seeds["files"][0]["id"]),
        "specs": (spec["id"],),
        "runs": (run["id"], run["generated_files"][0]["id"]),
        "evaluations": (evaluation["id"],),
        "judges": (judge["id"], verdict["id"]),
        "red-team-specs": (target["id"],),
        "red-team-runs": (team["id"],),
        "anonymization-runs": (masked["id"], masked["anonymized_files"][0]["id"]),
    }


def filled(path: str, ids: dict[str, tuple[str, ...]]) -> str:
    """An address of ours, below the dialect."""
    given = iter(ids[path.split("/")[1]])
    return re.sub(r"\{\w+\}", lambda _: next(given), path) + "/"


@pytest.mark.usefixtures("working")
async def test_another_workspace_sees_and_changes_nothing_of_ours(
    api: Api, ours: dict[str, tuple[str, ...]], services: Services
) -> None:
    operator = await services.keys.operator()
    _, secret = await services.keys.create(
        operator, name="other", role=Role.ADMIN, workspace="other"
    )
    listed = [(method, path.removeprefix(BASE)) for method, path in routes() if BASE in path]
    about_one = [
        (method, path)
        for method, path in listed
        if "{" in path and not path.startswith(("/content", "/failures"))
    ]
    assert {path.split("/")[1] for _, path in about_one} == set(ours)
    for path, ids in ours.items():
        assert all(str(uuid.UUID(it)) == it for it in ids), path  # as the vendor has them
    api.client.headers["authorization"] = f"Bearer {secret}"
    bodies = {
        "PUT": {"content_yaml": "spec: {data_property_variations: []}"},
        "PATCH": {"name": "theirs"},
        "POST": {"output": "Hello."},
    }
    for method, path in about_one:
        answer = await api.client.request(method, filled(path, ours), json=bodies.get(method))
        assert problem(answer, 404), (method, path)
    for path in ("/seed-datasets", "/specs", "/runs", "/red-team-specs", "/red-team-runs"):
        assert await api.get(f"{path}/") == []
    assert await api.get("/anonymization-runs/") == []
    assert (await api.get("/judges/"))["count"] == 0
    assert await api.get("/red-team-runs/", spec_id=ours["red-team-specs"][0]) == []

    spec_id, run_id = ours["specs"][0], ours["runs"][0]
    seeds_id, target_id = ours["seed-datasets"][0], ours["red-team-specs"][0]
    assert problem(await api.post("/specs/", {"name": "x", "dataset_id": seeds_id}), 404)
    assert problem(await api.post("/runs/", {"spec_id": spec_id, "number_of_samples": 1}), 404)
    assert problem(await api.post("/evaluations/", {"run_id": run_id}), 404)
    asked: dict[str, Any] = {"red_team_spec_id": target_id, "model_name": "embedded"}
    asked |= {"number_of_behaviors": 1, "number_of_prompts_per_behavior": 1}
    assert problem(await api.post("/red-team-runs/", asked), 404)
    asked = {"dataset_id": seeds_id, "detection_method": "pii_m1", "pii_types": ["email"]}
    assert list(wrong_fields(await api.post("/anonymization-runs/", asked))) == ["dataset_id"]
    # The names are free.
    await api.seeds("a", "b", name="seeds")
    target = {"name": "ours", "domain_description": "x", "app_description": "y"}
    assert (await api.post("/red-team-specs/", target)).status_code == 201

    api.client.headers["authorization"] = f"Bearer {KEY}"
    for method, path in about_one:
        if method == "GET":
            answer = await api.client.get(filled(path, ours))
            assert answer.status_code in {200, 202}, (path, answer.text)
    assert (await api.get(f"/red-team-specs/{target_id}/"))["name"] == "ours"
    assert (await api.get(f"/runs/{run_id}/"))["status"] == "SUCCEEDED"


@pytest.mark.usefixtures("working")
async def test_a_reader_may_look_and_not_touch(
    api: Api, ours: dict[str, tuple[str, ...]], services: Services
) -> None:
    operator = await services.keys.operator()
    _, secret = await services.keys.create(operator, name="reader", role=Role.READER)
    api.client.headers["authorization"] = f"Bearer {secret}"
    bodies: dict[tuple[str, str], Any] = {
        ("POST", "/specs"): {"name": "x", "generation_objectives": "y"},
        ("POST", "/runs"): {"spec_id": ours["specs"][0], "number_of_samples": 1},
        ("POST", "/evaluations"): {"run_id": ours["runs"][0]},
        ("PUT", "/specs/{spec_id}"): {"content_yaml": "spec: {data_property_variations: []}"},
        ("POST", "/red-team-specs"): {
            "name": "x",
            "domain_description": "y",
            "app_description": "z",
        },
        ("POST", "/red-team-runs"): {
            "red_team_spec_id": ours["red-team-specs"][0],
            "model_name": "embedded",
            "number_of_behaviors": 1,
            "number_of_prompts_per_behavior": 1,
        },
        ("POST", "/anonymization-runs"): {
            "dataset_id": ours["seed-datasets"][0],
            "detection_method": "pii_m1",
            "pii_types": ["email"],
        },
        ("POST", "/judges/{judge_id}/evaluations"): {"output": "x"},
    }
    touching = 0
    for method, whole in routes():
        path = whole.removeprefix(BASE)
        if whole.startswith(USERS) or path.startswith(("/content", "/failures")):
            continue
        address = filled(path, ours) if "{" in path else f"{path}/"
        answer = await api.client.request(method, address, json=bodies.get((method, path), {}))
        if method == "GET":
            assert answer.status_code in {200, 202}, (path, answer.text)
        else:
            touching += 1
            assert "writer" in problem(answer, 403), (method, path)
    assert touching >= 18
