"""Commits are pushed: by the official client, and node by node."""

import asyncio
import gzip
import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest

from support import oxen_sender as sender
from support.oxen_client import Server
from support.oxen_sender import Sender, commit, every, name_of, tree
from weighbridge.core.caller import Role
from weighbridge.core.versions import COMMIT_ID
from weighbridge.wiring import Services

CLIENT = """
import subprocess
def attempt(call):
    try:
        return repr(call())
    except Exception as error:
        return "ERROR " + str(error)

def clone(name, to, **more):
    return oxen.clone(name, host=HOST, scheme="http", path=str(HERE / to), **more)

def change(repo, message, **files):
    top = pathlib.Path(repo.path)
    for path, data in files.items():
        path = top / path.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        repo.add(str(path))
    return repo.commit(message)

def started(name, remote):
    (HERE / name).mkdir()
    repo = oxen.Repo(str(HERE / name))
    repo.init()
    repo.set_remote("origin", f"http://{HOST}/{remote}")
    return repo

def bare(name):
    create_repo(name, host=HOST, scheme="http", files=[])

def history(name, branch="main"):
    return api("GET", f"/repos/{name}/commits/history/{branch}").json()["commits"]

def read(name, path, branch="main"):
    return api("GET", f"/repos/{name}/file/{branch}/{path}")

def texts(to):
    return {str(it.relative_to(HERE / to)): it.read_text() for it in sorted((HERE / to).rglob("*"))
            if it.is_file() and ".oxen" not in it.parts}

def evaluate(name, path, column):
    begun = api("POST", f"/repos/{name}/evaluations/main/{path}", json={
        "prompt": "{q}", "input_type": "text", "output_type": "text", "model_id": "parrot",
        "target_column": column, "auto_commit": True, "commit_message": f"the {column}"}).json()
    evaluation = begun["evaluation"]
    deadline = time.time() + 30
    while evaluation["status"] not in ("completed", "errored") and time.time() < deadline:
        time.sleep(0.05)
        where = f"/repos/{name}/evaluations/{evaluation['id']}"
        evaluation = api("GET", where).json()["evaluation"]
    return evaluation["status"]
"""


def test_pushed_questions_are_answered_pulled_changed_and_answered_again(server: Server) -> None:
    told = server.run_client(
        CLIENT
        + """
bare("ns/story")
one = started("one", "ns/story")
change(one, "questions", data__q_dot_csv="q\\nsay one\\nsay two\\n", README_dot_md="# hi")
told(pushed=attempt(lambda: one.push("origin", "main")))
two = clone("ns/story", "two")
told(first=evaluate("ns/story", "data/q.csv", "answer"))
one.pull("origin", "main")
two.pull("origin", "main")
told(one=texts("one"), two=texts("two"), status=str(two.status()))
mine = change(two, "more questions", data__q_dot_csv="q,answer\\nsay three,\\n", new_dot_txt="n")
told(again=attempt(lambda: two.push("origin", "main")), mine=mine.id)
told(second=evaluate("ns/story", "data/q.csv", "answer"))
one.pull("origin", "main")
two.pull("origin", "main")
told(last=texts("one"), same=texts("two") == texts("one"), log=[it.message for it in two.log()],
     ids=[it.id for it in two.log()], here=history("ns/story"))
"""
    )
    assert told["pushed"].startswith("Branch(name=main")
    assert (told["first"], told["second"]) == ("completed", "completed")
    answered = {"README.md": "# hi", "data/q.csv": "q,answer\nsay one,one\nsay two,two\n"}
    assert told["one"] == told["two"] == answered
    assert told["status"] == "nothing to commit, working tree clean\n"
    assert told["again"].endswith(f"commit_id={told['mine']})")
    assert told["last"] == {
        "README.md": "# hi",
        "data/q.csv": "q,answer\nsay three,three\n",
        "new.txt": "n",
    }
    assert told["same"] is True
    assert told["log"] == ["the answer", "more questions", "the answer", "questions"]
    assert [it["id"] for it in told["here"]] == told["ids"]
    assert told["here"][1]["author"] == "Ann"


def test_commits_keep_what_they_are_and_large_files_their_bytes(server: Server) -> None:
    told = server.run_client(
        CLIENT
        + """
import hashlib
bare("ns/kept")
one = started("one", "ns/kept")
big = os.urandom(12_000_000)
made = [change(one, f"number {n}", **{f"d{n}__a_dot_txt": str(n)}) for n in range(6)]
made.append(change(one, "large", big_dot_bin=big, again__big_dot_bin=big))
told(pushed=attempt(lambda: one.push("origin", "main")))
digest = lambda data: hashlib.sha256(data).hexdigest()
two = clone("ns/kept", "two")
told(made=[[it.id, it.message, str(it)] for it in made], here=history("ns/kept"),
     same=read("ns/kept", "again/big.bin").content == big,
     down=(HERE / "two/big.bin").read_bytes() == big, files=len(texts("one/d0")),
     log=[it.id for it in two.log()] == [it.id for it in one.log()])
told(up_to_date=attempt(lambda: one.push("origin", "main")))
one.checkout("exp/two", create=True)
last = change(one, "beside", d0__b_dot_txt="beside")
told(branch=attempt(lambda: one.push("origin", "exp/two")), last=last.id,
     beside=read("ns/kept", "d0/b.txt", "exp/two").text,
     on_main=read("ns/kept", "d0/b.txt").status_code)
one.checkout("main")
one.rm("d1", recursive=True)
one.commit("gone")
told(removed=attempt(lambda: one.push("origin", "main")),
     gone=read("ns/kept", "d1/a.txt").status_code, left=read("ns/kept", "d2/a.txt").text)
"""
    )
    assert told["pushed"].startswith("Branch(name=main")
    made, here = told["made"], told["here"][::-1]
    assert [it["id"] for it in here] == [it[0] for it in made]
    assert [it["message"] for it in here] == [it[1] for it in made]
    assert [it["parent_ids"] for it in here[1:]] == [[it[0]] for it in made[:-1]]
    assert {(it["author"], it["email"]) for it in here} == {("Ann", "ann@example.com")}
    times = [it["timestamp"] for it in here]
    assert times == sorted(times)
    assert len(set(times)) == 7
    assert told["same"] is told["down"] is told["log"] is True
    assert told["up_to_date"].endswith(f"commit_id={made[-1][0]})")
    assert told["branch"] == f"Branch(name=exp/two, commit_id={told['last']})"
    assert (told["beside"], told["on_main"]) == ("beside", 404)
    assert told["removed"].startswith("Branch(name=main")
    assert (told["gone"], told["left"]) == (404, "2")


def test_two_who_changed_the_same_branch_merge_and_push(server: Server) -> None:
    told = server.run_client(
        CLIENT
        + """
made("ns/both", a__txt="a", b__txt="b")
(HERE / "q.csv").write_text("x\\n1\\n")
repo("ns/both").upload(str(HERE / "q.csv"), "rows", dst_dir="data/deep")
one, two, some = clone("ns/both", "one"), clone("ns/both", "two"), clone(
    "ns/both", "some", filters="data/deep")
change(some, "by who has some folders", data__deep__new_dot_txt="new")
told(some=attempt(lambda: some.push("origin", "main")))
change(two, "two's", b_dot_txt="b2")
told(behind=attempt(lambda: two.push("origin", "main")))
two.pull("origin", "main")
told(merged=attempt(lambda: two.push("origin", "main")), log=[it.message for it in two.log()])
change(one, "one's", a_dot_txt="a2", data__deep__q_dot_csv="x\\n2\\n")
one.pull("origin", "main")
told(last=attempt(lambda: one.push("origin", "main")), texts=texts("one"),
     parents=[len(it["parent_ids"]) for it in history("ns/both")])
two.pull("origin", "main")
some.pull("origin", "main")
told(same=texts("two") == texts("one"), some_texts=texts("some/data"))
"""
    )
    assert told["some"].startswith("Branch(name=main")
    assert "Run `oxen pull`" in told["behind"]
    assert told["merged"].startswith("Branch(name=main")
    assert told["log"][1:3] == ["two's", "by who has some folders"]
    assert told["last"].startswith("Branch(name=main")
    assert told["texts"] == {
        "a.txt": "a2",
        "b.txt": "b2",
        "data/deep/new.txt": "new",
        "data/deep/q.csv": "x\n2\n",
    }
    assert told["parents"][0] == 2
    assert told["same"] is True
    assert told["some_texts"] == {"deep/new.txt": "new", "deep/q.csv": "x\n2\n"}


def test_a_push_that_is_killed_is_completed_by_the_next(server: Server) -> None:
    told = server.run_client(
        CLIENT
        + """
bare("ns/killed")
one = started("one", "ns/killed")
for n in range(8):
    change(one, f"number {n}", **{f"d{n}__{i}_dot_txt": f"{n} {i}" for i in range(30)})
push = f"import oxen; print('ready', flush=True); oxen.Repo({str(one.path)!r}).push()"
seen = []
for moment in (0.02, 0.1, 0.2, 0.3):
    child = subprocess.Popen([sys.executable, "-W", "ignore", "-c", push], stdout=subprocess.PIPE)
    child.stdout.readline()
    time.sleep(moment)
    child.kill()
    child.wait()
    branches = api("GET", "/repos/ns/killed/branches").json()["branches"]
    seen.append(len(history("ns/killed")) if branches else 0)
told(seen=seen, pushed=attempt(lambda: one.push("origin", "main")),
     ids=[it["id"] for it in history("ns/killed")] == [it.id for it in one.log()],
     last=read("ns/killed", "d7/29.txt").text)
clone("ns/killed", "two")
told(same=texts("two") == texts("one"))
"""
    )
    assert set(told["seen"]) <= {0, 8}
    assert told["pushed"].startswith("Branch(name=main")
    assert told["ids"] is told["same"] is True
    assert told["last"] == "7 29"


def test_a_damaged_data_frame_is_refused_and_the_client_says_why(server: Server) -> None:
    told = server.run_client(
        CLIENT
        + """
made("ns/damaged", a__txt="a")
one = clone("ns/damaged", "one")
change(one, "bad", fine_dot_txt="fine", data__bad_dot_csv="x,y\\n1,2,3\\n")
told(pushed=attempt(lambda: one.push("origin", "main")), here=len(history("ns/damaged")),
     fine=read("ns/damaged", "fine.txt").status_code)
"""
    )
    assert "'data/bad.csv' cannot be taken: " in told["pushed"]
    assert "3 cells where the header has 2" in told["pushed"]
    assert (told["here"], told["fine"]) == (1, 404)


# Node by node


@pytest.fixture
async def sends(client: httpx2.AsyncClient) -> Sender:
    """To an empty repository."""
    made = await client.post("/repos", json={"namespace": "ns", "name": "sent"})
    assert made.status_code == 200
    return Sender(client, "/repos/ns/sent")


FILES: sender.Files = {"a.txt": b"a", "in": {"b.txt": b"b", "deep": {"c.csv": b"x\n1\n"}}}


async def files_at(sends: Sender, revision: str) -> dict[str, bytes]:
    answer = await sends.client.get(f"{sends.address}/export/download/{revision}/")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def flat(files: sender.Files, above: str = "") -> dict[str, bytes]:
    return {
        path: data
        for name, it in files.items()
        for path, data in (
            {above + name: it} if isinstance(it, bytes) else flat(it, f"{above}{name}/")
        ).items()
    }


async def changed_last(sends: Sender, path: str) -> str:
    answer = await sends.client.get(f"{sends.address}/meta/main/{path}")
    return str(answer.json()["entry"]["latest_commit"]["message"])


def refused(answer: httpx2.Response, status: int, said: str) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["status"] == "error"
    assert said in body["status_description"]


async def nothing_is_there(sends: Sender) -> None:
    branches = await sends.client.get(f"{sends.address}/branches")
    assert branches.json()["branches"] == []
    repository = await sends.client.get(sends.address)
    assert repository.json()["repository"]["is_empty"] is True


async def test_what_was_sent_is_a_commit_when_the_branch_is_made(sends: Sender) -> None:
    made = commit(tree(FILES))
    await sends.send_nodes(*every(made)[::-1])
    await sends.send_contents(*sender.contents(FILES))
    await nothing_is_there(sends)
    absent = await sends.client.get(f"{sends.address}/commits/{name_of(made)}")
    assert absent.status_code == 404
    moved = await sends.move("main", name_of(made))
    assert moved.json()["branch"] == {"name": "main", "commit_id": name_of(made)}
    assert await files_at(sends, "main") == flat(FILES)
    told = (await sends.client.get(f"{sends.address}/commits/{name_of(made)}")).json()["commit"]
    assert told == {
        "id": name_of(made),
        "parent_ids": [],
        "message": "sent",
        "author": "Ann",
        "email": "ann@example.com",
        "timestamp": "2026-02-03T04:05:06.123456Z",
    }
    frame = await sends.client.get(f"{sends.address}/data_frames/main/in/deep/c.csv")
    assert frame.json()["data_frame"]["source"]["size"] == {"width": 1, "height": 1}


async def test_only_what_changed_is_sent_the_second_time(sends: Sender) -> None:
    first = commit(tree(FILES))
    await sends.push(FILES)
    later: sender.Files = {**FILES, "a.txt": b"a2"}
    second = commit(tree(later), name_of(first), message="second")
    root = second.below[0]
    await sends.send_contents(b"a2")
    await sends.send_nodes(second, root, *root.below)
    moved = await sends.move("main", name_of(second))
    assert moved.status_code == 200, moved.text
    assert await files_at(sends, "main") == flat(later)
    assert await changed_last(sends, "a.txt") == "second"
    assert await changed_last(sends, "in") == "sent"
    assert await changed_last(sends, "in/b.txt") == "sent"


async def test_a_part_of_a_large_folder_that_did_not_change_is_not_sent_again(
    sends: Sender,
) -> None:
    files = {f"{number:02}.txt": b"%d" % number for number in range(20)}
    first = commit(tree(files, together=5))
    await sends.send_contents(*files.values())
    await sends.send_nodes(*every(first))
    await sends.move("main", name_of(first))
    later = {**files, "19.txt": b"changed"}
    second = commit(tree(later, together=5), name_of(first))
    root = second.below[0]
    await sends.send_contents(b"changed")
    await sends.send_nodes(second, root, root.below[3])
    moved = await sends.move("main", name_of(second))
    assert moved.status_code == 200, moved.text
    assert await files_at(sends, "main") == later


async def test_a_folder_is_called_as_it_was_handed_out_wherever_it_came_from(
    sends: Sender,
) -> None:
    await sends.push(FILES)
    sent = {"files[]": ("b.txt", b"b2")}
    put = await sends.client.put(f"{sends.address}/file/main/in", files=sent)
    ours = put.json()["commit"]["id"]
    asked = await sends.client.get(f"{sends.address}/tree/nodes/resource/main/in")
    below = int(asked.json()["hash"], 16)
    folder = sender.Node(1, below, ["Dir", "in", below.to_bytes(16, "big")])
    root = sender.folder("", [sender.group([sender.file_node("n.txt", b"n"), folder])])
    made = commit(root, ours)
    await sends.send_contents(b"n")
    await sends.send_nodes(made, root, *root.below)
    moved = await sends.move("main", name_of(made))
    assert moved.status_code == 200, moved.text
    found = await files_at(sends, "main")
    assert found == {"n.txt": b"n", "in/b.txt": b"b2", "in/deep/c.csv": b"x\n1\n"}


async def test_several_commits_come_in_any_order_and_merges_too(sends: Sender) -> None:
    base = commit(tree({"a.txt": b"1", "b.txt": b"1"}))
    one = commit(tree({"a.txt": b"2", "b.txt": b"1"}), name_of(base))
    other = commit(tree({"a.txt": b"1", "b.txt": b"3"}), name_of(base))
    both = commit(tree({"a.txt": b"2", "b.txt": b"3"}), name_of(one), name_of(other), message="m")
    await sends.send_contents(b"1", b"2", b"3")
    for made in (both, other, base, one):
        await sends.send_nodes(*every(made))
    moved = await sends.move("main", name_of(both))
    assert moved.status_code == 200, moved.text
    history = await sends.client.get(f"{sends.address}/commits/history/main")
    commits = history.json()["commits"]
    assert [it["id"] for it in commits][::3] == [name_of(both), name_of(base)]
    assert commits[0]["parent_ids"] == [name_of(one), name_of(other)]
    assert await files_at(sends, name_of(other)) == {"a.txt": b"1", "b.txt": b"3"}


async def test_an_id_is_kept_as_the_client_writes_it(sends: Sender) -> None:
    made = commit(tree({"a.txt": b"a"}), number=0xABC << 100)
    name = name_of(made)
    assert len(name) == 28
    assert COMMIT_ID.fullmatch(name)
    await sends.send_contents(b"a")
    await sends.send_nodes(*every(made))
    await sends.move("main", name)
    read = await sends.client.get(f"{sends.address}/file/{name}/a.txt")
    assert read.content == b"a"
    missing = await sends.post("/commits/missing", json={"hashes": [f"{name:0>32}", "ef" * 16]})
    assert missing.json()["hashes"] == ["ef" * 16]
    assert (await sends.client.get(f"{sends.address}/tree/nodes/hash/{name}")).status_code == 200


async def test_a_commit_without_files_is_one_too(sends: Sender) -> None:
    moved = await sends.push({})
    assert moved.status_code == 200, moved.text
    assert await files_at(sends, "main") == {}
    empty = commit(tree({}))
    later = await sends.push({"empty": {}, "a.txt": b"a"}, name_of(empty))
    assert later.status_code == 200, later.text
    assert await files_at(sends, "main") == {"a.txt": b"a"}


# What is refused, with nothing left behind


def renamed(node: sender.Node, name: str) -> sender.Node:
    fields = list(node.fields)
    fields[1] = name
    return sender.Node(node.kind, node.hash, fields, node.below)


async def test_a_content_that_was_not_sent_is_named(sends: Sender) -> None:
    made = commit(tree(FILES))
    await sends.send_contents(b"a", b"b")
    await sends.send_nodes(*every(made))
    refused(await sends.move("main", name_of(made)), 400, "of 'in/deep/c.csv' was not sent")
    await nothing_is_there(sends)
    await sends.send_contents(b"x\n1\n")
    assert (await sends.move("main", name_of(made))).status_code == 200
    assert await files_at(sends, "main") == flat(FILES)


async def test_a_content_that_is_not_what_it_is_called_is_refused(sends: Sender) -> None:
    packed = gzip.compress(b"something else")
    parts = [("file[]", (sender.hash_of(b"a"), packed, "application/gzip"))]
    refused(await sends.post("/versions", files=parts), 400, "and its hash is")
    made = commit(tree({"a.txt": b"a"}))
    await sends.send_nodes(*every(made))
    refused(await sends.move("main", name_of(made)), 400, "was not sent")
    await nothing_is_there(sends)


async def test_a_content_that_is_no_gzip_is_refused(sends: Sender) -> None:
    parts = [("file[]", (sender.hash_of(b"a"), b"a", "application/gzip"))]
    refused(await sends.post("/versions", files=parts), 400, "gzip")


async def test_a_large_content_comes_in_parts_and_must_come_to_its_hash(sends: Sender) -> None:
    data = bytes(range(256)) * 5_000
    told = {"hash": sender.hash_of(data), "size": len(data), "destination": None}
    begun = (await sends.post("/versions/uploads", json=told)).json()
    assert (begun["file"], begun["num_parts"]) == ("awaiting_parts", 1)
    where = f"{sends.address}/versions/uploads/{begun['upload_id']}/parts/1"
    wrong = await sends.client.put(where, content=bytes(len(data)))
    refused(wrong, 400, "was announced; nothing was kept")
    begun = (await sends.post("/versions/uploads", json=told)).json()
    where = f"{sends.address}/versions/uploads/{begun['upload_id']}/parts/1"
    assert (await sends.client.put(where, content=data)).json()["completed"] is True
    again = (await sends.post("/versions/uploads", json=told)).json()
    assert again["file"] == "already_stored"
    made = commit(tree({"big.bin": data}))
    await sends.send_nodes(*every(made))
    assert (await sends.move("main", name_of(made))).status_code == 200
    assert await files_at(sends, "main") == {"big.bin": data}


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"x,y\n1,2,3\n", "'in/a.csv' cannot be taken"),
        ("a.parquet", b"PAR1", "not parquet"),
        ("a.jsonl", b"{", "not JSON"),
    ],
)
async def test_a_damaged_data_frame_is_refused(
    sends: Sender, name: str, data: bytes, said: str
) -> None:
    refused(await sends.push({"fine.txt": b"fine", "in": {name: data}}), 400, said)
    await nothing_is_there(sends)


async def test_nodes_that_cannot_be_read_are_refused_when_they_come(sends: Sender) -> None:
    refused(await sends.post("/tree/nodes", content=b"x"), 400, "cannot be unpacked")
    good = sender.archive(every(commit(tree(FILES))))
    refused(await sends.post("/tree/nodes", content=good[:-40]), 400, "cannot be unpacked")
    broken = {"abc/def/node": b"\2", "abc/def/children": b""}
    answer = await sends.post("/tree/nodes", content=sender.packed(broken))
    refused(answer, 400, "the node abcdef cannot be read")


@pytest.mark.parametrize("name", ["..", "../../etc/passwd", "/etc/passwd", "a/../b", "a\\b"])
async def test_no_path_leaves_the_repository(sends: Sender, name: str) -> None:
    root = sender.folder("", [sender.group([sender.file_node(name, b"a")])])
    made = commit(root)
    answer = await sends.post("/tree/nodes", content=sender.archive(every(made)))
    assert answer.status_code == 400
    assert repr(name) in answer.json()["status_description"]


async def test_a_commit_whose_parent_is_not_known_is_refused(sends: Sender) -> None:
    refused(await sends.push(FILES, "ef" * 16), 400, f"the commit {'ef' * 16} is not here")
    await nothing_is_there(sends)
    refused(await sends.move("main", "cd" * 16), 400, f"the commit {'cd' * 16} is not here")


async def test_a_folder_that_was_not_sent_is_named(sends: Sender) -> None:
    made = commit(tree(FILES))
    nodes = every(made)
    await sends.send_contents(*sender.contents(FILES))
    await sends.send_nodes(*[it for it in nodes if it.kind != 1 or it.fields[1] != "deep"])
    refused(await sends.move("main", name_of(made)), 400, "the folder 'in/deep' of the commit")
    await nothing_is_there(sends)


async def test_entries_that_were_not_sent_are_named(sends: Sender) -> None:
    made = commit(tree(FILES))
    root = made.below[0]
    await sends.send_nodes(made, root)
    refused(await sends.move("main", name_of(made)), 400, "entries of the folder ''")


async def test_commits_in_a_circle_are_refused(sends: Sender) -> None:
    root = tree({"a.txt": b"a"})
    one, other = (
        commit(root, "b" * 32, number=0xA << 124),
        commit(root, f"{0xA << 124:x}", number=int("b" * 32, 16)),
    )
    await sends.send_contents(b"a")
    await sends.send_nodes(*every(one), *every(other))
    refused(await sends.move("main", name_of(one)), 400, "in a circle")


async def test_a_folder_in_itself_is_refused(sends: Sender) -> None:
    number = 7 << 120
    itself = sender.Node(1, number, ["Dir", "d", number.to_bytes(16, "big")])
    group = sender.group([itself])
    folder = sender.Node(1, number, itself.fields, [group])
    above = sender.group([folder])
    root = sender.folder("", [above])
    made = commit(root)
    await sends.send_nodes(made, root, above, folder, group)
    refused(await sends.move("main", name_of(made)), 400, "deep")


async def test_a_size_that_is_not_the_contents_is_refused(sends: Sender) -> None:
    made = commit(sender.folder("", [sender.group([sender.file_node("a.txt", b"a", size=5)])]))
    await sends.send_contents(b"a")
    await sends.send_nodes(*every(made))
    refused(await sends.move("main", name_of(made)), 400, "is said to have 5 bytes")


async def test_a_name_is_not_twice_in_a_folder(sends: Sender) -> None:
    one, other = sender.file_node("a.txt", b"a"), sender.file_node("a.txt", b"b")
    for groups in ([sender.group([one, other])], [sender.group([one]), sender.group([other])]):
        made = commit(sender.folder("", groups))
        await sends.send_contents(b"a", b"b")
        await sends.send_nodes(*every(made))
        refused(await sends.move("main", name_of(made)), 400, "twice")


async def test_what_a_hash_turned_out_to_be_is_not_replaced(sends: Sender) -> None:
    await sends.push(FILES)
    first = commit(tree(FILES))
    inside = first.below[0].below[0].below[1]
    other = sender.group([sender.file_node("other.txt", b"other")])
    await sends.send_contents(b"other")
    await sends.send_nodes(sender.Node(1, inside.hash, inside.fields, [other]), other)
    later: sender.Files = {**FILES, "a.txt": b"a2"}
    second = commit(tree(later), name_of(first))
    root = second.below[0]
    await sends.send_contents(b"a2")
    await sends.send_nodes(second, root, *root.below)
    await sends.move("main", name_of(second))
    assert await files_at(sends, "main") == flat(later)


async def test_a_branch_that_moved_meanwhile_stays_where_it_is(sends: Sender) -> None:
    await sends.push({"a.txt": b"1"})
    first = name_of(commit(tree({"a.txt": b"1"})))
    put = await sends.client.put(
        f"{sends.address}/file/main/", files={"files[]": ("b.txt", b"theirs")}
    )
    theirs = put.json()["commit"]["id"]
    answer = await sends.push({"a.txt": b"2"}, first, message="late")
    refused(answer, 409, f"is at {theirs}, which did not lead to")
    assert await files_at(sends, "main") == {"a.txt": b"1", "b.txt": b"theirs"}
    late = name_of(commit(tree({"a.txt": b"2"}), first, message="late"))
    assert (await sends.client.get(f"{sends.address}/commits/{late}")).status_code == 404


async def test_of_two_who_push_at_once_one_is_told_to_pull(sends: Sender) -> None:
    await sends.push({"a.txt": b"1"})
    first = name_of(commit(tree({"a.txt": b"1"})))
    pushes = [sends.push({"a.txt": b"%d" % number}, first) for number in range(2, 6)]
    answers = await asyncio.gather(*pushes)
    assert sorted(it.status_code for it in answers) == [200, 409, 409, 409]
    history = await sends.client.get(f"{sends.address}/commits/history/main")
    assert len(history.json()["commits"]) == 2


async def test_of_two_who_push_the_first_commit_at_once_one_is_told_so(sends: Sender) -> None:
    pushes = [sends.push({"a.txt": b"%d" % number}) for number in range(4)]
    answers = await asyncio.gather(*pushes)
    assert sorted(it.status_code for it in answers) == [200, 409, 409, 409]
    (made,) = [it.json()["branch"] for it in answers if it.status_code == 200]
    branches = await sends.client.get(f"{sends.address}/branches")
    assert branches.json()["branches"] == [made]


async def test_a_branch_still_goes_by_the_name_of_another(sends: Sender) -> None:
    await sends.push(FILES)
    made = await sends.post("/branches", json={"new_name": "exp", "commit_id": "main"})
    assert made.json()["branch"]["commit_id"] == name_of(commit(tree(FILES)))
    refused(await sends.move("main", "nothing"), 404, "'nothing'")


async def test_a_branch_cannot_be_called_just_anything(sends: Sender) -> None:
    refused(await sends.push(FILES, branch="a b"), 400, "cannot be a branch")
    await nothing_is_there(sends)


PUSHES: list[tuple[str, str, Mapping[str, Any]]] = [
    ("POST", "/commits/missing", {"json": {"hashes": []}}),
    ("POST", "/versions", {"files": [("file[]", ("a", b"", "application/gzip"))]}),
    ("POST", "/versions/uploads", {"json": {"hash": "a", "size": 1, "destination": None}}),
    ("POST", "/tree/nodes", {"content": b""}),
    ("POST", "/commits/upload", {"content": b""}),
    ("POST", "/commits/upload_chunk", {"content": b""}),
    ("POST", "/commits/mark_commits_as_synced", {"json": {"hashes": []}}),
    ("POST", "/branches", {"json": {"new_name": "x", "commit_id": "ef" * 16}}),
    ("PUT", "/branches/main", {"json": {"commit_id": "ef" * 16}}),
]


@pytest.mark.parametrize(("method", "path", "more"), PUSHES)
async def test_readers_do_not_push(
    sends: Sender, services: Services, method: str, path: str, more: Mapping[str, Any]
) -> None:
    caller = await services.keys.operator()
    _, secret = await services.keys.create(caller, name="reader", role=Role.READER)
    headers = {"Authorization": f"Bearer {secret}"}
    answer = await sends.client.request(method, sends.address + path, headers=headers, **more)
    refused(answer, 403, "reader")
    elsewhere = await sends.client.request(method, "/repos/ns/none" + path, **more)
    assert elsewhere.status_code == 404


@pytest.mark.parametrize("path", ["/commits/missing", "/commits/mark_commits_as_synced"])
@pytest.mark.parametrize("body", [b"", b"[]", b'{"hashes": "a"}', b'{"hashes": ["../x"]}'])
async def test_what_is_no_list_of_hashes_is_refused(sends: Sender, path: str, body: bytes) -> None:
    assert (await sends.post(path, content=body)).status_code == 400


async def test_what_says_where_folders_are_is_taken_and_not_believed(sends: Sender) -> None:
    for path in ("/commits/upload", "/commits/upload_chunk?chunk_num=0&total_chunks=1"):
        answer = await sends.post(path, content=b"anything")
        assert answer.json()["status"] == "success"
    synced = await sends.post("/commits/mark_commits_as_synced", json={"hashes": ["abc"]})
    assert synced.json()["hashes"] == ["abc"]
    assert not re.search("abc", (await sends.client.get(f"{sends.address}/branches")).text)
