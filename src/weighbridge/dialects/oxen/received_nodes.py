"""Nodes of the vendor's tree, read: what `push` sends."""

import re
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgpack
import orjson

from weighbridge.core.sent import SentCommit, SentEntry, SentFolder, SentGroup, SentNode
from weighbridge.core.versions import Entry, Kind, Signature, checked_path
from weighbridge.dialects.oxen import tree_nodes
from weighbridge.dialects.oxen.tree_nodes import FORMAT, About, NodeKind
from weighbridge.errors import Invalid, TooLarge
from weighbridge.versions.base import Names

_PLACE = re.compile(r"(?:\./)?(?:tree/nodes/)?([0-9a-f]{1,3})/([0-9a-f]{1,32})/(node|children)")
_KINDS = frozenset({"dir", "text", "image", "video", "audio", "tabular", "binary"})
_LARGEST_FILE = 256 << 20
_MOST_GROUPS = 100_000
_LONGEST_TEXT = 100_000
_HEAD = 21  # bytes before what is known of a node: kind, node above, length
_ROW = 33  # bytes of a row of the table: kind, hash, start, length


def names_of(folder: Entry) -> Names:
    """How the client calls a folder that it got from us, and the group of its entries."""
    return Names(
        f"{tree_nodes.folder_hash(folder):x}",
        f"{tree_nodes.group_hash(folder):x}",
    )


def read_archive(path: Path, most_bytes: int) -> Iterator[SentNode]:
    """The nodes of an archive, one after another.

    Args:
        path: of a tar.gz with the two files of each.
        most_bytes: of all of them, unpacked.

    Raises:
        Invalid: it is no such archive, or a node cannot be read. TooLarge: it holds too much.
    """
    half: dict[str, dict[str, bytes]] = {}
    left = most_bytes
    try:
        with tarfile.open(path, mode="r|gz") as archive:
            for member in archive:
                if member.isdir():
                    continue
                place = _PLACE.fullmatch(member.name)
                file = archive.extractfile(member) if member.isfile() else None
                if place is None or file is None:
                    raise Invalid(f"{member.name[:100]!r} is no part of a node")
                left -= member.size
                if member.size > _LARGEST_FILE or left < 0:
                    raise TooLarge("the nodes are over the limit on uploads")
                files = half.setdefault(place[1] + place[2], {})
                files[place[3]] = file.read()
                if len(files) == 2:
                    name = f"{int(place[1] + place[2], 16):x}"
                    del half[place[1] + place[2]]
                    yield _read(name, files["node"], files["children"])
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise Invalid(f"the nodes cannot be unpacked: {error}") from error
    if half:
        raise Invalid(f"the node {min(half)} came without its other file")


def _read(name: str, node: bytes, children: bytes) -> SentNode:
    try:
        found = _node(node, children)
    except (ValueError, TypeError, IndexError, OverflowError, msgpack.UnpackException) as error:
        said = str(error) or type(error).__name__
        raise Invalid(f"the node {name} cannot be read: {said}") from error
    if found.hash != name:
        raise Invalid(f"the node {name} says that it is {found.hash}")
    return found


def _node(node: bytes, children: bytes) -> SentNode:
    kind = NodeKind(node[0])
    length = int.from_bytes(node[17:_HEAD], "little")
    table = node[_HEAD + length :]
    if len(node) < _HEAD + length or len(table) % _ROW:
        raise ValueError("it is cut off")
    fields = _fields(node[_HEAD : _HEAD + length])
    below = [_below(table[at : at + _ROW], children) for at in range(0, len(table), _ROW)]
    if kind is NodeKind.COMMIT:
        return _commit(fields, below)
    if kind is NodeKind.FOLDER:
        if len(below) > _MOST_GROUPS or any(it.kind is not NodeKind.GROUP for it in below):
            raise ValueError("a folder has groups of entries below it")
        return SentFolder(_name(fields[2]), tuple(it.hash for it in below))
    if kind is NodeKind.GROUP:
        if fields[2] != len(below):  # a clone of some folders may have lost the others
            raise ValueError(f"it says that it has {fields[2]} entries, and has {len(below)}")
        return SentGroup(_name(fields[0]), tuple(map(_entry, below)))
    raise ValueError("nothing is below a file")


@dataclass(frozen=True, slots=True)
class _Below:
    """A node as the one above it tells of it."""

    kind: NodeKind
    hash: str
    fields: Sequence[Any]


def _below(row: bytes, children: bytes) -> _Below:
    kind = NodeKind(row[0])
    start, length = (int.from_bytes(row[it : it + 8], "little") for it in (17, 25))
    if start + length > len(children):
        raise ValueError("it is cut off")
    return _Below(
        kind,
        f"{int.from_bytes(row[1:17], 'little'):x}",
        _fields(children[start : start + length]),
    )


def _fields(data: bytes) -> list[Any]:
    """What is known of a node, in its order."""
    held = msgpack.unpackb(data, strict_map_key=False)
    if not (isinstance(held, list) and len(held) == 1 and isinstance(held[0], dict)):
        raise ValueError("it is no node")
    if held[0].keys() != {FORMAT}:
        raise ValueError(f"its format is not {FORMAT}")
    fields = held[0][FORMAT]
    if not isinstance(fields, list):
        raise ValueError("it is no node")
    return fields


def _commit(fields: Sequence[Any], below: Sequence[_Below]) -> SentCommit:
    number, _, parents, message, author, email, moment, *_ = fields
    if len(below) != 1 or below[0].kind is not NodeKind.FOLDER:
        raise ValueError("a commit has one folder below it")
    return SentCommit(
        hash=_name(number),
        parents=tuple(dict.fromkeys(map(_name, parents))),
        message=_text(message),
        author=Signature(_text(author)[:200], _text(email)[:200]),
        created_at=_moment(moment),
        root=below[0].hash,
    )


def _entry(below: _Below) -> SentEntry:
    fields = below.fields
    name = _text(fields[1])
    if checked_path(name) != name or "/" in name:
        raise Invalid(f"{name[:100]!r} is no name of a file or folder")
    if below.kind is NodeKind.FOLDER:
        if _name(fields[2]) != below.hash:
            raise ValueError(f"the folder {name!r} is called by two hashes")
        return SentEntry(name, Kind.FOLDER, below.hash, 0)
    if below.kind is not NodeKind.FILE:
        raise ValueError("files and folders are in a group")
    size = fields[5]
    if _name(fields[3]) != below.hash:
        raise ValueError(f"the file {name!r} is called by two hashes")
    if not isinstance(size, int) or not 0 <= size < 1 << 62:
        raise ValueError(f"the file {name!r} has no size")
    return SentEntry(name, Kind.FILE, below.hash, size, _about(fields).kept())


def _about(fields: Sequence[Any]) -> About:
    known_hash, _, combined, _, _, seconds, nanoseconds, kind, known = fields[2:11]
    if not isinstance(seconds, int) or not 0 <= seconds < 1 << 40:
        raise ValueError("a file was changed at no time that can be kept")
    if not isinstance(nanoseconds, int) or not 0 <= nanoseconds < 1_000_000_000:
        raise ValueError("a file was changed at no time that can be kept")
    if kind not in _KINDS or b"\\u0000" in orjson.dumps(known):
        raise ValueError(f"a file cannot be {str(kind)[:40]!r}")
    return About(
        seconds,
        nanoseconds,
        kind,
        int(_name(combined), 16),
        known,
        None if known_hash is None else int(_name(known_hash), 16),
    )


def _moment(told: Any) -> datetime:
    """Year, day of it, hour, minute, second, nanosecond, and how far the clock is from UTC."""
    year, day, hour, minute, second, nanosecond, *ahead = map(int, told)
    hours, minutes, seconds = ahead
    zone = timezone(timedelta(hours=hours, minutes=minutes, seconds=seconds))
    start = datetime(year, 1, 1, hour, minute, second, nanosecond // 1000, zone)
    return (start + timedelta(days=day - 1)).astimezone(UTC)


def _name(told: Any) -> str:
    """A hash as it is written: without the zeros that it begins with."""
    if not isinstance(told, bytes) or len(told) != 16:
        raise ValueError("a hash has 16 bytes")
    return f"{int.from_bytes(told, 'big'):x}"


def _text(told: Any) -> str:
    if not isinstance(told, str) or "\0" in told or len(told) > _LONGEST_TEXT:
        raise ValueError("a text was expected, without NUL characters")
    return told
