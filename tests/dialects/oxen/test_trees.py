"""A folder comes down whole: by the official client, and step by step."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterable
from typing import Any

import httpx2
import msgpack
import pytest
import xxhash

from support.oxen_client import Server


def test_a_folder_with_many_files_comes_down_as_it_is(server: Server) -> None:
    told = server.run_client(
        """
        r = made("ns/folders")
        r.create_checkout_branch("exp/one")
        top = HERE / "up"
        files = {f"data/deep/er/{n:03}.txt": f"text {n}".encode() for n in range(300)}
        files |= {
            "data/one/same.txt": b"same", "data/two/same.txt": b"same",
            "data/two/other.txt": b"same", "data/ünder, a 50% sky/naïve 名.csv": b"x\\n1\\n",
            "data/empty.txt": b"", "data/big.bin": os.urandom(25_000_000), "beside/it.txt": b"no",
        }
        for path, data in files.items():
            (top / path).parent.mkdir(parents=True, exist_ok=True)
            (top / path).write_bytes(data)
        draft = r.create_workspace("exp/one")
        for folder in sorted({path.rpartition("/")[0] for path in files}):
            draft.add([str(it) for it in (top / folder).iterdir() if it.is_file()], folder)
        r.commit("all of it")

        def down(folder, to):
            r.download(folder, str(HERE / to))
            found = {
                str(it.relative_to(HERE / to)): it.read_bytes()
                for it in (HERE / to).rglob("*") if it.is_file() and ".oxen" not in it.parts
            }
            wanted = {path: data for path, data in files.items() if path.startswith(folder + "/")}
            return len(wanted), sorted(set(wanted) ^ set(found)) + [
                path for path in set(wanted) & set(found) if wanted[path] != found[path]
            ]

        told(all=down("data", "all"), below=down("data/two", "below"),
             odd=down("data/ünder, a 50% sky", "odd"))
        """
    )
    assert told["all"] == [306, []]
    assert told["below"] == [2, []]
    assert told["odd"] == [1, []]


def test_all_of_a_repository_comes_down(server: Server) -> None:
    told = server.run_client(
        """
        r = made("ns/whole", a__txt="1")
        (HERE / "b.txt").write_text("2")
        r.upload(str(HERE / "b.txt"), "up", dst_dir="deep/er")
        r.download("", str(HERE / "down"))
        told(found=sorted(
            str(it.relative_to(HERE / "down")) for it in (HERE / "down").rglob("*.txt")
        ))
        """
    )
    assert told["found"] == ["a.txt", "deep/er/b.txt"]


def test_a_folder_that_is_not_there_is_named(server: Server) -> None:
    told = server.run_client(
        """
        r = made("ns/absent")
        try:
            r.download("nothing", str(HERE / "down"))
            told(error="")
        except Exception as error:
            told(error=str(error))
        """
    )
    assert "nothing" in told["error"]


REPOSITORY = "/repos/ns/trees"


@pytest.fixture
async def commit(client: httpx2.AsyncClient) -> str:
    """Of a repository with a file beside a folder and in it."""
    files = [
        {"path": path, "contents": text, "user": {"name": "Ann", "email": "a@example.com"}}
        for path, text in {"a.txt": "a", "in/b.txt": "b", "in/side/c.csv": "x\n1\n"}.items()
    ]
    wanted = {"namespace": "ns", "name": "trees", "files": files}
    assert (await client.post("/repos", json=wanted)).status_code == 200
    return await _head(client)


async def _head(client: httpx2.AsyncClient) -> str:
    answer = await client.get(f"{REPOSITORY}/branches/main")
    return str(answer.json()["branch"]["commit_id"])


def _files_of(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        return {it.name: opened.extractfile(it).read() for it in opened}  # type: ignore[union-attr]


def _hash(data: bytes) -> str:
    return f"{xxhash.xxh3_128_intdigest(data):x}"


def _below(node: bytes, children: bytes) -> list[tuple[int, int, list[Any]]]:
    """Kind, hash and fields of every node below one, of its two files."""
    table = node[21 + int.from_bytes(node[17:21], "little") :]
    found = []
    for at in range(0, len(table), 33):
        row = table[at : at + 33]
        start, size = (int.from_bytes(row[it : it + 8], "little") for it in (17, 25))
        (held,) = msgpack.unpackb(children[start : start + size])
        found.append((row[0], int.from_bytes(row[1:17], "little"), held["V0_25_0"]))
    return found


async def test_the_tree_leads_from_the_folder_to_every_file(
    client: httpx2.AsyncClient, commit: str
) -> None:
    asked = {"depth": -1, "is_download": "true", "subtrees": "in"}
    answer = await client.get(f"{REPOSITORY}/tree/download/{commit}", params=asked)
    assert answer.headers["content-type"] == "application/gzip"
    files = _files_of(answer.content)
    named = await client.get(f"{REPOSITORY}/tree/nodes/resource/{commit}/in")

    def walk(number: int, path: str) -> Iterable[tuple[str, int]]:
        digits = f"{number:032x}"
        place = f"tree/nodes/{digits[:3]}/{digits[3:]}"
        for kind, below, fields in _below(
            files.pop(f"{place}/node"), files.pop(f"{place}/children")
        ):
            name = f"{path}/{fields[1]}" if kind != 2 else path
            if kind == 3:
                yield name, below
            else:
                yield from walk(below, name)

    assert dict(walk(int(named.json()["hash"], 16), "in")) == {
        "in/b.txt": int(_hash(b"b"), 16),
        "in/side/c.csv": int(_hash(b"x\n1\n"), 16),
    }
    assert files == {}


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("none", 404, "'none'"),
        ("a.txt", 404, "no folder 'a.txt'"),
        ("../etc", 400, "`..`"),
        ("in/../../etc", 400, "`..`"),
    ],
)
async def test_only_a_folder_of_the_repository_has_a_tree(
    client: httpx2.AsyncClient, commit: str, path: str, status: int, said: str
) -> None:
    asked = {"is_download": "true", "subtrees": path}
    answer = await client.get(f"{REPOSITORY}/tree/download/{commit}", params=asked)
    assert answer.status_code == status
    assert said in answer.json()["status_description"]


async def test_contents_come_in_the_order_they_were_asked_for(
    client: httpx2.AsyncClient, commit: str
) -> None:
    hashes = [_hash(b"x\n1\n"), _hash(b"a"), _hash(b"x\n1\n"), f"{_hash(b'b'):0>32}"]
    body = gzip.compress("\n".join(hashes).encode())
    answer = await client.request("QUERY", f"{REPOSITORY}/versions", content=body)
    assert answer.status_code == 200
    with tarfile.open(fileobj=io.BytesIO(answer.content), mode="r:gz") as archive:
        held = [archive.extractfile(it).read() for it in archive]  # type: ignore[union-attr]
    assert held == [b"x\n1\n", b"a", b"x\n1\n", b"b"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"not packed", 400, "compressed by gzip"),
        (gzip.compress(b"abc\n")[:-6], 400, "cut off"),
        (gzip.compress(b"0" * (9 << 20)), 400, "too long"),
        (gzip.compress(b"abc\n../etc/passwd\n"), 400, "'../etc/passwd' is no hash"),
        (gzip.compress("é".encode()), 400, "compressed by gzip"),
        (gzip.compress(b"abc\ndef\n"), 404, "2 of the contents are not in this repository: abc"),
    ],
    # What gzip makes holds the time, and every process must know the cases by the same names.
    ids=["not-packed", "cut", "long", "a-path", "a-letter", "not-there"],
)
async def test_what_is_no_list_of_hashes_is_refused(
    client: httpx2.AsyncClient, commit: str, body: bytes, status: int, said: str
) -> None:
    answer = await client.request("QUERY", f"{REPOSITORY}/versions", content=body)
    assert answer.status_code == status
    assert answer.json()["status"] == "error"
    assert said in answer.json()["status_description"]


async def test_a_list_of_nothing_is_an_archive_of_nothing(
    client: httpx2.AsyncClient, commit: str
) -> None:
    answer = await client.request("QUERY", f"{REPOSITORY}/versions", content=gzip.compress(b""))
    assert answer.status_code == 200
    assert zlib.decompress(answer.content, wbits=31) == bytes(1024)


async def test_a_content_of_another_repository_is_not_given(
    client: httpx2.AsyncClient, commit: str
) -> None:
    assert (await client.post("/repos", json={"namespace": "ns", "name": "else"})).is_success
    body = gzip.compress(_hash(b"a").encode())
    answer = await client.request("QUERY", "/repos/ns/else/versions", content=body)
    assert answer.status_code == 404
