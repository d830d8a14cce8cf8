"""What is wrong with a request for an evaluation is said before anything is asked or paid."""

import io
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import pytest_asyncio

from support.oxen_app import DOT, WANTED, House, Repository, Seen, client_of, open_app
from weighbridge.core.caller import Role
from weighbridge.store.keys import ensure_workspace
from weighbridge.wiring import Services

pytestmark = pytest.mark.asyncio(loop_scope="module")


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"q": ["x"], "s": [{"a": 1}]}), sink)
    return sink.getvalue()


FILES = {
    "data/q.csv": b"q,photo,other\nsay one,img/dot.png,x\n",
    "data/deep.parquet": parquet(),
    "empty.csv": b"q\n",
    "nothing.csv": b"",
    "notes.txt": b"no rows",
    "object.json": b'{"q": 1}',
    "img/dot.png": DOT,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> AsyncIterator[Services]:
    folder = tmp_path_factory.mktemp("app")
    async with open_app(folder, empty_database) as services:
        yield services


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(services) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def repository(services: Services, client: httpx2.AsyncClient) -> Repository:
    return await House(client, services, Seen()).repository(FILES)


def refused(answer: httpx2.Response, status: int, *words: str) -> str:
    """Check that an answer is an error in the dialect's shape that says all of this."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["status"] == "error"
    assert (
        body["status_message"]
        in {
            400: ["bad_request"],
            401: ["unauthenticated"],
            403: ["forbidden"],
            404: ["resource_not_found"],
            405: ["method_not_allowed"],
            409: ["conflict"],
            413: ["payload_too_large"],
        }[status]
    )
    said = str(body["status_description"])
    assert body["error"]["title"] == said
    for word in words:
        assert word in said, said
    return said


async def none_was_started(repository: Repository) -> bool:
    answer = await repository.client.get(f"{repository.address}/evaluations")
    return bool(answer.json()["evaluations"] == [])


FIELDS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"prompt": "{quest}"}, ("`quest`", "`q`, `photo`, `other`")),
    ({"prompt": "{q.field}"}, ("`q.field`", "columns: `q`")),
    ({"prompt": "{q"}, ("prompt", "never closed", "column 1")),
    ({"prompt": "say }"}, ("prompt", "never opened")),
    ({"prompt": "{}"}, ("prompt", "no column name")),
    ({"prompt": ""}, ("prompt", "at least 1 character")),
    ({"prompt": 1}, ("prompt", "string")),
    ({"prompt": None}, ("prompt", "string")),
    ({"input_type": "audio"}, ("input_type", "'text', 'image' or 'video'")),
    ({"input_type": None}, ("input_type",)),
    ({"output_type": "pdf"}, ("output_type", "'text', 'image', 'video' or 'embeddings'")),
    ({"output_type": ["text"]}, ("output_type",)),
    ({"model_id": "nobody"}, ("model_id", "nobody", "parrot", "blind")),
    ({"model_id": "parot"}, ("model_id", "did you mean parrot")),
    ({"model_id": "00000000-0000-4000-8000-000000000000"}, ("model_id", "no model", "parrot")),
    ({"model_id": ""}, ("model_id",)),
    ({"model_id": 7}, ("model_id", "string")),
    ({"model_id": "x" * 501}, ("model_id", "500")),
    ({"model_id": "openai/gpt-4o"}, ("model_id", "OPENAI_API_KEY")),
    ({"model_id": "blind", "input_type": "image", "prompt": "{photo}"}, ("model_id", "image")),
    ({"model_id": "blind", "input_type": "video", "prompt": "{photo}"}, ("model_id", "video")),
    ({"model_id": "blind", "output_type": "image"}, ("model_id", "image", "text")),
    ({"model_id": "blind", "output_type": "video"}, ("model_id", "video")),
    ({"model_id": "blind", "output_type": "embeddings"}, ("model_id", "embeddings")),
    ({"input_type": "image", "prompt": "look"}, ("prompt", "names no column", "image")),
    ({"input_type": "image", "prompt": "{q} {other}"}, ("prompt", "q, other", "image")),
    ({"input_type": "video", "prompt": "{q} {photo}"}, ("prompt", "q, photo", "video")),
    ({"input_type": "image", "prompt": "{foto} {q}"}, ("prompt", "`foto`", "`photo`")),
    ({"input_type": "image", "prompt": "{foto}"}, ("prompt", "`foto`", "`photo`")),
    ({"input_type": "image", "prompt": "{photo} }"}, ("prompt", "never opened")),
    (
        {"input_type": "image", "prompt": "{photo}", "output_type": "embeddings"},
        ("output_type", "embeddings", "text"),
    ),
    ({"target_column": ""}, ("target_column",)),
    ({"target_column": "  "}, ("target_column", "empty")),
    ({"target_column": "_oxen_id"}, ("target_column", "_oxen_")),
    ({"target_column": None}, ("target_column",)),
    ({"target_column": "x" * 1_001}, ("target_column", "1000")),
    ({"name": 1}, ("name", "string")),
    ({"name": "x" * 201}, ("name", "200")),
    ({"is_sample": "yes"}, ("is_sample", "boolean")),
    ({"is_sample": 1}, ("is_sample", "boolean")),
    ({"is_sample": None}, ("is_sample",)),
    ({"is_sample": True, "sample_count": 0}, ("sample_count", "greater than or equal to 1")),
    ({"is_sample": True, "sample_count": -1}, ("sample_count", "greater than or equal to 1")),
    ({"sample_count": 0}, ("sample_count",)),
    ({"sample_count": "3"}, ("sample_count", "integer")),
    ({"sample_count": 1.5}, ("sample_count", "integer")),
    ({"sample_count": True}, ("sample_count", "integer")),
    ({"sample_count": 2**64 - 1, "is_sample": True}, ("sample_count", "less than or equal to")),
    ({"batch_size": 0}, ("batch_size", "greater than or equal to 1")),
    ({"batch_size": 1_000_000}, ("batch_size", "100000")),
    ({"batch_size": "10"}, ("batch_size", "integer")),
    ({"auto_commit": "false"}, ("auto_commit", "boolean")),
    ({"commit_message": 1}, ("commit_message", "string")),
    ({"commit_message": "x" * 10_001}, ("commit_message", "10000")),
    ({"target_branch": "a b"}, ("target_branch", "a b")),
    ({"target_branch": "../up"}, ("target_branch",)),
    ({"target_branch": "/x"}, ("target_branch",)),
    ({"target_branch": "x.lock~1"}, ("target_branch",)),
    ({"target_branch": 1}, ("target_branch", "string")),
    ({"target_branch": "x" * 201}, ("target_branch", "200")),
    ({"target_path": "../out.csv"}, ("target_path", "..")),
    ({"target_path": "a/../out.csv"}, ("target_path", "..")),
    ({"target_path": "/out.csv"}, ("target_path", "absolute")),
    ({"target_path": "C:\\out.csv"}, ("target_path", "absolute")),
    ({"target_path": "out"}, ("target_path", ".csv", ".parquet")),
    ({"target_path": "out.xlsx"}, ("target_path", ".csv", ".parquet")),
    ({"target_path": "out/"}, ("target_path", ".csv")),
    ({"target_path": "data"}, ("target_path",)),
    ({"target_path": "notes.txt/out.csv"}, ("target_path", "'notes.txt' is a file")),
    ({"target_path": "data/q.csv/out.csv"}, ("target_path", "'data/q.csv' is a file")),
    ({"target_path": "x" * 2_000 + ".csv"}, ("target_path", "1000")),
    ({"target_path": "é" * 200 + ".csv"}, ("target_path", "255 bytes")),
    ({"target_path": "a\tb.csv"}, ("target_path", "printed")),
    ({"target_path": 1}, ("target_path", "string")),
]


@pytest.mark.parametrize(("changes", "words"), FIELDS)
async def test_a_field_that_is_wrong_is_named(
    repository: Repository, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    answer = await repository.post("main/data/q.csv", {**WANTED, **changes})
    said = refused(answer, 400, *words)
    assert "deliver" not in said  # the words of the vendor, not ours
    assert "messages" not in said
    assert await none_was_started(repository)


@pytest.mark.parametrize(
    "field", ["prompt", "input_type", "output_type", "model_id", "target_column"]
)
async def test_a_field_that_is_missing_is_named(repository: Repository, field: str) -> None:
    body = {name: value for name, value in WANTED.items() if name != field}
    refused(await repository.post("main/data/q.csv", body), 400, field)


async def test_everything_that_is_wrong_is_said_at_once(repository: Repository) -> None:
    body = {**WANTED, "sample_count": 0, "target_column": "", "input_type": "smell"}
    refused(
        await repository.post("main/data/q.csv", body),
        400,
        "sample_count",
        "target_column",
        "input_type",
    )


async def test_a_folder_is_no_target(repository: Repository) -> None:
    await repository.put("main", {"folder.csv/x.txt": b"x"})
    body = {**WANTED, "target_path": "folder.csv"}
    answer = await repository.post("main/data/q.csv", body)
    refused(answer, 400, "target_path", "'folder.csv' is a folder")


RESOURCES = [
    ("main/none.csv", 404, ("none.csv", "main")),
    ("main", 404, ("main",)),
    ("main/", 404, ("main",)),
    ("none/q.csv", 404, ("none", "main")),
    ("0" * 32 + "/q.csv", 404, ("0" * 32,)),
    ("main/data", 400, ("'data' is a folder",)),
    ("main/notes.txt", 400, ("'notes.txt'", ".csv", ".parquet")),
    ("main/object.json", 400, ("'object.json'",)),
    ("main/img/dot.png", 400, ("'img/dot.png'", ".csv")),
    ("main/empty.csv", 400, ("no rows",)),
    ("main/nothing.csv", 400, ("no rows",)),
    ("main/data/%2e%2e/data/q.csv", 400, ("..",)),
    ("main/%2e%2e/q.csv", 400, ("..",)),
    ("main//etc/q.csv", 400, ("absolute",)),
    ("main/a%00b.csv", 404, ("NUL",)),
    ("main/a%01b.csv", 400, ("printed",)),
    ("main/" + "x" * 2_000, 400, ("too long",)),
    ("", 404, ("branch",)),
]


@pytest.mark.parametrize(("resource", "status", "words"), RESOURCES)
async def test_a_source_that_cannot_be_is_told(
    repository: Repository, resource: str, status: int, words: tuple[str, ...]
) -> None:
    url = httpx2.URL(f"http://test/api{repository.address}/evaluations/")
    raw = url.raw_path + resource.encode()
    answer = await repository.client.request("POST", url.copy_with(raw_path=raw), json=WANTED)
    refused(answer, status, *words)


@pytest.mark.parametrize("medium", ["image", "video"])
async def test_a_source_that_cannot_be_is_told_for_pictures_too(
    repository: Repository, medium: str
) -> None:
    body = {**WANTED, "input_type": medium, "prompt": "{photo}"}
    refused(await repository.post("main/none.csv", body), 404, "none.csv")
    refused(await repository.post("main/data", body), 400, "is a folder")
    refused(await repository.post("main/notes.txt", body), 400, "notes.txt", ".csv")
    refused(await repository.post("main/empty.csv", body), 400, "no rows")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", b"x,y\n1\n"),
        ("a.csv", b"x,x\n1,2\n"),
        ("a.csv", b"\xff\xfex\n"),
        ("a.tsv", b'x\ty\n"1\t2\n'),
        ("a.jsonl", b'{"x": 1}\n{"x": \n'),
        ("a.jsonl", b"[1]\n"),
        ("a.json", b"[{"),
        ("a.parquet", b"PAR1 and no more PAR1"),
        ("a.parquet", parquet()[:-20]),
        ("a.arrow", b"ARROW1\0\0 and no more"),
    ],
)
async def test_a_damaged_file_of_rows_is_refused_before_it_is_committed(
    repository: Repository, name: str, data: bytes
) -> None:
    head = await repository.head("main")
    refused(await repository.put("main", {name: data}), 400, name)
    assert await repository.head("main") == head


BODIES: list[tuple[bytes, tuple[str, ...]]] = [
    (b"", ("empty",)),
    (b"{", ("not JSON",)),
    (b'{"prompt": NaN}', ("not JSON",)),
    (b"\xff\xfe", ("not JSON",)),
    (b"[]", ("object",)),
    (b"null", ("object",)),
    (b'"x"', ("object",)),
    (b"[" * 5_000, ("nested",)),
    (json.dumps({**WANTED, "name": "a\0b"}).encode(), ("NUL",)),
    (b'{"a":' * 100 + b"1" + b"}" * 100, ("nested",)),
]


@pytest.mark.parametrize(("body", "words"), BODIES)
async def test_a_body_that_is_no_request_is_told(
    repository: Repository, body: bytes, words: tuple[str, ...]
) -> None:
    answer = await repository.client.post(
        f"{repository.address}/evaluations/main/data/q.csv", content=body
    )
    refused(answer, 400, *words)


async def test_a_huge_body_is_refused(repository: Repository) -> None:
    answer = await repository.post("main/data/q.csv", {**WANTED, "prompt": "x" * 1_100_000})
    refused(answer, 413, "1 MiB")


# Who may


async def key_of(services: Services, role: Role, workspace: str | None = None) -> dict[str, str]:
    caller = await services.keys.operator()
    _, secret = await services.keys.create(
        caller, name=f"{role} {workspace}", role=role, workspace=workspace
    )
    return {"Authorization": f"Bearer {secret}"}


def calls(repository: Repository, evaluation_id: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    base = f"{repository.address}/evaluations"
    return [
        ("POST", f"{base}/main/data/q.csv", {"json": WANTED}),
        ("GET", base, {}),
        ("GET", f"{base}/{evaluation_id}", {}),
        ("GET", f"{base}/{evaluation_id}/result", {}),
        ("POST", f"{base}/{evaluation_id}/commit", {}),
        ("DELETE", f"{base}/{evaluation_id}", {}),
    ]


async def test_nobody_gets_in_without_a_key(services: Services, repository: Repository) -> None:
    for method, path, more in calls(repository, "x"):
        for headers in ({"Authorization": ""}, {"Authorization": "Bearer wb_wrong"}):
            answer = await repository.client.request(method, path, headers=headers, **more)
            refused(answer, 401)
            assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_repository_of_another_workspace_is_not_there(
    services: Services, repository: Repository
) -> None:
    async with services.store.begin() as connection:
        await ensure_workspace(connection, "theirs")
    headers = await key_of(services, Role.ADMIN, "theirs")
    for method, path, more in calls(repository, "x"):
        answer = await repository.client.request(method, path, headers=headers, **more)
        refused(answer, 404, "repository")


async def test_a_reader_may_look_and_no_more(
    services: Services, client: httpx2.AsyncClient
) -> None:
    repository = await House(client, services, Seen()).repository(FILES)
    started = await repository.start("main/data/q.csv")
    headers = await key_of(services, Role.READER)
    for method, path, more in calls(repository, started["id"]):
        answer = await client.request(method, path, headers=headers, **more)
        if method == "GET":
            assert answer.status_code in {200, 404}
        else:
            refused(answer, 403, "reader")
    assert (await repository.look(started))["status"] == "queued"


# One that is there, or not


@pytest.mark.parametrize(
    "evaluation_id",
    ["x", "run_1", "00000000-0000-4000-8000-000000000000", "%01", "é", "x" * 3_000, "1" * 32],
)
async def test_an_evaluation_that_is_none_is_not_found(
    repository: Repository, evaluation_id: str
) -> None:
    for method, path, more in calls(repository, evaluation_id)[2:]:
        refused(await repository.client.request(method, path, **more), 404, "no evaluation")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", ("not JSON",)),
        (b"[]", ("object",)),
        (b'{"commit_message": 1}', ("commit_message", "text")),
        (b'{"target_branch": []}', ("target_branch", "text")),
    ],
)
async def test_a_commit_with_a_body_that_is_none_is_refused(
    services: Services, client: httpx2.AsyncClient, body: bytes, words: tuple[str, ...]
) -> None:
    repository = await House(client, services, Seen()).repository(FILES)
    evaluation = await repository.start("main/data/q.csv")
    answer = await client.post(f"{repository.of(evaluation)}/commit", content=body)
    refused(answer, 400, *words)


async def test_what_has_no_result_yet_cannot_be_committed(
    services: Services, client: httpx2.AsyncClient
) -> None:
    repository = await House(client, services, Seen()).repository(FILES)
    started = await repository.start("main/data/q.csv")
    refused(await repository.commit(started), 409, "no result")
    refused(await client.get(f"{repository.of(started)}/result"), 404, "no result yet")


async def test_pages_are_numbers_from_one(repository: Repository) -> None:
    for query in ("page=0", "page=-1", "page=x", "page_size=0", "page_size=100000", "page=1e3"):
        answer = await repository.client.get(f"{repository.address}/evaluations?{query}")
        refused(answer, 400, query.partition("=")[0])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/x"), ("PATCH", "/x"), ("POST", ""), ("DELETE", ""), ("GET", "/x/commit"),
        ("DELETE", "/x/result"), ("PUT", "/main/data/q.csv"),
    ],
)  # fmt: skip
async def test_another_method_is_refused(repository: Repository, method: str, path: str) -> None:
    answer = await repository.client.request(method, f"{repository.address}/evaluations{path}")
    refused(answer, 405)
