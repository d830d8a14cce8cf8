"""What the client calls a workspace: files on their way to a commit. A `Draft` of ours."""

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from weighbridge.core.versions import Content, Draft, Entry, Kind, checked_path
from weighbridge.dialects import shared
from weighbridge.dialects.multipart import receive_form
from weighbridge.dialects.oxen import wire
from weighbridge.dialects.oxen.access import (
    Page,
    Paging,
    RepoToRead,
    RepoToWrite,
    ServicesHere,
    signature,
)
from weighbridge.dialects.oxen.answers import CREATED, DELETED, FOUND, OXEN_VERSION, success
from weighbridge.dialects.oxen.errors import parsed
from weighbridge.errors import WeighbridgeError
from weighbridge.versions.base import Repo

router = APIRouter(prefix="/repos/{namespace}/{repository}/workspaces")


class NewWorkspace(BaseModel):
    """A workspace that is to be begun."""

    workspace_id: str
    branch_name: str
    name: str | None = None


class NewCommit(BaseModel):
    """What a commit says."""

    message: str
    author: str | None = None
    email: str | None = None


_NEW = TypeAdapter(NewWorkspace)
_COMMIT = TypeAdapter(NewCommit)


async def _shown(repo: Repo, draft: Draft) -> dict[str, Any]:
    commit = await repo.commit_at(draft.commit_id)
    return {
        "id": draft.id,
        "name": draft.name,
        "commit": wire.commit(commit),
        "created_at": wire.moment(draft.created_at),
    }


@router.get("")
async def list_workspaces(repo: RepoToRead) -> Response:
    """All workspaces, oldest first."""
    drafts = await repo.drafts()
    return success(workspaces=[await _shown(repo, draft) for draft in drafts])


@router.put("")
async def begin_workspace(request: Request, repo: RepoToWrite) -> Response:
    """Begin a workspace where a branch is; one that is there goes on."""
    wanted = parsed(_NEW, shared.parse_json(await request.body()))
    draft = await repo.begin_draft(wanted.workspace_id, wanted.branch_name, wanted.name)
    return success(CREATED, workspace=await _shown(repo, draft))


@router.get("/{workspace_id}")
async def get_workspace(repo: RepoToRead, workspace_id: str) -> Response:
    """One workspace."""
    return success(workspace=await _shown(repo, await repo.draft(workspace_id)))


@router.delete("/{workspace_id}")
async def delete_workspace(repo: RepoToWrite, workspace_id: str) -> Response:
    """Forget a workspace and what is in it."""
    draft = await repo.draft(workspace_id)
    shown = await _shown(repo, draft)
    await repo.delete_draft(workspace_id)
    return success(DELETED, workspace=shown)


@router.post("/{workspace_id}/validate")
async def validate_size(repo: RepoToWrite, workspace_id: str) -> Response:
    """The client asks beforehand whether so many bytes may come; the limit is on each request."""
    await repo.draft(workspace_id)
    return success()


@router.post("/{workspace_id}/files/{folder:path}")
async def add_files(
    request: Request, services: ServicesHere, repo: RepoToWrite, workspace_id: str, folder: str
) -> Response:
    """Add files to a folder of the workspace. One that cannot be taken does not keep others out."""
    folder = checked_path(folder, root=True)
    await repo.draft(workspace_id)
    most = services.settings.max_upload_mb << 20
    taken: dict[str, Content | None] = {}
    refused: list[dict[str, Any]] = []
    async with receive_form(request, services.store.folder, most_bytes=most, gzip=True) as form:
        for file in form.files:
            # `Workspace.add_files` sends the path below the folder, not only the file's name.
            name = file.name.replace("\\", "/")
            try:
                path = checked_path(name)
                path = checked_path(f"{folder}/{path}") if folder else path
                taken[path] = await repo.keep(file.path, path)
            except WeighbridgeError as error:
                if len(form.files) == 1:
                    raise
                refused.append({"hash": "", "path": name, "error": error.message})
    await repo.stage(workspace_id, taken)
    return success(paths=list(taken), err_files=refused)


@router.post("/{workspace_id}/files")
async def add_files_to_root(
    request: Request, services: ServicesHere, repo: RepoToWrite, workspace_id: str
) -> Response:
    """As `add_files`, to the root."""
    return await add_files(request, services, repo, workspace_id, "")


@router.delete("/{workspace_id}/files/{path:path}")
async def stage_removal(repo: RepoToWrite, workspace_id: str, path: str) -> Response:
    """Have a file removed by the commit to come."""
    await repo.stage(workspace_id, {checked_path(path): None})
    return success(DELETED)


@router.get("/{workspace_id}/changes/{path:path}")
async def list_changes(repo: RepoToRead, workspace_id: str, path: str, paging: Page) -> Response:
    """What the commit to come would change, at and below a path."""
    return await _changes(repo, await repo.draft(workspace_id), path, paging)


@router.get("/{workspace_id}/changes")
async def list_all_changes(repo: RepoToRead, workspace_id: str, paging: Page) -> Response:
    """As `list_changes`, of everything."""
    return await _changes(repo, await repo.draft(workspace_id), "", paging)


@router.delete("/{workspace_id}/changes/{path:path}")
async def forget_changes(repo: RepoToWrite, workspace_id: str, path: str) -> Response:
    """Take changes out again."""
    await repo.unstage(workspace_id, path.strip("/"))
    return success(DELETED)


@router.post("/{workspace_id}/commit/{branch:path}")
async def commit_workspace(
    request: Request, repo: RepoToWrite, workspace_id: str, branch: str
) -> Response:
    """Commit what is in the workspace, which is gone afterwards."""
    told = parsed(_COMMIT, shared.parse_json(await request.body()))
    author = signature({"name": told.author, "email": told.email})
    commit = await repo.commit_draft(workspace_id, branch, told.message, author)
    return success(commit=wire.commit(commit))


async def _changes(repo: Repo, draft: Draft, path: str, paging: Paging) -> Response:
    path = checked_path(path.strip("/"), root=True)
    commit = await repo.commit_at(draft.commit_id)
    below = {
        where: content_hash
        for where, content_hash in draft.changes.items()
        if not path or f"{where}/".startswith(f"{path}/")
    }
    known = await repo.contents([it for it in below.values() if it])
    groups: dict[str, list[dict[str, Any]]] = {"added": [], "modified": [], "removed": []}
    for where, content_hash in sorted(below.items()):
        before = await repo.entry(commit, where)
        kind = "removed" if content_hash is None else "modified" if before else "added"
        size = known[content_hash].size if content_hash else (before.size if before else 0)
        digest = content_hash or (before.hash if before else "")
        entry = wire.entry(Entry(where, Kind.FILE, digest, size, ""), None, None)
        groups[kind].append(entry | {"filename": where})
    return success(
        staged={
            "added_dirs": {"paths": {}, "num_files_staged": 0, "total_files": 0},
            "added_files": _listed(groups["added"], paging),
            "modified_files": _listed(groups["modified"], paging),
            "removed_files": _listed(groups["removed"], paging),
            "unstaged_modified_files": _listed([], paging),
            "unstaged_removed_files": _listed([], paging),
        }
    )


def _listed(entries: list[dict[str, Any]], paging: Paging) -> dict[str, Any]:
    return {
        "status": "success",
        "status_message": FOUND,
        "oxen_version": OXEN_VERSION,
        "dir": None,
        "entries": entries[paging.start : paging.start + paging.page_size],
        "resource": None,
        "metadata": None,
        **wire.page(paging.page, paging.page_size, len(entries)),
    }
