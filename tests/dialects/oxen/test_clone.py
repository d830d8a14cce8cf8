"""Repositories are cloned and pulled: by the official client, and step by step."""

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import httpx2
import msgpack
import pytest
import rocksdict

from support.oxen_client import Server

CLIENT = """
def attempt(call):
    try:
        call()
    except Exception as error:
        return str(error)
    return "it went through"

def clone(name, to, **more):
    return oxen.clone(name, host=HOST, scheme="http", path=str(HERE / to), **more)

def texts(to):
    return {str(it.relative_to(HERE / to)): it.read_text() for it in sorted((HERE / to).rglob("*"))
            if it.is_file() and ".oxen" not in it.parts}

def put(name, path, data, branch="main"):
    folder, _, base = path.rpartition("/")
    return api("PUT", f"/repos/{name}/file/{branch}/{folder}", files={"files[]": (base, data)},
               data={"message": f"put {path}", "name": "Ben", "email": "b@example.com"})

def head(name, branch="main"):
    return api("GET", f"/repos/{name}/branches/{branch}").json()["branch"]["commit_id"]
"""


def test_a_repository_is_cloned_and_what_is_committed_later_is_pulled(server: Server) -> None:
    told = server.run_client(
        CLIENT
        + """
r = made("ns/whole", a__txt="a", b__txt="b")
big = os.urandom(12_000_000)
put("ns/whole", "data/ünder, a 50% sky/naïve 名.csv", "x\\n1\\n")
put("ns/whole", "data/same.txt", "a")
c = clone("ns/whole", "one")
told(texts=texts("one"), log=[it.message for it in c.log()], ids=[it.id for it in c.log()],
     branches=[it.name for it in c.branches()], status=str(c.status()),
     authors=sorted({it.author for it in c.log()}), head=head("ns/whole"))
told(again=attempt(lambda: c.pull()), twice=attempt(lambda: c.pull()))
put("ns/whole", "big.bin", big)
put("ns/whole", "data/same.txt", "changed")
api("DELETE", "/repos/ns/whole/file/main/b.txt")
told(pull=attempt(lambda: c.pull()), big=(HERE / "one/big.bin").read_bytes() == big)
(HERE / "one/big.bin").unlink()
told(pulled=texts("one"), same=c.log()[0].id == head("ns/whole"), commits=len(c.log()))
"""
    )
    naive = {"data/ünder, a 50% sky/naïve 名.csv": "x\n1\n"}
    assert told["texts"] == {"a.txt": "a", "b.txt": "b", "data/same.txt": "a"} | naive
    assert told["log"][1:] == [f"put {path}" for path in naive] + ["add a.txt, b.txt"]
    assert told["ids"][0] == told["head"]
    assert told["branches"] == ["main"]
    assert told["status"] == "nothing to commit, working tree clean\n"
    assert told["authors"] == ["Ann", "Ben"]
    assert told["again"] == told["twice"] == told["pull"] == "it went through"
    assert told["big"] is True
    assert told["pulled"] == {"a.txt": "a", "data/same.txt": "changed"} | naive
    assert told["same"] is True
    assert told["commits"] == 6


def test_clones_of_a_branch_of_all_history_of_some_folders_and_of_nothing(server: Server) -> None:
    told = server.run_client(
        CLIENT
        + """
made("ns/kinds", a__txt="1").create_branch("exp/one")
put("ns/kinds", "data/in/b.txt", "b", "exp/one")
put("ns/kinds", "a.txt", "2", "exp/one")
put("ns/kinds", "other/c.txt", "c", "exp/one")
told(branch=attempt(lambda: clone("ns/kinds", "branch", branch="exp/one")), one=texts("branch"))
everything = clone("ns/kinds", "all", branch="exp/one", all=True)
ids = [it.id for it in everything.log()]
told(last=texts("all"), commits=len(ids))
everything.restore("a.txt", source=ids[-1])
told(first=(HERE / "all/a.txt").read_text())
told(folder=attempt(lambda: clone("ns/kinds", "folder", branch="exp/one", filters="data/in")),
     some=texts("folder"))
told(folders=attempt(lambda: clone("ns/kinds", "folders", branch="exp/one",
                                   filters=["data", "other"])), more=texts("folders"))
told(misspelt=attempt(lambda: clone("ns/kinds", "none", filters="dtaa")))
told(absent=attempt(lambda: clone("ns/kinds", "no-branch", branch="nothing")))
told(nowhere=attempt(lambda: clone("ns/nowhere", "nowhere")))
create_repo("ns/bare", host=HOST, scheme="http", files=[])
told(bare=attempt(lambda: clone("ns/bare", "bare")), nothing=texts("bare"))
put("ns/bare", "a.txt", "a")
told(pulled=attempt(lambda: oxen.Repo(str(HERE / "bare")).pull()), after=texts("bare"))
"""
    )
    assert told["branch"] == told["folder"] == told["folders"] == "it went through"
    assert told["one"] == {"a.txt": "2", "data/in/b.txt": "b", "other/c.txt": "c"}
    assert told["first"] == "1"
    assert told["commits"] == 4
    assert told["last"] == told["one"]
    assert told["some"] == {"data/in/b.txt": "b"}
    assert told["more"] == {"data/in/b.txt": "b", "other/c.txt": "c"}
    assert "there is no folder 'dtaa'" in told["misspelt"]
    assert "nothing" in told["absent"]
    assert "nowhere" in told["nowhere"]
    assert told["bare"] == "it went through"
    assert told["nothing"] == {}
    assert told["pulled"] == "it went through"
    assert told["after"] == {"a.txt": "a"}


# Step by step

ADDRESS = "/repos/ns/steps"


async def put(client: httpx2.AsyncClient, path: str, data: bytes) -> str:
    folder, _, name = path.rpartition("/")
    answer = await client.put(
        f"{ADDRESS}/file/main/{folder}", files={"files[]": (name, data)}, data={"message": path}
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["commit"]["id"])


@pytest.fixture
async def line(client: httpx2.AsyncClient) -> list[str]:
    """Three commits, earliest first."""
    made = await client.post("/repos", json={"namespace": "ns", "name": "steps"})
    assert made.status_code == 200
    paths = ("a.txt", "in/deep/b.txt", "other/c.txt")
    return [await put(client, path, path.encode()) for path in paths]


def files_of(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        return {it.name: opened.extractfile(it).read() for it in opened}  # type: ignore[union-attr]


def nodes_of(archive: bytes) -> dict[str, tuple[int, list[Any]]]:
    """Hash → kind, and what the node says."""
    found = {}
    for name, data in files_of(archive).items():
        if name.endswith("/node"):
            length = int.from_bytes(data[17:21], "little")
            (held,) = msgpack.unpackb(data[21 : 21 + length])
            digits = name.removeprefix("tree/nodes/").removesuffix("/node").replace("/", "")
            found[digits.lstrip("0")] = (data[0], held["V0_25_0"])
    return found


def databases_of(archive: bytes, folder: Path) -> dict[str, dict[str, str]]:
    """Commit → path → hash."""
    for name, data in files_of(archive).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    found = {}
    for made in (folder / "history").iterdir():
        opened = rocksdict.Rdict(
            str(made / "dir_hashes"),
            rocksdict.Options(raw_mode=True),
            access_type=rocksdict.AccessType.read_only(),
        )
        found[made.name] = {path.decode(): digits.decode() for path, digits in opened.items()}
        opened.close()
    return found


async def get(client: httpx2.AsyncClient, path: str) -> bytes:
    answer = await client.get(f"{ADDRESS}{path}")
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_every_commit_leads_to_the_folders_it_says(
    client: httpx2.AsyncClient, line: list[str], tmp_path: Path
) -> None:
    nodes = nodes_of(await get(client, f"/tree/download/{line[2]}"))
    assert [it for it, (kind, _) in nodes.items() if kind == 0] == line
    assert [it[3] for kind, it in nodes.values() if kind == 0] == [
        "a.txt",
        "in/deep/b.txt",
        "other/c.txt",
    ]
    assert nodes[line[2]][1][2] == [bytes.fromhex(line[1])]
    hashes = databases_of(await get(client, f"/commits/{line[2]}/download_dir_hashes_db"), tmp_path)
    assert {it: sorted(folders) for it, folders in hashes.items()} == {
        line[0]: [""],
        line[1]: ["", "in", "in/deep"],
        line[2]: ["", "in", "in/deep", "other"],
    }
    for folders in hashes.values():
        for path, digits in folders.items():
            kind, fields = nodes[digits]
            assert (kind, fields[1]) == (1, path.rpartition("/")[2])
    assert hashes[line[1]]["in"] == hashes[line[2]]["in"]
    named = await client.get(f"{ADDRESS}/tree/nodes/resource/{line[1]}/in/deep")
    assert named.json()["hash"] == hashes[line[1]]["in/deep"]


async def test_only_what_is_new_is_handed_out_between_two_commits(
    client: httpx2.AsyncClient, line: list[str], tmp_path: Path
) -> None:
    nodes = nodes_of(await get(client, f"/tree/download/{line[1]}..{line[2]}"))
    assert [it for it, (kind, _) in nodes.items() if kind == 0] == [line[2]]
    assert sorted(it[1] for kind, it in nodes.values() if kind == 1) == ["", "other"]
    hashes = databases_of(
        await get(client, f"/commits/{line[0]}..{line[2]}/download_dir_hashes_db"), tmp_path
    )
    assert hashes.keys() == {line[1], line[2]}
    assert nodes_of(await get(client, f"/tree/download/{line[2]}..{line[2]}")) == {}


async def test_all_trees_are_those_of_all_branches(
    client: httpx2.AsyncClient, line: list[str], tmp_path: Path
) -> None:
    wanted = {"new_name": "exp/one", "commit_id": line[0]}
    assert (await client.post(f"{ADDRESS}/branches", json=wanted)).status_code == 200
    sent = {"files[]": ("d.txt", b"d")}
    put = await client.put(f"{ADDRESS}/file/exp/one/", files=sent)
    other = put.json()["commit"]["id"]
    nodes = nodes_of(await get(client, "/tree/download"))
    commits = [it for it, (kind, _) in nodes.items() if kind == 0]
    assert sorted(commits) == sorted([*line, other])
    assert commits.index(line[0]) == 0
    one = databases_of(await get(client, f"/commits/{other}/commit_db"), tmp_path)
    assert one.keys() == {other}


async def test_the_client_is_told_which_columns_a_data_frame_has(
    client: httpx2.AsyncClient, line: list[str]
) -> None:
    head = await put(client, "rows.csv", b"x,y\n1,2\n")
    files = files_of(await get(client, f"/tree/download/{line[2]}..{head}"))
    children = b"".join(data for name, data in files.items() if name.endswith("/children"))
    unpacker = msgpack.Unpacker()
    unpacker.feed(children)
    (rows,) = [it[0]["V0_25_0"] for it in unpacker if "rows.csv" in it[0]["V0_25_0"]]
    ((width, height, (_, columns, _)),) = rows[10]
    assert (width, height) == (2, 1)
    assert columns == [["x", "str", None, None], ["y", "str", None, None]]


async def test_a_commit_is_there_or_not(client: httpx2.AsyncClient, line: list[str]) -> None:
    assert (await client.get(f"{ADDRESS}/tree/nodes/hash/{line[0]}")).status_code == 200
    absent = await client.get(f"{ADDRESS}/tree/nodes/hash/{'ef' * 16}")
    assert absent.status_code == 404
    assert absent.json()["status_message"] == "resource_not_found"


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/tree/download/{id}?depth=1", 501, "name folders by `subtrees`"),
        ("/tree/download/{id}?subtrees=none", 404, "no folder 'none'"),
        ("/tree/download/{id}?subtrees=in,none", 404, "no folder 'none'"),
        ("/tree/download/{id}?subtrees=a.txt", 404, "no folder 'a.txt'"),
        ("/tree/download/{id}?subtrees=../x", 400, "`..`"),
        ("/tree/download/ef..{id}", 404, "no branch or commit 'ef'"),
        ("/tree/download/{id}..", 404, "no branch or commit ''"),
        ("/commits/nothing/download_dir_hashes_db", 404, "'nothing'"),
        ("/commits/{id}..nothing/download_dir_hashes_db", 404, "'nothing'"),
        ("/commits/nothing/commit_db", 404, "'nothing'"),
    ],
)
async def test_what_is_not_there_is_named(
    client: httpx2.AsyncClient, line: list[str], path: str, status: int, said: str
) -> None:
    answer = await client.get(ADDRESS + path.replace("{id}", line[2]))
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["status"] == "error"
    assert said in body["status_description"]


@pytest.mark.parametrize(
    "path", ["/tree/download", "/tree/download/main", "/commits/main/download_dir_hashes_db"]
)
async def test_a_stranger_gets_nothing(
    client: httpx2.AsyncClient, line: list[str], path: str
) -> None:
    for headers, status in (({"Authorization": "Bearer wb_no"}, 401), ({}, 404)):
        where = ADDRESS if status == 401 else "/repos/ns/none"
        assert (await client.get(where + path, headers=headers)).status_code == status


async def test_a_folder_with_a_comma_in_its_name_can_be_asked_for(
    client: httpx2.AsyncClient, line: list[str]
) -> None:
    head = await put(client, "x, y/z.txt", b"z")
    asked = {"subtrees": "x, y"}
    answer = await client.get(f"{ADDRESS}/tree/download/{head}", params=asked)
    assert answer.status_code == 200
    assert gzip.decompress(answer.content)
