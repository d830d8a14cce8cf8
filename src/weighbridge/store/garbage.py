"""What of versioned data nothing leads to, as rows."""

from datetime import datetime
from typing import Any

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.store.sent import collect as collect_sent
from weighbridge.store.tables import (
    blobs,
    branches,
    commit_parents,
    commits,
    contents,
    draft_changes,
    drafts,
    inferences,
    repositories,
    trees,
)

_AT_ONCE = 500


async def repository_ids(connection: AsyncConnection) -> list[str]:
    """Of all workspaces."""
    return list(await connection.scalars(select(repositories.c.id)))


async def collect_in_repository(
    connection: AsyncConnection, repository_id: str, before: datetime
) -> tuple[int, int]:
    """Remove commits, trees and contents of one repository that nothing leads to.

    Returns:
        How many commits and contents went.
    """
    # Whoever commits at the same time waits, or has committed before we look.
    await connection.execute(
        select(repositories.c.id).where(repositories.c.id == repository_id).with_for_update()
    )
    known = {
        row.id: row
        for row in await connection.execute(
            select(commits.c.id, commits.c.tree, commits.c.created_at).where(
                commits.c.repository_id == repository_id
            )
        )
    }
    parents: dict[str, list[str]] = {}
    for row in await connection.execute(
        select(commit_parents.c.commit_id, commit_parents.c.parent_id).where(
            commit_parents.c.repository_id == repository_id
        )
    ):
        parents.setdefault(row.commit_id, []).append(row.parent_id)
    open_ = await _roots(connection, repository_id)
    open_ += [row.id for row in known.values() if row.created_at >= before]
    living: set[str] = set()
    while open_:
        commit_id = open_.pop()
        if commit_id in known and commit_id not in living:
            living.add(commit_id)
            open_ += parents.get(commit_id, [])
    dead = sorted(known.keys() - living)
    await _remove(connection, commit_parents, commit_parents.c.commit_id, repository_id, dead)
    await _remove(connection, commits, commits.c.id, repository_id, dead)
    roots = {known[commit_id].tree for commit_id in living} - {None}
    named = await _named_contents(connection, repository_id, roots)
    await collect_sent(connection, repository_id, before)
    return len(dead), await _remove_contents(connection, repository_id, named, before)


async def _roots(connection: AsyncConnection, repository_id: str) -> list[str]:
    found: list[str] = []
    for column in (
        branches.c.commit_id,
        drafts.c.commit_id,
        inferences.c.commit_id,
        inferences.c.committed_as,
    ):
        found += await connection.scalars(
            select(column).where(column.table.c.repository_id == repository_id)
        )
    return found


async def _named_contents(
    connection: AsyncConnection, repository_id: str, roots: set[str]
) -> set[str]:
    """Contents that anything names; trees that are not met on the way go."""
    of_it = trees.c.repository_id == repository_id
    every = set(await connection.scalars(select(trees.c.hash).where(of_it)))
    met: set[str] = set()
    named: set[str] = set()
    open_ = list(roots)
    while open_:
        part, open_ = open_[:_AT_ONCE], open_[_AT_ONCE:]
        for row in await connection.execute(
            select(trees.c.hash, trees.c.entries).where(of_it, trees.c.hash.in_(part))
        ):
            met.add(row.hash)
            for _, kind, entry_hash, *_ in row.entries:
                if kind == "file":
                    named.add(entry_hash)
                elif entry_hash not in met:
                    open_.append(entry_hash)
    await _remove(connection, trees, trees.c.hash, repository_id, sorted(every - met))
    named |= set(
        await connection.scalars(
            select(draft_changes.c.hash).where(
                draft_changes.c.repository_id == repository_id, draft_changes.c.hash.is_not(None)
            )
        )
    )
    for result in await connection.scalars(
        select(inferences.c.result).where(inferences.c.repository_id == repository_id)
    ):
        named |= set((result or {}).values())
    return named


async def _remove_contents(
    connection: AsyncConnection, repository_id: str, named: set[str], before: datetime
) -> int:
    every = set(
        await connection.scalars(
            select(contents.c.hash).where(
                contents.c.repository_id == repository_id, contents.c.touched_at < before
            )
        )
    )
    gone = 0
    unnamed = sorted(every - named)
    for start in range(0, len(unnamed), _AT_ONCE):
        result = await connection.execute(
            delete(contents).where(
                contents.c.repository_id == repository_id,
                contents.c.hash.in_(unnamed[start : start + _AT_ONCE]),
                contents.c.touched_at < before,  # it may have been touched since we looked
            )
        )
        gone += result.rowcount
    return gone


async def _remove(
    connection: AsyncConnection, table: Any, column: Any, repository_id: str, values: list[str]
) -> None:
    for start in range(0, len(values), _AT_ONCE):
        await connection.execute(
            delete(table).where(
                table.c.repository_id == repository_id,
                column.in_(values[start : start + _AT_ONCE]),
            )
        )


async def unnamed_blobs(connection: AsyncConnection, before: datetime, limit: int) -> list[str]:
    """Blobs that no content of any repository names."""
    return list(
        await connection.scalars(
            select(blobs.c.sha256)
            .where(blobs.c.touched_at < before, ~_is_named())
            .order_by(blobs.c.sha256)
            .limit(limit)
        )
    )


async def remove_blob_row(connection: AsyncConnection, sha256: str, before: datetime) -> int | None:
    """Remove the row of a blob and hold it until the transaction ends; its size in bytes. None: it
    is named, or was touched, by now."""
    size: int | None = await connection.scalar(
        delete(blobs)
        .where(blobs.c.sha256 == sha256, blobs.c.touched_at < before, ~_is_named())
        .returning(blobs.c.size)
    )
    return size


def _is_named() -> Any:
    return exists().where(contents.c.sha256 == blobs.c.sha256)
