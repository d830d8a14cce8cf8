"""Branches: listed, made, moved, removed; the last step of a push."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from weighbridge.core.versions import COMMIT_ID
from weighbridge.dialects import shared
from weighbridge.dialects.oxen import wire
from weighbridge.dialects.oxen.access import RepoToRead, RepoToWrite
from weighbridge.dialects.oxen.answers import CREATED, DELETED, UPDATED, success
from weighbridge.dialects.oxen.errors import parsed
from weighbridge.dialects.oxen.received_nodes import names_of
from weighbridge.versions.base import Repo

router = APIRouter(prefix="/repos/{namespace}/{repository}/branches")


class NewBranch(BaseModel):
    """A branch that is to be made, from a commit or from another branch (the 2024 form)."""

    new_name: str
    commit_id: str | None = None
    from_name: str | None = None


class MovedBranch(BaseModel):
    """Where a branch is to be."""

    commit_id: str


_NEW = TypeAdapter(NewBranch)
_MOVED = TypeAdapter(MovedBranch)


async def _json(request: Request) -> object:
    # The client sends JSON and does not say so.
    return shared.parse_json(await request.body())


async def _is_pushed(repo: Repo, commit_id: str) -> bool:
    """Whether an id is none of ours, so that its commit must have been sent."""
    return COMMIT_ID.fullmatch(commit_id) is not None and not await repo.commits([commit_id])


@router.get("")
async def list_branches(repo: RepoToRead) -> Response:
    """All branches."""
    return success(branches=[wire.branch(it) for it in await repo.branches()])


@router.post("")
async def create_branch(request: Request, repo: RepoToWrite) -> Response:
    """Make a branch; one that is there is found."""
    wanted = parsed(_NEW, await _json(request))
    if wanted.commit_id is not None and await _is_pushed(repo, wanted.commit_id):
        made = await repo.receive(wanted.new_name, wanted.commit_id, names_of)
        return success(CREATED, branch=wire.branch(made))
    there = {branch.name: branch for branch in await repo.branches()}
    if wanted.new_name in there:
        return success(branch=wire.branch(there[wanted.new_name]))
    start = await repo.commit_at(wanted.commit_id or wanted.from_name or "main")
    return success(CREATED, branch=wire.branch(await repo.create_branch(wanted.new_name, start.id)))


@router.get("/{branch:path}")
async def get_branch(repo: RepoToRead, branch: str) -> Response:
    """One branch."""
    return success(branch=wire.branch(await repo.branch(branch)))


@router.put("/{branch:path}")
async def move_branch(request: Request, repo: RepoToWrite, branch: str) -> Response:
    """Move a branch to a commit, which becomes one of the repository if it was pushed."""
    wanted = parsed(_MOVED, await _json(request))
    at = await repo.branch(branch)
    if await _is_pushed(repo, wanted.commit_id):
        moved = await repo.receive(branch, wanted.commit_id, names_of)
        return success(UPDATED, branch=wire.branch(moved))
    moved = await repo.move_branch(branch, wanted.commit_id, expected=at.commit_id)
    return success(UPDATED, branch=wire.branch(moved))


@router.delete("/{branch:path}")
async def delete_branch(repo: RepoToWrite, branch: str) -> Response:
    """Remove a branch."""
    return success(DELETED, branch=wire.branch(await repo.delete_branch(branch)))
