"""Files and folders at a revision: read, looked at, uploaded, removed."""

from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from weighbridge.core.versions import (
    MAIN,
    Branch,
    Content,
    Entry,
    Kind,
    Located,
    checked_branch,
    checked_path,
)
from weighbridge.dialects.multipart import Form, receive_form
from weighbridge.dialects.oxen import wire
from weighbridge.dialects.oxen.access import (
    Page,
    RepoToRead,
    RepoToWrite,
    ServicesHere,
    signature,
)
from weighbridge.dialects.oxen.answers import CREATED, success
from weighbridge.errors import Invalid, NotFound
from weighbridge.versions.base import Repo

router = APIRouter(prefix="/repos/{namespace}/{repository}")


@router.get("/file/{resource:path}")
async def get_file(repo: RepoToRead, resource: str) -> Response:
    """The bytes of a file."""
    at = await repo.locate(resource)
    entry = await _file(repo, at)
    content = await repo.content(entry.hash)
    return stream(repo, content, entry.path, {"oxen-revision-id": entry.commit_id})


@router.get("/chunk/{resource:path}")
async def get_chunk(
    repo: RepoToRead,
    resource: str,
    chunk_start: Annotated[int, Query(ge=0)] = 0,
    chunk_size: Annotated[int, Query(ge=1, le=1 << 28)] = 10 << 20,
) -> Response:
    """A part of the bytes of a file."""
    entry = await _file(repo, await repo.locate(resource))
    content = await repo.content(entry.hash)
    end = min(content.size, chunk_start + chunk_size)
    if chunk_start > content.size:
        raise Invalid(f"the file has {content.size} bytes; none begin at {chunk_start}")
    return Response(
        await repo.read(content, chunk_start, end), media_type="application/octet-stream"
    )


@router.get("/meta/{resource:path}")
async def get_meta(repo: RepoToRead, resource: str) -> Response:
    """What is known of a file or folder."""
    at = await repo.locate(resource)
    entry = await repo.entry(at.commit, at.path)
    if entry is None:
        raise NotFound(f"there is no {at.path!r} at {at.revision}")
    latest = (await repo.commits([entry.commit_id])).get(entry.commit_id)
    return success(entry=wire.entry(entry, latest, at))


@router.get("/dir/{resource:path}")
async def list_folder(repo: RepoToRead, resource: str, paging: Page) -> Response:
    """What is in a folder, folders and files together, by name."""
    at = await repo.locate(resource)
    here = await repo.entry(at.commit, at.path)
    if here is None or here.kind is not Kind.FOLDER:
        raise NotFound(f"there is no folder {at.path!r} at {at.revision}")
    entries = await repo.folder(at.commit, at.path)
    shown = entries[paging.start : paging.start + paging.page_size]
    commits = await repo.commits(list({it.commit_id for it in (*shown, here)}))
    return success(
        dir=wire.entry(here, commits.get(here.commit_id), at),
        entries=[wire.entry(it, commits.get(it.commit_id), at) for it in shown],
        resource={"path": at.path, "version": at.revision},
        metadata=None,
        **wire.page(paging.page, paging.page_size, len(entries)),
    )


@router.put("/file/{resource:path}")
async def put_files(
    request: Request, services: ServicesHere, repo: RepoToWrite, resource: str
) -> Response:
    """Commit files to a branch: into a folder (`files[]`), or as the file of the path (`file`)."""
    branch, path = await _place(repo, resource)
    settings = services.settings
    async with receive_form(
        request, services.store.folder, most_bytes=settings.max_upload_mb << 20
    ) as form:
        changes = await _kept(repo, path, form)
        message = form.fields.get("message") or f"Upload {', '.join(list(changes)[:10])}"
        commit = await repo.commit(branch, changes, message, signature(form.fields))
    return success(CREATED, commit=wire.commit(commit))


@router.delete("/file/{resource:path}")
async def delete_file(
    request: Request, services: ServicesHere, repo: RepoToWrite, resource: str
) -> Response:
    """Commit that a file or folder is removed from a branch."""
    at = await repo.locate(resource)
    branch = _branch(at)
    fields: dict[str, str] = {}
    if request.headers.get("content-type", "").startswith("multipart/"):
        async with receive_form(request, services.store.folder, most_bytes=1 << 20) as form:
            fields = form.fields
    path = checked_path(at.path)
    message = fields.get("message") or f"Removed '{path}'"
    commit = await repo.commit(branch.name, {path: None}, message, signature(fields))
    return success(CREATED, commit=wire.commit(commit))


@router.post("/action/{what:path}")
async def note_action(repo: RepoToRead, what: str) -> Response:  # noqa: ARG001
    """The client says what it begins and ends; nobody counts."""
    return success()


def stream(
    repo: Repo, content: Content, path: str, headers: dict[str, str] | None = None
) -> Response:
    """The bytes of a content as an answer."""

    async def pieces() -> AsyncIterator[bytes]:
        async for piece in repo.stream(content):
            yield piece

    name = quote(path.rpartition("/")[2])
    return StreamingResponse(
        pieces(),
        media_type=wire.mime_type(path),
        headers={
            "Content-Length": str(content.size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "ETag": f'"{content.hash}"',
            **(headers or {}),
        },
    )


async def _file(repo: Repo, at: Located) -> Entry:
    entry = await repo.entry(at.commit, at.path)
    if entry is None:
        raise NotFound(f"there is no file {at.path!r} at {at.revision}")
    if entry.kind is not Kind.FILE:
        raise Invalid(f"{at.path!r} is a folder; a file was expected")
    return entry


async def _place(repo: Repo, resource: str) -> tuple[str, str]:
    """Branch and path of what is to be uploaded; the first upload makes the branch."""
    if not await repo.branches():
        branch, _, path = resource.strip("/").partition("/")
        return checked_branch(branch or MAIN), checked_path(path, root=True)
    at = await repo.locate(resource)
    return _branch(at).name, at.path


def _branch(at: Located) -> Branch:
    if at.branch is None:
        raise Invalid(f"{at.commit.id} is a commit; only a branch can be changed")
    return at.branch


async def _kept(repo: Repo, path: str, form: Form) -> dict[str, Content | None]:
    if not form.files:
        raise Invalid("the form has no file; send files as `files[]`, or one as `file`")
    changes: dict[str, Content | None] = {}
    for file in form.files:
        name = file.name.replace("\\", "/").rpartition("/")[2]
        if file.field == "file" and len(form.files) == 1 and _means_a_file(path, name):
            place = path
        else:
            place = checked_path(f"{path}/{name}" if path else name)
        changes[place] = await repo.keep(file.path, place)
    return changes


def _means_a_file(path: str, name: str) -> bool:
    """Whether an upload to `a/b.csv` is that file, and not one in a folder of that name."""
    last = path.rpartition("/")[2]
    return bool(last) and (last == name or wire.extension(last) == wire.extension(name) != "")
