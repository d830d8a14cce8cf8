"""Data frames over HTTP, and by the official client."""

import asyncio
import io
import json
from collections.abc import Sequence
from typing import Any

import httpx2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.oxen_client import KEY, Server
from weighbridge.core.caller import Role
from weighbridge.datasets.editing import Edit
from weighbridge.services.frames import Frames
from weighbridge.wiring import Services

CSV = "n,t\n1,one\n2,two\n010,ten\n"
REPO = "/repos/ns/frames"
DRAFT = f"{REPO}/workspaces/w1/data_frames"


@pytest.fixture
async def frames(client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """With a repository of some files, and a workspace `w1` on its branch, called `named`."""
    lines = "".join(f'{{"i": {i}, "e": [{i}, 1.5], "s": "{i % 3}"}}\n' for i in range(250))
    files = [("a b/data.csv", CSV), ("rows.jsonl", lines), ("x.txt", "hi"), ("none.csv", "n,t\n")]
    contents = [{"path": path, "contents": text} for path, text in files]
    body = {"namespace": "ns", "name": "frames", "files": contents, "user": {}}
    assert (await client.post("/repos", json=body)).status_code == 200
    draft = {"workspace_id": "w1", "branch_name": "main", "name": "named"}
    assert (await client.put(f"{REPO}/workspaces", json=draft)).status_code == 200
    return client


async def page(client: httpx2.AsyncClient, address: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(address, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def data(page: dict[str, Any]) -> Sequence[dict[str, Any]]:
    rows: Sequence[dict[str, Any]] = page["data_frame"]["view"]["data"]
    return rows


async def test_a_page_at_a_revision(frames: httpx2.AsyncClient) -> None:
    found = await page(frames, f"{REPO}/data_frames/main/a b/data.csv", page=2, page_size=2)
    assert found["status_message"] == "resource_found"
    assert found["resource"] == {"path": "a b/data.csv", "version": "main"}
    source, view = found["data_frame"]["source"], found["data_frame"]["view"]
    assert source["size"] == {"height": 3, "width": 2}
    assert view["data"] == [{"n": "010", "t": "ten"}]
    assert view["size"] == {"height": 1, "width": 2}
    assert view["pagination"] == {
        "page_number": 2,
        "page_size": 2,
        "total_pages": 2,
        "total_entries": 3,
    }
    assert [(it["name"], it["dtype"]) for it in view["schema"]["fields"]] == [
        ("n", "str"),
        ("t", "str"),
    ]


async def test_slices_and_columns(frames: httpx2.AsyncClient) -> None:
    address = f"{REPO}/data_frames/main/rows.jsonl"
    found = await page(frames, address, slice="248..260", columns="s,i")
    assert data(found) == [{"s": "2", "i": 248}, {"s": "0", "i": 249}]
    assert data(await page(frames, address, slice="250..251")) == []
    fields = (await page(frames, address))["data_frame"]["view"]["schema"]["fields"]
    assert {it["name"]: it["dtype"] for it in fields} == {"i": "i64", "e": "list[?]", "s": "str"}


async def test_rows_in_a_workspace_have_ids(frames: httpx2.AsyncClient) -> None:
    found = await page(frames, f"{DRAFT}/resource/rows.jsonl", page=3)
    assert found["is_indexed"] is True
    assert len(data(found)) == 50
    row = data(found)[7]
    one = await page(frames, f"{DRAFT}/rows/{row['_oxen_id']}/resource/rows.jsonl")
    assert data(one) == [row]
    assert (row["i"], one["row_index"], one["row_id"]) == (207, 207, row["_oxen_id"])
    by_sql = await page(frames, f"{DRAFT}/resource/rows.jsonl", sql="SELECT * FROM df WHERE i=207")
    assert data(by_sql) == [row]
    by_name = await page(frames, f"{REPO}/workspaces/named/data_frames/resource/rows.jsonl", page=3)
    assert data(by_name) == data(found)


async def test_pages_of_one_answer_fit_together(frames: httpx2.AsyncClient) -> None:
    address, sql = f"{DRAFT}/resource/rows.jsonl", "SELECT i FROM df ORDER BY random()"
    pages = [await page(frames, address, sql=sql, page=it, page_size=100) for it in (1, 2, 3)]
    found = [row["i"] for one in pages for row in data(one)]
    assert sorted(found) == list(range(250))
    assert [it["data_frame"]["view"]["size"]["height"] for it in pages] == [100, 100, 50]
    assert {it["data_frame"]["view"]["pagination"]["total_pages"] for it in pages} == {3}
    again = [row["i"] for row in data(await page(frames, address, sql=sql, page_size=100))]
    assert again != found[:100]


async def test_the_client_may_ask_for_all_rows_at_once(frames: httpx2.AsyncClient) -> None:
    sql = "SELECT range AS r FROM range(30000)"
    found = await page(frames, f"{DRAFT}/resource/rows.jsonl", sql=sql, page_size=2**63 - 1)
    assert [row["r"] for row in data(found)] == list(range(30_000))
    refused = await frames.get(f"{DRAFT}/resource/rows.jsonl", params={"page_size": 10_001})
    assert refused.status_code == 400


async def test_indexing_and_what_lies_beside_pages(frames: httpx2.AsyncClient) -> None:
    put = await frames.put(f"{DRAFT}/resource/rows.jsonl", content=b'{"is_indexed": true}')
    assert put.status_code == 200
    schema = await page(frames, f"{DRAFT}/schema/a b/data.csv")
    assert [it["name"] for it in schema["fields"]] == ["n", "t"]
    assert (await frames.get(f"{DRAFT}/download/a b/data.csv")).text == CSV
    empty = await page(frames, f"{DRAFT}/resource/none.csv")
    assert data(empty) == []
    assert empty["data_frame"]["source"]["size"] == {"height": 0, "width": 2}
    assert (await page(frames, f"{DRAFT}/embeddings/columns/rows.jsonl"))["columns"] == []


@pytest.mark.parametrize(
    ("path", "query", "status", "told"),
    [
        ("rows.jsonl", {"sql": "SELECT x FROM df"}, 400, "(columns: i, e, s, _oxen_id)"),
        ("rows.jsonl", {"sql": "DELETE FROM df"}, 400, "one SELECT statement"),
        ("rows.jsonl", {"sql": "FROM read_text('/etc/passwd')"}, 400, "no files"),
        ("rows.jsonl", {"sql": "FROM range(9999999)"}, 413, "ask for less"),
        ("rows.jsonl", {"columns": "i,x"}, 400, "no column 'x' (columns: i, e, s)"),
        ("rows.jsonl", {"slice": "a..b"}, 400, "start..end"),
        ("rows.jsonl", {"slice": "0..999999"}, 400, "10,000"),
        ("rows.jsonl", {"page_size": 0}, 400, "page_size"),
        ("rows.jsonl", {"filter": "i == 1"}, 501, "`filter` is not supported; use `sql`"),
        ("rows.jsonl", {"sort_by": "i"}, 501, "ORDER BY"),
        ("rows.jsonl", {"find_embedding_where": "i=1"}, 501, "list_cosine_similarity"),
        ("x.txt", {}, 400, "no file of rows"),
        ("a b", {}, 400, "is a folder"),
        ("no.csv", {}, 404, "no file 'no.csv'"),
        ("a%2F..%2F..%2Fx.csv", {}, 400, "`..`"),
    ],
)
async def test_what_cannot_be_shown(
    frames: httpx2.AsyncClient, path: str, query: dict[str, Any], status: int, told: str
) -> None:
    answer = await frames.get(f"{DRAFT}/resource/{path}", params=query)
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == "error"
    assert told in answer.json()["status_description"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "rows/nonsense/resource/rows.jsonl", 404),
        ("GET", "rows/0000000000000000-1/resource/rows.jsonl", 404),
        ("POST", "embeddings/columns/rows.jsonl", 501),
        ("POST", "embeddings/neighbors/rows.jsonl", 501),
        ("PUT", "rename/rows.jsonl", 501),
        ("GET", "diff/rows.jsonl", 501),
    ],
)
async def test_what_is_not_there(
    frames: httpx2.AsyncClient, method: str, path: str, status: int
) -> None:
    answer = await frames.request(method, f"{DRAFT}/{path}", json={})
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == "error"


async def test_a_row_beyond_the_last_is_not_there(frames: httpx2.AsyncClient) -> None:
    [first, *_] = data(await page(frames, f"{DRAFT}/resource/rows.jsonl"))
    beyond = first["_oxen_id"].rpartition("-")[0] + "-250"
    answer = await frames.get(f"{DRAFT}/rows/{beyond}/resource/rows.jsonl")
    assert answer.status_code == 404


async def test_nobody_else_sees_them(frames: httpx2.AsyncClient) -> None:
    for address in (f"{DRAFT}/resource/rows.jsonl", f"{REPO}/data_frames/main/rows.jsonl"):
        refused = await frames.get(address, headers={"Authorization": "Bearer wb_other"})
        assert refused.status_code == 401
    missing = await frames.get("/repos/ns/other/data_frames/main/rows.jsonl")
    assert missing.status_code == 404


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json", "parquet", "arrow"])
async def test_rows_come_change_and_go(frames: httpx2.AsyncClient, kind: str) -> None:
    name = f"edited.{kind}"
    await add(frames, name, in_format(kind, [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]))
    address = f"{REPO}/workspaces/w2/data_frames"
    begun = {"workspace_id": "w2", "branch_name": "main"}
    await frames.put(f"{REPO}/workspaces", json=begun)
    first, second = data(await page(frames, f"{address}/resource/{name}"))

    added = await frames.post(f"{address}/rows/resource/{name}", json={"data": {"b": "z"}})
    assert added.status_code == 200, added.text
    third = added.json()["row_id"]
    empty = "" if kind in {"csv", "tsv"} else None
    assert data(added.json()) == [{"a": empty, "b": "z", "_oxen_id": third}]
    assert added.json()["row_index"] == 2

    gone = await frames.delete(f"{address}/rows/{first['_oxen_id']}/resource/{name}")
    assert data(gone.json()) == [first]
    for cells in ({"a": "3"}, {"b": 'ü, "q"', "_oxen_id": "not kept"}):
        changed = await frames.put(f"{address}/rows/{third}/resource/{name}", json=cells)
        assert changed.json()["row_id"] == third, changed.text
    last = {"a": "3", "b": 'ü, "q"', "_oxen_id": third}
    assert data(await page(frames, f"{address}/resource/{name}")) == [second, last]
    assert data(await page(frames, f"{address}/rows/{third}/resource/{name}")) == [last]
    sql = "SELECT * FROM df WHERE a = 3"
    assert data(await page(frames, f"{address}/resource/{name}", sql=sql)) == [last]
    again = await frames.delete(f"{address}/rows/{first['_oxen_id']}/resource/{name}")
    assert again.status_code == 404

    made = await frames.post(f"{REPO}/workspaces/w2/commit/main", json={"message": "edited"})
    assert made.status_code == 200, made.text
    committed = data(await page(frames, f"{REPO}/data_frames/main/{name}"))
    assert committed == [{"a": "2", "b": "y"}, {"a": "3", "b": 'ü, "q"'}]
    raw = (await frames.get(f"{REPO}/file/main/{name}")).content
    assert b"_oxen" not in raw


async def test_edits_are_forgotten(frames: httpx2.AsyncClient) -> None:
    before = data(await page(frames, f"{DRAFT}/resource/none.csv"))
    await frames.post(f"{DRAFT}/rows/resource/none.csv", json=[{"n": 1}, {"n": 2.5, "t": None}])
    rows = data(await page(frames, f"{DRAFT}/resource/none.csv"))
    assert [(row["n"], row["t"]) for row in rows] == [("1", ""), ("2.5", "")]
    assert (await frames.delete(f"{DRAFT}/resource/none.csv")).status_code == 200
    assert data(await page(frames, f"{DRAFT}/resource/none.csv")) == before == []


async def test_a_file_that_is_sent_takes_the_place_of_edits(frames: httpx2.AsyncClient) -> None:
    added = await frames.post(f"{DRAFT}/rows/resource/none.csv", json={"n": "1"})
    await frames.post(f"{REPO}/workspaces/w1/files", files={"file": ("none.csv", b"n,t\n8,9\n")})
    [row] = data(await page(frames, f"{DRAFT}/resource/none.csv"))
    assert row["n"] == "8"
    assert row["_oxen_id"] != added.json()["row_id"]
    old = await frames.get(f"{DRAFT}/rows/{added.json()['row_id']}/resource/none.csv")
    assert old.status_code == 404


async def test_edits_at_once_are_all_kept(frames: httpx2.AsyncClient) -> None:
    async def add_one(number: int) -> str:
        answer = await frames.post(f"{DRAFT}/rows/resource/none.csv", json={"n": number})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["row_id"])

    ids = await asyncio.gather(*(add_one(it) for it in range(8)))
    rows = data(await page(frames, f"{DRAFT}/resource/none.csv"))
    assert {row["_oxen_id"]: row["n"] for row in rows} == {
        row_id: str(number) for number, row_id in enumerate(ids)
    }


async def test_edits_of_several_servers_are_all_kept(
    frames: httpx2.AsyncClient, services: Services
) -> None:
    caller = await services.keys.authenticate(KEY, "oxen")
    repo = await services.repositories.open(caller, "ns/frames", write=True)
    others = [Frames(services.store) for _ in range(3)]
    await asyncio.gather(
        *(
            other.edit(repo, "w1", "none.csv", lambda _, it=it: Edit(added=[{"n": str(it)}]))
            for it, other in enumerate(others)
        )
    )
    rows = data(await page(frames, f"{DRAFT}/resource/none.csv"))
    assert sorted(row["n"] for row in rows) == ["0", "1", "2"]


async def test_a_column_is_added(frames: httpx2.AsyncClient) -> None:
    address = f"{DRAFT}/columns/resource/none.csv"
    await frames.post(f"{DRAFT}/rows/resource/none.csv", json={"n": 1})
    added = await frames.post(address, json={"name": "new", "data_type": "f64"})
    assert added.status_code == 200, added.text
    [row] = data(await page(frames, f"{DRAFT}/resource/none.csv"))
    assert (row["n"], row["new"]) == ("1", "")
    for wrong in ({"name": "n", "data_type": "str"}, {"name": "x", "data_type": "blob"}, {}):
        refused = await frames.post(address, json=wrong)
        assert refused.status_code == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("POST", "rows/resource/rows.jsonl", b'{"x": 1}', 400, "no column 'x' (columns: i, e, s)"),
        ("POST", "rows/resource/rows.jsonl", b"[]", 400, "a row is an object"),
        ("POST", "rows/resource/rows.jsonl", b'[{"i": 1}, 5]', 400, "a row is an object"),
        ("POST", "rows/resource/rows.jsonl", b"{", 400, ""),
        ("POST", "rows/resource/no.csv", b'{"x": 1}', 404, "no file"),
        ("POST", "rows/resource/x.txt", b'{"x": 1}', 400, "no file of rows"),
        ("PUT", "rows/nonsense/resource/rows.jsonl", b'{"i": 1}', 404, "no row 'nonsense'"),
        ("PUT", "rows/nonsense/resource/rows.jsonl", b'[{"i": 1}, {}]', 400, "one row"),
        ("DELETE", "rows/nonsense/resource/rows.jsonl", b"", 404, "no row 'nonsense'"),
    ],
)
async def test_what_cannot_be_edited(
    frames: httpx2.AsyncClient, method: str, path: str, body: bytes, status: int, told: str
) -> None:
    answer = await frames.request(method, f"{DRAFT}/{path}", content=body)
    assert answer.status_code == status, answer.text
    assert told in answer.json()["status_description"]
    changes = await page(frames, f"{REPO}/workspaces/w1/changes")
    assert changes["staged"]["modified_files"]["entries"] == []


async def test_readers_do_not_edit(frames: httpx2.AsyncClient, services: Services) -> None:
    caller = await services.keys.authenticate(KEY, "oxen")
    _, secret = await services.keys.create(caller, name="reader", role=Role.READER)
    headers = {"Authorization": f"Bearer {secret}"}
    read = await frames.get(f"{DRAFT}/resource/rows.jsonl", headers=headers)
    assert read.status_code == 200
    refused = await frames.post(f"{DRAFT}/rows/resource/rows.jsonl", json={}, headers=headers)
    assert refused.status_code == 403


async def add(client: httpx2.AsyncClient, name: str, content: bytes) -> None:
    answer = await client.put(f"{REPO}/file/main", files={"file": (name, content)})
    assert answer.status_code == 200, answer.text


def in_format(kind: str, rows: list[dict[str, str]]) -> bytes:
    """Rows as a file."""
    table = pa.Table.from_pylist(rows)
    written = io.BytesIO()
    if kind == "parquet":
        pq.write_table(table, written)
    elif kind == "arrow":
        with pa.ipc.new_file(written, table.schema) as file:
            file.write_table(table)
    elif kind in {"json", "jsonl"}:
        lines = [json.dumps(row) for row in rows]
        return ("[" + ",".join(lines) + "]" if kind == "json" else "\n".join(lines)).encode()
    else:
        mark = "\t" if kind == "tsv" else ","
        lines = [mark.join(rows[0]), *(mark.join(row.values()) for row in rows)]
        return "\n".join(lines).encode()
    return written.getvalue()


def test_the_client_reads(server: Server) -> None:
    told = server.run_client(
        """
        r = made("ns/reading", data__csv="n,t\\n1,one\\n2,two\\n010,ten\\n")
        df = oxen.DataFrame("ns/reading", "data.csv", host=HOST, scheme="http")
        rows = df.list_page(1)
        told(size=df.size(), pages=(df.page_size(), df.total_pages()), rows=rows,
             columns=[(it.name, it.dtype) for it in df.get_columns()],
             beyond=df.list_page(2), row=df.get_row(1), by=df.get_by({"n": 10}),
             one=df.get_row_by_id(rows[2]["_oxen_id"]), near=df.is_nearest_neighbors_enabled("t"),
             sql=df.query(sql="SELECT t FROM df WHERE n > 1 ORDER BY t"))
        named = oxen.DataFrame(r, "data.csv", workspace_name="my own")
        told(named=named.query(sql="SELECT count(*) AS c FROM df"))
        part = oxen.oxen_py.PyRemoteDataFrame(r._repo, "data.csv")
        told(part_size=part.size(), part_row=json.loads(part.get_row_by_index(1)),
             part=json.loads(part.get_slice(0, 2, ["t"])))
        for name, ask in {
            "bad": lambda: df.query(sql="SELECT x FROM df"),
            "index": lambda: df.enable_nearest_neighbors("t"),
        }.items():
            try:
                ask()
            except Exception as error:
                told(**{name: str(error)})
        """
    )
    ids = [row.pop("_oxen_id") for row in told["rows"]]
    assert len(set(ids)) == 3
    rows = [{"n": "1", "t": "one"}, {"n": "2", "t": "two"}, {"n": "010", "t": "ten"}]
    assert told["rows"] == rows
    assert told["size"] == [3, 3]  # columns (the id is one), rows
    assert told["pages"] == [100, 1]
    assert told["columns"] == [["n", "str"], ["t", "str"], ["_oxen_id", "str"]]
    assert told["beyond"] == []
    assert told["row"] == [{**rows[1], "_oxen_id": ids[1]}]
    assert told["by"] == [{**rows[2], "_oxen_id": ids[2]}]
    assert told["one"] == {**rows[2], "_oxen_id": ids[2]}
    assert told["near"] is False
    assert told["sql"] == [{"t": "ten"}, {"t": "two"}]
    assert told["named"] == [{"c": 3}]
    assert told["part_size"] == [2, 3]
    assert told["part_row"] == [rows[1]]
    assert told["part"] == [{"t": "one"}, {"t": "two"}]
    assert "(columns: n, t, _oxen_id)" in told["bad"]
    assert "list_cosine_similarity" in told["index"]


def test_the_client_edits(server: Server) -> None:
    told = server.run_client(
        """
        r = made("ns/editing", data__csv="n,t\\n1,one\\n2,two\\n010,ten\\n")
        df = oxen.DataFrame("ns/editing", "data.csv", host=HOST, scheme="http")
        first = df.list_page(1)[0]["_oxen_id"]
        new = df.insert_row({"t": "a, b", "n": 7})
        told(inserted=df.get_row_by_id(new), size=df.size())
        told(updated=df.update_row(new, {"t": "c"}), again=df.update_row(new, {"n": None}))
        df.delete_row(first)
        told(rows=df.list_page(1), size_after=df.size())
        df.add_column("more", "str")
        told(columns=[it.name for it in df.get_columns()])
        df.update_row(new, {"more": "x"})
        df.commit("edited rows")
        told(text=r.get_file("data.csv").decode(), log=[it.message for it in r.log()])

        df = oxen.DataFrame(r, "data.csv")
        df.delete_row(df.list_page(1)[0]["_oxen_id"])
        df.restore()
        told(restored=len(df.list_page(1)))
        try:
            df.insert_row({"nope": 1})
        except Exception as error:
            told(error=str(error))

        logs = oxen.DataFrame(r, "logs/prompts.jsonl")
        row = logs.insert_row({"prompt": "p", "n": 1})
        logs.insert_row({"prompt": "q", "n": 2})
        told(logs=logs.list_page(1), log_row=logs.get_row_by_id(row))
        logs.commit("a row more")
        told(lines=r.get_file("logs/prompts.jsonl").decode())

        (HERE / "odd.jsonl").write_text('{"a,b": 1, "c": [1], "d": {}, "e": null}')
        r.upload(str(HERE / "odd.jsonl"), "odd")
        odd = oxen.DataFrame(r, "odd.jsonl")
        odd_row = odd.insert_row({"a,b": 2, "d": {"x": [1]}})
        odd.delete_row(odd_row)
        told(odd=odd.size())
        """
    )
    new = told["inserted"]["_oxen_id"]
    assert told["inserted"] == {"n": "7", "t": "a, b", "_oxen_id": new}
    assert told["size"] == [3, 4]
    assert told["updated"] == [{"n": "7", "t": "c", "_oxen_id": new}]
    assert told["again"] == [{"n": "", "t": "c", "_oxen_id": new}]
    assert [row["t"] for row in told["rows"]] == ["two", "ten", "c"]
    assert told["rows"][2]["_oxen_id"] == new
    assert told["size_after"] == [3, 3]
    assert told["columns"] == ["n", "t", "more", "_oxen_id"]
    assert told["text"] == "n,t,more\n2,two,\n010,ten,\n,c,x\n"
    assert told["log"][0] == "edited rows"
    assert told["restored"] == 3
    assert "no column 'nope' (columns: n, t, more)" in told["error"]
    assert [row["prompt"] for row in told["logs"]] == ["p", "q"]
    assert told["log_row"]["prompt"] == "p"
    assert told["lines"] == '{"prompt":"p","n":1}\n{"prompt":"q","n":2}\n'
    assert told["odd"] == [5, 1]
