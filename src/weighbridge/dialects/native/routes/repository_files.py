"""Files of repositories, at any revision: listed, read, committed, removed, compared."""

from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from starlette.responses import Response, StreamingResponse

from weighbridge.core.caller import Caller
from weighbridge.core.versions import Content, checked_path
from weighbridge.dialects import shared
from weighbridge.dialects.multipart import Form, receive_form
from weighbridge.dialects.native import answers, translate_repositories, wire
from weighbridge.dialects.native import wire_repositories as sent
from weighbridge.dialects.native.access import CallerHere, IdempotencyKey, ServicesHere
from weighbridge.dialects.native.body import receive_body
from weighbridge.dialects.native.description import READ, WRITE
from weighbridge.dialects.native.errors import field_problems
from weighbridge.dialects.native.repository_access import RepoToRead, RepoToWrite
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.services import browsing
from weighbridge.versions.base import Repo
from weighbridge.wiring import Services

router = APIRouter(prefix="/repositories/{namespace}/{repository}", tags=["repositories"])

_BYTES: dict[str, Any] = {"application/octet-stream": {"schema": {"type": "string"}}}
_FILE_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": _BYTES}}
_FILES_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {
                            "type": "array",
                            "items": {
                                "type": "string",
                                "contentMediaType": "application/octet-stream",
                            },
                            "description": "Each file's name is its path in the repository.",
                        },
                        "branch": {"type": "string", "default": "main"},
                        "message": {"type": "string"},
                        "expected": {
                            "type": "string",
                            "description": "The commit that the branch must be at, else 409.",
                        },
                    },
                }
            }
        },
    }
}
BYTES_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {"description": "The bytes of the file.", "content": _BYTES}
}


@router.get("/commits", response_model=wire.Page[sent.Commit], responses=READ)
async def list_commits(repo: RepoToRead, query: Annotated[sent.LogQuery, Query()]) -> Response:
    """A revision's commit and what led to it, newest first; of one file or folder, if one is
    named. The pages of a list are those of the commit at which it began."""
    if query.cursor is None:
        revision, start = query.revision, 0
    else:
        revision, start = shared.decode_cursor(query.cursor, str, int)
    head = await repo.commit_at(revision)
    found = await repo.log(head, path=query.path, start=start, limit=query.limit + 1)
    more = len(found) > query.limit
    return answers.page(
        [translate_repositories.from_commit(commit) for commit in found[: query.limit]],
        shared.encode_cursor(head.id, start + query.limit) if more else None,
    )


@router.post(
    "/commits",
    status_code=201,
    response_model=sent.Committed,
    responses=WRITE,
    openapi_extra=_FILES_BODY,
)
async def commit_files(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    repo: RepoToWrite,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Commit several files at once, all of them or none."""
    most = services.settings.max_upload_mb << 20
    async with receive_form(request, services.store.folder, most_bytes=most) as form:
        told = _told(form)
        await browsing.must_take_files(repo, told.branch)
        changes = await _kept(repo, form)

    async def commit() -> sent.Committed:
        return await _change(services, caller, repo, told.branch, changes, told)

    hashes = {path: content.hash for path, content in changes.items()}
    what = orjson.dumps([told.model_dump(), hashes], option=orjson.OPT_SORT_KEYS)
    return await answers.idempotently(request, services, caller, idempotency_key, what, commit, 201)


@router.get("/entries", response_model=wire.Page[sent.Entry], responses=READ)
async def list_entries(repo: RepoToRead, query: Annotated[sent.EntriesQuery, Query()]) -> Response:
    """What is in a folder at a revision, by path; of a file, the file itself. The pages of a list
    are those of the commit at which it began."""
    if query.cursor is None:
        revision, after = query.revision, ""
    else:
        revision, after = shared.decode_cursor(query.cursor, str, str)
    at = await repo.commit_at(revision)
    found = await browsing.look_into(
        repo, at, query.path, recursive=query.recursive, after=after, limit=query.limit + 1
    )
    more = len(found) > query.limit
    shown = found[: query.limit]
    return answers.page(
        [translate_repositories.from_entry(view) for view in shown],
        shared.encode_cursor(at.id, shown[-1].entry.path) if more else None,
    )


@router.get("/content", response_class=StreamingResponse, responses=READ | BYTES_ANSWER)
async def get_content(repo: RepoToRead, query: Annotated[sent.ContentQuery, Query()]) -> Response:
    """The bytes of a file at a revision, streamed."""
    at = await repo.commit_at(query.revision)
    entry, content = await browsing.file_at(repo, at, query.path)
    return streamed(repo, content, entry.path)


@router.put(
    "/content",
    response_model=sent.Committed,
    responses=WRITE | {201: {"description": "A commit was made.", "model": sent.Committed}},
    openapi_extra=_FILE_BODY,
)
async def put_content(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    repo: RepoToWrite,
    query: Annotated[sent.ChangeQuery, Query()],
) -> Response:
    """Commit one file: the body is its bytes. 200 where the branch has this very file already. One
    whose name ends like a file of rows must be one."""
    path = checked_path(query.path)
    await browsing.must_take_files(repo, query.branch)
    async with receive_body(request, services.store.folder) as file:
        kept = await repo.keep(file, path)
    made = await _change(services, caller, repo, query.branch, {path: kept}, query)
    return answers.one(made, 201 if made.changed else 200)


@router.delete("/content", response_model=sent.Committed, responses=WRITE)
async def delete_content(
    services: ServicesHere,
    caller: CallerHere,
    repo: RepoToWrite,
    query: Annotated[sent.ChangeQuery, Query()],
) -> Response:
    """Commit that a file, or a folder with all that is in it, is removed. It stays where it was at
    the commits before."""
    path = checked_path(query.path)
    return answers.one(await _change(services, caller, repo, query.branch, {path: None}, query))


@router.get("/changes", response_model=wire.Page[sent.FileChange], responses=READ)
async def list_changes(repo: RepoToRead, query: Annotated[sent.ChangesQuery, Query()]) -> Response:
    """The files that differ between two revisions, by path; of files of rows with what differs in
    columns and number of rows. The pages of a list are those of the commits at which it began."""
    if query.cursor is None:
        base, head, start = query.base, query.head, 0
    else:
        base, head, start = shared.decode_cursor(query.cursor, str, str, int)
    before, after = await repo.commit_at(base), await repo.commit_at(head)
    found = await browsing.differences(
        repo, before, after, query.path, start=start, limit=query.limit + 1
    )
    more = len(found) > query.limit
    return answers.page(
        [translate_repositories.from_change(view) for view in found[: query.limit]],
        shared.encode_cursor(before.id, after.id, start + query.limit) if more else None,
    )


@router.get("/changes/file", response_model=sent.FileDifference, responses=READ)
async def get_difference(
    services: ServicesHere, repo: RepoToRead, query: Annotated[sent.DifferenceQuery, Query()]
) -> Response:
    """How one file differs between two revisions: row by row for files of rows, brought together by
    key columns, by position or by content; line by line for other texts."""
    found = await services.differences.of_file(
        repo,
        await repo.commit_at(query.base),
        await repo.commit_at(query.head),
        query.path,
        align=query.align,
        keys=query.key,
        start=query.start,
        limit=query.limit,
    )
    return answers.one(translate_repositories.from_difference(query.path, found))


def streamed(repo: Repo, content: Content, path: str) -> Response:
    """The bytes of a file as an answer. Anybody may have made them, so that no browser is to show
    them in place."""

    async def pieces() -> AsyncIterator[bytes]:
        async for piece in repo.stream(content):
            yield piece

    return StreamingResponse(
        pieces(),
        media_type="application/octet-stream",
        headers={
            "Content-Length": str(content.size),
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(path.rpartition('/')[2])}",
            "X-Content-Type-Options": "nosniff",
            "ETag": f'"{content.sha256}"',
        },
    )


async def _change(
    services: Services,
    caller: Caller,
    repo: Repo,
    branch: str,
    changes: Mapping[str, Content | None],
    told: sent.ChangeQuery | sent.CommitForm,
) -> sent.Committed:
    commit, changed = await browsing.change_files(
        repo,
        branch,
        changes,
        await browsing.author_of(services.keys, caller),
        message=told.message,
        expected=told.expected,
    )
    return sent.Committed(
        branch=branch, commit=translate_repositories.from_commit(commit), changed=changed
    )


def _told(form: Form) -> sent.CommitForm:
    try:
        return sent.CommitForm.model_validate(form.fields)
    except ValidationError as error:
        raise InvalidFields(field_problems(error)) from error


async def _kept(repo: Repo, form: Form) -> dict[str, Content]:
    if not form.files:
        raise InvalidFields(
            [FieldProblem("file", "the form has no file; send files as the field `file`")]
        )
    changes: dict[str, Content] = {}
    for file in form.files:
        try:
            path = checked_path(file.name)
            if path in changes:
                raise Invalid(f"two files are called {path[:200]!r}")
            changes[path] = await repo.keep(file.path, path)
        except Invalid as error:
            raise InvalidFields([FieldProblem("file", error.message)]) from error
    return changes
