"""What differs between two revisions."""

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from weighbridge.core.versions import FileChange, FrameShape
from weighbridge.dialects.oxen import wire
from weighbridge.dialects.oxen.access import Page, RepoToRead
from weighbridge.dialects.oxen.answers import success
from weighbridge.errors import Invalid
from weighbridge.versions.base import Repo

router = APIRouter(prefix="/repos/{namespace}/{repository}/compare")


@router.get("/commits/{sides:path}")
async def compare_commits(repo: RepoToRead, sides: str, paging: Page) -> Response:
    """The commits of `head` that `base` does not have."""
    base, head, _ = await _sides(repo, sides)
    plan = await repo.merge_plan(await repo.commit_at(base), await repo.commit_at(head))
    shown = plan.commits[paging.start : paging.start + paging.page_size]
    return success(
        compare={"commits": [wire.commit(it) for it in shown]},
        **wire.page(paging.page, paging.page_size, len(plan.commits)),
    )


@router.get("/entries/{sides:path}")
async def compare_entries(repo: RepoToRead, sides: str, paging: Page) -> Response:
    """The files that differ."""
    base, head, path = await _sides(repo, sides)
    one, other = await repo.commit_at(base), await repo.commit_at(head)
    found = await repo.changes(one, other, path)
    counts = {how: sum(1 for it in found if it.how == how) for how in ("added", "removed")}
    changed = len(found) - sum(counts.values())
    shown = found[paging.start : paging.start + paging.page_size]
    return success(
        compare={
            "base_commit": wire.commit(one),
            "head_commit": wire.commit(other),
            "counts": {**counts, "modified": changed},
            "entries": [await _entry(repo, it) for it in shown],
        },
        **wire.page(paging.page, paging.page_size, len(found)),
    )


async def _entry(repo: Repo, change: FileChange) -> dict[str, Any]:
    hashes = [it.hash for it in (change.before, change.after) if it]
    known = await repo.contents(hashes)
    shapes = [known[it.hash].frame if it else None for it in (change.before, change.after)]
    return {
        "status": "modified" if change.how == "changed" else change.how.value,
        "filename": change.path,
        "data_type": wire.data_type(change.path),
        "is_dir": False,
        "size": change.after.size if change.after else 0,
        "base_entry": wire.entry(change.before, None, None) if change.before else None,
        "head_entry": wire.entry(change.after, None, None) if change.after else None,
        "tabular": _tabular(*shapes) if any(shapes) else None,
    }


def _tabular(before: FrameShape | None, after: FrameShape | None) -> dict[str, Any]:
    old = dict(before.columns) if before else {}
    new = dict(after.columns) if after else {}
    return {
        "rows": {"base": before.rows if before else 0, "head": after.rows if after else 0},
        "columns": {
            "added": [name for name in new if name not in old],
            "removed": [name for name in old if name not in new],
            "retyped": [name for name in new if name in old and new[name] != old[name]],
        },
    }


async def _sides(repo: Repo, sides: str) -> tuple[str, str, str]:
    """`base..head/path`: the head is the longest beginning that is a branch or commit."""
    base, dots, rest = sides.partition("..")
    if not dots:
        raise Invalid("two revisions are named as `base..head`")
    at = await repo.locate(rest)
    return base, at.revision, at.path
