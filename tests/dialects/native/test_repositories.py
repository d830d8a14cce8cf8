"""Repositories over HTTP: made, filled, read, compared and merged, each within its workspace."""

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from support.native import MakeClient, problem
from weighbridge.core.caller import Role
from weighbridge.dialects.native import wire
from weighbridge.dialects.native import wire_repositories as sent

CSV = b"q,n\nja,1\nnein,2\n"
REPO = "/repositories/ns/r"


@pytest.fixture
async def repo(client: httpx2.AsyncClient) -> str:
    """The address of a repository with one commit of three files."""
    made = await client.post("/repositories", json={"namespace": "ns", "name": "r"})
    assert made.status_code == 201
    files = [
        ("file", ("data/q.csv", CSV)),
        ("file", ("data/deep/notes.txt", b"words")),
        ("file", ("README.md", b"# r\n")),
    ]
    answer = await client.post(f"{REPO}/commits", files=files, data={"message": "first"})
    assert answer.status_code == 201, answer.text
    return REPO


async def put(client: httpx2.AsyncClient, path: str, content: bytes, **params: str) -> Any:
    answer = await client.put(f"{REPO}/content", params={"path": path, **params}, content=content)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def listed(client: httpx2.AsyncClient, path: str, /, **params: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{REPO}/{path}", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_a_repository_is_made_found_and_removed(client: httpx2.AsyncClient) -> None:
    new = {"namespace": "ns", "name": "r", "description": "for tests"}
    made = (await client.post("/repositories", json=new)).json()
    assert (made["is_empty"], made["description"]) == (True, "for tests")
    assert (await client.get(REPO)).json() == made
    problem(await client.post("/repositories", json=new), 409)
    assert (await client.delete(REPO)).status_code == 204
    problem(await client.get(REPO), 404)
    problem(await client.delete(REPO), 404)


async def test_repositories_come_in_pages_by_address(client: httpx2.AsyncClient) -> None:
    for address in ("b/x", "a/y", "a/x"):
        namespace, name = address.split("/")
        await client.post("/repositories", json={"namespace": namespace, "name": name})
    first = (await client.get("/repositories?limit=2")).json()
    rest = await client.get(f"/repositories?cursor={first['next_cursor']}")
    found = [f"{it['namespace']}/{it['name']}" for it in first["data"] + rest.json()["data"]]
    assert (found, rest.json()["has_more"]) == (["a/x", "a/y", "b/x"], False)
    only = (await client.get("/repositories?namespace=b")).json()["data"]
    assert [it["name"] for it in only] == ["x"]


async def test_a_repeat_with_the_same_key_makes_one_repository(client: httpx2.AsyncClient) -> None:
    new = {"namespace": "ns", "name": "r"}
    headers = {"Idempotency-Key": "one"}
    first, again = [await client.post("/repositories", json=new, headers=headers) for _ in "12"]
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = {**new, "name": "s"}
    problem(await client.post("/repositories", json=other, headers=headers), 422)


async def test_a_file_is_committed_listed_and_read(client: httpx2.AsyncClient) -> None:
    await client.post("/repositories", json={"namespace": "ns", "name": "r"})
    made = await put(client, "data/q.csv", CSV, message="questions")
    assert (made["branch"], made["changed"], made["commit"]["message"]) == (
        "main",
        True,
        "questions",
    )
    [folder] = await listed(client, "entries")
    assert (folder["path"], folder["kind"], folder["size"]) == ("data", "folder", len(CSV))
    [file] = await listed(client, "entries", path="data")
    assert file["frame"] == {"format": "csv", "rows": 2, "columns": {"q": "string", "n": "string"}}
    assert file["changed_by"] == made["commit"]
    assert await listed(client, "entries", path="data/q.csv") == [file]
    answer = await client.get(f"{REPO}/content?path=data/q.csv")
    assert answer.content == CSV
    assert answer.headers["content-length"] == str(len(CSV))
    assert "attachment" in answer.headers["content-disposition"]


async def test_putting_what_is_there_already_makes_no_commit(
    client: httpx2.AsyncClient, repo: str
) -> None:
    answer = await client.put(f"{repo}/content?path=data/q.csv", content=CSV)
    assert (answer.status_code, answer.json()["changed"]) == (200, False)
    assert len(await listed(client, "commits")) == 1


async def test_a_file_of_any_size_below_the_limit_passes_and_a_larger_one_does_not(
    client: httpx2.AsyncClient, repo: str
) -> None:
    large = bytes(range(256)) * 6_000  # over the limit for JSON
    await put(client, "large.bin", large)
    assert (await client.get(f"{repo}/content?path=large.bin")).content == large
    answer = await client.put(f"{repo}/content?path=x.bin", content=large * 3)
    problem(answer, 413)
    form = {"file": ("x.bin", large * 3)}
    problem(await client.post(f"{repo}/commits", files=form), 413)


async def test_several_files_are_one_commit_or_none(client: httpx2.AsyncClient, repo: str) -> None:
    assert len(await listed(client, "commits")) == 1
    everything = await listed(client, "entries", recursive="true")
    assert [it["path"] for it in everything] == ["README.md", "data/deep/notes.txt", "data/q.csv"]
    files = [("file", ("b.csv", b"a\n1\n")), ("file", ("c.parquet", b"no parquet"))]
    told = problem(await client.post(f"{repo}/commits", files=files), 422)
    assert told["errors"][0]["field"] == "file"
    assert "c.parquet" in told["detail"]
    assert len(await listed(client, "commits")) == 1


async def test_a_repeated_form_is_committed_once(client: httpx2.AsyncClient, repo: str) -> None:
    headers = {"Idempotency-Key": "form"}
    files = {"file": ("b.csv", b"a\n1\n")}
    for replayed in (None, "true"):
        answer = await client.post(f"{repo}/commits", files=files, headers=headers)
        assert answer.status_code == 201
        assert answer.headers.get("idempotency-replayed") == replayed
    other = {"file": ("b.csv", b"a\n2\n")}
    problem(await client.post(f"{repo}/commits", files=other, headers=headers), 422)


@pytest.mark.parametrize(
    ("files", "data", "field"),
    [
        ([], {"branch": "main"}, "file"),
        ([("file", ("../x", b"1"))], {}, "file"),
        ([("file", ("/etc/x", b"1"))], {}, "file"),
        ([("file", ("a.txt", b"1")), ("file", ("./a.txt", b"2"))], {}, "file"),
        ([("file", ("a.txt", b"1"))], {"expected": "x"}, "expected"),
        ([("file", ("a.txt", b"1"))], {"brunch": "main"}, "brunch"),
    ],
)
async def test_a_form_that_is_wrong_is_refused_by_field(
    client: httpx2.AsyncClient, repo: str, files: list[Any], data: dict[str, str], field: str
) -> None:
    if not files:
        files = [("branch", (None, data.pop("branch")))]
    told = problem(await client.post(f"{repo}/commits", files=files, data=data), 422)
    assert [it["field"] for it in told["errors"]] == [field]
    assert len(await listed(client, "commits")) == 1


async def test_branches_are_made_moved_and_removed(client: httpx2.AsyncClient, repo: str) -> None:
    answer = await client.post(f"{repo}/branches", json={"name": "exp/one"})
    assert answer.status_code == 201
    moved = await put(client, "data/q.csv", CSV + b"oui,3\n", branch="exp/one")
    branches = {it["name"]: it["commit_id"] for it in await listed(client, "branches")}
    assert branches["exp/one"] == moved["commit"]["id"] != branches["main"]
    at = {"name": "old", "revision": branches["main"]}
    assert (await client.post(f"{repo}/branches", json=at)).json()["commit_id"] == branches["main"]
    problem(await client.post(f"{repo}/branches", json=at), 409)
    problem(await client.post(f"{repo}/branches", json={"name": "a b"}), 422)
    problem(await client.post(f"{repo}/branches", json={"name": "x", "revision": "no"}), 404)
    for name in ("exp/one", "old"):
        assert (await client.delete(f"{repo}/branches", params={"name": name})).status_code == 204
    problem(await client.delete(f"{repo}/branches?name=old"), 404)
    problem(await client.delete(f"{repo}/branches?name=main"), 409)


async def test_a_branch_that_has_moved_is_not_overwritten(
    client: httpx2.AsyncClient, repo: str
) -> None:
    [first] = await listed(client, "commits")
    await put(client, "a.txt", b"1", expected=first["id"])
    late = {"path": "a.txt", "expected": first["id"]}
    told = await client.put(f"{repo}/content", params=late, content=b"2")
    assert first["id"] in problem(told, 409)["detail"]
    problem(await client.delete(f"{repo}/content", params=late), 409)
    assert (await client.get(f"{repo}/content?path=a.txt")).content == b"1"


async def test_the_log_comes_in_pages_and_of_one_file(
    client: httpx2.AsyncClient, repo: str
) -> None:
    for number in range(4):
        await put(client, "a.txt" if number % 2 else "b.txt", str(number).encode())
    first = (await client.get(f"{repo}/commits?limit=2")).json()
    await put(client, "later.txt", b"x")  # changes nothing of a list that has begun
    second = await client.get(f"{repo}/commits?limit=2&cursor={first['next_cursor']}")
    third = await client.get(f"{repo}/commits?limit=2&cursor={second.json()['next_cursor']}")
    told = [*first["data"], *second.json()["data"], *third.json()["data"]]
    assert [it["message"] for it in told] == [
        "Add a.txt", "Add b.txt", "Add a.txt", "Add b.txt", "first",
    ]  # fmt: skip
    assert third.json()["next_cursor"] is None
    assert len(await listed(client, "commits", path="a.txt")) == 2
    earlier = await listed(client, "commits", revision=told[2]["id"])
    assert [it["id"] for it in earlier] == [it["id"] for it in told[2:]]


@pytest.mark.parametrize("recursive", ["false", "true"])
async def test_entries_come_in_pages(client: httpx2.AsyncClient, repo: str, recursive: str) -> None:
    whole = await listed(client, "entries", recursive=recursive)
    found: list[Any] = []
    cursor: dict[str, str] = {}
    for _ in range(10):
        params = {"limit": "1", "recursive": recursive, **cursor}
        page = (await client.get(f"{repo}/entries", params=params)).json()
        found += page["data"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert found == whole
    assert len(whole) == (3 if recursive == "true" else 2)


async def test_changes_tell_rows_and_columns_of_files_of_rows(
    client: httpx2.AsyncClient, repo: str
) -> None:
    await client.post(f"{repo}/branches", json={"name": "next"})
    await put(client, "data/q.csv", b"q,m\nja,1\n", branch="next")
    await put(client, "new.jsonl", b'{"a": 1}\n', branch="next")
    gone = {"path": "README.md", "branch": "next"}
    assert (await client.delete(f"{repo}/content", params=gone)).json()["changed"] is True
    found = {it["path"]: it for it in await listed(client, "changes", base="main", head="next")}
    assert {path: it["how"] for path, it in found.items()} == {
        "README.md": "removed", "data/q.csv": "changed", "new.jsonl": "added",
    }  # fmt: skip
    assert found["data/q.csv"]["frame"] == {
        "rows_before": 2,
        "rows_after": 1,
        "columns_added": {"m": "string"},
        "columns_removed": {"n": "string"},
        "columns_retyped": {},
    }
    assert found["new.jsonl"]["size_before"] is None
    assert found["README.md"]["frame"] is None
    page = (await client.get(f"{repo}/changes?base=main&head=next&limit=2")).json()
    rest = {"base": "main", "head": "next", "cursor": page["next_cursor"]}
    assert [it["path"] for it in await listed(client, "changes", **rest)] == ["new.jsonl"]
    below = await listed(client, "changes", base="main", head="next", path="data")
    assert [it["path"] for it in below] == ["data/q.csv"]


async def test_one_file_is_compared_row_by_row_or_line_by_line(
    client: httpx2.AsyncClient, repo: str
) -> None:
    await client.post(f"{repo}/branches", json={"name": "next"})
    await put(client, "t.csv", b"id,v\na,1\nb,2\nc,3\n")
    await put(client, "t.csv", b"id,v,w\nc,3,x\na,9,x\nd,4,x\n", branch="next")
    await put(client, "README.md", b"# other\n", branch="next")

    async def compared(**query: Any) -> dict[str, Any]:
        params = {"base": "main", "head": "next", **query}
        answer = await client.get(f"{repo}/changes/file", params=params)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    found = await compared(path="t.csv", key="id")
    rows = found["rows"]
    assert (found["how"], rows["align"], rows["keys"]) == ("changed", "key", ["id"])
    assert [rows[kind] for kind in ("added", "removed", "changed", "same")] == [1, 1, 1, 1]
    assert rows["frame"]["columns_added"] == {"w": "string"}
    [changed] = rows["changed_rows"]
    assert (changed["key"], changed["columns"]) == ({"id": "a"}, ["v"])
    assert (changed["before"]["v"], changed["after"]["v"]) == ("1", "9")
    assert rows["added_rows"][0]["after"]["id"] == "d"
    by_position = await compared(path="t.csv")
    assert by_position["rows"]["changed"] == 3
    assert by_position["rows"]["align"] == "position"
    none_shown = await compared(path="t.csv", key="id", limit=0)
    assert (none_shown["rows"]["changed"], none_shown["rows"]["changed_rows"]) == (1, [])
    text = await compared(path="README.md")
    assert {"how": "added", "text": "# other"} in text["lines"]
    for query, status in (
        ({"path": "none.csv"}, 404),
        ({"path": "t.csv", "key": "nothing"}, 422),
        ({"path": "t.csv", "align": "luck"}, 422),
    ):
        params = {"base": "main", "head": "next", **query}
        answer = await client.get(f"{repo}/changes/file", params=params)
        assert answer.status_code == status, answer.text


async def test_a_merge_is_planned_made_and_refused_where_both_changed_a_file(
    client: httpx2.AsyncClient, repo: str
) -> None:
    await client.post(f"{repo}/branches", json={"name": "next"})
    await put(client, "a.txt", b"theirs", branch="next")
    sides = {"base": "main", "head": "next"}
    plan = (await client.get(f"{repo}/merges", params=sides)).json()
    assert (plan["possible"], plan["fast_forward"], plan["files_set"]) == (True, True, ["a.txt"])
    assert [it["message"] for it in plan["commits"]] == ["Add a.txt"]
    made = await client.post(f"{repo}/merges", json=sides)
    assert (made.status_code, made.json()["commit"]) == (201, plan["commits"][0])
    assert (await client.post(f"{repo}/merges", json=sides)).json()["changed"] is False
    await put(client, "a.txt", b"ours")
    await put(client, "a.txt", b"theirs again", branch="next")
    plan = (await client.get(f"{repo}/merges", params=sides)).json()
    assert (plan["possible"], plan["conflicts"]) == (False, ["a.txt"])
    assert "a.txt" in problem(await client.post(f"{repo}/merges", json=sides), 409)["detail"]


async def test_a_merge_of_two_sides_is_a_commit_with_two_parents(
    client: httpx2.AsyncClient, repo: str
) -> None:
    await client.post(f"{repo}/branches", json={"name": "next"})
    theirs = await put(client, "a.txt", b"theirs", branch="next")
    ours = await put(client, "b.txt", b"ours")
    merged = await client.post(
        f"{repo}/merges", json={"base": "main", "head": "next", "message": "both"}
    )
    commit = merged.json()["commit"]
    assert commit["parents"] == [ours["commit"]["id"], theirs["commit"]["id"]]
    assert commit["message"] == "both"


async def test_the_key_s_user_signs(client: httpx2.AsyncClient, repo: str) -> None:
    [commit] = await listed(client, "commits")
    assert commit["author"]["name"]
    assert commit["author"]["email"] == f"{commit['author']['name']}@localhost"


async def test_another_workspace_sees_nothing_and_a_reader_changes_nothing(
    make_client: MakeClient, client: httpx2.AsyncClient, repo: str
) -> None:
    stranger = await make_client(workspace="another")
    for path in ("", "/branches", "/commits", "/entries", "/content?path=README.md",
                 "/changes?base=main&head=main", "/merges?base=main&head=main"):  # fmt: skip
        problem(await stranger.get(f"{repo}{path}"), 404)
    problem(await stranger.put(f"{repo}/content?path=x", content=b"1"), 404)
    problem(await stranger.delete(repo), 404)
    assert (await stranger.get("/repositories")).json()["data"] == []
    reader = await make_client(Role.READER)
    assert (await reader.get(f"{repo}/content?path=README.md")).content == b"# r\n"
    problem(await reader.put(f"{repo}/content?path=x", content=b"1"), 403)
    problem(await reader.delete(f"{repo}/content?path=README.md"), 403)
    problem(await reader.post(f"{repo}/merges", json={"base": "main", "head": "main"}), 403)
    problem(await reader.post("/repositories", json={"namespace": "ns", "name": "s"}), 403)
    problem(await reader.delete(repo), 403)
    nobody = {"Authorization": "Bearer wb_wrong"}
    problem(await client.get(repo, headers=nobody), 401)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("content?path=none.csv", 404),
        ("content?path=data", 422),
        ("content?path=../x", 422),
        ("content?path=/etc/passwd", 422),
        ("content?path=a%00b", 422),
        ("content?revision=no&path=README.md", 404),
        ("content?revision=a%00b&path=README.md", 422),
        ("entries?path=none", 404),
        ("entries?cursor=x", 422),
        ("commits?cursor=WyJhIl0", 422),
        ("changes?base=main&head=no", 404),
        ("merges?base=no&head=main", 404),
    ],
)
async def test_what_is_not_there_or_no_path_is_told(
    client: httpx2.AsyncClient, repo: str, path: str, status: int
) -> None:
    problem(await client.get(f"{repo}/{path}"), status)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("content?path=../x", 422),
        ("content?path=data", 409),
        ("content?path=README.md/below", 409),
        ("content?path=x&branch=no", 404),
        ("content?path=x&branch=a..b", 422),
        ("content?path=x.csv", 422),
        ("content?path=x&expected=main", 422),
        ("content", 422),
    ],
)
async def test_a_file_that_cannot_be_committed_changes_nothing(
    client: httpx2.AsyncClient, repo: str, path: str, status: int
) -> None:
    problem(await client.put(f"{repo}/{path}", content=b"a,a\n1\n"), status)
    assert len(await listed(client, "commits")) == 1


async def test_a_form_is_no_file(client: httpx2.AsyncClient, repo: str) -> None:
    answer = await client.put(f"{repo}/content?path=x", files={"file": b"1"})
    assert "bytes" in problem(answer, 415)["detail"]


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_rubbish_beside_what_is_needed_is_the_client_s_fault(
    client: httpx2.AsyncClient, repo: str
) -> None:
    texts = ["", " ", "\0", "\ud800", "x" * 3_000, "' or 1=1 --", "🦆", "a/../b", "-1", "%s%n"]
    good = {"revision": "main", "path": "README.md", "base": "main", "head": "main"}
    for route, names in (
        ("content", ("revision", "path")),
        ("entries", ("revision", "path")),
        ("commits", ("revision", "path")),
        ("changes", ("base", "head", "path")),
        ("merges", ("base", "head")),
    ):
        for name in names:
            for text in texts:
                given = {key: good[key] for key in names} | {name: text}
                query = "&".join(
                    f"{key}={quote(value.encode('utf-8', 'surrogatepass'))}"
                    for key, value in given.items()
                )
                answer = await client.get(f"{repo}/{route}?{query}")
                assert answer.status_code in {200, 404, 422}, (query, answer.text)


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
async def test_a_column_that_no_database_could_name_is_refused(
    client: httpx2.AsyncClient, repo: str
) -> None:
    answer = await client.put(f"{repo}/content?path=x.jsonl", content=b'{"a\\u0000": 1}\n')
    assert "NUL" in problem(answer, 422)["detail"]


async def test_answers_are_as_described(client: httpx2.AsyncClient, repo: str) -> None:
    for path, model in {
        "": sent.Repository,
        "/branches": wire.Page[sent.Branch],
        "/commits": wire.Page[sent.Commit],
        "/entries": wire.Page[sent.Entry],
        "/changes?base=main&head=main": wire.Page[sent.FileChange],
        "/merges?base=main&head=main": sent.MergePlan,
    }.items():
        answer = await client.get(f"{repo}{path}")
        parsed = model.model_validate_json(answer.content, extra="forbid")
        assert parsed.model_dump(mode="json") == answer.json(), path


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str | None:
    """SQLite, unless a test asks for both."""
    wanted = getattr(request, "param", "sqlite")
    return request.getfixturevalue("migrated_postgres_url") if wanted == "postgresql" else None
