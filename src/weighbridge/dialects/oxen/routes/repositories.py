"""Repositories: made, looked at, removed."""

from fastapi import APIRouter
from starlette.responses import Response

from weighbridge.dialects.oxen import wire
from weighbridge.dialects.oxen.access import CallerHere, RepoToRead, ServicesHere
from weighbridge.dialects.oxen.answers import DELETED, success

router = APIRouter(prefix="/repos")


@router.get("/{namespace}/{repository}")
async def get_repository(repo: RepoToRead) -> Response:
    """One repository."""
    return success(repository=wire.repository(repo.repository))


@router.delete("/{namespace}/{repository}")
async def delete_repository(
    services: ServicesHere, caller: CallerHere, namespace: str, repository: str
) -> Response:
    """Remove a repository with everything in it."""
    await services.repositories.delete(caller, f"{namespace}/{repository}")
    return success(DELETED)
