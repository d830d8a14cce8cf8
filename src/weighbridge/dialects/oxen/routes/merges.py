"""Merging one branch into another."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from weighbridge.dialects import shared
from weighbridge.dialects.oxen import wire
from weighbridge.dialects.oxen.access import RepoToRead, RepoToWrite, signature
from weighbridge.dialects.oxen.answers import success
from weighbridge.errors import Invalid

router = APIRouter(prefix="/repos/{namespace}/{repository}/merge")


@router.get("/{sides:path}")
async def can_merge(repo: RepoToRead, sides: str) -> Response:
    """Whether `head` can be merged into `base`, and what would come."""
    base, head = _sides(sides)
    plan = await repo.merge_plan(await repo.commit_at(base), await repo.commit_at(head))
    return success(
        is_mergeable=not plan.conflicts,
        conflicts=[{"path": conflict.path} for conflict in plan.conflicts],
        commits=[wire.commit(commit) for commit in plan.commits],
    )


@router.post("/{sides:path}")
async def merge(request: Request, repo: RepoToWrite, sides: str) -> Response:
    """Merge `head` into the branch `base`."""
    base, head = _sides(sides)
    body = await request.body()
    told = shared.parse_json(body) if body.strip() else {}
    into, other = await repo.commit_at(base), await repo.commit_at(head)
    author = signature(told if isinstance(told, dict) else {})
    merged = await repo.merge(base, other, author, f"Merge {head} into {base}")
    return success(
        commits={
            "head": wire.commit(other),
            "base": wire.commit(into),
            "merge": wire.commit(merged),
        }
    )


def _sides(sides: str) -> tuple[str, str]:
    base, dots, head = sides.partition("..")
    if not dots or not base or not head:
        raise Invalid("two branches are named as `base..head`")
    return base, head
