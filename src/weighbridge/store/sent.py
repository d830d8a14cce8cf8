"""Nodes of commits that were sent, as rows: what came, until a commit leads to it, and then what it
turned out to be."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.sent import (
    SentCommit,
    SentEntry,
    SentFolder,
    SentGroup,
    SentNode,
    Settled,
)
from weighbridge.core.versions import Kind, Repository, Signature
from weighbridge.store.moments import now
from weighbridge.store.tables import commits, sent_nodes, trees
from weighbridge.store.upsert import insert_into

_AT_ONCE = 500


async def put_nodes(
    connection: AsyncConnection, repository: Repository, nodes: Iterable[SentNode]
) -> None:
    """Keep what came; what is settled stays as it is."""
    for node in nodes:
        kind, written = _written(node)
        insert = insert_into(sent_nodes, connection.dialect).values(
            repository_id=repository.id,
            workspace_id=repository.workspace_id,
            hash=node.hash,
            kind=kind,
            node=written,
            settled=False,
            touched_at=now(),
        )
        await connection.execute(
            insert.on_conflict_do_update(
                index_elements=["repository_id", "hash"],
                set_={"kind": kind, "node": written, "touched_at": now()},
                where=~sent_nodes.c.settled,
            )
        )


async def find_node(
    connection: AsyncConnection, repository_id: str, node_hash: str
) -> SentNode | Settled | None:
    """What is known by a hash."""
    row = (
        await connection.execute(
            select(sent_nodes).where(
                sent_nodes.c.repository_id == repository_id, sent_nodes.c.hash == node_hash
            )
        )
    ).one_or_none()
    if row is None:
        return None
    if row.settled:
        return Settled(row.tree, None if row.node is None else tuple(row.node["names"]))
    return _read(row.hash, row.kind, row.node)


async def settle(
    connection: AsyncConnection,
    repository: Repository,
    settled: Mapping[str, tuple[str, Settled]],
) -> None:
    """Note what nodes turned out to be; what is settled stays as it is.

    Args:
        settled: hash → kind (`commit`, `folder`, `group`) and what it is.
    """
    for node_hash, (kind, it) in settled.items():
        changed = {
            "kind": kind,
            "node": None if it.names is None else {"names": list(it.names)},
            "tree": it.tree,
            "settled": True,
            "touched_at": now(),
        }
        insert = insert_into(sent_nodes, connection.dialect).values(
            repository_id=repository.id,
            workspace_id=repository.workspace_id,
            hash=node_hash,
            **changed,
        )
        await connection.execute(
            insert.on_conflict_do_update(
                index_elements=["repository_id", "hash"],
                set_=changed,
                where=~sent_nodes.c.settled,
            )
        )


async def received_commits(
    connection: AsyncConnection, repository_id: str, ids: Collection[str]
) -> set[str]:
    """Those of the commits that were sent, not made here."""
    return set(
        await connection.scalars(
            select(sent_nodes.c.hash).where(
                sent_nodes.c.repository_id == repository_id,
                sent_nodes.c.hash.in_(list(ids)),
                sent_nodes.c.kind == "commit",
                sent_nodes.c.settled,
            )
        )
    )


async def missing_trees(
    connection: AsyncConnection, repository_id: str, hashes: Collection[str]
) -> set[str]:
    """Those of the trees that are not there."""
    wanted = list(hashes)
    there: set[str] = set()
    for start in range(0, len(wanted), _AT_ONCE):
        there |= set(
            await connection.scalars(
                select(trees.c.hash).where(
                    trees.c.repository_id == repository_id,
                    trees.c.hash.in_(wanted[start : start + _AT_ONCE]),
                )
            )
        )
    return set(wanted) - there


async def collect(connection: AsyncConnection, repository_id: str, before: datetime) -> None:
    """Remove what no commit came to lead to since `before`, and what is no longer here."""
    same = sent_nodes.c.repository_id
    tree_is_there = exists().where(trees.c.repository_id == same, trees.c.hash == sent_nodes.c.tree)
    commit_is_there = exists().where(
        commits.c.repository_id == same, commits.c.id == sent_nodes.c.hash
    )
    await connection.execute(
        delete(sent_nodes).where(
            same == repository_id,
            or_(
                and_(~sent_nodes.c.settled, sent_nodes.c.touched_at < before),
                and_(sent_nodes.c.settled, sent_nodes.c.tree.is_not(None), ~tree_is_there),
                and_(sent_nodes.c.settled, sent_nodes.c.kind == "commit", ~commit_is_there),
            ),
        )
    )


def _written(node: SentNode) -> tuple[str, dict[str, Any]]:
    if isinstance(node, SentCommit):
        return "commit", {
            "parents": list(node.parents),
            "message": node.message,
            "author": node.author.name,
            "email": node.author.email,
            "created_at": node.created_at.isoformat(),
            "root": node.root,
        }
    if isinstance(node, SentFolder):
        return "folder", {"groups": list(node.groups)}
    return "group", {
        "entries": [[it.name, it.kind.value, it.hash, it.size, it.told] for it in node.entries]
    }


def _read(node_hash: str, kind: str, written: Mapping[str, Any]) -> SentNode:
    if kind == "commit":
        return SentCommit(
            node_hash,
            tuple(written["parents"]),
            written["message"],
            Signature(written["author"], written["email"]),
            datetime.fromisoformat(written["created_at"]),
            written["root"],
        )
    if kind == "folder":
        return SentFolder(node_hash, tuple(written["groups"]))
    entries = (
        SentEntry(name, Kind(what), entry_hash, size, told)
        for name, what, entry_hash, size, told in written["entries"]
    )
    return SentGroup(node_hash, tuple(entries))
