"""What the client has and we do not: refused by name, with what to use instead."""

import io
import tarfile

from fastapi import APIRouter
from starlette.responses import Response

from weighbridge.core.versions import COMMIT_ID
from weighbridge.dialects.oxen.access import RepoToRead
from weighbridge.dialects.oxen.errors import NotSupported

router = APIRouter(prefix="/repos/{namespace}/{repository}")

_CLONE = (
    "clone, pull and fetch are not supported; use RemoteRepo: `download` for a file or folder, "
    "`download_zip` for all of it, or OxenFS to read in place"
)
_PUSH = (
    "push is not supported; use RemoteRepo: `upload` to commit files at once, or `add` and then "
    "`commit`"
)


async def refuse_clone(repo: RepoToRead) -> Response:  # noqa: ARG001 (404 comes first)
    """`oxen.clone`, `Repo.pull` and the `fetch` in both."""
    raise NotSupported(_CLONE)


async def refuse_all_history(repo: RepoToRead, commit_id: str) -> Response:  # noqa: ARG001
    """The same with `all=True`, which asks for this first.

    The client reads the answer as an archive whatever its status, and would only say that it is
    none. With an archive that has nothing in it, it goes on to the tree, and shows that refusal.
    """
    if COMMIT_ID.fullmatch(commit_id) is None:
        raise NotSupported(_CLONE)
    return Response(_empty_archive(f"history/{commit_id}"), 501, media_type="application/gzip")


def _empty_archive(folder: str) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as archive:
        inside = tarfile.TarInfo(folder)
        inside.type, inside.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(inside)
    return written.getvalue()


async def refuse_push(repo: RepoToRead) -> Response:  # noqa: ARG001
    """`Repo.push`."""
    raise NotSupported(_PUSH)


for _path, _methods, _refuse in (
    ("/tree/{rest:path}", ["GET"], refuse_clone),
    ("/tree/{rest:path}", ["POST", "PUT"], refuse_push),
    ("/commits/{commit_id}/commit_db", ["GET"], refuse_all_history),
    ("/commits/{commit_id}/download_dir_hashes_db", ["GET"], refuse_clone),
    ("/commits/{what}", ["POST"], refuse_push),
    ("/versions", ["POST"], refuse_push),
):
    router.add_api_route(_path, _refuse, methods=_methods)
