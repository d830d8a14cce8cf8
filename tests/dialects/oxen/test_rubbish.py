"""Whatever is thrown at a route of this dialect, the answer is an error of the client's, told in
the dialect's shape."""

import io
import json
import re
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx2
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from support.oxen_app import DOT, WANTED, House, Seen, client_of, open_app
from weighbridge.dialects.oxen.routes import build
from weighbridge.store.engine import Store
from weighbridge.store.migrate import migrate
from weighbridge.wiring import Services

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXTS = [
    "", "-1", "NaN", "a\0b", "\udc80", "9" * 30, "' or 1=1 --", "../../etc", "a/../b", "/abs",
    "a\\b", "%s%n", "x" * 3_000, "x/" * 1_500, "🦆", "a..b", "main..", "main..none",
    "main..main/q.csv", "main/..", "main//q.csv", "main/q.csv", "\n",
]  # fmt: skip
OF_POSTGRESQL = ["a\0b", "\udc80", "9" * 30]
"""What PostgreSQL may refuse; for the rest both databases are the same."""

JSON = "application/json"
FORM = "multipart/form-data; boundary=b"


def part(head: bytes, content: bytes = b"x") -> bytes:
    disposition = b"Content-Disposition: form-data" + head
    return b"--b\r\n" + disposition + b"\r\n\r\n" + content + b"\r\n--b--\r\n"


BODIES: list[tuple[str, bytes]] = [
    *(
        (JSON, body)
        for body in (
            b"", b"null", b'"x"', b"[]", b"{}", b"[[]]", b"[1]", b"{", b"\xff\xfe{}",
            b'{"name": "\\ud800"}', b'{"name": "\\u0000"}', b"[" * 1_000 + b"]" * 1_000,
            b'{"new_name": 1, "commit_id": [], "message": {}, "author": [], "files": 1}',
            b'{"new_name": "..", "commit_id": "x"}', b'{"new_name": "a b", "from_name": "none"}',
            b'{"commit_id": "' + b"0" * 32 + b'"}', b'{"namespace": "", "name": ""}',
            b'{"namespace": "n", "name": "x1", "files": [{"path": "../x"}]}',
            b'{"namespace": "n", "name": "x2", "files": [{"path": "", "contents": 1}]}',
            b'{"branch_name": "none", "workspace_id": ""}', b'{"branch_name": [], "name": 7}',
            b'{"hash": "x", "size": -1, "destination": {}}',
            b'{"message": "' + b"x" * 20_000 + b'"}',
            b'{"hash": "", "size": 1e9, "destination": {"workspace_id": "x", "path": "/"}}',
            b'{"model": "parrot", "messages": []}', b'{"model": "parrot", "messages": [{}]}',
            b'{"model": "parrot", "messages": [{"role": "user", "content": [{"type": "x"}]}]}',
            b"x" * 1_100_000,
        )
    ),
    ("", b"{}"), ("x", b"\x1f\x8b"), ("application/json; charset=utf-16", "{}".encode("utf-16")),
    ("multipart/form-data", b"x"), (FORM, b""), (FORM, b"--b--"),
    (FORM, b"--b\r\n" + b"A" * 10_000), (FORM, part(b"")),
    (FORM, part(b'; name="message"', b"\xff")),
    *(
        (FORM, part(b'; name="' + field + b'"; filename="' + name + b'"', content))
        for field, name, content in (
            (b"file", b"a.csv", b'x,y\n"'), (b"file", b"a.parquet", b""), (b"files[]", b"", b"x"),
            (b"files[]", b"../a.txt", b"x"), (b"files[]", b"a\0b", b"x"), (b"files[]", b"..", b"x"),
            (b"files[]", b"\xff", b"x"), (b"x", b"a.jsonl", b"\xff"),
        )
    ),
    (
        FORM,
        part(b'; name="message"', b"a\0b").removesuffix(b"--b--\r\n")
        + part(b'; name="file"; filename="z.txt"'),
    ),
]  # fmt: skip


@dataclass
class App:
    """The application, with a repository in it.

    Attributes:
        good: for each parameter of a path one that leads somewhere.
        routes: method, path and parameters of the query.
    """

    client: httpx2.AsyncClient
    services: Services
    good: Mapping[str, str]
    routes: list[tuple[str, str, list[str]]]
    texts: list[str]
    bodies: list[tuple[str, bytes]]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["sqlite", "postgresql"])
async def app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> AsyncIterator[App]:
    folder = tmp_path_factory.mktemp("app")
    url = None
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url_of_module")
        store = Store(url, folder / "data")
        await migrate(store)
        await store.close()
    database = None if url else empty_database
    async with open_app(folder, database, url=url) as services, client_of(services) as client:
        yield await _with_repository(services, client)


@pytest.fixture(scope="module")
def postgres_url_of_module(postgres_server: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


async def _with_repository(services: Services, client: httpx2.AsyncClient) -> App:
    sink = io.BytesIO()
    pq.write_table(pa.table({"q": ["say x"]}), sink)
    files = {"q.csv": b"q\nsay x\n", "in/q.parquet": sink.getvalue(), "dot.png": DOT}
    repository = await House(client, services, Seen()).repository(files)
    evaluation = await repository.start("main/q.csv")
    head = await repository.head("main")
    await client.put(
        f"{repository.address}/workspaces", json={"branch_name": "main", "workspace_id": "draft"}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some routes share a function; no document is published
        paths = build(services).openapi()["paths"]
    routes = [
        (
            method.upper(),
            path,
            [it["name"] for it in operation.get("parameters", ()) if it["in"] == "query"],
        )
        for path, operations in paths.items()
        for method, operation in operations.items()
    ]
    assert len(routes) > 50
    good = {
        "namespace": "ns", "repository": repository.name, "evaluation_id": evaluation["id"],
        "commit_id": head, "workspace_id": "draft", "branch": "main", "model": "parrot",
        "resource": "main/q.csv", "sides": "main..main", "path": "q.csv", "folder": "in",
    }  # fmt: skip
    if services.store.is_sqlite:
        return App(client, services, good, routes, TEXTS, BODIES)
    bodies = [(kind, body) for kind, body in BODIES if b"\0" in body or b"\\u" in body]
    return App(client, services, good, routes, OF_POSTGRESQL, bodies)


def names_in(route: str) -> list[str]:
    """The parameters of a route."""
    return re.findall(r"{(\w+)}", route)


def filled(route: str, values: Mapping[str, str]) -> str:
    """The address of a route, as it goes over the wire."""
    for name in names_in(route):
        value = quote(values.get(name, "x").encode("utf-8", "surrogateescape"), safe="/")
        route = route.replace(f"{{{name}}}", value)
    return route


def check(answer: httpx2.Response, what: object) -> None:
    shown = f"{what!r:.300}: {answer.status_code} {answer.text[:500]}"
    assert answer.status_code < 500 or answer.status_code == 501, shown
    if answer.headers.get("content-type") == "application/problem+json":
        assert answer.status_code == 404, shown  # `..` or a line break has led out of the dialect
    elif 400 <= answer.status_code < 500:
        assert answer.headers["content-type"] == "application/json", shown
        body = answer.json()
        assert body["status"] == "error", shown
        assert body["status_message"], shown
        assert body["status_description"], shown


async def test_rubbish_in_a_path_is_told(app: App) -> None:
    for method, route, _ in app.routes:
        names = names_in(route)
        for name in names[2:] or names:  # all routes look up the repository in the same way
            for text in app.texts:
                path = filled(route, {**app.good, name: text})
                answer = await app.client.request(method, path)
                check(answer, (method, route, name, text))


async def test_broken_percents_and_bytes_in_a_path_are_told(app: App) -> None:
    for method, route, _ in app.routes:
        for raw in (b"%", b"%zz", b"%ff%fe", b"%00", b"%2e%2e%2f", b"%u0000", b"a%0ab"):
            path = filled(route, {**app.good, **dict.fromkeys(app.good, "RAW")})
            url = httpx2.URL("http://test/api/")
            target = b"/api" + path.encode().replace(b"RAW", raw)
            answer = await app.client.request(method, url.copy_with(raw_path=target))
            check(answer, (method, route, raw))


async def test_rubbish_in_a_query_is_told(app: App) -> None:
    for method, route, names in app.routes:
        for name in names:
            for text in app.texts[:12]:
                value = quote(text.encode("utf-8", "surrogateescape"))
                path = f"{filled(route, app.good)}?{name}={value}"
                check(await app.client.request(method, path), (method, path))


async def test_rubbish_as_a_body_is_told(app: App) -> None:
    for method, route, _ in app.routes:
        if method == "GET" or route == "/repos/{namespace}/{repository}":
            continue
        kept = {"resource": "main/none", "path": "none"} if method == "DELETE" else {}
        for content_type, body in app.bodies:
            answer = await app.client.request(
                method,
                filled(route, {**app.good, **kept}),
                content=body,
                headers={"Content-Type": content_type},
            )
            check(answer, (method, route, content_type, body))


async def test_another_method_is_told(app: App) -> None:
    there = {(method, route) for method, route, _ in app.routes}
    for _, route, _ in app.routes:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "HEAD"):
            if (method, route) not in there:
                answer = await app.client.request(method, filled(route, app.good))
                if method != "HEAD":
                    check(answer, (method, route))


async def test_there_is_nothing_elsewhere(app: App) -> None:
    for path in ("/", "//", "/repos/", "/repos/no/ne", "/repos//x", "/nothing", "/ai", "/ai/x/y"):
        answer = await app.client.get(path)
        check(answer, path)
        assert answer.status_code in {404, 405}, path


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8) | st.sampled_from([text for text in TEXTS if "\udc80" not in text]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
FIELDS = [*WANTED, "name", "is_sample", "sample_count", "batch_size", "commit_message"]
FIELDS += ["target_branch", "target_path", "type", "model"]


async def test_an_evaluation_of_any_shape_is_taken_or_refused(app: App) -> None:
    found: list[dict[str, object]] = []

    @settings(max_examples=150, deadline=None, database=None)
    @given(
        st.dictionaries(st.sampled_from(FIELDS), values, min_size=1, max_size=3),
        st.sets(st.sampled_from(list(WANTED)), max_size=1),
    )
    def gather(changes: dict[str, object], left_out: set[str]) -> None:
        body = {name: it for name, it in WANTED.items() if name not in left_out} | changes
        found.append(body)

    gather()
    repository = await House(app.client, app.services, Seen()).repository({"q.csv": b"q\nsay x\n"})
    taken = 0
    for body in found:
        answer = await app.client.post(
            f"{repository.address}/evaluations/main/q.csv", content=json.dumps(body)
        )
        check(answer, body)
        if answer.status_code == 200:
            taken += 1
            assert (await repository.look(answer.json()["evaluation"]))["status"] == "queued"
    assert taken
