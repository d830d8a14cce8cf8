"""A folder as `RemoteRepo.download` takes it: its tree first, then many small contents at once.

Large files come by `chunk`. The same two steps would be the beginning of a clone, which needs more
than we have (see `refused`).
"""

import asyncio
import gzip
import re
import tarfile
import time
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from weighbridge.core.versions import Commit, Content, Entry, Kind
from weighbridge.dialects.oxen import tree_nodes
from weighbridge.dialects.oxen.access import RepoToRead
from weighbridge.dialects.oxen.answers import success
from weighbridge.dialects.oxen.routes.exports import Sink
from weighbridge.dialects.oxen.routes.refused import refuse_clone
from weighbridge.dialects.oxen.tree_nodes import Node
from weighbridge.errors import Invalid, NotFound
from weighbridge.versions.base import Repo

router = APIRouter(prefix="/repos/{namespace}/{repository}")

_ARCHIVE = "application/gzip"
_MOST_ASKED = 8 << 20  # bytes of hashes in one request, unpacked: a quarter of a million
_HASH = re.compile(r"[0-9a-f]{1,32}")


@router.get("/tree/download/{revision:path}")
async def download_tree(
    repo: RepoToRead,
    revision: str,
    subtrees: Annotated[str | None, Query(max_length=1_000)] = None,
    depth: int = -1,
    is_download: bool = False,
) -> Response:
    """The nodes at and below a folder, as an archive."""
    if not is_download or subtrees is None or depth != -1:
        return await refuse_clone(repo)
    at = await repo.locate(f"{revision}/{subtrees}")
    folder = await _folder(repo, at.commit, at.path)
    return StreamingResponse(_archived_tree(repo, at.commit, folder), media_type=_ARCHIVE)


@router.get("/tree/nodes/resource/{resource:path}")
async def get_node_hash(repo: RepoToRead, resource: str) -> Response:
    """What the node of a folder is called."""
    at = await repo.locate(resource)
    folder = await _folder(repo, at.commit, at.path)
    return success(hash=f"{tree_nodes.folder_hash(folder):x}")


@router.api_route("/versions", methods=["QUERY"])
async def download_contents(request: Request, repo: RepoToRead) -> Response:
    """Contents by their hashes, one in a line, as an archive in the same order."""
    hashes = _asked(await request.body())
    known = await repo.contents(list(dict.fromkeys(hashes)))
    missing = [it for it in hashes if it not in known]
    if missing:
        shown = ", ".join(missing[:5])
        raise NotFound(f"{len(missing)} of the contents are not in this repository: {shown}")
    return StreamingResponse(
        _archived_contents(repo, [known[it] for it in hashes]), media_type=_ARCHIVE
    )


async def _folder(repo: Repo, commit: Commit, path: str) -> Entry:
    found = await repo.entry(commit, path)
    if found is None or found.kind is not Kind.FOLDER:
        raise NotFound(f"there is no folder {path!r} at {commit.id}")
    return found


def _asked(body: bytes) -> list[str]:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(body, _MOST_ASKED).decode("ascii")
    except (zlib.error, UnicodeDecodeError) as error:
        raise Invalid("the body must be hashes, one in a line, compressed by gzip") from error
    if not unpacker.eof:
        raise Invalid("the list of hashes is cut off, or too long: ask for fewer at once")
    hashes = text.split()
    wrong = next((it for it in hashes if _HASH.fullmatch(it) is None), None)
    if wrong is not None:
        raise Invalid(f"{wrong[:80]!r} is no hash of a content")
    return [it.lstrip("0") or "0" for it in hashes]


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that is still to be written, how much is directly in it, and the node above it."""

    entry: Entry
    count: int
    parent: int | None

    @property
    def node(self) -> Node:
        return tree_nodes.folder_node(self.entry, self.count)

    @property
    def group(self) -> Node:
        return tree_nodes.group_node(self.entry, self.count)


async def _archived_tree(repo: Repo, commit: Commit, top: Entry) -> AsyncIterator[bytes]:
    # What is in a folder is listed a second time for its count, rather than kept until its turn.
    archive = _Archive()
    waiting = [_Folder(top, len(await repo.folder(commit, top.path)), None)]
    while waiting:
        folder = waiting.pop()
        group = folder.group
        entries = await repo.folder(commit, folder.entry.path)
        below = [
            _Folder(it, len(await repo.folder(commit, it.path)), group.hash)
            for it in entries
            if it.kind is Kind.FOLDER
        ]
        files = [it for it in entries if it.kind is Kind.FILE]
        commits = await repo.commits(list({it.commit_id for it in files}))
        moments = [commits.get(it.commit_id, commit).created_at for it in files]
        nodes = await asyncio.to_thread(list, map(tree_nodes.file_node, files, moments))
        nodes += [it.node for it in below]
        archive.add_node(folder.node, [group], folder.parent)
        await asyncio.to_thread(archive.add_node, group, nodes, folder.node.hash)
        waiting += below
        yield archive.taken()
    yield archive.ended()


async def _archived_contents(repo: Repo, contents: Sequence[Content]) -> AsyncIterator[bytes]:
    archive = _Archive()
    for content in contents:
        archive.begin(content.hash, content.size)
        async for piece in repo.stream(content):
            await asyncio.to_thread(archive.write, piece)
            yield archive.taken()
        archive.end(content.size)
        yield archive.taken()
    yield archive.ended()


class _Archive:
    """A tar.gz, taken away while it is written."""

    def __init__(self) -> None:
        self._sink = Sink()
        self._packed = gzip.GzipFile(fileobj=self._sink, mode="wb", compresslevel=1, mtime=0)

    def add_node(self, node: Node, below: Sequence[Node], parent: int | None) -> None:
        """A node with what is below it."""
        place = tree_nodes.place(node.hash)
        for name, data in (
            ("node", tree_nodes.node_file(node, below, parent)),
            ("children", tree_nodes.children_file(below)),
        ):
            self.begin(f"{place}/{name}", len(data))
            self.write(data)
            self.end(len(data))

    def begin(self, name: str, size: int) -> None:
        """A file, of which exactly `size` bytes are then written."""
        header = tarfile.TarInfo(name)
        header.size = size
        header.mtime = int(time.time())
        self.write(header.tobuf(tarfile.GNU_FORMAT))

    def write(self, data: bytes) -> None:
        self._packed.write(data)

    def end(self, size: int) -> None:
        """Files fill whole blocks."""
        self.write(bytes(-size % tarfile.BLOCKSIZE))

    def taken(self) -> bytes:
        """What is ready and was not taken yet."""
        return self._sink.taken()

    def ended(self) -> bytes:
        """The last of it."""
        self.write(bytes(2 * tarfile.BLOCKSIZE))
        self._packed.close()
        return self._sink.taken()
