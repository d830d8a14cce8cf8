"""Commits as somebody with a store of their own sends them: nodes with hashes that are not ours."""

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import httpx2
import msgpack
import xxhash

Files: TypeAlias = Mapping[str, "bytes | Files"]
AT = datetime.fromisoformat("2026-02-03T04:05:06.123456+00:00")


def hash_of(data: bytes) -> str:
    return f"{xxhash.xxh3_128_intdigest(data):x}"


def _digest(*parts: object) -> int:
    return xxhash.xxh3_128_intdigest(repr(parts).encode())


@dataclass(frozen=True)
class Node:
    """Kind, hash, fields and what is below."""

    kind: int
    hash: int
    fields: Sequence[Any]
    below: "Sequence[Node]" = ()

    @property
    def data(self) -> bytes:
        written: bytes = msgpack.packb([{"V0_25_0": list(self.fields)}])
        return written

    def files(self) -> dict[str, bytes]:
        """Its two files."""
        table = children = b""
        for it in self.below:
            table += bytes([it.kind]) + it.hash.to_bytes(16, "little")
            table += len(children).to_bytes(8, "little") + len(it.data).to_bytes(8, "little")
            children += it.data
        node = bytes([self.kind]) + bytes(16) + len(self.data).to_bytes(4, "little") + self.data
        digits = f"{self.hash:032x}"
        place = f"{digits[:3]}/{digits[3:]}"
        return {f"{place}/node": node + table, f"{place}/children": children}


def file_node(name: str, data: bytes, **changed: Any) -> Node:
    number = _bytes(int(hash_of(data), 16))
    said = {"name": name, "content": number, "size": len(data), "kind": "text"} | changed
    fields = ["File", said["name"], None, said["content"], _bytes(_digest(data, "too"))]
    fields += [said["size"], bytes(16), 1_795_998_128, 272_369_743, said["kind"], [[1, 1]]]
    fields += ["text/plain", "txt", [number], "SingleFile", "Disk"]
    return Node(3, int.from_bytes(number, "big"), fields)


def group(below: Sequence[Node], count: int | None = None) -> Node:
    number = _digest("group", [(it.fields[1], it.hash) for it in below])
    return Node(2, number, [_bytes(number), "VNode", count or len(below)], below)


def folder(name: str, groups: Sequence[Node]) -> Node:
    number = _digest("folder", name, [it.hash for it in groups])
    fields = ["Dir", name, _bytes(number), 1, 1, bytes(16), 0, 0, {}, {}]
    return Node(1, number, fields, groups)


def tree(files: Files, name: str = "", *, together: int = 10_000) -> Node:
    """A folder with everything in it.

    Args:
        together: how many entries are in a group.
    """
    below = [
        file_node(path, it) if isinstance(it, bytes) else tree(it, path, together=together)
        for path, it in files.items()
    ]
    parts = range(0, max(1, len(below)), together)
    return folder(name, [group(below[at : at + together]) for at in parts])


def commit(root: Node, *parents: str, message: str = "sent", number: int | None = None) -> Node:
    if number is None:
        number = _digest("commit", root.hash, parents, message)
    moment = [2026, 34, 4, 5, 6, 123_456_789, 0, 0, 0]
    above = [_bytes(int(it, 16)) for it in parents]
    fields = [_bytes(number), "Commit", above, message, "Ann", "ann@example.com", moment]
    return Node(0, number, fields, [root])


def every(node: Node) -> list[Node]:
    """A node and those below it that are not files."""
    return [node, *(one for it in node.below if it.kind != 3 for one in every(it))]


def name_of(node: Node) -> str:
    return f"{node.hash:x}"


def archive(nodes: Sequence[Node]) -> bytes:
    return packed({name: data for node in nodes for name, data in node.files().items()})


def packed(files: Mapping[str, bytes]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as opened:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))
    return written.getvalue()


def contents(files: Files) -> list[bytes]:
    return [
        one for it in files.values() for one in ([it] if isinstance(it, bytes) else contents(it))
    ]


def _bytes(number: int) -> bytes:
    return number.to_bytes(16, "big")


@dataclass
class Sender:
    """Sends to a repository.

    Attributes:
        address: `/repos/…` of it.
        headers: of every request.
    """

    client: httpx2.AsyncClient
    address: str
    headers: dict[str, str] = field(default_factory=dict)

    async def post(self, path: str, **more: Any) -> httpx2.Response:
        return await self.client.post(self.address + path, headers=self.headers, **more)

    async def send_contents(self, *data: bytes) -> httpx2.Response:
        parts = [("file[]", (hash_of(it), gzip.compress(it), "application/gzip")) for it in data]
        return await self.post("/versions", files=parts)

    async def send_nodes(self, *nodes: Node) -> httpx2.Response:
        return await self.post("/tree/nodes", content=archive(nodes))

    async def move(self, branch: str, commit_id: str) -> httpx2.Response:
        """Make or move a branch."""
        there = await self.client.get(f"{self.address}/branches/{branch}")
        if there.status_code == 404:
            body = {"new_name": branch, "commit_id": commit_id}
            return await self.post("/branches", json=body)
        return await self.client.put(
            f"{self.address}/branches/{branch}",
            json={"commit_id": commit_id},
            headers=self.headers,
        )

    async def push(
        self, files: Files, *parents: str, branch: str = "main", message: str = "sent"
    ) -> httpx2.Response:
        """All of one commit."""
        made = commit(tree(files), *parents, message=message)
        if data := contents(files):
            assert (await self.send_contents(*data)).status_code == 200
        assert (await self.send_nodes(*every(made))).status_code == 200
        return await self.move(branch, name_of(made))
