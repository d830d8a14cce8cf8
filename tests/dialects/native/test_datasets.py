"""Data sets go up as files, in any format, whatever way their bytes are cut."""

import asyncio
import io
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.native import SPEC, MakeClient, problem
from weighbridge.core.caller import Role
from weighbridge.dialects.native.upload import file_name
from weighbridge.wiring import Services

CSV = b"q,answer\nja,ja\nnein,doch\n"


def parquet() -> bytes:
    written = io.BytesIO()
    pq.write_table(pa.table({"q": ["ja", "nein"], "answer": ["ja", "doch"]}), written)
    return written.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", CSV),
        ("a.tsv", CSV.replace(b",", b"\t")),
        ("a.jsonl", b'{"q": "ja", "answer": "ja"}\n{"q": "nein", "answer": "doch"}\n'),
        ("a.json", b'[{"q": "ja", "answer": "ja"}, {"q": "nein", "answer": "doch"}]'),
        ("a.parquet", parquet()),
        ("no extension", CSV),
    ],
)
async def test_a_file_of_any_format_becomes_a_data_set(
    client: httpx2.AsyncClient, name: str, content: bytes
) -> None:
    answer = await client.post("/datasets", files={"file": (name, content)})
    assert answer.status_code == 201, answer.text
    dataset = answer.json()
    assert (dataset["name"], dataset["rows"]) == (name, 2)
    assert dataset["columns"] == ["q", "answer"]
    assert (await client.get(f"/datasets/{dataset['id']}")).json() == dataset
    assert (await client.get("/datasets")).json()["data"] == [dataset]


async def test_an_uploaded_file_can_be_evaluated(client: httpx2.AsyncClient) -> None:
    dataset = (await client.post("/datasets", files={"file": ("a.csv", CSV)})).json()
    spec = {key: value for key, value in SPEC.items() if key != "cases"}
    answer = await client.post("/evaluations", json=spec | {"data": dataset["id"]})
    assert answer.status_code == 201, answer.text
    assert answer.json()["runs"][0]["progress"]["total"] == 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"prompt": "say {question}"}, "`question`"),
        ({"target": "solution"}, "`solution`"),
        ({"id": "answer"}, "same id"),
    ],
)
async def test_an_uploaded_file_that_does_not_fit_is_refused_and_nothing_is_started(
    client: httpx2.AsyncClient, changes: dict[str, str], says: str
) -> None:
    content = CSV + b"also,ja\n"
    dataset = (await client.post("/datasets", files={"file": ("a.csv", content)})).json()
    spec = {key: value for key, value in SPEC.items() if key != "cases"}
    answer = await client.post("/evaluations", json=spec | {"data": dataset["id"]} | changes)
    assert says in problem(answer, 422)["detail"]
    for path in ("/runs", "/evaluations"):
        assert (await client.get(path)).json()["data"] == []


async def test_name_and_format_can_be_said(client: httpx2.AsyncClient) -> None:
    answer = await client.post(
        "/datasets",
        files={"file": ("a.txt", CSV.replace(b",", b"\t"))},
        data={"name": "My questions", "format": "tsv"},
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["name"] == "My questions"


async def test_a_broken_file_is_refused_with_its_own_name_and_line(
    client: httpx2.AsyncClient, services: Services
) -> None:
    content = b'{"q": 1}\n{"q": \n'
    told = problem(await client.post("/datasets", files={"file": ("bad.jsonl", content)}), 422)
    assert "bad.jsonl, line 2" in told["detail"]
    assert str(services.store.folder) not in told["detail"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("e.csv", b""), ("e.parquet", b"PAR1 not really"), ("e.bin", b"\0\1\2"), ("e.csv", b"q\n")],
)
async def test_a_file_that_is_empty_or_damaged_is_refused(
    client: httpx2.AsyncClient, name: str, content: bytes
) -> None:
    problem(await client.post("/datasets", files={"file": (name, content)}), 422)
    assert (await client.get("/datasets")).json()["data"] == []


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        ({"files": {"fiel": ("a.csv", CSV)}}, "fiel"),
        ({"files": {"name": (None, "x")}}, "file"),
        ({"files": [("file", ("a.csv", CSV)), ("file", ("b.csv", CSV))]}, "file"),
        ({"files": {"file": ("a.csv", CSV), "name": (None, "x" * 300)}}, "name"),
        ({"files": {"file": ("a.csv", CSV), "name": (None, b"\xff")}}, "name"),
        ({"files": {"file": ("a.csv", CSV), "name": (None, "a\0b")}}, "name"),
    ],
)
async def test_a_form_of_another_shape_is_refused_by_field(
    client: httpx2.AsyncClient, parts: dict[str, object], field: str
) -> None:
    told = problem(await client.post("/datasets", **parts), 422)
    assert [error["field"] for error in told["errors"]] == [field]


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/csv", CSV, 415),
        ("multipart/form-data", CSV, 400),
        ("multipart/form-data; boundary=x", CSV, 400),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data", 400),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nq\n1\n',
            400,
        ),
    ],
)
async def test_what_is_no_whole_form_is_refused(
    client: httpx2.AsyncClient, content_type: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": content_type}
    problem(await client.post("/datasets", content=body, headers=headers), status)


async def test_a_form_may_come_in_pieces_of_any_size(client: httpx2.AsyncClient) -> None:
    request = client.build_request("POST", "/datasets", files={"file": ("a.csv", CSV)})
    body = request.read()
    content_type = request.headers["content-type"]
    ids = set()
    for size in (1, 2, 3, 7, 50, len(body)):

        async def pieces(size: int = size) -> object:
            for begin in range(0, len(body), size):
                yield body[begin : begin + size]

        answer = await client.post(
            "/datasets", content=pieces(), headers={"Content-Type": content_type}
        )
        assert answer.status_code == 201, answer.text
        ids.add(answer.json()["id"])
    assert len(ids) == 1


async def test_nothing_is_left_of_an_upload_whether_taken_or_refused(
    client: httpx2.AsyncClient, services: Services
) -> None:
    await client.post("/datasets", files={"file": ("a.csv", CSV)})
    await client.post("/datasets", files={"file": ("a.csv", b"\0")})
    await client.post("/datasets", files={"file": ("a.csv", b"a\n" * 2_000_000)})
    left = await asyncio.to_thread(lambda: [path.name for path in services.store.folder.iterdir()])
    assert not [name for name in left if name.startswith((".upload", ".incoming"))]


async def test_an_upload_over_its_limit_is_refused_while_a_body_limit_does_not_bind_it(
    client: httpx2.AsyncClient,
) -> None:
    rows = b"q\n" + b"x" * 1023 + b"\n"
    fits = await client.post("/datasets", files={"file": ("a.csv", rows * 1_500)})
    assert fits.status_code == 201, fits.text
    told = problem(await client.post("/datasets", files={"file": ("a.csv", rows * 4_000)}), 413)
    assert "3 MiB" in told["detail"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"questions.csv", "questions.csv"),
        (b"../../etc/passwd", "passwd"),
        (b"C:\\Users\\me\\q.csv", "q.csv"),
        (b"", "data"),
        (b"..", "data"),
        (b".hidden", "hidden"),
        (b"a\0b\n.csv", "a_b_.csv"),
        (b"\xff\xfe.csv", "\ufffd\ufffd.csv"),
        ("é".encode() * 300 + b".csv", "é" * 97 + ".csv"),
    ],
)
def test_a_file_name_is_made_harmless(sent: bytes, kept: str) -> None:
    assert file_name(sent).removesuffix(".csv").rstrip("é") == kept.removesuffix(".csv").rstrip("é")
    assert len(file_name(sent).encode()) <= 200
    assert file_name(sent).endswith(".csv") == kept.endswith(".csv")


async def test_a_reader_may_not_upload(make_client: MakeClient, client: httpx2.AsyncClient) -> None:
    reader = await make_client(Role.READER)
    problem(await reader.post("/datasets", files={"file": ("a.csv", CSV)}), 403)
    assert (await client.get("/datasets")).json()["data"] == []


async def test_versions_rows_and_tags_are_there_over_http(client: httpx2.AsyncClient) -> None:
    async def upload(content: bytes) -> dict[str, object]:
        answer = await client.post("/datasets", files={"file": ("a.csv", content)})
        uploaded: dict[str, object] = answer.json()
        return uploaded

    first, second = await upload(CSV), await upload(CSV + b"oui,oui\n")
    assert (first["version"], second["version"]) == (1, 2)
    tagged = await client.put(f"/datasets/{first['id']}/tags/prod")
    assert tagged.json()["tags"] == ["prod"]
    by_tag = await client.get("/datasets", params={"name": "a.csv", "tag": "prod"})
    assert [dataset["id"] for dataset in by_tag.json()["data"]] == [first["id"]]
    page = (await client.get(f"/datasets/{second['id']}/rows", params={"limit": 2})).json()
    assert (page["data"][1]["q"], page["has_more"]) == ("nein", True)
    cursor = {"limit": 2, "cursor": page["next_cursor"]}
    rest = (await client.get(f"/datasets/{second['id']}/rows", params=cursor)).json()
    assert ([row["q"] for row in rest["data"]], rest["has_more"]) == (["oui"], False)
    assert (await client.delete(f"/datasets/{first['id']}/tags/prod")).json()["tags"] == []
    assert (await client.delete(f"/datasets/{first['id']}/tags/prod")).status_code == 404
    assert (await client.put(f"/datasets/{first['id']}/tags/3")).status_code == 422


async def test_an_evaluation_over_http_names_a_version_and_a_part_of_it(
    client: httpx2.AsyncClient,
) -> None:
    await client.post("/datasets", files={"file": ("a.csv", CSV)})
    spec = {key: value for key, value in SPEC.items() if key != "cases"}
    answer = await client.post(
        "/evaluations", json=spec | {"data": "a.csv@1", "where": {"answer": "doch"}}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["runs"][0]["progress"]["total"] == 1
    again = await client.post(f"/runs/{answer.json()['runs'][0]['id']}/reproduce")
    assert again.status_code == 201, again.text
    assert (again.json()["same_work"], again.json()["changed"]) == (True, [])
    assert again.json()["run"]["progress"]["total"] == 1


@pytest.mark.parametrize(
    ("files", "field"),
    [
        ([("file", ("a.csv", b"x\n1\n")), ("file", ("b.csv", b"x\n1\n"))], "file"),
        ([("file", ("a.csv", b"x\n1\n")), ("name", ("b.csv", b"x"))], "name"),
        ([("file", ("a.csv", b"x\n1\n")), ("other", ("b.csv", b"x"))], "other"),
        ([("name", (None, b"x")), ("name", (None, b"y"))], "name"),
        ([("file", ("a.csv", b"x\n1\n")), ("name", (None, b"\xff"))], "name"),
    ],
)
async def test_a_form_with_other_parts_is_refused_by_field(
    client: httpx2.AsyncClient, files: list[Any], field: str
) -> None:
    answer = await client.post("/datasets", files=files)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field
