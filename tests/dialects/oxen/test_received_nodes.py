"""What `push` sends is read as the official client writes it; the bytes below are the client's."""

import contextlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support import oxen_sender as sender
from weighbridge.core.sent import SentCommit, SentEntry, SentFolder, SentGroup, SentNode
from weighbridge.core.versions import Entry, Kind, Signature
from weighbridge.dialects.oxen.received_nodes import read_archive
from weighbridge.dialects.oxen.tree_nodes import About, about, file_node
from weighbridge.errors import Invalid, TooLarge, WeighbridgeError

RECORDED = {
    "ec4/876be1329b256da29a48aaf5c529a/node": bytes.fromhex(
        "010d90bfbe209592d54ce31c4d8d0581b34c0000009181a756305f32355f309aa3446972a0c410ec4876be13"
        "29b256da29a48aaf5c529a0108c410b381058d4d1ce34cd5929520bebf900d000081a7746162756c61720181"
        "a7746162756c61720802e9c2b5670a0764d71a60178b4734409600000000000000002400000000000000"
    ),
    "ec4/876be1329b256da29a48aaf5c529a/children": bytes.fromhex(
        "9181a756305f32355f3093c410964034478b17601ad764070a67b5c2e9a5564e6f646501"
    ),
    "964/034478b17601ad764070a67b5c2e9/node": bytes.fromhex(
        "029a525caf8aa429da56b22913be7648ec240000009181a756305f32355f3093c410964034478b17601ad764"
        "070a67b5c2e9a5564e6f6465010384615d51902a2c2df45c35d94ad3fc920000000000000000e00000000000"
        "0000"
    ),
    "964/034478b17601ad764070a67b5c2e9/children": bytes.fromhex(
        "9181a756305f32355f30dc0010a446696c65a5712e637376c4104f51a409a2acd09fbfaaa53b45057d58c410"
        "92fcd34ad9355cf42d2c2a90515d6184c4100ef37834dad2d56e0bdb13c9bc8aa16f08c410b381058d4d1ce3"
        "4cd5929520bebf900dce6b0cc828ce1b770fd8a7746162756c61729193020193d92031653431636138666332"
        "373935343231636161343434666536633861373232349294a178a3693634c0c094a179a3693634c0c0c0aa74"
        "6578742f706c61696ea363737691c41092fcd34ad9355cf42d2c2a90515d6184aa53696e676c6546696c65a4"
        "4469736b"
    ),
    "b38/1058d4d1ce34cd5929520bebf900d/node": bytes.fromhex(
        "0000000000000000000000000000000000510000009181a756305f32355f3097c410b381058d4d1ce34cd592"
        "9520bebf900da6436f6d6d697490a56669727374a3416e6eaf616e6e406578616d706c652e636f6d99cd07ea"
        "cd014e00312cce1dda93c8000000019a525caf8aa429da56b22913be7648ec00000000000000004c00000000"
        "000000"
    ),
    "b38/1058d4d1ce34cd5929520bebf900d/children": bytes.fromhex(
        "9181a756305f32355f309aa3446972a0c410ec4876be1329b256da29a48aaf5c529a0108c410b381058d4d1c"
        "e34cd5929520bebf900d000081a7746162756c61720181a7746162756c617208"
    ),
}


COMMIT = "b381058d4d1ce34cd5929520bebf900d"
ROOT = "ec4876be1329b256da29a48aaf5c529a"
GROUP = "964034478b17601ad764070a67b5c2e9"
CONTENT = "92fcd34ad9355cf42d2c2a90515d6184"


def read(folder: Path, files: dict[str, bytes], most: int = 1 << 20) -> list[SentNode]:
    path = folder / "nodes"
    path.write_bytes(sender.packed(files))
    return list(read_archive(path, most))


def read_nodes(folder: Path, *nodes: sender.Node) -> list[SentNode]:
    return read(folder, {name: data for node in nodes for name, data in node.files().items()})


def test_a_commit_of_the_client_is_read(tmp_path: Path) -> None:
    folder, group, commit = read(tmp_path, RECORDED)
    assert folder == SentFolder(ROOT, (GROUP,))
    assert isinstance(group, SentGroup)
    (entry,) = group.entries
    assert entry.told is not None
    columns = [["x", "i64", None, None], ["y", "i64", None, None]]
    known = [[2, 1, ["1e41ca8fc2795421caa444fe6c8a7224", columns, None]]]
    said = About.read(entry.told)
    assert (said.seconds, said.nanoseconds, said.kind) == (1795999784, 460787672, "tabular")
    assert (said.known, said.known_hash) == (known, 0x4F51A409A2ACD09FBFAAA53B45057D58)
    assert said.combined == 0x0EF37834DAD2D56E0BDB13C9BC8AA16F
    assert entry == SentEntry("q.csv", Kind.FILE, CONTENT, 8, entry.told)
    assert commit == SentCommit(
        COMMIT,
        (),
        "first",
        Signature("Ann", "ann@example.com"),
        datetime(2026, 11, 30, 0, 49, 44, 500863, UTC),
        ROOT,
    )


def test_a_file_goes_back_to_its_sender_as_it_came(tmp_path: Path) -> None:
    _, group, _ = read(tmp_path, RECORDED)
    assert isinstance(group, SentGroup)
    (sent,) = group.entries
    entry = Entry("sub/q.csv", Kind.FILE, CONTENT, 8, COMMIT, sent.told)
    node = file_node(entry, about(entry, datetime.now(UTC), None))
    ((theirs,),) = [msgpack.unpackb(data) for path, data in RECORDED.items() if CHILD in path]
    ((ours,),) = [msgpack.unpackb(node.data)]
    differing = [
        at
        for at, (a, b) in enumerate(zip(ours["V0_25_0"], theirs["V0_25_0"], strict=True))
        if a != b
    ]
    assert differing == [11]  # the media type: text/csv, and text/plain


CHILD = "964/034478b17601ad764070a67b5c2e9/children"


def test_a_clock_ahead_of_utc_is_read_as_utc(tmp_path: Path) -> None:
    node = sender.commit(sender.tree({"a.txt": b"a"}))
    node.fields[6][:] = [2025, 1, 1, 30, 0, 999_999_999, 5, 30, 0]  # type: ignore[index]
    (read_commit,) = read_nodes(tmp_path, node)
    assert isinstance(read_commit, SentCommit)
    assert read_commit.created_at == datetime(2024, 12, 31, 20, 0, 0, 999_999, UTC)


FILE = sender.file_node("a.txt", b"a")


def wrong_commit(**changed: Any) -> sender.Node:
    node = sender.commit(sender.tree({"a.txt": b"a"}))
    places = {"hash": 0, "parents": 2, "message": 3, "author": 4, "moment": 6}
    for name, value in changed.items():
        node.fields[places[name]] = value  # type: ignore[index]
    return node


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (sender.group([FILE], 2), "says that it has 2 entries, and has 1"),
        (sender.group([sender.file_node("../a", b"")]), "`..`"),
        (sender.group([sender.file_node("/a", b"")]), "absolute"),
        (sender.group([sender.file_node("a/b", b"")]), "no name of a file"),
        (sender.group([sender.file_node("a\0b", b"")]), "NUL"),
        (sender.group([sender.file_node("a\nb", b"")]), "cannot be printed"),
        (sender.group([sender.file_node("", b"")]), "a path is missing"),
        (sender.group([sender.file_node(7, b"")]), "a text was expected"),  # type: ignore[arg-type]
        (sender.group([sender.file_node("a", b"", size=-1)]), "has no size"),
        (sender.group([sender.file_node("a", b"", content=bytes(16))]), "two hashes"),
        (sender.group([sender.file_node("a", b"", kind="x")]), "cannot be 'x'"),
        (sender.group([sender.Node(3, 5, ["File", "a"])]), "cannot be read"),
        (sender.group([sender.commit(sender.tree({}))]), "cannot be read"),
        (sender.folder("a", [FILE]), "has groups of entries"),
        (wrong_commit(hash=bytes(16)), "says that it is 0"),
        (wrong_commit(hash=b"short"), "16 bytes"),
        (wrong_commit(parents=5), "cannot be read"),
        (wrong_commit(message="a\0b"), "NUL"),
        (wrong_commit(author=None), "a text was expected"),
        (wrong_commit(moment=[2026]), "cannot be read"),
        (wrong_commit(moment=[2026, 400_000_000, 0, 0, 0, 0, 0, 0, 0]), "cannot be read"),
        (sender.Node(0, 7, [bytes(15) + b"\7", "Commit", [], "", "", "", []]), "one folder below"),
        (sender.Node(3, 7, FILE.fields), "nothing is below a file"),
        (sender.Node(9, 7, FILE.fields), "cannot be read"),
    ],
)
def test_a_node_that_is_none_is_refused_by_its_hash(
    tmp_path: Path, node: sender.Node, said: str
) -> None:
    with pytest.raises(Invalid, match=re.escape(said)):
        read_nodes(tmp_path, node)


def test_an_older_format_is_named(tmp_path: Path) -> None:
    files = {name: data.replace(b"V0_25_0", b"V0_19_0") for name, data in RECORDED.items()}
    with pytest.raises(Invalid, match="its format is not V0_25_0"):
        read(tmp_path, files)


@pytest.mark.parametrize("name", ["../../etc/passwd", "abc/def/other", "node", "/abc/def/node"])
def test_nothing_but_nodes_is_in_the_archive(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid, match="is no part of a node"):
        read(tmp_path, {name: b""})


def test_half_a_node_is_none(tmp_path: Path) -> None:
    (name, data), *_ = RECORDED.items()
    with pytest.raises(Invalid, match="came without its other file"):
        read(tmp_path, {name: data})


def test_more_than_may_come_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        read(tmp_path, {"abc/def/node": bytes(3000)}, most=2000)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "nodes").write_bytes(data)
    with contextlib.suppress(WeighbridgeError):
        list(read_archive(folder / "nodes", 1 << 20))


@given(st.data())
def test_a_node_with_any_bytes_changed_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    files = dict(RECORDED)
    name = data.draw(st.sampled_from(sorted(files)))
    at = data.draw(st.integers(0, len(files[name]) - 1))
    changed = data.draw(st.binary(max_size=4))
    files[name] = files[name][:at] + changed + files[name][at + 1 :]
    with contextlib.suppress(WeighbridgeError):
        read(tmp_path_factory.mktemp("any"), files)
