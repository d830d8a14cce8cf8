"""Large files, in parts: each part is written as it comes, and may be sent again."""

import asyncio
import os
from pathlib import Path

import xxhash
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, TypeAdapter
from starlette.responses import Response

from weighbridge.core.versions import Upload, checked_path
from weighbridge.dialects import shared
from weighbridge.dialects.oxen.access import RepoToWrite, ServicesHere
from weighbridge.dialects.oxen.answers import success
from weighbridge.dialects.oxen.errors import parsed
from weighbridge.errors import Invalid, NotFound, TooLarge

router = APIRouter(prefix="/repos/{namespace}/{repository}/versions/uploads")

PART_SIZE = 10 << 20
_WINDOW = 8


class Destination(BaseModel):
    """Where a file is to be added."""

    workspace_id: str
    path: str


class NewUpload(BaseModel):
    """A file that is to come in parts."""

    hash: str = Field(pattern=r"^[0-9a-f]{1,32}$")
    size: int = Field(ge=0)
    destination: Destination | None = None  # none: a content that is pushed


_NEW = TypeAdapter(NewUpload)


@router.post("")
async def begin(request: Request, services: ServicesHere, repo: RepoToWrite) -> Response:
    """Say that a file comes; one whose content is there already is added at once."""
    wanted = parsed(_NEW, shared.parse_json(await request.body()))
    draft_id = path = ""
    if wanted.destination is not None:
        draft_id = (await repo.draft(wanted.destination.workspace_id)).id
        path = checked_path(wanted.destination.path)
    known = (await repo.contents([wanted.hash])).get(wanted.hash)
    if known is not None and known.size == wanted.size:
        if draft_id:
            await repo.stage(draft_id, {path: known})
        return success(file="already_stored")
    if wanted.size > services.settings.max_upload_mb << 20:
        raise TooLarge(f"the file is over the limit of {services.settings.max_upload_mb} MiB")
    upload = await services.repositories.begin_upload(
        repo, draft_id, path, wanted.hash, wanted.size, PART_SIZE
    )
    return success(
        file="awaiting_parts",
        upload_id=upload.id,
        part_size=upload.part_size,
        num_parts=upload.parts,
        part_window=_WINDOW,
    )


@router.put("/{upload_id}/parts/{number}")
async def put_part(
    request: Request, services: ServicesHere, repo: RepoToWrite, upload_id: str, number: int
) -> Response:
    """Take a part; the last one that is missing adds the file."""
    upload = await services.repositories.find_upload(repo, upload_id)
    if not 1 <= number <= upload.parts:
        raise Invalid(f"there are the parts 1 to {upload.parts}")
    folder = services.repositories.folder_of(upload)
    await _write_part(request, folder, number, _size_of(upload, number))
    missing = await asyncio.to_thread(_missing, folder, upload)
    if missing:
        return success(completed=False)
    whole = folder / f"whole-{os.urandom(4).hex()}"
    try:
        found = await asyncio.to_thread(_join, folder, upload, whole)
    except FileNotFoundError as error:  # the same part came twice, and the other has ended it
        raise NotFound(f"there is no upload {upload_id}: it is complete") from error
    if found != upload.hash:
        await services.repositories.end_upload(upload)
        raise Invalid(
            f"the parts come to the hash {found}, and {upload.hash} was announced; nothing was "
            "kept: send the file again"
        )
    content = await repo.keep(whole, upload.path)
    if upload.draft_id:
        await repo.stage(upload.draft_id, {upload.path: content})
    await services.repositories.end_upload(upload)
    return success(completed=True)


async def _write_part(request: Request, folder: Path, number: int, size: int) -> None:
    await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
    beside = folder / f".{number}-{os.urandom(4).hex()}"
    came = 0
    with await asyncio.to_thread(beside.open, "wb") as file:
        async for piece in request.stream():
            came += len(piece)
            if came > size:
                break
            await asyncio.to_thread(file.write, piece)
    if came != size:
        await asyncio.to_thread(beside.unlink)
        raise Invalid(f"part {number} has {size} bytes, and {came} came")
    await asyncio.to_thread(beside.replace, folder / str(number))


def _size_of(upload: Upload, number: int) -> int:
    return min(upload.part_size, upload.size - (number - 1) * upload.part_size)


def _missing(folder: Path, upload: Upload) -> bool:
    return any(not (folder / str(number)).exists() for number in range(1, upload.parts + 1))


def _join(folder: Path, upload: Upload, whole: Path) -> str:
    digest = xxhash.xxh3_128()
    with whole.open("wb") as target:
        for number in range(1, upload.parts + 1):
            data = (folder / str(number)).read_bytes()
            digest.update(data)
            target.write(data)
    return f"{digest.intdigest():x}"
