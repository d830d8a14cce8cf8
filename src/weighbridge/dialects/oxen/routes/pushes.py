"""What the client pushes: contents, then the nodes of its commits, in any order and at once. They
become commits when it moves the branch (see `branches`)."""

import asyncio
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, TypeAdapter
from starlette.responses import Response

from weighbridge.core.sent import SentNode
from weighbridge.dialects import shared
from weighbridge.dialects.multipart import receive_form
from weighbridge.dialects.oxen.access import RepoToWrite, ServicesHere
from weighbridge.dialects.oxen.answers import CREATED, success
from weighbridge.dialects.oxen.errors import parsed
from weighbridge.dialects.oxen.received_nodes import read_archive
from weighbridge.errors import Invalid

router = APIRouter(prefix="/repos/{namespace}/{repository}")

_MOST_CONTENTS = 200_000  # in one request: the client bundles them by size
_AT_ONCE = 100  # nodes in one transaction


class Hashes(BaseModel):
    """What nodes are called."""

    hashes: list[Annotated[str, Field(pattern=r"^[0-9a-f]{1,32}$")]]


_HASHES = TypeAdapter(Hashes)


@router.post("/commits/missing")
async def list_missing_commits(request: Request, repo: RepoToWrite) -> Response:
    """Those of the client's commits that are not here; what came of one that is not whole is sent
    again."""
    wanted = parsed(_HASHES, shared.parse_json(await request.body()))
    ids = [it.lstrip("0") for it in wanted.hashes]
    known = await repo.commits(ids)
    return success(hashes=[it for it in ids if it not in known])


@router.post("/versions")
async def take_contents(request: Request, services: ServicesHere, repo: RepoToWrite) -> Response:
    """Small contents, each called by its hash."""
    most = services.settings.max_upload_mb << 20
    async with receive_form(
        request, services.store.folder, most_bytes=most, most_parts=_MOST_CONTENTS, gzip=True
    ) as form:
        contents = await repo.keep_all([file.path for file in form.files])
        for file, content in zip(form.files, contents, strict=True):
            if content.hash != file.name.lstrip("0"):
                raise Invalid(
                    f"a content came as {file.name[:80]!r}, and its hash is {content.hash}"
                )
    return success(CREATED, err_files=[])


@router.post("/tree/nodes")
async def take_nodes(request: Request, services: ServicesHere, repo: RepoToWrite) -> Response:
    """Nodes, as an archive."""
    most = services.settings.max_upload_mb << 20
    beside = services.store.folder / f".incoming-{os.urandom(8).hex()}"
    try:
        await _write(request, beside)
        nodes = read_archive(beside, most)
        while some := await asyncio.to_thread(_next, nodes):
            await repo.stage_sent(some)
    finally:
        await asyncio.to_thread(beside.unlink, missing_ok=True)
    return success(CREATED)


@router.post("/commits/upload")
@router.post("/commits/upload_chunk")
async def take_folder_hashes(request: Request, repo: RepoToWrite) -> Response:  # noqa: ARG001
    """Which node each folder of a commit is. The nodes say so too, and are believed."""
    async for _ in request.stream():
        pass
    return success(CREATED)


@router.post("/commits/mark_commits_as_synced")
async def note_synced(request: Request, repo: RepoToWrite) -> Response:  # noqa: ARG001
    """The client says that it has sent a commit."""
    wanted = parsed(_HASHES, shared.parse_json(await request.body()))
    return success(hashes=wanted.hashes)


async def _write(request: Request, path: Path) -> None:
    with await asyncio.to_thread(path.open, "wb") as file:
        async for piece in request.stream():
            await asyncio.to_thread(file.write, piece)


def _next(nodes: Iterator[SentNode]) -> list[SentNode]:
    return list(itertools.islice(nodes, _AT_ONCE))
