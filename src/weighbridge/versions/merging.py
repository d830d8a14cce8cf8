"""Three-way merges, by paths."""

from collections.abc import Iterable, Mapping

from weighbridge.core.versions import Commit, FileChange, MergeConflict, MergePlan
from weighbridge.versions.base import Repo


async def plan(repo: Repo, into: Commit, other: Commit) -> MergePlan:
    """What merging `other` into `into` would do.

    A path that both sides changed since they parted is a conflict, unless they changed it alike;
    and so is a file of one side where the other has put a folder.
    """
    ours = await repo.ancestors(into)
    theirs = await repo.ancestors(other)
    known = {commit.id for commit in ours}
    common = [commit for commit in theirs if commit.id in known]
    # Ancestors come by generation: no common one that comes later can be nearer.
    base = common[0] if common else None
    new = tuple(commit for commit in theirs if commit.id not in known)
    by_us = _hashes(await repo.changes_since(base, into))
    by_them = _hashes(await repo.changes_since(base, other))
    conflicts = [
        MergeConflict(path, by_them[path][0], by_us[path][1], by_them[path][1])
        for path in sorted(by_us.keys() & by_them.keys())
        if by_us[path][1] != by_them[path][1]
    ]
    conflicts += _files_under_files(by_us, by_them)
    changes = {path: after for path, (_, after) in by_them.items() if path not in by_us}
    return MergePlan(base, new, changes, tuple(conflicts), base is not None and base.id == into.id)


def _hashes(changes: Iterable[FileChange]) -> dict[str, tuple[str | None, str | None]]:
    """Path → hash before and after."""
    return {
        change.path: (
            change.before.hash if change.before else None,
            change.after.hash if change.after else None,
        )
        for change in changes
    }


def _files_under_files(
    by_us: Mapping[str, tuple[str | None, str | None]],
    by_them: Mapping[str, tuple[str | None, str | None]],
) -> list[MergeConflict]:
    """Files that one side has put where the other has put a folder."""
    found = []
    for files, others, swap in ((by_us, by_them, False), (by_them, by_us, True)):
        there = {path for path, (_, after) in files.items() if after is not None}
        for path, (_, after) in sorted(others.items()):
            parts = path.split("/")
            above = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
            if after is not None and (file := next((it for it in above if it in there), None)):
                own, foreign = (files[file][1], after) if not swap else (after, files[file][1])
                found.append(MergeConflict(file, None, own, foreign))
    return found
