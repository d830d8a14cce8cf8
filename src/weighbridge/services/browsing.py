"""What is in a repository, as whoever looks at it wants to see it; and changes to its files."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.core.caller import Caller
from weighbridge.core.versions import (
    Commit,
    Content,
    Entry,
    FileChange,
    FrameShape,
    Kind,
    Signature,
    checked_branch,
)
from weighbridge.errors import Invalid, NotFound
from weighbridge.services.keys import Keys
from weighbridge.versions.base import Repo

_OPERATOR = "operator"
_NAMED = 10


@dataclass(frozen=True, slots=True)
class EntryView:
    """A file or folder with what is known of it.

    Attributes:
        content: of a file.
        changed_by: the commit that last changed it; None: it is no longer kept.
    """

    entry: Entry
    content: Content | None
    changed_by: Commit | None


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A file that differs between two revisions, with its shape on both sides if it is one of
    rows."""

    change: FileChange
    before: FrameShape | None
    after: FrameShape | None


async def look_at(repo: Repo, commit: Commit, path: str) -> Entry:
    """The file or folder at a path; "" is the root.

    Raises:
        NotFound: there is none.
    """
    found = await repo.entry(commit, path)
    if found is None:
        raise NotFound(f"there is no file or folder {path[:200]!r} at this revision")
    return found


async def file_at(repo: Repo, commit: Commit, path: str) -> tuple[Entry, Content]:
    """The file at a path.

    Raises:
        NotFound: there is none. Invalid: it is a folder.
    """
    entry = await look_at(repo, commit, path)
    if entry.kind is not Kind.FILE:
        raise Invalid(f"{entry.path[:200] or '/'!r} is a folder; a file was expected")
    return entry, await repo.content(entry.hash)


async def look_into(
    repo: Repo,
    commit: Commit,
    path: str,
    *,
    recursive: bool = False,
    after: str = "",
    limit: int = 100,
) -> list[EntryView]:
    """What is in a folder, by path; of a file, the file itself.

    Args:
        recursive: all files below, and no folders.
        after: only what comes after this path.
        limit: the most that are given.

    Raises:
        NotFound: there is nothing at the path.
    """
    here = await look_at(repo, commit, path)
    if recursive:
        found = [it async for it in _first(repo.files(commit, path), after, limit)]
    elif here.kind is Kind.FILE:
        found = [here] if here.path > after else []
    else:
        entries = await repo.folder(commit, path)
        found = [it for it in entries if it.path > after][:limit]
    return await _views(repo, found)


async def _first(entries: AsyncIterator[Entry], after: str, limit: int) -> AsyncIterator[Entry]:
    count = 0
    async for entry in entries:
        if count == limit:
            return
        if entry.path > after:
            count += 1
            yield entry


async def _views(repo: Repo, entries: Sequence[Entry]) -> list[EntryView]:
    contents = await repo.contents([it.hash for it in entries if it.kind is Kind.FILE])
    commits = await repo.commits(list({it.commit_id for it in entries}))
    return [
        EntryView(
            it,
            contents.get(it.hash) if it.kind is Kind.FILE else None,
            commits.get(it.commit_id),
        )
        for it in entries
    ]


async def differences(
    repo: Repo,
    before: Commit | None,
    after: Commit,
    path: str = "",
    *,
    start: int = 0,
    limit: int | None = None,
) -> list[ChangeView]:
    """The files that differ, by path.

    Args:
        before: None: nothing, so that all files were added.
        path: only at and below it, where there is something before.
        start: how many to skip. limit: the most that are given; None: all.
    """
    if before is None:
        changes = await repo.changes_since(None, after)
    else:
        changes = await repo.changes(before, after, path)
    shown = changes[start : None if limit is None else start + limit]
    sides = [it for change in shown for it in (change.before, change.after) if it]
    known = await repo.contents([it.hash for it in sides])
    return [
        ChangeView(
            change,
            known[change.before.hash].frame if change.before else None,
            known[change.after.hash].frame if change.after else None,
        )
        for change in shown
    ]


async def must_take_files(repo: Repo, branch: str) -> None:
    """Refuse a branch to which nothing can be committed, before a large file is sent.

    Raises:
        NotFound: there is no such branch, and the repository is not empty.
        Invalid: it cannot be called so.
    """
    checked_branch(branch)
    if await repo.branches():
        await repo.branch(branch)


async def change_files(
    repo: Repo,
    branch: str,
    changes: Mapping[str, Content | None],
    author: Signature,
    *,
    message: str | None = None,
    expected: str | None = None,
) -> tuple[Commit, bool]:
    """Change files on a branch, all of them or none; nothing is done where they are so already.

    Args:
        changes: path, as `checked_path` gives it → content; None: removed.
        message: of the commit; names the files otherwise.
        expected: the commit that the branch must be at; None: wherever it is.

    Returns:
        Where the branch is now, and whether it has moved.

    Raises:
        Conflict, NotFound, Invalid: as `Repo.commit`.
    """
    if await repo.branches():
        head = await repo.commit_at((await repo.branch(branch)).commit_id)
        if expected in {None, head.id} and await _is_so(repo, head, changes):
            return head, False
    told = message or _told(changes)
    return await repo.commit(branch, changes, told, author, expected=expected), True


async def _is_so(repo: Repo, head: Commit, changes: Mapping[str, Content | None]) -> bool:
    for path, content in changes.items():
        entry = await repo.entry(head, path)
        if content is None or entry is None or entry.hash != content.hash:
            return False
    return True


def _told(changes: Mapping[str, Content | None]) -> str:
    verb = "Add" if all(changes.values()) else "Remove"
    names = list(changes)
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return f"{verb} {', '.join(names[:_NAMED])}{more}"


async def author_of(keys: Keys, caller: Caller) -> Signature:
    """Who signs the commits of a caller."""
    name = await keys.name_of(caller, caller.user_id) or _OPERATOR
    return Signature(name, f"{name}@localhost")
