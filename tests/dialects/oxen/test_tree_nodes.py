"""Nodes are written as the official client writes its own; the bytes below are the client's."""

from datetime import UTC, datetime
from typing import Any

import msgpack
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.versions import Commit, Entry, FrameShape, Kind, Signature
from weighbridge.dialects.oxen.tree_nodes import (
    About,
    Node,
    NodeKind,
    about,
    children_file,
    commit_node,
    file_node,
    folder_hash,
    folder_node,
    group_node,
    node_file,
    place,
)

COMMIT = "efdef5aafa71f8e975896a56d4ec7f81"
FOLDER_HASH = 0xF6D48A47B69EF84F59C2A02F1B5013C2
GROUP_HASH = 0x6EC1AF1A35B05489904D07C5EF4E4CE4
ABOVE = 0x1D7EB9BE2356530A29F61D06A7DD4A94
FOLDER_NODE = bytes.fromhex(
    "01944adda7061df6290a535623beb97e1d470000009181a756305f32355f309aa3446972a164c410f6d48a47b69e"
    "f84f59c2a02f1b5013c20265c410efdef5aafa71f8e975896a56d4ec7f81000081a4746578740281a47465787465"
    "02e44c4eefc5074d908954b0351aafc16e00000000000000002400000000000000"
)
FOLDER_CHILDREN = bytes.fromhex(
    "9181a756305f32355f3093c4106ec1af1a35b05489904d07c5ef4e4ce4a5564e6f646502"
)
GROUP_NODE = bytes.fromhex(
    "02c213501b2fa0c2594ff89eb6478ad4f6240000009181a756305f32355f3093c4106ec1af1a35b05489904d07c5"
    "ef4e4ce4a5564e6f646502015f64e478ec2c9ddd24b1d4050d18bde200000000000000004700000000000000032"
    "269e7f1cef3e00df9f698b840aa335e4700000000000000a700000000000000"
)
GROUP_CHILDREN = bytes.fromhex(
    "9181a756305f32355f309aa3446972a165c410e2bd180d05d4b124dd9d2cec78e4645f0164c410efdef5aafa71f8"
    "e975896a56d4ec7f81000081a4746578740181a474657874649181a756305f32355f30dc0010a446696c65a6c3a9"
    "2e747874c410c1428b2fd37cbc7fad501b1fc2a2704bc4105e33aa40b898f6f90de0f3cef1e76922c410560ed793"
    "13b0aa6c2cc104240635a6bb01c410efdef5aafa71f8e975896a56d4ec7f81ce6b0cb900ce029aa680a474657874"
    "91920101aa746578742f706c61696ea374787491c4105e33aa40b898f6f90de0f3cef1e76922aa53696e676c6546"
    "696c65a44469736b"
)
FOLDER_DATA = FOLDER_NODE[21:92]
INNER_DATA, FILE_DATA = GROUP_CHILDREN[:71], GROUP_CHILDREN[71:]
INNER_HASH = 0xE2BD180D05D4B124DD9D2CEC78E4645F
FILE_HASH = 0x5E33AA40B898F6F90DE0F3CEF1E76922


def fields(data: bytes) -> list[Any]:
    (held,) = msgpack.unpackb(data)
    (found,) = held.values()
    return list(found)


def test_a_node_and_what_is_below_it_are_the_clients_two_files() -> None:
    folder = Node(NodeKind.FOLDER, FOLDER_HASH, FOLDER_DATA)
    group = Node(NodeKind.GROUP, GROUP_HASH, FOLDER_CHILDREN)
    below = [
        Node(NodeKind.FOLDER, INNER_HASH, INNER_DATA),
        Node(NodeKind.FILE, FILE_HASH, FILE_DATA),
    ]
    assert node_file(folder, [group], ABOVE) == FOLDER_NODE
    assert children_file([group]) == FOLDER_CHILDREN
    assert node_file(group, below, FOLDER_HASH) == GROUP_NODE
    assert children_file(below) == GROUP_CHILDREN


def test_a_node_with_nothing_above_it_says_so() -> None:
    written = node_file(Node(NodeKind.FOLDER, 1, b"x"), [], None)
    assert written == b"\x01" + bytes(16) + b"\x01\0\0\0x"
    assert children_file([]) == b""


def test_a_folder_says_what_the_client_says_of_it() -> None:
    entry = Entry("d", Kind.FOLDER, "abc", 101, COMMIT)
    node = folder_node(entry, 2)
    theirs, ours = fields(FOLDER_DATA), fields(node.data)
    assert ours[2] == folder_hash(entry).to_bytes(16, "big") == node.hash.to_bytes(16, "big")
    assert ours[:2] + ours[3:8] == theirs[:2] + theirs[3:8]
    assert ours[8:] == [{}, {}]
    assert len(ours) == len(theirs)


def test_a_group_is_written_as_the_client_writes_it() -> None:
    node = group_node(Entry("d", Kind.FOLDER, "abc", 101, COMMIT), 2)
    theirs = FOLDER_CHILDREN.replace(GROUP_HASH.to_bytes(16, "big"), node.hash.to_bytes(16, "big"))
    assert node.data == theirs


def test_a_file_says_what_the_client_says_of_it() -> None:
    changed_at = datetime.fromtimestamp(0x6B0CB900, UTC).replace(microsecond=43_689)
    entry = Entry("d/é.txt", Kind.FILE, f"{FILE_HASH:x}", 1, COMMIT)
    node = file_node(entry, about(entry, changed_at, None))
    theirs, ours = fields(FILE_DATA), fields(node.data)
    assert node.hash == FILE_HASH
    assert len(ours) == len(theirs)
    differing = [at for at, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
    assert differing == [2, 4, 8, 10]  # hashes of what else is known, and that; nanoseconds
    assert ours[2] is ours[10] is None
    assert ours[4] == ours[3]  # nothing else is known
    assert ours[8] == 43_689_000


def test_a_commit_says_what_the_client_says_of_it() -> None:
    made = datetime(2026, 11, 30, 0, 49, 44, 500_863, UTC)
    parents = ("abc", COMMIT)
    node = commit_node(Commit("1f0b62", parents, None, 1, "one", Signature("A", "a@b"), made))
    assert node.hash == 0x1F0B62
    assert fields(node.data) == [
        *(bytes(13) + b"\x1f\x0b\x62", "Commit"),
        [bytes(14) + b"\x0a\xbc", bytes.fromhex(COMMIT)],
        *("one", "A", "a@b"),
        [2026, 334, 0, 49, 44, 500_863_000, 0, 0, 0],
    ]


def test_the_columns_of_a_data_frame_are_told_and_change_what_it_is_taken_for() -> None:
    entry = Entry("q.csv", Kind.FILE, f"{FILE_HASH:x}", 1, COMMIT)
    now = datetime.now(UTC)
    one, other = (about(entry, now, FrameShape("csv", 3, {name: "int64"})) for name in ("x", "y"))
    assert one.known[0][:2] == [1, 3]
    assert one.known[0][2][1] == [["x", "i64", None, None]]
    assert len({one.combined, other.combined, FILE_HASH}) == 3
    assert fields(file_node(entry, one).data)[10] == one.known


@given(
    st.integers(0, 2**40),
    st.integers(0, 10**9 - 1),
    st.integers(0, 2**128 - 1),
    st.none() | st.integers(0, 2**128 - 1),
)
def test_what_a_sender_knows_of_a_file_is_kept_as_text(
    seconds: int, nanoseconds: int, combined: int, known_hash: int | None
) -> None:
    said = About(seconds, nanoseconds, "text", combined, [[1, None]], known_hash)
    entry = Entry("a", Kind.FILE, "ab", 1, COMMIT, said.kept())
    assert about(entry, datetime.now(UTC), None) == said


@given(st.integers(0, 2**128 - 1))
def test_a_place_has_every_digit_of_the_hash(number: int) -> None:
    assert int(place(number).removeprefix("tree/nodes/").replace("/", ""), 16) == number
    assert len(place(number)) == len("tree/nodes/f6d/48a47b69ef84f59c2a02f1b5013c2")


def test_equal_folders_in_two_places_have_nodes_of_their_own() -> None:
    one, two = (Entry(path, Kind.FOLDER, "abc", 1, COMMIT) for path in ("a/x", "b/x"))
    hashes = {make(it, 1).hash for make in (folder_node, group_node) for it in (one, two)}
    assert len(hashes) == 4
