"""Commits: history of a branch, file or folder; one commit."""

from fastapi import APIRouter
from starlette.responses import Response

from weighbridge.core.versions import Commit
from weighbridge.dialects.oxen import wire
from weighbridge.dialects.oxen.access import Page, RepoToRead
from weighbridge.dialects.oxen.answers import success
from weighbridge.errors import NotFound
from weighbridge.versions.base import Repo

router = APIRouter(prefix="/repos/{namespace}/{repository}/commits")


@router.get("/history/{resource:path}")
async def list_history(repo: RepoToRead, resource: str, paging: Page) -> Response:
    """A commit and what led to it, newest first; with a path, what changed that."""
    at = await repo.locate(resource)
    line = await repo.log(at.commit, path=at.path or None, limit=10**9)
    shown = line[paging.start : paging.start + paging.page_size]
    return success(
        has_more=paging.start + len(shown) < len(line),
        commits=[wire.commit(it) for it in shown],
        **wire.page(paging.page, paging.page_size, len(line)),
    )


@router.get("/{commit_id}")
async def get_commit(repo: RepoToRead, commit_id: str) -> Response:
    """One commit."""
    return success(commit=wire.commit(await _commit(repo, commit_id)))


@router.post("/{commit_id}/complete")
async def complete_commit(repo: RepoToRead, commit_id: str) -> Response:
    """The client says that it has sent all of a commit; we have it as soon as it is made."""
    return success(commit=wire.commit(await _commit(repo, commit_id)))


async def _commit(repo: Repo, commit_id: str) -> Commit:
    found = (await repo.commits([commit_id])).get(commit_id)
    if found is None:
        raise NotFound(f"there is no commit {commit_id[:80]!r}")
    return found
