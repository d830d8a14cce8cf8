"""Data frames: pages and queries, of files at a revision and in a workspace; and edits."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response

from weighbridge.core.versions import checked_path
from weighbridge.datasets.editing import Edit
from weighbridge.dialects import shared
from weighbridge.dialects.oxen import frames as shown
from weighbridge.dialects.oxen import wire
from weighbridge.dialects.oxen.access import RepoToRead, RepoToWrite, ServicesHere
from weighbridge.dialects.oxen.answers import CREATED, DELETED, UPDATED, success
from weighbridge.dialects.oxen.errors import parsed
from weighbridge.dialects.oxen.frames import WantedHere
from weighbridge.dialects.oxen.routes.files import stream
from weighbridge.dialects.shared import NotSupported
from weighbridge.errors import Invalid
from weighbridge.services.frames import Frame

router = APIRouter(prefix="/repos/{namespace}/{repository}")

_IN_WORKSPACE = "/workspaces/{workspace_id}/data_frames"


class Indexing(BaseModel):
    """Whether a data frame is to be indexed. It can be asked always: nothing is to be done."""

    is_indexed: bool


class NewColumn(BaseModel):
    """A column that is to be added."""

    name: str
    data_type: str


_INDEXING = TypeAdapter(Indexing)
_COLUMN = TypeAdapter(NewColumn)


@router.get("/data_frames/{resource:path}")
async def get_page(
    services: ServicesHere, repo: RepoToRead, resource: str, wanted: WantedHere
) -> Response:
    """A page of a data frame at a revision, or of what a query selects from it."""
    at = await repo.locate(resource)
    frame = await services.frames.at(repo, at.commit, at.path)
    return await shown.answered(
        services.frames,
        frame,
        wanted,
        ids=False,
        commit=wire.commit(at.commit),
        resource={"path": frame.path, "version": at.revision},
        derived_resource=None,
    )


@router.get(_IN_WORKSPACE + "/resource/{path:path}")
async def get_page_in_workspace(
    services: ServicesHere, repo: RepoToRead, workspace_id: str, path: str, wanted: WantedHere
) -> Response:
    """As `get_page`, of a data frame as it is in a workspace; each row has its id."""
    frame = await services.frames.in_draft(repo, workspace_id, path)
    draft = await repo.draft(workspace_id)
    return await shown.answered(
        services.frames,
        frame,
        wanted,
        ids=True,
        resource={"path": frame.path, "version": draft.commit_id},
        commit=None,
        derived_resource=None,
        is_indexed=True,
    )


@router.put(_IN_WORKSPACE + "/resource/{path:path}")
async def index(
    request: Request, services: ServicesHere, repo: RepoToRead, workspace_id: str, path: str
) -> Response:
    """What the client does first; 404 where there is no such data frame."""
    parsed(_INDEXING, shared.parse_json(await request.body()))
    await services.frames.in_draft(repo, workspace_id, path)
    return success(UPDATED)


@router.get(_IN_WORKSPACE + "/schema/{path:path}")
async def get_schema(
    services: ServicesHere, repo: RepoToRead, workspace_id: str, path: str
) -> Response:
    """The columns of a data frame, and their types."""
    frame = await services.frames.in_draft(repo, workspace_id, path)
    return success(**shown.schema(frame.columns))


@router.get(_IN_WORKSPACE + "/download/{path:path}")
async def download(
    services: ServicesHere, repo: RepoToRead, workspace_id: str, path: str
) -> Response:
    """The file as it is in a workspace."""
    frame = await services.frames.in_draft(repo, workspace_id, path)
    return stream(repo, frame.content, frame.path)


@router.get(_IN_WORKSPACE + "/rows/{row_id}/resource/{path:path}")
async def get_row(
    services: ServicesHere, repo: RepoToRead, workspace_id: str, row_id: str, path: str
) -> Response:
    """One row, by its id."""
    frame = await services.frames.in_draft(repo, workspace_id, path)
    position = services.frames.position_of(frame, row_id)
    return await shown.some_rows(services.frames, frame, position, 1)


@router.get(_IN_WORKSPACE + "/embeddings/columns/{path:path}")
async def list_embeddings(
    services: ServicesHere, repo: RepoToRead, workspace_id: str, path: str
) -> Response:
    """The columns whose neighbours are indexed: none are."""
    await services.frames.in_draft(repo, workspace_id, path)
    return success(columns=[])


# Edits, which stay in the workspace until it is committed


@router.post(_IN_WORKSPACE + "/rows/resource/{path:path}")
async def add_rows(
    request: Request, services: ServicesHere, repo: RepoToWrite, workspace_id: str, path: str
) -> Response:
    """Add a row, or several, after the last."""
    body = shared.parse_json(await request.body())
    edited = await services.frames.edit(
        repo, workspace_id, path, lambda frame: Edit(added=shown.given_rows(body, frame))
    )
    start = edited.before.shape.rows
    count = edited.after.shape.rows - start
    return await shown.some_rows(services.frames, edited.after, start, count, message=CREATED)


@router.put(_IN_WORKSPACE + "/rows/{row_id}/resource/{path:path}")
async def change_row(
    request: Request,
    services: ServicesHere,
    repo: RepoToWrite,
    workspace_id: str,
    row_id: str,
    path: str,
) -> Response:
    """Change cells of a row; its id stays."""
    body = shared.parse_json(await request.body())

    def plan(frame: Frame) -> Edit:
        cells = shown.given_rows(body, frame)
        if len(cells) != 1:
            raise Invalid("one row is changed at a time")
        return Edit(changed={services.frames.position_of(frame, row_id): cells[0]})

    edited = await services.frames.edit(repo, workspace_id, path, plan)
    position = services.frames.position_of(edited.after, row_id)
    return await shown.some_rows(services.frames, edited.after, position, 1, message=UPDATED)


@router.delete(_IN_WORKSPACE + "/rows/{row_id}/resource/{path:path}")
async def remove_row(
    services: ServicesHere, repo: RepoToWrite, workspace_id: str, row_id: str, path: str
) -> Response:
    """Remove a row; it is shown a last time."""

    def plan(frame: Frame) -> Edit:
        return Edit(removed=frozenset({services.frames.position_of(frame, row_id)}))

    edited = await services.frames.edit(repo, workspace_id, path, plan)
    position = services.frames.position_of(edited.before, row_id)
    return await shown.some_rows(
        services.frames,
        edited.before,
        position,
        1,
        message=DELETED,
        row_id=None,
        row_index=None,
    )


@router.post(_IN_WORKSPACE + "/columns/resource/{path:path}")
async def add_column(
    request: Request, services: ServicesHere, repo: RepoToWrite, workspace_id: str, path: str
) -> Response:
    """Add an empty column after the last."""
    wanted = parsed(_COLUMN, shared.parse_json(await request.body()))
    column = (wanted.name, shown.arrow_type(wanted.data_type))
    edited = await services.frames.edit(repo, workspace_id, path, lambda _: Edit(column=column))
    return await shown.some_rows(services.frames, edited.after, 0, 0, message=CREATED)


@router.delete(_IN_WORKSPACE + "/resource/{path:path}")
async def forget_edits(repo: RepoToWrite, workspace_id: str, path: str) -> Response:
    """Have a file as it was when the workspace was begun."""
    await repo.unstage(workspace_id, checked_path(path))
    return success(DELETED)


# What the vendor has and we do not

_OTHERS = (
    "this part of data frames is not supported; there are pages, queries by `sql`, rows that are "
    "added, changed and removed, new columns, and downloads"
)


async def refuse_index(repo: RepoToRead) -> Response:  # noqa: ARG001 (404 comes first)
    """`enable_nearest_neighbors`, and searches by it."""
    raise NotSupported(shown.NEIGHBORS)


async def refuse(repo: RepoToRead) -> Response:  # noqa: ARG001
    """Everything else."""
    raise NotSupported(_OTHERS)


router.add_api_route(
    _IN_WORKSPACE + "/embeddings/{rest:path}", refuse_index, methods=["GET", "POST"]
)
for _path in (_IN_WORKSPACE, ""):
    router.add_api_route(
        (_path or "/data_frames") + "/{rest:path}",
        refuse,
        methods=["GET", "PUT", "POST", "DELETE"],
    )
