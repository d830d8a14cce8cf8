"""Repositories, branches, commits, trees and contents as rows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.ids import new_id
from weighbridge.core.versions import (
    Branch,
    Commit,
    Content,
    FrameShape,
    Repository,
    Signature,
    frame_as_json,
)
from weighbridge.store.moments import now
from weighbridge.store.tables import (
    blobs,
    branches,
    commit_parents,
    commits,
    contents,
    repositories,
    trees,
)
from weighbridge.store.upsert import insert_into

_AT_ONCE = 500

# Repositories


async def add_repository(
    connection: AsyncConnection,
    workspace_id: str,
    namespace: str,
    name: str,
    *,
    description: str | None,
    created_by: str | None,
) -> Repository | None:
    """Make a repository; None: there is one of that name."""
    row = {
        "id": new_id("repo"),
        "workspace_id": workspace_id,
        "namespace": namespace,
        "name": name,
        "description": description,
        "created_by": created_by,
        "created_at": now(),
    }
    insert = insert_into(repositories, connection.dialect).values(row)
    insert = insert.on_conflict_do_nothing().returning(repositories.c.id)
    if await connection.scalar(insert) is None:
        return None
    row.pop("created_by")
    return Repository(**row, is_empty=True)  # type: ignore[arg-type]


async def find_repository(
    connection: AsyncConnection, workspace_id: str, **by: str
) -> Repository | None:
    """One repository, by `id`, or by `namespace` and `name`."""
    conditions = [repositories.c[name] == value for name, value in by.items()]
    rows = await _repositories(connection, workspace_id, *conditions)
    return rows[0] if rows else None


async def list_repositories(
    connection: AsyncConnection, workspace_id: str, namespace: str | None
) -> list[Repository]:
    """By address."""
    conditions = [] if namespace is None else [repositories.c.namespace == namespace]
    return await _repositories(connection, workspace_id, *conditions)


async def _repositories(
    connection: AsyncConnection, workspace_id: str, *conditions: Any
) -> list[Repository]:
    some_commit = exists().where(commits.c.repository_id == repositories.c.id)
    rows = await connection.execute(
        select(repositories, some_commit.label("has_commits"))
        .where(repositories.c.workspace_id == workspace_id, *conditions)
        .order_by(repositories.c.namespace, repositories.c.name)
    )
    return [
        Repository(
            id=row["id"],
            workspace_id=row["workspace_id"],
            namespace=row["namespace"],
            name=row["name"],
            description=row["description"],
            is_empty=not row["has_commits"],
            created_at=row["created_at"],
        )
        for row in rows.mappings()
    ]


async def remove_repository(
    connection: AsyncConnection, workspace_id: str, repository_id: str
) -> bool:
    """Remove a repository and everything in it but blobs, which others may name; False: there was
    none."""
    result = await connection.execute(
        delete(repositories).where(
            repositories.c.id == repository_id, repositories.c.workspace_id == workspace_id
        )
    )
    return result.rowcount == 1


# Branches


async def list_branches(connection: AsyncConnection, repository_id: str) -> list[Branch]:
    """By name."""
    rows = await connection.execute(
        select(branches.c.name, branches.c.commit_id)
        .where(branches.c.repository_id == repository_id)
        .order_by(branches.c.name)
    )
    return [Branch(row.name, row.commit_id) for row in rows]


async def find_branches(
    connection: AsyncConnection, repository_id: str, names: Collection[str]
) -> dict[str, Branch]:
    """Those of the names that are branches."""
    rows = await connection.execute(
        select(branches.c.name, branches.c.commit_id).where(
            branches.c.repository_id == repository_id, branches.c.name.in_(list(names))
        )
    )
    return {row.name: Branch(row.name, row.commit_id) for row in rows}


async def add_branch(
    connection: AsyncConnection, repository: Repository, name: str, commit_id: str
) -> bool:
    """Make a branch; False: there is one of that name."""
    insert = insert_into(branches, connection.dialect).values(
        repository_id=repository.id,
        workspace_id=repository.workspace_id,
        name=name,
        commit_id=commit_id,
        moved_at=now(),
    )
    insert = insert.on_conflict_do_nothing().returning(branches.c.name)
    return await connection.scalar(insert) is not None


async def set_branch(
    connection: AsyncConnection, repository_id: str, name: str, commit_id: str, expected: str
) -> bool:
    """Compare and set; False: the branch is not at `expected`, or not there."""
    result = await connection.execute(
        update(branches)
        .where(
            branches.c.repository_id == repository_id,
            branches.c.name == name,
            branches.c.commit_id == expected,
        )
        .values(commit_id=commit_id, moved_at=now())
    )
    return result.rowcount == 1


async def remove_branch(connection: AsyncConnection, repository_id: str, name: str) -> bool:
    """Remove a branch; False: there is none."""
    result = await connection.execute(
        delete(branches).where(branches.c.repository_id == repository_id, branches.c.name == name)
    )
    return result.rowcount == 1


# Commits


async def add_commit(
    connection: AsyncConnection, repository: Repository, commit: Commit, key: str | None
) -> None:
    """Keep a commit.

    Raises:
        IntegrityError: there is one of that key (or id).
    """
    of_it = {"repository_id": repository.id, "workspace_id": repository.workspace_id}
    await connection.execute(
        commits.insert().values(
            **of_it,
            id=commit.id,
            key=key,
            tree=commit.tree,
            generation=commit.generation,
            message=commit.message,
            author=commit.author.name,
            email=commit.author.email,
            created_at=commit.created_at,
        )
    )
    if commit.parents:
        await connection.execute(
            commit_parents.insert(),
            [
                {
                    "repository_id": repository.id,
                    "commit_id": commit.id,
                    "place": place,
                    "parent_id": parent,
                }
                for place, parent in enumerate(commit.parents)
            ],
        )


async def find_commits(
    connection: AsyncConnection, repository_id: str, ids: Collection[str]
) -> dict[str, Commit]:
    """Those of the ids that are commits."""
    found: dict[str, Commit] = {}
    wanted = list(ids)
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        rows = await connection.execute(
            select(commits).where(commits.c.repository_id == repository_id, commits.c.id.in_(part))
        )
        found |= {commit.id: commit for commit in await _with_parents(connection, rows.mappings())}
    return found


async def find_commit_by_key(
    connection: AsyncConnection, repository_id: str, key: str
) -> Commit | None:
    """The commit that was made under a key."""
    rows = await connection.execute(
        select(commits).where(commits.c.repository_id == repository_id, commits.c.key == key)
    )
    found = await _with_parents(connection, rows.mappings())
    return found[0] if found else None


async def ancestors(
    connection: AsyncConnection,
    repository_id: str,
    commit_id: str,
    *,
    start: int = 0,
    limit: int | None = None,
) -> list[Commit]:
    """A commit and all that led to it, no commit before one that came of it."""
    reached = (
        select(commits.c.id)
        .where(commits.c.repository_id == repository_id, commits.c.id == commit_id)
        .cte(recursive=True)
    )
    reached = reached.union(
        select(commit_parents.c.parent_id)
        .join(reached, reached.c.id == commit_parents.c.commit_id)
        .where(commit_parents.c.repository_id == repository_id)
    )
    statement = (
        select(commits)
        .join(reached, reached.c.id == commits.c.id)
        .where(commits.c.repository_id == repository_id)
        .order_by(commits.c.generation.desc(), commits.c.created_at.desc(), commits.c.id)
        .offset(start)
    )
    if limit is not None:
        statement = statement.limit(limit)
    rows = await connection.execute(statement)
    return await _with_parents(connection, rows.mappings())


async def count_ancestors(connection: AsyncConnection, repository_id: str, commit_id: str) -> int:
    """How many `ancestors` gives without a limit."""
    reached = (
        select(commits.c.id)
        .where(commits.c.repository_id == repository_id, commits.c.id == commit_id)
        .cte(recursive=True)
    )
    reached = reached.union(
        select(commit_parents.c.parent_id)
        .join(reached, reached.c.id == commit_parents.c.commit_id)
        .where(commit_parents.c.repository_id == repository_id)
    )
    return int(await connection.scalar(select(func.count()).select_from(reached)) or 0)


async def _with_parents(connection: AsyncConnection, rows: Iterable[RowMapping]) -> list[Commit]:
    found = list(rows)
    parents: dict[str, list[str]] = {row["id"]: [] for row in found}
    if found:
        for start in range(0, len(found), _AT_ONCE):
            part = found[start : start + _AT_ONCE]
            known = await connection.execute(
                select(commit_parents.c.commit_id, commit_parents.c.parent_id)
                .where(
                    commit_parents.c.repository_id == part[0]["repository_id"],
                    commit_parents.c.commit_id.in_([row["id"] for row in part]),
                )
                .order_by(commit_parents.c.commit_id, commit_parents.c.place)
            )
            for row in known:
                parents[row.commit_id].append(row.parent_id)
    return [
        Commit(
            id=row["id"],
            parents=tuple(parents[row["id"]]),
            tree=row["tree"],
            generation=row["generation"],
            message=row["message"],
            author=Signature(row["author"], row["email"]),
            created_at=row["created_at"],
        )
        for row in found
    ]


# Trees


async def keep_from_collecting(connection: AsyncConnection, repository_id: str) -> None:
    """Keep garbage from being collected in a repository until the transaction ends."""
    await connection.execute(
        select(repositories.c.id)
        .where(repositories.c.id == repository_id)
        .with_for_update(read=True)
    )


async def read_tree(connection: AsyncConnection, repository_id: str, tree_hash: str) -> list[Any]:
    """The entries of a tree, `[name, kind, hash, size, commit id]` each, and what was
    told of it if anything was, by name."""
    found = await connection.scalar(
        select(trees.c.entries).where(
            trees.c.repository_id == repository_id, trees.c.hash == tree_hash
        )
    )
    if found is None:
        raise LookupError(f"the tree {tree_hash} is gone")
    return list(found)


async def add_trees(
    connection: AsyncConnection, repository: Repository, made: Mapping[str, list[Any]]
) -> None:
    """Keep trees; those that are there stay as they are."""
    for tree_hash, entries in made.items():
        insert = insert_into(trees, connection.dialect).values(
            repository_id=repository.id,
            workspace_id=repository.workspace_id,
            hash=tree_hash,
            entries=entries,
        )
        await connection.execute(insert.on_conflict_do_nothing())


# Contents


async def touch_blob(connection: AsyncConnection, sha256: str, size: int) -> None:
    """Hold the row of a blob until the transaction ends, and keep the blob from being collected as
    garbage for a while after."""
    insert = insert_into(blobs, connection.dialect).values(
        sha256=sha256, size=size, touched_at=now()
    )
    await connection.execute(
        insert.on_conflict_do_update(index_elements=["sha256"], set_={"touched_at": now()})
    )


async def add_content(
    connection: AsyncConnection, repository: Repository, content: Content
) -> Content | None:
    """Note a content; None: one with another SHA-256 has the same hash."""
    frame = None if content.frame is None else frame_as_json(content.frame)
    moment: datetime = now()
    insert = insert_into(contents, connection.dialect).values(
        repository_id=repository.id,
        workspace_id=repository.workspace_id,
        hash=content.hash,
        sha256=content.sha256,
        size=content.size,
        frame=frame,
        touched_at=moment,
    )
    changed = {"touched_at": moment} | ({} if frame is None else {"frame": frame})
    await connection.execute(
        insert.on_conflict_do_update(index_elements=["repository_id", "hash"], set_=changed)
    )
    kept = (await find_contents(connection, repository.id, [content.hash]))[content.hash]
    return kept if kept.sha256 == content.sha256 else None


async def find_contents(
    connection: AsyncConnection, repository_id: str, hashes: Sequence[str]
) -> dict[str, Content]:
    """Those of the hashes that are known in the repository."""
    found: dict[str, Content] = {}
    for start in range(0, len(hashes), _AT_ONCE):
        rows = await connection.execute(
            select(contents).where(
                contents.c.repository_id == repository_id,
                contents.c.hash.in_(list(hashes[start : start + _AT_ONCE])),
            )
        )
        for row in rows.mappings():
            found[row["hash"]] = Content(
                row["hash"], row["sha256"], row["size"], _frame(row["frame"])
            )
    return found


def _frame(kept: Any) -> FrameShape | None:
    if kept is None:
        return None
    return FrameShape(kept["format"], kept["rows"], dict(kept["columns"]))
