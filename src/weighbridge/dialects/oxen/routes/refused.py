"""What the client has and we do not: refused by name, with what to use instead."""

from fastapi import APIRouter
from starlette.responses import Response

from weighbridge.dialects.oxen.access import RepoToRead
from weighbridge.dialects.oxen.errors import NotSupported

router = APIRouter(prefix="/repos/{namespace}/{repository}")

_CLONE = (
    "cloning a repository is not supported; use RemoteRepo: `download` for files and folders, "
    "`download_zip` for all of it, or OxenFS"
)
_PUSH = "pushing is not supported; use RemoteRepo: `upload`, or `add` and `commit`"


async def refuse_clone(repo: RepoToRead) -> Response:  # noqa: ARG001 (404 comes first)
    """`oxen.clone` and `pull`."""
    raise NotSupported(_CLONE)


async def refuse_push(repo: RepoToRead) -> Response:  # noqa: ARG001
    """`Repo.push`."""
    raise NotSupported(_PUSH)


for _path, _methods, _refuse in (
    ("/tree/{rest:path}", ["GET"], refuse_clone),
    ("/commits/{commit_id}/download_dir_hashes_db", ["GET"], refuse_clone),
    ("/versions", ["QUERY", "GET"], refuse_clone),
    ("/tree/{rest:path}", ["POST", "PUT"], refuse_push),
    ("/commits/{what}", ["POST"], refuse_push),
    ("/versions", ["POST"], refuse_push),
):
    router.add_api_route(_path, _refuse, methods=_methods)
