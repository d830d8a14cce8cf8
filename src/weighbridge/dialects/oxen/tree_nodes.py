"""Files and folders as the nodes of the vendor's tree: what the client downloads a folder by.

A folder has one group of entries (their tree may have several, ours needs one), and a group has the
folders and files. A node that has others below it is two files: `node` (what it is, and a table of
what is below) and `children` (what is below, one after the other). Format 0.25.0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import msgpack
import xxhash

from weighbridge.core.versions import Entry
from weighbridge.dialects.oxen import wire

_FORMAT = "V0_25_0"
_NO_PARENT = bytes(16)


class NodeKind(IntEnum):
    """What a node is; there are commits (0) and pieces of files (4) too."""

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
            bytes.fromhex(entry.commit_id),
            0,  # seconds and nanoseconds of its change, which folders do not have
            0,
            {},  # how many files and bytes of each kind are below: no download asks for them
            {},
        ),
    )


def group_node(folder: Entry, count: int) -> Node:
    """The one group of a folder's entries."""
    number = _hash("group", folder)
    return Node(NodeKind.GROUP, number, _packed(_bytes(number), "VNode", count))


def file_node(entry: Entry, changed_at: datetime) -> Node:
    """A file.

    Args:
        changed_at: when the commit was made that last changed it.
    """
    content = int(entry.hash, 16)
    return Node(
        NodeKind.FILE,
        content,
        _packed(
            "File",
            entry.name,
            None,  # hash of what else is known of it: nothing is said here
            _bytes(content),
            _bytes(_hash("file", entry)),  # of the content and of that
            entry.size,
            bytes.fromhex(entry.commit_id),
            int(changed_at.timestamp()),
            changed_at.microsecond * 1000,
            wire.data_type(entry.path),
            None,  # what else is known of it
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
    written: bytes = msgpack.packb([{_FORMAT: fields}])
    return written


def _bytes(number: int) -> bytes:
    return number.to_bytes(16, "big")


def _hash(what: str, entry: Entry) -> int:
    text = f"{what}\0{entry.path}\0{entry.hash}\0{entry.commit_id}"
    return xxhash.xxh3_128_intdigest(text.encode())
