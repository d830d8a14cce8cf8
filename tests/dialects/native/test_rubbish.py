"""Whatever is thrown at a route, the answer is a problem of the client's, told as one."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.native import SPEC, start
from weighbridge.dialects.native.routes import build
from weighbridge.wiring import Services

TEXTS = [
    "", " ", "-1", "1.5", "NaN", "[]", "a\0b", "\ud800", "9" * 30, "' or 1=1 --", "../../etc",
    "%s%n", "x" * 3_000, "🦆", "WzFd", "WzEsLTFd", "Wzk5OTk5OTk5OTk5OTk5OTk5OTk5LDFd",
    "WyJcdTAwMDAiXQ",
]  # fmt: skip

BODIES: list[tuple[str, bytes]] = [
    ("application/json", body)
    for body in (
        b"", b" ", b"null", b"1", b'"x"', b"[]", b"{}", b"[{}]", b"{", b'{"a":', b"\xff\xfe{}",
        b'{"name": "\xff"}', b'{"name": "\\ud800"}', b'{"name": "\\u0000"}', b"NaN",
        b'{"name": NaN}', b'{"epochs": 1e999}', b'{"epochs": ' + b"9" * 400 + b"}",
        b"[" * 1_000 + b"]" * 1_000, b"[" * 100_000, b'{"a":' * 500 + b"1" + b"}" * 500,
        b'{"metadata": {"a": ' + b"[" * 70 + b"]" * 70 + b"}}", b"\0", b"x" * 2_000_000,
        b'{"a": 1, "a": 2}', b'\xef\xbb\xbf{"name": "x"}',
    )
] + [
    ("", b"{}"), ("text/plain", b"{}"), ("application/x-www-form-urlencoded", b"a=b"),
    ("application/json; charset=utf-16", "{}".encode("utf-16")), ("\x80\xff", b"{}"),
    ("multipart/form-data", b"x"), ("multipart/form-data; boundary=", b"x"),
    ("multipart/form-data; boundary=b", b""), ("multipart/form-data; boundary=b", b"--b--"),
    ("multipart/form-data; boundary=b", b"--b\r\n\r\n\r\n--b--\r\n"),
    ("multipart/form-data; boundary=b", b"--b\r\n" + b"A: b\r\n" * 100 + b"\r\n"),
    ("multipart/form-data; boundary=b", b"--b\r\n" + b"A" * 10_000),
    ("multipart/form-data; boundary=" + "b" * 1_000, b"x"),
    *(
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + name + b'"\r\n\r\n'
            + content + b"\r\n--b--\r\n",
        )
        for name in (b"a.csv", b"a.json", b"a.jsonl", b"a.parquet", b"a.arrow", b"a\0.csv", b"")
        for content in (b"", b"\0", b"\xff\xfe\0", b"PAR1PAR1", b"ARROW1", b"[[1]]", b'{"a": 1}\n2',
            b'{"a\\u0000": "\\u0000"}', b'{"' + b"a" * 100_000 + b'": 1}')
    ),
]  # fmt: skip

OF_POSTGRESQL = ["-1", "a\0b", "\ud800", "9" * 30, *(text for text in TEXTS if text[:2] == "Wz"),
    "WyJcdTAwMDAiXQ"]  # fmt: skip
"""What PostgreSQL may refuse: numbers, and characters that it does not keep. What the rest comes to
is settled before any database is asked."""
BODIES_OF_POSTGRESQL = [
    (kind, body)
    for kind, body in BODIES
    if any(it in body for it in (b"\0", b"\\u", b"999", b"1e"))
]


ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def operations(services: Services) -> Iterator[tuple[str, str, dict[str, Any]]]:
    document = build(services).openapi()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


async def ids(client: httpx2.AsyncClient) -> dict[str, str]:
    """A path parameter of each kind that leads somewhere; the run has ended."""
    started = await start(client)
    run_id = started["runs"][0]["id"]
    await client.post(f"/runs/{run_id}/cancel")
    spare = await client.post("/keys", json={"name": "spare"})
    webhook = await client.post("/webhooks", json={"url": "https://1.1.1.1/hook"})
    suite = await client.post("/suites", json={"kind": "safety", "prompts": 1})
    dimensions = [{"name": "Polite", "scoring_model": "pass_fail"}]
    judge = await client.post("/judges", json={"name": "manners", "dimensions": dimensions})
    await client.post("/repositories", json={"namespace": "ns", "name": "r"})
    content = "/repositories/ns/r/content?path=q.csv"
    assert (await client.put(content, content=b"q\nja\n")).status_code == 201
    return {
        "{evaluation_id}": started["id"],
        "{dataset_id}": started["dataset_id"],
        "{run_id}": run_id,
        "{key_id}": spare.json()["id"],
        "{webhook_id}": webhook.json()["id"],
        "{suite_id}": suite.json()["id"],
        "{judge_id}": judge.json()["id"],
        "{delivery_id}": run_id,
        "{namespace}": "ns",
        "{repository}": "r",
        "{tag}": "prod",
        "{position}": "0",
        "{number}": "0",
    }


def filled(path: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        path = path.replace(name, value)
    return path


def check(answer: httpx2.Response, what: object) -> None:
    shown = f"{what!r:.300}: {answer.status_code} {answer.text[:500]}"
    assert answer.status_code < 500, shown
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json", shown
        told = answer.json()
        assert told["status"] == answer.status_code, shown
        assert told["detail"], shown
    assert answer.headers["x-content-type-options"] == "nosniff", shown


async def test_rubbish_in_a_query_is_refused(
    services: Services, client: httpx2.AsyncClient
) -> None:
    good = await ids(client)
    texts = TEXTS if services.store.is_sqlite else OF_POSTGRESQL
    for method, path, operation in operations(services):
        for parameter in operation.get("parameters", ()):
            for text in texts if parameter["in"] == "query" else ():
                value = quote(text.encode("utf-8", "surrogatepass"))
                query = f"{parameter['name']}={value}"
                answer = await client.request(method, f"{filled(path, good)}?{query}")
                check(answer, (method, path, query))


@ON_SQLITE
async def test_a_parameter_that_a_route_does_not_have_is_refused_by_name(
    services: Services, client: httpx2.AsyncClient
) -> None:
    good = await ids(client)
    for method, path, _ in operations(services):
        answer = await client.request(method, f"{filled(path, good)}?stauts=failed")
        assert answer.status_code == 422, (method, path)
        # A parameter that is needed may be missing besides.
        [error] = [error for error in answer.json()["errors"] if error["field"] == "stauts"]
        assert "no such parameter" in error["message"]


@ON_SQLITE
async def test_rubbish_in_a_path_is_not_found(
    services: Services, client: httpx2.AsyncClient
) -> None:
    for method, path, _ in operations(services):
        if "{" not in path:
            continue
        for text in TEXTS:
            value = quote(text.encode("utf-8", "surrogatepass"), safe="")
            names = (
                *("{evaluation_id}", "{dataset_id}", "{run_id}", "{key_id}", "{webhook_id}"),
                *("{suite_id}", "{namespace}", "{repository}"),
            )
            answer = await client.request(method, filled(path, dict.fromkeys(names, value)))
            check(answer, (method, path, text))
            assert answer.status_code in {404, 405}


async def test_rubbish_as_a_body_is_refused(services: Services, client: httpx2.AsyncClient) -> None:
    good = await ids(client)
    bodies = BODIES if services.store.is_sqlite else BODIES_OF_POSTGRESQL
    for method, path, operation in operations(services):
        if method == "GET" or "requestBody" not in operation:
            continue
        for content_type, body in bodies:
            answer = await client.request(
                method,
                filled(path, good),
                content=body,
                headers={"Content-Type": content_type.encode("latin-1")},  # type: ignore[dict-item]
            )
            check(answer, (path, content_type, body))
            empty = ("/rescore", "/{webhook_id}", "/delivery/commit")
            may_be_empty = path.endswith(empty) and body in (b"", b"{}")
            takes_files = path.endswith(("/datasets", "/commits"))
            assert answer.status_code >= 400 or takes_files or may_be_empty, (
                content_type,
                body,
            )


@ON_SQLITE
async def test_rubbish_in_headers_is_refused(
    services: Services, client: httpx2.AsyncClient
) -> None:
    good = await ids(client)
    for method, path, operation in operations(services):
        if path.endswith("/events"):  # of a run that has ended, whatever was done to it meanwhile
            await client.post(f"/runs/{good['{run_id}']}/cancel")
        names = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "header"]
        for name in [*names, "Content-Length"]:
            for text in (b"", b"\xff", b"-1", b"x" * 1_000, b"9" * 30):
                answer = await client.request(
                    method,
                    filled(path, good),
                    headers={name: text},  # type: ignore[dict-item]
                )
                check(answer, (method, path, name, text))


@ON_SQLITE
async def test_wrong_methods_are_refused(services: Services, client: httpx2.AsyncClient) -> None:
    good = await ids(client)
    paths = {path for _, path, _ in operations(services)} | {"/", "", "/runs/", "/no/such"}
    allowed = {(method, path) for method, path, _ in operations(services)}
    for path in paths:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"):
            if (method, path) not in allowed:
                answer = await client.request(method, filled(path, good))
                check(answer, (method, path))
                assert answer.status_code in {404, 405}


json_texts = st.text(max_size=8) | st.sampled_from(TEXTS) | st.text("{}q!:\"'[]", max_size=6)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | json_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_texts, inner, max_size=4),
    max_leaves=8,
)
FIELDS = [
    *SPEC, "name", "id", "models", "messages", "cluster", "params", "schema", "epochs", "reducer",
    "concurrency", "budget", "timeout", "limit", "metadata", "data",
]  # fmt: skip


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.dictionaries(st.sampled_from(FIELDS) | json_texts, json_values, max_size=3),
    left_out=st.sets(st.sampled_from(list(SPEC)), max_size=2),
)
async def test_an_evaluation_of_any_shape_is_taken_or_refused(
    client: httpx2.AsyncClient, changes: dict[str, Any], left_out: set[str]
) -> None:
    spec = {key: value for key, value in SPEC.items() if key not in left_out} | changes
    answer = await client.post(
        "/evaluations",
        content=json.dumps(spec).encode(),
        headers={"Content-Type": "application/json"},
    )
    check(answer, spec)
    if answer.status_code == 201:
        again = await client.get(f"/evaluations/{answer.json()['id']}")
        assert again.status_code == 200
        assert again.json()["spec"] == answer.json()["spec"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """Both: what one of them keeps, the other may refuse."""
    return (
        request.getfixturevalue("migrated_postgres_url") if request.param == "postgresql" else None
    )
