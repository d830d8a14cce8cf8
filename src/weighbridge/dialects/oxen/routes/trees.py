"""What the client clones, pulls and downloads folders by: the nodes of the tree, which node each
folder is, and many small contents at once. Large files come by `chunk`."""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from weighbridge.core.versions import Commit, Content, Entry, Kind
from weighbridge.datasets.shapes import format_of
from weighbridge.dialects.oxen import tree_nodes
from weighbridge.dialects.oxen.access import RepoToRead, ServicesHere
from weighbridge.dialects.oxen.answers import success
from weighbridge.dialects.oxen.archives import MEDIA_TYPE, Archive
from weighbridge.dialects.oxen.folder_hashes import database, folder_hashes
from weighbridge.dialects.oxen.tree_nodes import Node
from weighbridge.dialects.shared import NotSupported
from weighbridge.errors import Invalid, NotFound
from weighbridge.versions.base import Repo
from weighbridge.wiring import Services

router = APIRouter(prefix="/repos/{namespace}/{repository}")

_MOST_ASKED = 8 << 20  # bytes of hashes in one request, unpacked: a quarter of a million
_HASH = re.compile(r"[0-9a-f]{1,32}")
_LONGEST_SUBTREES = 100_000


# Nodes


@router.get("/tree/download/{revision:path}")
async def download_tree(
    repo: RepoToRead,
    revision: str,
    subtrees: Annotated[str | None, Query(max_length=_LONGEST_SUBTREES)] = None,
    depth: int = -1,
    is_download: bool = False,
) -> Response:
    """The nodes of a commit and of all that led to it; of what led from one to another (`a..b`); of
    one commit, of which the client takes some folders (`subtrees`); or only at and below a folder
    (`is_download`)."""
    if depth != -1:
        raise NotSupported("trees come whole, not to some `depth`; name folders by `subtrees`")
    if is_download:
        return await _download(repo, f"{revision}/{subtrees or ''}")
    base, head = await _ends(repo, revision)
    if subtrees is not None:
        await _check_folders(repo, head, subtrees)
    alone = subtrees is not None and base is None
    commits = [head] if alone else await _line(repo, base, head)
    # All folders even so: the client drops from its next commit what it has no node of.
    known = await _known_at(repo, base)
    return StreamingResponse(_archived_history(repo, commits, known), media_type=MEDIA_TYPE)


@router.get("/tree/download")
async def download_all_trees(repo: RepoToRead) -> Response:
    """The nodes of all commits that a branch leads to."""
    commits: dict[str, Commit] = {}
    for branch in await repo.branches():
        head = await repo.commit_at(branch.commit_id)
        commits |= {it.id: it for it in await repo.log(head, limit=_ALL)}
    line = sorted(commits.values(), key=lambda it: (it.generation, it.id))
    return StreamingResponse(_archived_history(repo, line, set()), media_type=MEDIA_TYPE)


@router.get("/tree/nodes/hash/{commit_id}")
async def find_node(repo: RepoToRead, commit_id: str) -> Response:
    """Whether a commit is here: the client asks so about its own last one."""
    if commit_id not in await repo.commits([commit_id]):
        raise NotFound(f"there is no commit {commit_id[:80]!r}")
    return success()


@router.get("/tree/nodes/resource/{resource:path}")
async def get_node_hash(repo: RepoToRead, resource: str) -> Response:
    """What the node of a folder is called."""
    at = await repo.locate(resource)
    folder = await _folder(repo, at.commit, at.path)
    return success(hash=f"{tree_nodes.folder_hash(folder):x}")


async def _download(repo: Repo, resource: str) -> Response:
    at = await repo.locate(resource)
    top = _Waiting(await _folder(repo, at.commit, at.path), None)
    archive = Archive()
    return StreamingResponse(
        _then_ended(archive, _archived_folders(archive, repo, at.commit, top, set())),
        media_type=MEDIA_TYPE,
    )


async def _check_folders(repo: Repo, commit: Commit, subtrees: str) -> None:
    """Folders come with commas in between; a name may have one too."""
    whole = await repo.entry(commit, subtrees)
    if whole is None or whole.kind is not Kind.FOLDER:
        for path in subtrees.split(","):
            await _folder(repo, commit, path)


# Which node each folder is


@router.get("/commits/{revision}/download_dir_hashes_db")
async def download_folder_hashes(
    services: ServicesHere, repo: RepoToRead, revision: str
) -> Response:
    """Of a commit and all that led to it, or of what led from one to another (`a..b`)."""
    base, head = await _ends(repo, revision)
    line = await _line(repo, base, head)
    return StreamingResponse(_archived_databases(services, repo, line), media_type=MEDIA_TYPE)


@router.get("/commits/{commit_id}/commit_db")
async def download_folder_hashes_of_one(
    services: ServicesHere, repo: RepoToRead, commit_id: str
) -> Response:
    """Of one commit."""
    commit = await repo.commit_at(commit_id)
    return StreamingResponse(_archived_databases(services, repo, [commit]), media_type=MEDIA_TYPE)


# Contents


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
        _archived_contents(repo, [known[it] for it in hashes]), media_type=MEDIA_TYPE
    )


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


# Which commits and folders


_ALL = 10**9


async def _ends(repo: Repo, revision: str) -> tuple[Commit | None, Commit]:
    base, dots, head = revision.partition("..")
    if not dots:
        return None, await repo.commit_at(revision)
    return await repo.commit_at(base), await repo.commit_at(head)


async def _line(repo: Repo, base: Commit | None, head: Commit) -> list[Commit]:
    """What led to `head`, without what led to `base`, earliest first."""
    line = await repo.log(head, limit=_ALL)
    there = {it.id for it in await repo.log(base, limit=_ALL)} if base else set()
    return [it for it in reversed(line) if it.id not in there]


async def _known_at(repo: Repo, base: Commit | None) -> set[int]:
    """The nodes of folders that whoever has `base` has. Whoever sent it has its own."""
    if base is None or base.id in await repo.sent([base.id]):
        return set()
    async for _, hashes in folder_hashes(repo, [base]):
        return {int(it, 16) for it in hashes.values()}
    return set()


async def _folder(repo: Repo, commit: Commit, path: str) -> Entry:
    found = await repo.entry(commit, path)
    if found is None or found.kind is not Kind.FOLDER:
        raise NotFound(f"there is no folder {path!r} at {commit.id}")
    return found


# What is sent


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A folder that is still to be written, and the node above it."""

    entry: Entry
    parent: int | None


async def _archived_history(
    repo: Repo, commits: Sequence[Commit], known: set[int]
) -> AsyncIterator[bytes]:
    archive = Archive()
    for commit in commits:
        root = await _folder(repo, commit, "")
        node = tree_nodes.commit_node(commit)
        top = await _node(repo, commit, root)
        parent = int(commit.parents[0], 16) if commit.parents else None
        archive.add_node(node, [top], parent)
        below = _Waiting(root, node.hash)
        async for piece in _archived_folders(archive, repo, commit, below, known):
            yield piece
    yield archive.ended()


async def _archived_folders(
    archive: Archive,
    repo: Repo,
    commit: Commit,
    top: _Waiting,
    known: set[int],
) -> AsyncIterator[bytes]:
    """A folder and those below it.

    Args:
        known: nodes that are not written again, nor what is below them; grows.
    """
    # What is in a folder is listed a second time for its count, rather than kept until its turn.
    waiting = [top]
    while waiting:
        folder = waiting.pop()
        node = await _node(repo, commit, folder.entry)
        if node.hash in known:
            continue
        known.add(node.hash)
        entries = await repo.folder(commit, folder.entry.path)
        group = tree_nodes.group_node(folder.entry, len(entries))
        files = [it for it in entries if it.kind is Kind.FILE]
        folders = [it for it in entries if it.kind is Kind.FOLDER]
        nodes = await _file_nodes(repo, commit, files)
        nodes += [await _node(repo, commit, it) for it in folders]
        archive.add_node(node, [group], folder.parent)
        await asyncio.to_thread(archive.add_node, group, nodes, node.hash)
        waiting += [_Waiting(it, group.hash) for it in folders]
        yield archive.taken()


async def _file_nodes(repo: Repo, commit: Commit, files: Sequence[Entry]) -> list[Node]:
    ours = [it for it in files if it.told is None]
    commits = await repo.commits(list({it.commit_id for it in ours}))
    moments = [commits.get(it.commit_id, commit).created_at for it in files]
    contents = await repo.contents([it.hash for it in ours if format_of(it.name)])
    frames = [contents[it.hash].frame if it.hash in contents else None for it in files]

    def made() -> list[Node]:
        said = map(tree_nodes.about, files, moments, frames)
        return list(map(tree_nodes.file_node, files, said))

    return await asyncio.to_thread(made)


async def _node(repo: Repo, commit: Commit, folder: Entry) -> Node:
    return tree_nodes.folder_node(folder, len(await repo.folder(commit, folder.path)))


async def _then_ended(archive: Archive, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield piece
    yield archive.ended()


async def _archived_databases(
    services: Services, repo: Repo, commits: Sequence[Commit]
) -> AsyncIterator[bytes]:
    archive = Archive()
    async for commit, hashes in folder_hashes(repo, commits):
        files = await asyncio.to_thread(database, hashes, services.store.folder)
        for name, data in files.items():
            archive.add(f"history/{commit.id}/dir_hashes/{name}", data)
        yield archive.taken()
    yield archive.ended()


async def _archived_contents(repo: Repo, contents: Sequence[Content]) -> AsyncIterator[bytes]:
    archive = Archive()
    for content in contents:
        archive.begin(content.hash, content.size)
        async for piece in repo.stream(content):
            await asyncio.to_thread(archive.write, piece)
            yield archive.taken()
        archive.end(content.size)
        yield archive.taken()
    yield archive.ended()
