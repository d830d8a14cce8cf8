"""What pages below a repository are handed: the repository, and what is looked at of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import wraps
from typing import TypeAlias

from starlette.responses import Response

from weighbridge.core.versions import MAIN, Branch, Commit, Repository, checked_name
from weighbridge.errors import Conflict, Invalid, NotFound
from weighbridge.versions.base import Repo
from weighbridge.web.forms import Form
from weighbridge.web.pages.data.shared import address
from weighbridge.web.routing import Show, Take, problem
from weighbridge.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Opened:
    """A repository that is looked at.

    Attributes:
        branches: by name.
    """

    repo: Repo
    branches: tuple[Branch, ...]

    @property
    def repository(self) -> Repository:
        """What it is called."""
        return self.repo.repository

    @property
    def main(self) -> str | None:
        """The branch that is shown where none is named; None: there is none yet."""
        names = [branch.name for branch in self.branches]
        return MAIN if MAIN in names else next(iter(names), None)

    def address(self, *parts: str, **query: str | int | None) -> str:
        """Of a page of the repository."""
        return address("repos", self.repository.namespace, self.repository.name, *parts, **query)


@dataclass(frozen=True, slots=True)
class At:
    """A revision that is looked at.

    Attributes:
        said: the branch or commit as the address names it.
        branch: whether it is a branch.
    """

    said: str
    commit: Commit
    branch: bool


ShowOpened: TypeAlias = Callable[[Visit, Opened], Awaitable[Response]]
TakeOpened: TypeAlias = Callable[[Visit, Opened, Form], Awaitable[Response]]


def of_repository(show: ShowOpened) -> Show:
    """A page below a repository. What is not there leads back to the repository, and a repository
    that is not there to the list of them."""

    @wraps(show)
    async def answer(visit: Visit) -> Response:
        try:
            opened = await open_here(visit)
        except NotFound as error:
            return problem(visit, error, address("repos"))
        try:
            return await show(visit, opened)
        except (NotFound, Invalid) as error:
            return problem(visit, error, opened.address())

    return answer


def into_repository(take: TakeOpened) -> Take:
    """A form that changes a repository; what cannot be done leads back to its page of branches."""

    @wraps(take)
    async def answer(visit: Visit, read: Form) -> Response:
        opened = await open_here(visit, write=True)
        try:
            return await take(visit, opened, read)
        except (NotFound, Invalid, Conflict) as error:
            return problem(visit, error, opened.address("branches"))

    return answer


async def open_here(visit: Visit, *, write: bool = False) -> Opened:
    """The repository that the address names.

    Raises:
        NotFound: there is none. Forbidden: the caller may not write.
    """
    try:
        namespace, name = (checked_name("repository", visit.path(it)) for it in ("ns", "name"))
    except Invalid as error:
        raise NotFound("there is no repository of this name") from error
    services = visit.services
    repo = await services.repositories.open(visit.caller, f"{namespace}/{name}", write=write)
    return Opened(repo, tuple(await repo.branches()))


async def at_of(visit: Visit, opened: Opened) -> At:
    """The revision that the address names, or else the branch that comes first.

    Raises:
        NotFound: there is no such revision, or nothing was committed yet.
    """
    said = visit.query.text("at") or opened.main
    if said is None:
        raise NotFound("nothing was committed to this repository yet")
    return await revision(opened, said)


async def revision(opened: Opened, said: str) -> At:
    """A branch or commit.

    Raises:
        NotFound: there is none.
    """
    commit = await opened.repo.commit_at(said)
    return At(said, commit, any(branch.name == said for branch in opened.branches))
