"""Commits: what each changed, file by file, and row by row in files of rows."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from weighbridge.core.differences import FileDifference, Line
from weighbridge.core.versions import Commit, checked_path
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import Invalid, NotFound
from weighbridge.services import browsing
from weighbridge.web.pages.data.opened import Opened, of_repository, revision
from weighbridge.web.pages.data.repositories import makers
from weighbridge.web.pages.data.sets import more_differences
from weighbridge.web.pages.data.shared import start_of
from weighbridge.web.routing import page
from weighbridge.web.visit import Visit

_CHANGES = 100
_ROWS = 50
_LINES = 200


@dataclass(frozen=True, slots=True)
class LinesPage:
    """Lines of a text that differ.

    Attributes:
        total: how many there are in all.
    """

    lines: tuple[Line, ...]
    total: int


async def show_commit(visit: Visit, opened: Opened) -> Response:
    """One commit, against the one that it was made from."""
    commit = await _commit(opened, visit.path("commit"))
    parents = await opened.repo.commits(commit.parents)
    known = [parents[it] for it in commit.parents if it in parents]
    base = known[0] if known else None
    return await _changes_page(visit, opened, base, commit, commit=commit, parents=known)


async def show_changes(visit: Visit, opened: Opened) -> Response:
    """The files that differ between two revisions."""
    base = await revision(opened, visit.query.text("base") or opened.main or "")
    head = await revision(opened, visit.query.text("head") or opened.main or "")
    return await _changes_page(
        visit, opened, base.commit, head.commit, commit=None, parents=[], base=base, head=head
    )


async def _changes_page(
    visit: Visit, opened: Opened, before: Commit | None, after: Commit, **context: Any
) -> Response:
    cursor = visit.query.text("cursor")
    start = decode_cursor(cursor, int)[0] if cursor else 0
    found = await browsing.differences(opened.repo, before, after, start=start, limit=_CHANGES + 1)
    made = await makers(visit, opened, [after])
    return visit.page(
        "data_commit.html",
        opened=opened,
        before=before,
        after=after,
        changes=found[:_CHANGES],
        maker=made.get(after.id),
        next=encode_cursor(start + _CHANGES) if len(found) > _CHANGES else None,
        **context,
    )


async def show_file_changes(visit: Visit, opened: Opened) -> Response:
    """What differs in one file between two revisions."""
    path = checked_path(visit.path("path"))
    head = await revision(opened, visit.query.text("head") or opened.main or "")
    base = await _base(visit, opened, head.commit)
    keys, start = visit.query.texts("key"), start_of(visit)
    found, problem = None, None
    if base is None:
        raise NotFound(f"{head.said} is the first commit: there is nothing to compare it with")
    try:
        found = await visit.services.differences.of_file(
            opened.repo, base, head.commit, path, keys=keys, start=start, limit=_ROWS
        )
    except Invalid as error:  # such as a key that is there twice: another can be chosen
        problem = error.message
    sides = [await _columns(opened, commit, path) for commit in (base, head.commit)]
    return visit.page(
        "data_file_changes.html",
        status=200 if problem is None else 400,
        opened=opened,
        base=base,
        head=head.commit,
        path_shown=path,
        keys=keys,
        both=[name for name in sides[1] if name in sides[0]],
        found=found,
        lines=_lines(found, start),
        problem=problem,
        next=_next(found, start),
    )


async def _base(visit: Visit, opened: Opened, head: Commit) -> Commit | None:
    """The revision to compare with: the one that is named, or what the other was made from."""
    if said := visit.query.text("base"):
        return (await revision(opened, said)).commit
    if not head.parents:
        return None
    return (await opened.repo.commits(head.parents[:1])).get(head.parents[0])


async def _columns(opened: Opened, commit: Commit, path: str) -> list[str]:
    entry = await opened.repo.entry(commit, path)
    content = (await opened.repo.contents([entry.hash])).get(entry.hash) if entry else None
    return list(content.frame.columns) if content and content.frame else []


def _lines(found: FileDifference | None, start: int) -> LinesPage | None:
    if found is None or found.lines is None:
        return None
    return LinesPage(found.lines[start : start + _LINES], len(found.lines))


def _next(found: FileDifference | None, start: int) -> str | None:
    if found is None:
        return None
    if found.rows is not None:
        return more_differences(found.rows, start, _ROWS)
    more = found.lines is not None and start + _LINES < len(found.lines)
    return encode_cursor(start + _LINES) if more else None


async def _commit(opened: Opened, commit_id: str) -> Commit:
    found = (await opened.repo.commits([commit_id[:64]])).get(commit_id)
    if found is None:
        raise NotFound(f"there is no commit {commit_id[:80]!r} in {opened.repository.address}")
    return found


_ONE = "/data/repos/{ns}/{name}"
ROUTES = (
    page(f"{_ONE}/commits/{{commit}}", of_repository(show_commit)),
    page(f"{_ONE}/changes", of_repository(show_changes)),
    page(f"{_ONE}/changes/{{path:path}}", of_repository(show_file_changes)),
)
