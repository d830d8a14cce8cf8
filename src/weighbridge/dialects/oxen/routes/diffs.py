"""What differs between two revisions."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from weighbridge.core.differences import Alignment, column_changes
from weighbridge.core.versions import Commit, FileChange
from weighbridge.dialects.oxen import differences, wire
from weighbridge.dialects.oxen.access import Page, RepoToRead, ServicesHere
from weighbridge.dialects.oxen.answers import success
from weighbridge.dialects.shared import NotSupported
from weighbridge.errors import Invalid
from weighbridge.versions.base import Repo

router = APIRouter(prefix="/repos/{namespace}/{repository}/compare")


@router.get("/commits/{sides:path}")
async def compare_commits(repo: RepoToRead, sides: str, paging: Page) -> Response:
    """The commits of `head` that `base` does not have."""
    base, head, _ = await _sides(repo, sides)
    plan = await repo.merge_plan(base, head)
    shown = plan.commits[paging.start : paging.start + paging.page_size]
    return success(
        compare={
            "base_commit": wire.commit(base),
            "head_commit": wire.commit(head),
            "commits": [wire.commit(it) for it in shown],
        },
        **wire.page(paging.page, paging.page_size, len(plan.commits)),
    )


@router.get("/entries/{sides:path}")
async def compare_entries(repo: RepoToRead, sides: str, paging: Page) -> Response:
    """The files that differ."""
    base, head, path = await _sides(repo, sides)
    found = await repo.changes(base, head, path)
    counts = {how: sum(1 for it in found if it.how == how) for how in ("added", "removed")}
    changed = len(found) - sum(counts.values())
    shown = found[paging.start : paging.start + paging.page_size]
    return success(
        compare={
            "base_commit": wire.commit(base),
            "head_commit": wire.commit(head),
            "counts": {**counts, "modified": changed},
            "entries": [await _entry(repo, it, base, head) for it in shown],
            "self": None,
        },
        **wire.page(paging.page, paging.page_size, len(found)),
    )


@router.get("/file/{sides:path}")
async def compare_file(
    services: ServicesHere,
    repo: RepoToRead,
    sides: str,
    paging: Page,
    keys: Annotated[list[str], Query()] = [],  # noqa: B006 (the framework copies it)
    align: Alignment | None = None,
) -> Response:
    """What differs in a file: rows that were added and removed, or lines.

    `keys` (once for each key column) and `align` are ours: without them rows are compared by all
    that they say, as the vendor does. A page is one of each kind of rows.
    """
    base, head, path = await _sides(repo, sides)
    found = await services.differences.of_file(
        repo,
        base,
        head,
        path,
        align=align or (Alignment.KEY if keys else Alignment.CONTENT),
        keys=keys,
        start=paging.start,
        limit=paging.page_size,
    )
    return success(compare=differences.file_difference(found, base, head))


@router.get("/dir/{rest:path}")
@router.get("/dir_tree/{rest:path}")
async def refuse_folders(repo: RepoToRead, rest: str) -> Response:  # noqa: ARG001 (404 first)
    """What differs folder by folder."""
    raise NotSupported(
        "folders are not compared one by one; use compare/entries/{base}..{head}/{folder}, which "
        "lists every file below that differs"
    )


async def refuse_kept(repo: RepoToRead) -> Response:  # noqa: ARG001 (404 comes first)
    """Comparisons of data frames that the server keeps."""
    raise NotSupported(
        "comparisons of data frames are not kept on the server; use "
        "compare/file/{base}..{head}/{path}?keys=id, which compares them at once, by as many "
        "`keys` as are given"
    )


router.add_api_route("/data_frames", refuse_kept, methods=["POST"])
router.add_api_route("/data_frames/{rest:path}", refuse_kept, methods=["GET", "PUT", "DELETE"])


async def _entry(repo: Repo, change: FileChange, base: Commit, head: Commit) -> dict[str, Any]:
    known = await repo.contents([it.hash for it in (change.before, change.after) if it])
    before, after = (known[it.hash].frame if it else None for it in (change.before, change.after))
    told = differences.entry(change.before, change.after, change.how, base, head)
    if before or after:
        columns = column_changes(before, after)
        told["diff_summary"] = {"tabular": differences.shape_summary(before, after, columns)}
        told["tabular"] = {
            "rows": {"base": before.rows if before else 0, "head": after.rows if after else 0},
            "columns": {
                "added": list(columns.added),
                "removed": list(columns.removed),
                "retyped": list(columns.retyped),
            },
        }
    return told


async def _sides(repo: Repo, sides: str) -> tuple[Commit, Commit, str]:
    """`base..head/path`: the head is the longest beginning that is a branch or commit."""
    base, dots, rest = sides.partition("..")
    if not dots or not base or not rest:
        raise Invalid("two revisions are named as `base..head`")
    at = await repo.locate(rest)
    return await repo.commit_at(base), at.commit, at.path
