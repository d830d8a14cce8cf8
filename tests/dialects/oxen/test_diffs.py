"""What differs between two revisions, over HTTP and as the official client sees it."""

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from support.oxen_client import Server
from weighbridge.services import differences

HERE = "/repos/ns/one"


async def made(client: httpx2.AsyncClient, **files: str | bytes) -> None:
    listed = [
        {"path": path.replace("__", "."), "contents": text}
        for path, text in (files or {"README__md": "# hi"}).items()
        if isinstance(text, str)
    ]
    body = {"namespace": "ns", "name": "one", "files": listed}
    answer = await client.post("/repos", json=body)
    assert answer.status_code == 200, answer.text


async def put(
    client: httpx2.AsyncClient, branch: str, path: str, data: str | bytes
) -> dict[str, Any]:
    """Commit a file; the commit."""
    folder, _, name = path.rpartition("/")
    answer = await client.put(
        f"{HERE}/file/{branch}/{quote(folder)}",
        files={"files[]": (name, data if isinstance(data, bytes) else data.encode())},
    )
    assert answer.status_code == 200, answer.text
    commit: dict[str, Any] = answer.json()["commit"]
    return commit


async def branched(client: httpx2.AsyncClient, name: str = "exp/one") -> str:
    """A branch at where `main` is; the commit."""
    main = (await client.get(f"{HERE}/branches/main")).json()["branch"]["commit_id"]
    answer = await client.post(f"{HERE}/branches", json={"new_name": name, "commit_id": main})
    assert answer.status_code == 200, answer.text
    return str(main)


async def compared(
    client: httpx2.AsyncClient, path: str, sides: str = "main..exp/one", **params: Any
) -> dict[str, Any]:
    answer = await client.get(f"{HERE}/compare/file/{sides}/{quote(path)}", params=params)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["status"], body["status_message"]) == ("success", "resource_found")
    told: dict[str, Any] = body["compare"]
    return told


async def test_rows_are_told_by_all_that_they_say(client: httpx2.AsyncClient) -> None:
    await made(client)
    await put(client, "main", "d/q.csv", "id,v\n1,a\n2,b\n3,c\n")
    main = await branched(client)
    head = await put(client, "exp/one", "d/q.csv", "id,v,new\n0,z,x\n1,a,x\n2,B,x\n3,c,x\n")
    told = await compared(client, "d/q.csv")
    assert (told["status"], told["data_type"], told["filename"]) == (
        "modified",
        "tabular",
        "d/q.csv",
    )
    assert told["diff_summary"]["tabular"] == {
        "num_added_rows": 2,
        "num_removed_rows": 1,
        "num_modified_rows": 0,
        "num_added_cols": 1,
        "num_removed_cols": 0,
        "schema_has_changed": True,
    }
    tabular = told["diff"]["tabular"]
    assert tabular["added_rows"]["data"] == [
        {"id": "0", "v": "z", "new": "x"},
        {"id": "2", "v": "B", "new": "x"},
    ]
    assert tabular["added_rows"]["full_size"] == {"height": 2, "width": 3}
    assert tabular["removed_rows"]["data"] == [{"id": "2", "v": "b"}]
    assert [it["name"] for it in tabular["head_schema"]["fields"]] == ["id", "v", "new"]
    assert told["base_resource"]["version"] == main
    assert told["head_resource"]["resource"] == f"{head['id']}/d/q.csv"
    assert told["base_entry"]["hash"] != told["head_entry"]["hash"]


async def test_rows_are_told_by_key_and_by_position(client: httpx2.AsyncClient) -> None:
    await made(client)
    await put(client, "main", "q.jsonl", '{"id": 1, "v": 1}\n{"id": 2, "v": 2}\n')
    await branched(client)
    await put(client, "exp/one", "q.jsonl", '{"id": 2, "v": "2"}\n{"id": 1, "v": 1}\n')
    told = await compared(client, "q.jsonl", keys=["id"])
    tabular = told["diff"]["tabular"]
    assert tabular["modified_rows"] == [
        {
            "key": {"id": 2},
            "base_row": 1,
            "head_row": 0,
            "columns": ["v"],
            "base": {"id": 2, "v": 2},
            "head": {"id": 2, "v": "2"},
        }
    ]
    assert tabular["retyped_cols"] == [{"name": "v", "base": "int64", "head": "string"}]
    assert told["diff_summary"]["tabular"]["num_modified_rows"] == 1
    by_two = await compared(client, "q.jsonl", keys=["id", "v"])
    assert by_two["diff_summary"]["tabular"]["num_added_rows"] == 1
    told = await compared(client, "q.jsonl", align="position")
    assert [it["base_row"] for it in told["diff"]["tabular"]["modified_rows"]] == [0, 1]


async def test_rows_come_by_pages_and_counts_are_complete(client: httpx2.AsyncClient) -> None:
    await made(client)
    await put(client, "main", "q.csv", "id\n")
    await branched(client)
    rows = [str(number) for number in range(25)]
    await put(client, "exp/one", "q.csv", "id\n" + "\n".join(rows) + "\n")
    seen = []
    for page in (1, 2, 3, 4):
        told = await compared(client, "q.csv", page=page, page_size=10)
        added = told["diff"]["tabular"]["added_rows"]
        assert told["diff_summary"]["tabular"]["num_added_rows"] == 25
        assert added["view_size"]["height"] == len(added["data"])
        seen += [row["id"] for row in added["data"]]
    assert seen == rows


async def test_a_file_on_one_side_was_added_or_removed(client: httpx2.AsyncClient) -> None:
    await made(client)
    await branched(client)
    await put(client, "exp/one", "q.csv", "id\n1\n2\n")
    told = await compared(client, "q.csv")
    assert (told["status"], told["base_entry"], told["base_resource"]) == ("added", None, None)
    assert told["diff"]["tabular"]["base_schema"] is None
    assert told["diff_summary"]["tabular"]["num_added_rows"] == 2
    told = await compared(client, "q.csv", "exp/one..main", keys=["id"])
    assert (told["status"], told["head_entry"]) == ("removed", None)
    assert told["diff"]["tabular"]["removed_rows"]["data"] == [{"id": "1"}, {"id": "2"}]


async def test_lines_of_a_text_and_bytes_of_the_rest(client: httpx2.AsyncClient) -> None:
    await made(client, a__md="one\ntwo\n")
    await put(client, "main", "b.png", b"\0\1")
    await put(client, "main", "c.txt", b"\0\1")
    main = await branched(client)
    await put(client, "exp/one", "a.md", "one\nTWO\n")
    await put(client, "exp/one", "b.png", b"\0\2\3")
    await put(client, "exp/one", "c.txt", b"\0\2")
    told = await compared(client, "a.md")
    assert told["diff"] == {
        "lines": [
            {"modification": "Unchanged", "text": "one"},
            {"modification": "Removed", "text": "two"},
            {"modification": "Added", "text": "TWO"},
        ],
        "filename1": "a.md",
        "filename2": "a.md",
    }
    assert (told["data_type"], told["diff_summary"]) == ("text", None)
    told = await compared(client, "b.png", f"{main}..exp/one")
    assert (told["diff"], told["data_type"]) == (None, "image")
    assert (told["base_entry"]["size"], told["head_entry"]["size"]) == (2, 3)
    assert (await compared(client, "c.txt"))["data_type"] == "binary"
    told = await compared(client, "a.md", "main..main")
    assert (told["status"], told["diff"]["lines"]) == ("unchanged", [])


@pytest.mark.parametrize(
    ("where", "status", "says"),
    [
        ("main..exp/one/none.csv", 404, "there is no file 'none.csv' at either revision"),
        ("main..exp/one/d", 400, "is a folder"),
        ("main..exp/one", 400, "a path is missing"),
        ("main..exp/one/", 400, "a path is missing"),
        ("main..exp/one/d/..%2Fq.csv", 400, "`..`"),
        ("main/q.csv", 400, "base..head"),
        ("..exp/one/q.csv", 400, "base..head"),
        ("main../q.csv", 404, ""),
        ("main..", 400, "base..head"),
        ("none..main/q.csv", 404, "none"),
        ("main..none/q.csv", 404, "none"),
        ("main...exp/one/q.csv", 404, ""),
        ("main..exp/one/q.csv?keys=idx", 400, "has no column `idx` to be a key (its columns: id"),
        ("main..exp/one/q.csv?keys=v", 400, 'two rows of q.csv (before) have the key v = "a"'),
        ("main..exp/one/q.csv?keys=id&align=position", 400, "key columns"),
        ("main..exp/one/q.csv?align=key", 400, "key columns"),
        ("main..exp/one/q.csv?align=none", 400, "align"),
        ("main..exp/one/a.md?keys=id", 400, "is no file of rows"),
        ("main..exp/one/q.csv?page=0", 400, "page"),
        ("main..exp/one/q.csv?page_size=10001", 400, "page_size"),
    ],
)
async def test_what_cannot_be_compared_is_refused(
    client: httpx2.AsyncClient, where: str, status: int, says: str
) -> None:
    await made(client, a__md="x")
    await put(client, "main", "q.csv", "id,v\n1,a\n2,a\n")
    await put(client, "main", "d/x.csv", "id\n1\n")
    await branched(client)
    await put(client, "exp/one", "q.csv", "id,v\n1,a\n")
    answer = await client.get(f"{HERE}/compare/file/{where}")
    assert answer.status_code == status, answer.text
    assert answer.json()["status"] == "error"
    assert says in answer.json()["status_description"]


async def test_a_text_that_is_too_long_is_refused(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differences, "MOST_TEXT_BYTES", 10)
    await made(client, a__md="x")
    await branched(client)
    await put(client, "exp/one", "a.md", "x" * 11)
    answer = await client.get(f"{HERE}/compare/file/main..exp/one/a.md")
    assert (answer.status_code, answer.json()["status_message"]) == (413, "payload_too_large")


async def test_the_files_that_differ_are_listed_with_their_shapes(
    client: httpx2.AsyncClient,
) -> None:
    await made(client, a__md="x")
    await put(client, "main", "d/q.csv", "id,v\n1,a\n2,b\n")
    main = await branched(client)
    head = await put(client, "exp/one", "d/q.csv", "id,w\n1,a\n")
    answer = (await client.get(f"{HERE}/compare/entries/main..exp/one")).json()
    assert answer["compare"]["counts"] == {"added": 0, "removed": 0, "modified": 1}
    (entry,) = answer["compare"]["entries"]
    assert (entry["filename"], entry["status"]) == ("d/q.csv", "modified")
    assert entry["diff_summary"]["tabular"] == {
        "num_added_rows": 0,
        "num_removed_rows": 1,
        "num_added_cols": 1,
        "num_removed_cols": 1,
        "schema_has_changed": True,
    }
    assert entry["tabular"] == {
        "rows": {"base": 2, "head": 1},
        "columns": {"added": ["w"], "removed": ["v"], "retyped": []},
    }
    assert entry["base_resource"]["version"] == main
    commits = (await client.get(f"{HERE}/compare/commits/main..exp/one")).json()["compare"]
    assert [it["id"] for it in commits["commits"]] == [head["id"]]
    assert (commits["base_commit"]["id"], commits["head_commit"]["id"]) == (main, head["id"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "data_frames"),
        ("PUT", "data_frames/some"),
        ("GET", "data_frames/some/diff/main..main"),
        ("DELETE", "data_frames/some"),
        ("GET", "dir_tree/main..main"),
        ("GET", "dir/main..main/d"),
    ],
)
async def test_what_is_not_there_says_what_to_use(
    client: httpx2.AsyncClient, method: str, path: str
) -> None:
    await made(client)
    answer = await client.request(method, f"{HERE}/compare/{path}", json={})
    assert (answer.status_code, answer.json()["status_message"]) == (501, "not_implemented")
    assert "compare/" in answer.json()["status_description"]
    absent = await client.request(method, f"/repos/ns/none/compare/{path}", json={})
    assert absent.status_code == 404


def test_the_client_is_told_the_lines_of_a_text(server: Server) -> None:
    told = server.run_client(
        """
        r = made("ns/lines", notes__md="a\\nb\\n")
        first = r.log()[0].id
        r.create_checkout_branch("exp/one")
        os.makedirs(HERE / "x")
        (HERE / "notes.md").write_text("a\\nB\\nc\\n")
        r.upload(str(HERE / "notes.md"), "changed")
        (HERE / "a b.txt").write_text("new\\n")
        r.upload(str(HERE / "a b.txt"), "added", dst_dir="data/ünder")
        def lines(diff): return [(str(it.modification), it.text) for it in diff.lines]
        told(
            by_branch=lines(r.diff("main", "exp/one", "notes.md")),
            by_commit=lines(r.diff(first, r.log()[0].id, "notes.md")),
            back=lines(r.diff("exp/one", "main", "notes.md")),
            added=lines(r.diff("main", "exp/one", "data/ünder/a b.txt")),
            same=lines(r.diff("main", "main", "notes.md")),
        )
        try:
            r.diff("main", "exp/one", "none.txt")
        except Exception as error:
            told(missing=str(error))
        """
    )
    added, removed, same = (f"PyChangeType.{it}" for it in ("Added", "Removed", "Unchanged"))
    assert told["by_branch"] == [[same, "a"], [removed, "b"], [added, "B"], [added, "c"]]
    assert told["by_commit"] == told["by_branch"]
    assert told["back"] == [[same, "a"], [removed, "B"], [removed, "c"], [added, "b"]]
    assert told["added"] == [[added, "new"]]
    assert told["same"] == []
    assert "none.txt" in told["missing"]


def test_the_client_reads_what_differs_in_rows_and_bytes(server: Server) -> None:
    """It takes in all of the answer; its `diff` itself then refuses everything but texts."""
    told = server.run_client(
        """
        r = made("ns/rows", q__csv="id,v\\n1,a\\n2,b\\n", gone__csv="id\\n1\\n")
        (HERE / "b.bin").write_bytes(bytes(3))
        r.upload(str(HERE / "b.bin"), "bytes")
        r.create_checkout_branch("exp")
        (HERE / "q.csv").write_text("id,v,w\\n1,a,\\n3,c,\\n")
        r.upload(str(HERE / "q.csv"), "changed")
        (HERE / "b.bin").write_bytes(bytes(4))
        r.upload(str(HERE / "b.bin"), "bytes")
        r.delete_file("gone.csv", "gone")
        for name in ("q.csv", "gone.csv", "b.bin"):
            found = r._repo.diff_file("main", "exp", name)
            told(**{name: [found.format, repr(found)]})
        try:
            r.diff("main", "exp", "q.csv")
        except NotImplementedError as error:
            told(refused=str(error))
        """
    )
    kind, shown = told["q.csv"]
    assert kind == "tabular"
    assert "num_added_rows: 1, num_added_cols: 1, num_removed_rows: 1" in shown
    assert '"id": String("3")' in shown
    kind, shown = told["gone.csv"]
    assert kind == "tabular"
    assert 'status: "removed"' in shown
    assert "head_entry: None" in shown
    assert told["b.bin"][0] == "unknown"
    assert "Only text diffs" in told["refused"]
