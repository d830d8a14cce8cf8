"""Repositories: listed, made; their branches, and what led to where those are."""

from dataclasses import dataclass

from starlette.responses import Response

from weighbridge.core.inference import Inference
from weighbridge.core.versions import Branch, Commit, Repository
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import Conflict, Invalid
from weighbridge.web.forms import Form, Problems, problems_of
from weighbridge.web.pages.data.opened import (
    Opened,
    at_of,
    into_repository,
    of_repository,
)
from weighbridge.web.pages.data.shared import address
from weighbridge.web.routing import form, page, status_of
from weighbridge.web.visit import Visit

_PAGE = 30
_BRANCHES = 30
_COMMITS = 50
_DEEPEST = 500
"""Commits that one looks through to say how far a branch is ahead of another."""


@dataclass(frozen=True, slots=True)
class RepositoryView:
    """A repository in a list.

    Attributes:
        main: the branch that is shown first. last: where it is. None: nothing was committed yet.
    """

    repository: Repository
    branches: int
    main: str | None
    last: Commit | None


@dataclass(frozen=True, slots=True)
class BranchView:
    """A branch.

    Attributes:
        ahead, behind: commits that it has and the main branch does not, and the other way round;
            None: there are too many to count.
    """

    branch: Branch
    commit: Commit
    ahead: int | None
    behind: int | None


async def show_repositories(visit: Visit) -> Response:
    """The repositories, by address."""
    return await _list_page(visit, Problems())


async def _list_page(
    visit: Visit, problems: Problems, said: dict[str, str] | None = None, status: int = 200
) -> Response:
    search, cursor = visit.query.text("q"), visit.query.text("cursor")
    after = decode_cursor(cursor, str)[0] if cursor else ""
    every = await visit.services.repositories.list(visit.caller)
    wanted = [
        it for it in every if it.address > after and search.casefold() in it.address.casefold()
    ]
    wanted.sort(key=lambda it: it.address)
    shown = wanted[:_PAGE]
    return visit.page(
        "data_repositories.html",
        status=status,
        views=[await _view(visit, it) for it in shown],
        next=encode_cursor(shown[-1].address) if len(wanted) > _PAGE else None,
        search=search,
        problems=problems,
        said=said or {"namespace": "", "name": "", "description": ""},
    )


async def _view(visit: Visit, repository: Repository) -> RepositoryView:
    repo = await visit.services.repositories.open_id(visit.caller, repository.id)
    opened = Opened(repo, tuple(await repo.branches()))
    last = await repo.commit_at(opened.main) if opened.main else None
    return RepositoryView(repository, len(opened.branches), opened.main, last)


async def take_repository(visit: Visit, read: Form) -> Response:
    """Make an empty repository."""
    said = {it: read.text(it) for it in ("namespace", "name", "description")}
    try:
        made = await visit.services.repositories.create(
            visit.caller,
            said["namespace"],
            said["name"],
            description=said["description"] or None,
        )
    except (Invalid, Conflict) as error:
        return await _list_page(visit, problems_of(error, said), said, status_of(error))
    return visit.go(address(f"repos/{made.repository.address}"), "The repository is there.")


async def show_branches(visit: Visit, opened: Opened) -> Response:
    """The branches, and how far each is from the main one."""
    start = visit.query.whole("from", 0)
    shown = opened.branches[start : start + _BRANCHES]
    known = await opened.repo.commits([branch.commit_id for branch in shown])
    main = next((it for it in opened.branches if it.name == opened.main), None)
    views = []
    of_main: set[str] | None = None
    for branch in shown:
        if main is None or branch.commit_id not in known:
            continue
        of_main = of_main if of_main is not None else await _led_to(opened, main.commit_id)
        mine = await _led_to(opened, branch.commit_id)
        counted = len(of_main) <= _DEEPEST and len(mine) <= _DEEPEST
        views.append(
            BranchView(
                branch,
                known[branch.commit_id],
                len(mine - of_main) if counted else None,
                len(of_main - mine) if counted else None,
            )
        )
    more = start + _BRANCHES < len(opened.branches)
    return visit.page(
        "data_branches.html",
        opened=opened,
        views=views,
        next=start + _BRANCHES if more else None,
    )


async def _led_to(opened: Opened, commit_id: str) -> set[str]:
    commit = await opened.repo.commit_at(commit_id)
    return {it.id for it in await opened.repo.log(commit, limit=_DEEPEST + 1)}


async def take_branch(visit: Visit, opened: Opened, read: Form) -> Response:
    """Make a branch where another is, or at a commit."""
    at = await opened.repo.commit_at(read.text("revision") or opened.main or "")
    made = await opened.repo.create_branch(read.text("branch"), at.id)
    return visit.go(opened.address(at=made.name), f"The branch {made.name} is there.")


async def take_branch_away(visit: Visit, opened: Opened, read: Form) -> Response:
    """Delete a branch; its commits stay as long as others lead to them."""
    gone = await opened.repo.delete_branch(read.text("branch"))
    return visit.go(opened.address("branches"), f"The branch {gone.name} is gone.")


async def show_commits(visit: Visit, opened: Opened) -> Response:
    """What led to a revision, the newest first; of one file or folder, if one is named."""
    at = await at_of(visit, opened)
    path, cursor = visit.query.text("path"), visit.query.text("cursor")
    # The pages of a list are those of the commit at which it began.
    head, start = decode_cursor(cursor, str, int) if cursor else (at.commit.id, 0)
    found = await opened.repo.log(
        await opened.repo.commit_at(head), path=path or None, start=start, limit=_COMMITS + 1
    )
    shown = found[:_COMMITS]
    return visit.page(
        "data_commits.html",
        opened=opened,
        at=at,
        path_shown=path,
        commits=shown,
        makers=await makers(visit, opened, shown),
        next=encode_cursor(head, start + _COMMITS) if len(found) > _COMMITS else None,
    )


async def makers(visit: Visit, opened: Opened, commits: list[Commit]) -> dict[str, Inference]:
    """Which of the commits were made by a run."""
    return await visit.services.data_uses.makers(
        visit.caller, opened.repository.id, [it.id for it in commits]
    )


_ONE = "/data/repos/{ns}/{name}"
ROUTES = (
    page("/data/repos", show_repositories),
    form("/data/repos", take_repository),
    page(f"{_ONE}/branches", of_repository(show_branches)),
    form(f"{_ONE}/branches", into_repository(take_branch)),
    form(f"{_ONE}/branches/delete", into_repository(take_branch_away)),
    page(f"{_ONE}/commits", of_repository(show_commits)),
)
