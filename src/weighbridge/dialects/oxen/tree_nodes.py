"""Commits, folders and files as nodes of the vendor's tree: what the client clones and pulls by.

A commit has its root folder, a folder has one group of entries (their tree may have several, ours
needs one), and a group has the folders and files. A node that has others below it is two files:
`node` (what it is, and a table of what is below) and `children` (what is below, one after the
other). Format 0.25.0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

import msgpack
import orjson
import xxhash

from weighbridge.core.versions import Commit, Entry, FrameShape
from weighbridge.dialects.oxen import wire
from weighbridge.dialects.oxen.frames import dtype

FORMAT = "V0_25_0"
_NO_PARENT = bytes(16)


class NodeKind(IntEnum):
    """What a node is; there are pieces of files (4) too."""

    COMMIT = 0
    FOLDER = 1
    GROUP = 2
    FILE = 3


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    Attributes:
        hash: 128 bits. Of a file, its content's.
        data: everything known of it, as it is written.
    """

    kind: NodeKind
    hash: int
    data: bytes


def commit_node(commit: Commit) -> Node:
    """A commit."""
    number = int(commit.id, 16)
    at = commit.created_at.astimezone(UTC)
    return Node(
        NodeKind.COMMIT,
        number,
        _packed(
            _bytes(number),
            "Commit",
            [_bytes(int(parent, 16)) for parent in commit.parents],
            commit.message,
            commit.author.name,
            commit.author.email,
            [
                *(at.year, at.timetuple().tm_yday, at.hour, at.minute, at.second),
                *(at.microsecond * 1000, 0, 0, 0),  # and how far the clock is from UTC
            ],
        ),
    )


def folder_node(entry: Entry, count: int) -> Node:
    """A folder.

    Args:
        count: how many files and folders are directly in it.
    """
    number = folder_hash(entry)
    return Node(
        NodeKind.FOLDER,
        number,
        _packed(
            "Dir",
            entry.name,
            _bytes(number),
            count,
            entry.size,
            _bytes(int(entry.commit_id, 16)),
            0,  # seconds and nanoseconds of its change, which folders do not have
            0,
            {},  # how many files and bytes of each kind are below: no download asks for them
            {},
        ),
    )


def group_node(folder: Entry, count: int) -> Node:
    """The one group of a folder's entries."""
    number = group_hash(folder)
    return Node(NodeKind.GROUP, number, _packed(_bytes(number), "VNode", count))


@dataclass(frozen=True, slots=True)
class About:
    """What a node says of a file beside its name and content.

    Attributes:
        seconds, nanoseconds: when it was changed.
        kind: `text`, `tabular`, `image`, …
        combined: hash of the content and of what else is known: the client takes two files for the
            same when theirs are.
        known: what else is known, in the client's shape. known_hash: of that.
    """

    seconds: int
    nanoseconds: int
    kind: str
    combined: int
    known: Any = None
    known_hash: int | None = None

    def kept(self) -> str:
        """As text."""
        known_hash = None if self.known_hash is None else f"{self.known_hash:x}"
        moment = self.seconds, self.nanoseconds
        kept = [*moment, self.kind, f"{self.combined:x}", self.known, known_hash]
        return orjson.dumps(kept).decode()

    @classmethod
    def read(cls, kept: str) -> "About":
        """What `kept` was given."""
        seconds, nanoseconds, kind, combined, known, known_hash = orjson.loads(kept)
        number = None if known_hash is None else int(known_hash, 16)
        return cls(seconds, nanoseconds, kind, int(combined, 16), known, number)


def about(entry: Entry, changed_at: datetime, frame: FrameShape | None) -> About:
    """What is said of a file: by whoever sent it, or else by us.

    Args:
        changed_at: when the commit was made that last changed it.
        frame: for files of rows, of which the client wants to know the columns.
    """
    if entry.told is not None:
        return About.read(entry.told)
    content = int(entry.hash, 16)
    moment = int(changed_at.timestamp()), changed_at.microsecond * 1000
    kind = wire.data_type(entry.path)
    if frame is None:
        return About(*moment, kind, content)
    columns = [[name, dtype(column), None, None] for name, column in frame.columns.items()]
    digest = xxhash.xxh3_128_hexdigest(orjson.dumps(columns))
    known = [[len(columns), frame.rows, [digest, columns, None]]]
    known_hash = xxhash.xxh3_128_intdigest(orjson.dumps(known))
    both = content.to_bytes(16, "little") + known_hash.to_bytes(16, "little")
    return About(*moment, kind, xxhash.xxh3_128_intdigest(both), known, known_hash)


def file_node(entry: Entry, said: About) -> Node:
    """A file."""
    content = int(entry.hash, 16)
    return Node(
        NodeKind.FILE,
        content,
        _packed(
            "File",
            entry.name,
            None if said.known_hash is None else _bytes(said.known_hash),
            _bytes(content),
            _bytes(said.combined),
            entry.size,
            _bytes(int(entry.commit_id, 16)),
            said.seconds,
            said.nanoseconds,
            said.kind,
            said.known,
            wire.mime_type(entry.path),
            wire.extension(entry.path),
            [_bytes(content)],
            "SingleFile",
            "Disk",
        ),
    )


def folder_hash(entry: Entry) -> int:
    """Of a folder's tree and where it is, so that every folder of a commit has its own."""
    return _hash("folder", entry)


def group_hash(folder: Entry) -> int:
    """Of the one group of a folder's entries."""
    return _hash("group", folder)


def place(number: int) -> str:
    """The folder of a node's two files."""
    digits = f"{number:032x}"
    return f"tree/nodes/{digits[:3]}/{digits[3:]}"


def node_file(node: Node, below: Sequence[Node], parent: int | None) -> bytes:
    """The file `node`.

    Args:
        below: in the order of `children_file`.
        parent: hash of the node above; None: there is none.
    """
    written = bytearray([node.kind])
    written += _NO_PARENT if parent is None else parent.to_bytes(16, "little")
    written += len(node.data).to_bytes(4, "little") + node.data
    start = 0
    for it in below:
        written.append(it.kind)
        written += it.hash.to_bytes(16, "little")
        written += start.to_bytes(8, "little") + len(it.data).to_bytes(8, "little")
        start += len(it.data)
    return bytes(written)


def children_file(below: Sequence[Node]) -> bytes:
    """The file `children`."""
    return b"".join(it.data for it in below)


def _packed(*fields: object) -> bytes:
    written: bytes = msgpack.packb([{FORMAT: fields}])
    return written


def _bytes(number: int) -> bytes:
    return number.to_bytes(16, "big")


def _hash(what: str, entry: Entry) -> int:
    text = f"{what}\0{entry.path}\0{entry.hash}\0{entry.commit_id}"
    return xxhash.xxh3_128_intdigest(text.encode())
