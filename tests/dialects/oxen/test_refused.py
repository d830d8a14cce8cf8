"""What is refused says what to use instead, and the official client shows it."""

import gzip
import io
import tarfile

import httpx2
import pytest

from support.oxen_client import Server

ATTEMPTS = """
def attempt(call):
    try:
        call()
    except Exception as error:
        return str(error)
    return "it went through"

def local(name, remote):
    folder = HERE / name
    folder.mkdir()
    (folder / "f.txt").write_text("f")
    repo = oxen.Repo(str(folder))
    repo.init()
    repo.add(str(folder / "f.txt"))
    repo.commit("mine")
    repo.set_remote("origin", f"http://{HOST}/{remote}")
    return repo

def clone(name, to, **more):
    return attempt(lambda: oxen.clone(name, host=HOST, scheme="http", path=str(HERE / to), **more))
"""


@pytest.fixture(scope="module")
def told(server: Server) -> dict[str, str]:
    """What the official client says to each attempt."""
    return server.run_client(
        ATTEMPTS
        + """
made("ns/held", a__csv="x\\n1\\n").create_branch("exp/one")
create_repo("ns/bare", host=HOST, scheme="http", files=[])
told(
    clone=clone("ns/held", "one"),
    clone_of_a_branch=clone("ns/held", "two", branch="exp/one"),
    clone_of_a_folder=clone("ns/held", "three", filters="data"),
    clone_of_all_history=clone("ns/held", "four", all=True),
)
mine = local("mine", "ns/held")
told(
    pull=attempt(lambda: mine.pull("origin", "main")),
    pull_of_all_history=attempt(lambda: mine.pull("origin", "main", all=True)),
)
mine.checkout("exp/two", create=True)
told(push_of_a_new_branch=attempt(lambda: mine.push("origin", "exp/two")))
other = local("other", "ns/bare")
told(push_to_an_empty_repository=attempt(lambda: other.push("origin", "main")))
told(
    branches=sorted(it.name for it in repo("ns/held").branches()),
    held=repo("ns/held").get_file("a.csv").decode(),
    bare=api("GET", "/repos/ns/bare/branches").json()["branches"],
)
"""
    )


@pytest.mark.parametrize(
    "what",
    [
        "clone",
        "clone_of_a_branch",
        "clone_of_a_folder",
        "clone_of_all_history",
        "pull",
        "pull_of_all_history",
    ],
)
def test_clone_and_pull_are_refused_by_name_with_what_reads_instead(
    told: dict[str, str], what: str
) -> None:
    assert "clone, pull and fetch are not supported; use RemoteRepo: `download`" in told[what]


@pytest.mark.parametrize("what", ["push_of_a_new_branch", "push_to_an_empty_repository"])
def test_push_is_refused_by_name_with_what_writes_instead(told: dict[str, str], what: str) -> None:
    assert "push is not supported; use RemoteRepo: `upload`" in told[what]


def test_a_refused_push_leaves_nothing_behind(told: dict[str, object]) -> None:
    assert told["branches"] == ["exp/one", "main"]
    assert told["held"] == "x\n1\n"
    assert told["bare"] == []


REFUSED = [
    ("GET", "/tree/download", "clone"),
    ("GET", f"/tree/download/{'a' * 32}..{'b' * 32}?subtrees=data", "clone"),
    ("GET", f"/tree/nodes/hash/{'a' * 32}", "clone"),
    ("GET", f"/commits/{'a' * 32}/download_dir_hashes_db", "clone"),
    ("GET", "/commits/not-an-id/commit_db", "clone"),
    ("POST", "/tree/nodes", "push"),
    ("POST", "/commits/missing", "push"),
    ("POST", "/commits/upload", "push"),
    ("POST", "/versions", "push"),
]


@pytest.fixture
async def held(client: httpx2.AsyncClient) -> str:
    """Where a repository is."""
    files = [{"path": "a.txt", "contents": "a", "user": {"name": "Ann", "email": "a@example.com"}}]
    wanted = {"namespace": "ns", "name": "held", "files": files}
    made = await client.post("/repos", json=wanted)
    assert made.status_code == 200
    return "/repos/ns/held"


@pytest.mark.parametrize(("method", "path", "what"), REFUSED)
async def test_every_step_of_clone_and_push_is_refused_in_the_shape_of_the_dialect(
    client: httpx2.AsyncClient, held: str, method: str, path: str, what: str
) -> None:
    answer = await client.request(method, held + path, content=b"x")
    assert answer.status_code == 501
    body = answer.json()
    assert (body["status"], body["status_message"]) == ("error", "not_implemented")
    assert body["status_description"].startswith(what)
    assert "use RemoteRepo" in body["error"]["title"]


async def test_all_history_is_refused_as_an_archive_with_nothing_in_it(
    client: httpx2.AsyncClient, held: str
) -> None:
    commit = "a" * 32
    answer = await client.get(f"{held}/commits/{commit}/commit_db")
    assert answer.status_code == 501
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(answer.content))) as archive:
        assert [(it.name, it.isdir()) for it in archive] == [(f"history/{commit}", True)]


@pytest.mark.parametrize("path", ["/tree/download", f"/commits/{'a' * 32}/commit_db"])
async def test_a_repository_that_is_not_there_is_not_found_before_anything_is_refused(
    client: httpx2.AsyncClient, path: str
) -> None:
    answer = await client.get(f"/repos/ns/none{path}")
    assert answer.status_code == 404
    assert answer.json()["status_message"] == "resource_not_found"


async def test_a_stranger_is_not_told_what_is_refused(
    client: httpx2.AsyncClient, held: str
) -> None:
    answer = await client.get(held + "/tree/download", headers={"Authorization": "Bearer wb_no"})
    assert answer.status_code == 401
