"""Repositories: made, looked at, removed."""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field, TypeAdapter
from starlette.responses import Response

from weighbridge.core.versions import MAIN
from weighbridge.dialects import shared
from weighbridge.dialects.oxen import wire
from weighbridge.dialects.oxen.access import (
    CallerHere,
    RepoToRead,
    ServicesHere,
    signature,
)
from weighbridge.dialects.oxen.answers import CREATED, DELETED, success
from weighbridge.dialects.oxen.errors import AlreadyExists, parsed
from weighbridge.errors import Conflict

router = APIRouter(prefix="/repos")


class FirstFile(BaseModel):
    """A file of a new repository."""

    path: str
    contents: str = ""
    user: dict[str, str] = Field(default_factory=dict)


class NewRepository(BaseModel):
    """A repository that is to be made."""

    namespace: str
    name: str
    description: str | None = None
    files: Annotated[list[FirstFile] | None, Field(max_length=1_000)] = None


_NEW = TypeAdapter(NewRepository)


@router.post("")
async def create_repository(
    request: Request, services: ServicesHere, caller: CallerHere
) -> Response:
    """Make a repository, with files in it if some are given."""
    body, _ = await shared.read_json(request)
    wanted = parsed(_NEW, body)
    try:
        repo = await services.repositories.create(
            caller, wanted.namespace, wanted.name, description=wanted.description
        )
    except Conflict as error:
        raise AlreadyExists(error.message) from error
    found = wire.repository(repo.repository)
    if wanted.files:
        contents = {
            file.path: await repo.keep_bytes(file.contents.encode(), file.path)
            for file in wanted.files
        }
        names = ", ".join(file.path for file in wanted.files[:10])
        author = signature(wanted.files[0].user)
        commit = await repo.commit(MAIN, contents, f"add {names}", author)
        found |= {"latest_commit": wire.commit(commit), "is_empty": False}
    return success(CREATED, repository=found)


@router.get("/{namespace}")
async def list_repositories(services: ServicesHere, caller: CallerHere, namespace: str) -> Response:
    """The repositories of a namespace."""
    found = await services.repositories.list(caller, namespace=namespace)
    return success(repositories=[wire.repository(it) for it in found])


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


@router.get("/{namespace}/{repository}/revisions/{revision:path}")
async def get_revision(repo: RepoToRead, revision: str) -> Response:
    """What an address means: branch or commit, and path."""
    at = await repo.locate(revision)
    found = wire.resource(at, at.path)
    return success(resource=found | {"resource": f"{at.revision}/{at.path}".rstrip("/")})
