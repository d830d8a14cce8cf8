"""Repositories of versioned data: made, listed, removed; their branches, and merges of them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from weighbridge.dialects import shared
from weighbridge.dialects.native import answers, translate_repositories, wire
from weighbridge.dialects.native import wire_repositories as sent
from weighbridge.dialects.native.access import CallerHere, IdempotencyKey, ServicesHere
from weighbridge.dialects.native.description import READ, WRITE, json_body
from weighbridge.dialects.native.repository_access import RepoToRead, RepoToWrite
from weighbridge.services.browsing import author_of

router = APIRouter(prefix="/repositories", tags=["repositories"])
ONE = "/{namespace}/{repository}"


@router.get("", response_model=wire.Page[sent.Repository], responses=READ)
async def list_repositories(
    services: ServicesHere, caller: CallerHere, query: Annotated[sent.RepositoriesQuery, Query()]
) -> Response:
    """The repositories of the workspace, by address."""
    after = "" if query.cursor is None else shared.decode_cursor(query.cursor, str)[0]
    found = await services.repositories.list(caller, namespace=query.namespace)
    left = sorted((it for it in found if it.address > after), key=lambda it: it.address)
    shown = left[: query.limit]
    more = len(left) > query.limit
    return answers.page(
        [translate_repositories.from_repository(it) for it in shown],
        shared.encode_cursor(shown[-1].address) if more else None,
    )


@router.post(
    "",
    status_code=201,
    response_model=sent.Repository,
    responses=WRITE,
    openapi_extra=json_body("NewRepository"),
)
async def create_repository(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A new, empty repository. Its first commit makes its first branch."""
    new = await answers.read_body(request, sent.NewRepository)

    async def create() -> sent.Repository:
        repo = await services.repositories.create(
            caller, new.namespace, new.name, description=new.description
        )
        return translate_repositories.from_repository(repo.repository)

    body = await request.body()
    return await answers.idempotently(request, services, caller, idempotency_key, body, create, 201)


@router.get(ONE, response_model=sent.Repository, responses=READ)
async def get_repository(repo: RepoToRead, _query: Annotated[wire.NoQuery, Query()]) -> Response:
    """One repository."""
    return answers.one(translate_repositories.from_repository(repo.repository))


@router.delete(ONE, status_code=204, responses=WRITE)
async def delete_repository(
    services: ServicesHere,
    caller: CallerHere,
    repo: RepoToWrite,
    _query: Annotated[wire.NoQuery, Query()],
) -> Response:
    """Remove a repository with everything in it. Runs over its data stay, and so do their rows."""
    await services.repositories.delete(caller, repo.repository.address)
    return Response(status_code=204)


@router.get(f"{ONE}/branches", response_model=wire.Page[sent.Branch], responses=READ)
async def list_branches(repo: RepoToRead, _query: Annotated[wire.NoQuery, Query()]) -> Response:
    """All branches, by name."""
    found = await repo.branches()
    return answers.page([translate_repositories.from_branch(branch) for branch in found], None)


@router.post(
    f"{ONE}/branches",
    status_code=201,
    response_model=sent.Branch,
    responses=WRITE,
    openapi_extra=json_body("NewBranch"),
)
async def create_branch(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    repo: RepoToWrite,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """A new branch, at a branch or commit that is there."""
    new = await answers.read_body(request, sent.NewBranch)

    async def create() -> sent.Branch:
        at = await repo.commit_at(new.revision)
        return translate_repositories.from_branch(await repo.create_branch(new.name, at.id))

    body = await request.body()
    return await answers.idempotently(request, services, caller, idempotency_key, body, create, 201)


@router.delete(f"{ONE}/branches", status_code=204, responses=WRITE)
async def delete_branch(repo: RepoToWrite, query: Annotated[sent.BranchQuery, Query()]) -> Response:
    """Remove a branch, but not the last one. Its commits stay as long as others lead to them."""
    await repo.delete_branch(query.name)
    return Response(status_code=204)


@router.get(f"{ONE}/merges", response_model=sent.MergePlan, responses=READ)
async def plan_merge(repo: RepoToRead, query: Annotated[sent.MergeQuery, Query()]) -> Response:
    """What merging `head` into the branch `base` would do; nothing is done."""
    base = await repo.commit_at((await repo.branch(query.base)).commit_id)
    plan = await repo.merge_plan(base, await repo.commit_at(query.head))
    return answers.one(translate_repositories.from_plan(plan))


@router.post(
    f"{ONE}/merges",
    status_code=201,
    response_model=sent.Committed,
    responses=WRITE,
    openapi_extra=json_body("NewMerge"),
)
async def merge(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    repo: RepoToWrite,
    _query: Annotated[wire.NoQuery, Query()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Merge `head` into the branch `base`. Where both have changed the same file, each in its own
    way, nothing is done (409)."""
    new = await answers.read_body(request, sent.NewMerge)

    async def merged() -> sent.Committed:
        before = await repo.branch(new.base)
        other = await repo.commit_at(new.head)
        author = await author_of(services.keys, caller)
        message = new.message or f"Merge {new.head} into {new.base}"
        commit = await repo.merge(new.base, other, author, message)
        return sent.Committed(
            branch=new.base,
            commit=translate_repositories.from_commit(commit),
            changed=commit.id != before.commit_id,
        )

    body = await request.body()
    return await answers.idempotently(request, services, caller, idempotency_key, body, merged, 201)
