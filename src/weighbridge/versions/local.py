"""Versioned data in our own store: commits and trees are rows, contents are blobs."""

import asyncio
import builtins
import contextlib
import hashlib
import os
import re
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import repeat
from pathlib import Path

import orjson
import xxhash
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.sent import SentNode, Settled
from weighbridge.core.suggest import did_you_mean
from weighbridge.core.versions import (
    COMMIT_ID,
    MAIN,
    Branch,
    Collected,
    Commit,
    Content,
    Draft,
    Entry,
    FileChange,
    Kind,
    Located,
    MergePlan,
    Moved,
    Repository,
    RowNumbers,
    Signature,
    checked_branch,
    checked_name,
    checked_path,
)
from weighbridge.datasets.shapes import shape_of
from weighbridge.errors import Conflict, Invalid, NotFound
from weighbridge.store import drafts as draft_rows
from weighbridge.store import sent as sent_rows
from weighbridge.store import versions as rows
from weighbridge.store.engine import Store
from weighbridge.store.moments import now
from weighbridge.versions import garbage, merging, receiving, trees
from weighbridge.versions.base import NamesOf
from weighbridge.versions.places import blob_key
from weighbridge.versions.receiving import Received
from weighbridge.versions.trees import Leaf, Tree

_PIECE = 1 << 20
_TRIES = 20
_KEPT_TOGETHER = 100
_TREES_AT_HAND = 256
_DRAFT = re.compile(r"[A-Za-z0-9._-]{1,200}")


class LocalVersions:
    """The repositories of an installation.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(
        self,
        workspace_id: str,
        namespace: str,
        name: str,
        *,
        description: str | None = None,
        created_by: str | None = None,
    ) -> "LocalRepo":
        """As the seam says."""
        checked_name("namespace", namespace)
        checked_name("repository", name)
        async with self._store.begin() as connection:
            made = await rows.add_repository(
                connection,
                workspace_id,
                namespace,
                name,
                description=description,
                created_by=created_by,
            )
        if made is None:
            raise Conflict(f"the repository {namespace}/{name} exists already")
        return LocalRepo(self._store, made)

    async def open(self, workspace_id: str, namespace: str, name: str) -> "LocalRepo":
        """As the seam says."""
        async with self._store.begin() as connection:
            found = await rows.find_repository(
                connection, workspace_id, namespace=namespace, name=name
            )
            others = [] if found else await rows.list_repositories(connection, workspace_id, None)
        if found is None:
            address = f"{namespace}/{name}"
            hint = did_you_mean(address, [other.address for other in others])
            raise NotFound(f"there is no repository {address[:200]!r}{hint}")
        return LocalRepo(self._store, found)

    async def open_id(self, workspace_id: str, repository_id: str) -> "LocalRepo":
        """As the seam says."""
        async with self._store.begin() as connection:
            found = await rows.find_repository(connection, workspace_id, id=repository_id)
        if found is None:
            raise NotFound("the repository is gone")
        return LocalRepo(self._store, found)

    async def list(
        self, workspace_id: str, *, namespace: str | None = None
    ) -> builtins.list[Repository]:
        """As the seam says."""
        async with self._store.begin() as connection:
            return await rows.list_repositories(connection, workspace_id, namespace)

    async def delete(self, workspace_id: str, repository_id: str) -> None:
        """As the seam says."""
        async with self._store.begin() as connection:
            if not await rows.remove_repository(connection, workspace_id, repository_id):
                raise NotFound("the repository is gone")

    async def collect_garbage(self, *, older_than_s: float) -> Collected:
        """As the seam says."""
        return await garbage.collect(self._store, older_than_s=older_than_s)


class LocalRepo:
    """One repository; implements `versions.base.Repo`.

    Args:
        store: where it is kept.
        repository: as it was when it was opened.
    """

    def __init__(self, store: Store, repository: Repository) -> None:
        self._store = store
        self._id = repository.id
        self._trees: dict[str, Tree] = {}
        self.repository = repository

    # Revisions

    async def branches(self) -> list[Branch]:
        """As the seam says."""
        async with self._store.begin() as connection:
            return await rows.list_branches(connection, self._id)

    async def branch(self, name: str) -> Branch:
        """As the seam says."""
        async with self._store.begin() as connection:
            found = (await rows.find_branches(connection, self._id, [name])).get(name)
            others = [] if found else await rows.list_branches(connection, self._id)
        if found is None:
            raise NotFound(_no_branch(self.repository, name, others))
        return found

    async def create_branch(self, name: str, commit_id: str) -> Branch:
        """As the seam says."""
        checked_branch(name)
        commit = await self.commit_at(commit_id)
        async with self._store.begin() as connection:
            if not await rows.add_branch(connection, self.repository, name, commit.id):
                raise Conflict(f"the branch {name!r} exists already")
        return Branch(name, commit.id)

    async def move_branch(self, name: str, commit_id: str, *, expected: str) -> Branch:
        """As the seam says."""
        commit = await self.commit_at(commit_id)
        async with self._store.begin() as connection:
            if not await rows.set_branch(connection, self._id, name, commit.id, expected):
                raise Conflict(f"the branch {name!r} is not at {expected} any more")
        return Branch(name, commit.id)

    async def delete_branch(self, name: str) -> Branch:
        """As the seam says."""
        found = await self.branch(name)
        async with self._store.begin() as connection:
            if len(await rows.list_branches(connection, self._id)) == 1:
                raise Conflict(f"{name!r} is the only branch; a repository keeps at least one")
            await rows.remove_branch(connection, self._id, name)
        return found

    async def commit_at(self, revision: str) -> Commit:
        """As the seam says."""
        async with self._store.begin() as connection:
            branches = await rows.find_branches(connection, self._id, [revision])
            wanted = branches[revision].commit_id if branches else revision
            found = await rows.find_commits(connection, self._id, [wanted])
            others = [] if found else await rows.list_branches(connection, self._id)
        if not found:
            raise NotFound(_no_branch(self.repository, revision, others))
        return found[wanted]

    async def locate(self, resource: str) -> Located:
        """As the seam says."""
        parts = resource.strip("/").split("/")
        names = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        async with self._store.begin() as connection:
            branches = await rows.find_branches(connection, self._id, names[:50])
            found = max(branches.values(), key=lambda it: len(it.name), default=None)
            commit_id = found.commit_id if found else parts[0]
            commits = await rows.find_commits(connection, self._id, [commit_id])
            others = [] if commits else await rows.list_branches(connection, self._id)
        if not commits:
            raise NotFound(_no_branch(self.repository, parts[0], others))
        revision = found.name if found else commit_id
        path = resource.strip("/")[len(revision) :].removeprefix("/")
        return Located(found, commits[commit_id], checked_path(path, root=True))

    async def commits(self, ids: Sequence[str]) -> dict[str, Commit]:
        """As the seam says."""
        async with self._store.begin() as connection:
            return await rows.find_commits(connection, self._id, ids)

    async def log(
        self, commit: Commit, *, path: str | None = None, start: int = 0, limit: int = 100
    ) -> list[Commit]:
        """As the seam says."""
        if path:
            return await self._log_of(commit, checked_path(path), start, limit)
        async with self._store.begin() as connection:
            return await rows.ancestors(connection, self._id, commit.id, start=start, limit=limit)

    async def ancestors(self, commit: Commit) -> list[Commit]:
        """As the seam says."""
        async with self._store.begin() as connection:
            return await rows.ancestors(connection, self._id, commit.id)

    async def _log_of(self, commit: Commit, path: str, start: int, limit: int) -> list[Commit]:
        async with self._store.begin() as connection:
            line = await rows.ancestors(connection, self._id, commit.id)
        hashes = {}
        for one in line:
            leaf = await trees.find(one.tree, path, self._load)
            hashes[one.id] = leaf.hash if leaf else None
        changed = [
            one
            for one in line
            if all(hashes[parent] != hashes[one.id] for parent in one.parents)
            and (one.parents or hashes[one.id] is not None)
        ]
        return changed[start : start + limit]

    # Reading

    async def entry(self, commit: Commit, path: str) -> Entry | None:
        """As the seam says."""
        path = checked_path(path, root=True)
        if not path:
            return Entry("", Kind.FOLDER, commit.tree or "0", await self._size(commit), commit.id)
        leaf = await trees.find(commit.tree, path, self._load)
        return _entry(path, leaf) if leaf else None

    async def folder(self, commit: Commit, path: str = "") -> list[Entry]:
        """As the seam says."""
        path = checked_path(path, root=True)
        root = commit.tree
        if path:
            leaf = await trees.find(commit.tree, path, self._load)
            if leaf is None or leaf.kind is not Kind.FOLDER:
                raise NotFound(f"there is no folder {path!r}")
            root = leaf.hash
        tree = await self._load(root) if root else {}
        before = f"{path}/" if path else ""
        return [_entry(before + name, leaf) for name, leaf in sorted(tree.items())]

    async def files(self, commit: Commit, path: str = "") -> AsyncIterator[Entry]:
        """As the seam says."""
        path = checked_path(path, root=True)
        if not path:
            async for entry in trees.walk(commit.tree, "", self._load):
                yield entry
            return
        leaf = await trees.find(commit.tree, path, self._load)
        if leaf is None:
            raise NotFound(f"there is no file or folder {path!r}")
        if leaf.kind is Kind.FILE:
            yield _entry(path, leaf)
            return
        async for entry in trees.walk(leaf.hash, path, self._load):
            yield entry

    async def content(self, content_hash: str) -> Content:
        """As the seam says."""
        found = (await self.contents([content_hash])).get(content_hash)
        if found is None:
            raise NotFound(f"there is no content {content_hash!r} in this repository")
        return found

    async def contents(self, hashes: Sequence[str]) -> dict[str, Content]:
        """As the seam says."""
        async with self._store.begin() as connection:
            return await rows.find_contents(connection, self._id, hashes)

    async def read(self, content: Content, start: int = 0, end: int | None = None) -> bytes:
        """As the seam says."""
        stop = content.size if end is None else min(end, content.size)
        return await self._store.blobs.get_range(blob_key(content.sha256), start, stop)

    async def stream(self, content: Content) -> AsyncIterator[bytes]:
        """As the seam says."""
        for start in range(0, content.size, _PIECE):
            yield await self.read(content, start, start + _PIECE)

    @asynccontextmanager
    async def file(self, content: Content, name: str) -> AsyncIterator[Path]:
        """As the seam says."""
        here = self._store.blobs.local_path(blob_key(content.sha256))
        if here is not None:
            yield here
            return
        handle, temporary = await asyncio.to_thread(
            tempfile.mkstemp, dir=self._store.folder, prefix=".reading-", suffix=Path(name).suffix
        )
        path = Path(temporary)
        try:
            with os.fdopen(handle, "wb") as file:
                async for piece in self.stream(content):
                    await asyncio.to_thread(file.write, piece)
            yield path
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    # Writing

    async def keep(self, path: Path, name: str) -> Content:
        """As the seam says."""
        content = await asyncio.to_thread(_look_at, path, name)
        async with self._store.begin() as connection:
            return await self._keep(connection, path, content)

    async def keep_all(self, paths: Sequence[Path]) -> list[Content]:
        """As the seam says."""
        kept: dict[Path, Content] = {}
        for start in range(0, len(paths), _KEPT_TOGETHER):
            some = paths[start : start + _KEPT_TOGETHER]
            found = await asyncio.to_thread(list, map(_look_at, some, repeat("")))
            # In one order, so that two who keep the same contents do not wait for each other.
            order = sorted(zip(some, found, strict=True), key=lambda it: it[1].sha256)
            async with self._store.begin() as connection:
                for path, content in order:
                    kept[path] = await self._keep(connection, path, content)
        return [kept[path] for path in paths]

    async def _keep(self, connection: AsyncConnection, path: Path, content: Content) -> Content:
        # The row is held until the blob is there: a collection of garbage waits, or has removed
        # the blob before we look.
        key = blob_key(content.sha256)
        await rows.touch_blob(connection, content.sha256, content.size)
        if not await self._store.blobs.exists(key):
            await self._store.blobs.take_file(key, path)
        kept = await rows.add_content(connection, self.repository, content)
        if kept is None:
            raise Conflict(f"another content has the hash {content.hash}; this one cannot be kept")
        return kept

    async def keep_bytes(self, data: bytes, name: str) -> Content:
        """As the seam says."""
        handle, temporary = await asyncio.to_thread(
            tempfile.mkstemp, dir=self._store.folder, prefix=".incoming-"
        )
        path = Path(temporary)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            return await self.keep(path, name)
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def commit(
        self,
        branch: str,
        changes: Mapping[str, Content | None],
        message: str,
        author: Signature,
        *,
        expected: str | None = None,
        key: str | None = None,
    ) -> Commit:
        """As the seam says."""
        wanted = {checked_path(path): content for path, content in changes.items()}
        for _ in range(_TRIES):
            if key is not None and (before := await self.made_under(key)):
                return before
            parent = await self._head(branch, expected)
            if expected is not None and (parent is None or parent.id != expected):
                raise Conflict(f"the branch {branch!r} is not at {expected} any more")
            made = await self._next(parent, wanted, message, author)
            if made is None:
                raise Invalid("nothing would change: the files are as they would be committed")
            if await self._put(branch, parent, *made, key=key):
                return made[0]
        raise Conflict(f"the branch {branch!r} moves too fast; try again")

    async def made_under(self, key: str) -> Commit | None:
        """As the seam says."""
        async with self._store.begin() as connection:
            return await rows.find_commit_by_key(connection, self._id, key)

    async def _head(self, branch: str, expected: str | None) -> Commit | None:
        """Where a branch is; None: the repository is empty, and its first commit makes it."""
        async with self._store.begin() as connection:
            found = (await rows.find_branches(connection, self._id, [branch])).get(branch)
            others = [] if found else await rows.list_branches(connection, self._id)
            if found is None and (others or expected is not None):
                raise NotFound(_no_branch(self.repository, branch, others))
            if found is None:
                checked_branch(branch)
                return None
            return (await rows.find_commits(connection, self._id, [found.commit_id]))[
                found.commit_id
            ]

    async def _next(
        self,
        parent: Commit | None,
        changes: Mapping[str, Content | None],
        message: str,
        author: Signature,
    ) -> tuple[Commit, dict[str, Tree]] | None:
        """The commit that changes come to, with its trees; None: nothing would change."""
        leaves = {
            path: None if content is None else Leaf(Kind.FILE, content.hash, content.size, "")
            for path, content in changes.items()
        }
        root, made = await trees.apply(parent.tree if parent else None, leaves, self._load)
        if parent is not None and root == parent.tree:
            return None
        return self._signed([parent] if parent else [], root, message, author, made)

    def _signed(
        self,
        parents: Sequence[Commit],
        root: str | None,
        message: str,
        author: Signature,
        made: dict[str, Tree],
    ) -> tuple[Commit, dict[str, Tree]]:
        moment = now()
        ids = [parent.id for parent in parents]
        told = [ids, root, message, author.name, author.email, moment, secrets.token_hex(16)]
        commit = Commit(
            # Clients read it as a number, and write it without the zeros that it would begin with.
            id=hashlib.sha256(orjson.dumps(told)).hexdigest().lstrip("0")[:32],
            parents=tuple(ids),
            tree=root,
            generation=1 + max((parent.generation for parent in parents), default=-1),
            message=message,
            author=author,
            created_at=moment,
        )
        signed: dict[str, Tree] = {
            tree_hash: {
                name: leaf if leaf.commit_id else replace(leaf, commit_id=commit.id)
                for name, leaf in tree.items()
            }
            for tree_hash, tree in made.items()
        }
        return commit, signed

    async def _put(
        self,
        branch: str,
        parent: Commit | None,
        commit: Commit,
        made: Mapping[str, Tree],
        *,
        key: str | None = None,
    ) -> bool:
        """Keep a commit and move the branch to it, both or neither; False: the branch has moved, or
        somebody made a commit under this key."""
        try:
            async with self._store.begin() as connection:
                await rows.keep_from_collecting(connection, self._id)
                await rows.add_trees(connection, self.repository, _written(made))
                await rows.add_commit(connection, self.repository, commit, key)
                if parent is None:
                    moved = await rows.add_branch(connection, self.repository, branch, commit.id)
                else:
                    moved = await rows.set_branch(
                        connection, self._id, branch, commit.id, parent.id
                    )
                if not moved:
                    raise _Moved
        except (_Moved, IntegrityError):
            return False
        return True

    # Comparing and merging

    async def changes(self, before: Commit, after: Commit, path: str = "") -> list[FileChange]:
        """As the seam says."""
        found = await self.changes_since(before, after)
        path = checked_path(path, root=True)
        return [it for it in found if not path or f"{it.path}/".startswith(f"{path}/")]

    async def changes_since(self, before: Commit | None, after: Commit) -> list[FileChange]:
        """As the seam says."""
        root = before.tree if before else None
        found = [
            FileChange((new or old).path, _how(old, new), old, new)  # type: ignore[union-attr]
            async for old, new in trees.differences(root, after.tree, "", self._load)
        ]
        return sorted(found, key=lambda it: it.path)

    async def merge_plan(self, into: Commit, other: Commit) -> MergePlan:
        """As the seam says."""
        return await merging.plan(self, into, other)

    async def merge(
        self, branch: str, other: Commit, author: Signature, message: str | None = None
    ) -> Commit:
        """As the seam says."""
        for _ in range(_TRIES):
            into = await self.commit_at((await self.branch(branch)).commit_id)
            plan = await self.merge_plan(into, other)
            if plan.conflicts:
                paths = ", ".join(conflict.path for conflict in plan.conflicts[:20])
                raise Conflict(f"both sides changed {paths}; nothing was merged")
            if not plan.commits:
                return into
            if plan.fast_forward:
                with contextlib.suppress(Conflict):
                    await self.move_branch(branch, other.id, expected=into.id)
                    return other
                continue
            known = await self.contents([it for it in plan.changes.values() if it])
            leaves = {
                path: Leaf(Kind.FILE, known[wanted].hash, known[wanted].size, "")
                if wanted
                else None
                for path, wanted in plan.changes.items()
            }
            root, made = await trees.apply(into.tree, leaves, self._load)
            text = message or f"Merge {other.id} into {branch}"
            signed = self._signed([into, other], root, text, author, made)
            if await self._put(branch, into, *signed):
                return signed[0]
        raise Conflict(f"the branch {branch!r} moves too fast; try again")

    # Commits that were made elsewhere

    async def stage_sent(self, nodes: Sequence[SentNode]) -> None:
        """As the seam says."""
        async with self._store.begin() as connection:
            await sent_rows.put_nodes(connection, self.repository, nodes)

    async def sent(self, ids: Sequence[str]) -> set[str]:
        """As the seam says."""
        async with self._store.begin() as connection:
            return await sent_rows.received_commits(connection, self._id, ids)

    async def receive(self, branch: str, commit_id: str, names_of: NamesOf) -> Branch:
        """As the seam says."""
        checked_branch(branch)
        for _ in range(_TRIES):
            received = await receiving.assemble(
                self, commit_id, self._find_sent, self._load, names_of
            )
            with contextlib.suppress(_Moved, IntegrityError):
                await self._put_received(branch, commit_id, received)
                return Branch(branch, commit_id)
        raise Conflict(f"the branch {branch!r} moves too fast; try again")

    async def _find_sent(self, node_hash: str) -> SentNode | Settled | None:
        async with self._store.begin() as connection:
            return await sent_rows.find_node(connection, self._id, node_hash)

    async def _put_received(self, branch: str, commit_id: str, received: Received) -> None:
        """Raises `_Moved` when it is to be tried again."""
        leading_here = received.before | {commit.id for commit in received.commits}
        async with self._store.begin() as connection:
            await rows.keep_from_collecting(connection, self._id)
            found = await rows.find_branches(connection, self._id, [branch])
            at = found[branch].commit_id if found else None
            if at is not None and at not in leading_here:
                raise Conflict(
                    f"the branch {branch!r} is at {at}, which did not lead to {commit_id}: pull, "
                    "and push again"
                )
            known = await rows.find_contents(connection, self._id, list(received.contents))
            if len(known) < len(received.contents) or await sent_rows.missing_trees(
                connection, self._id, received.used
            ):
                raise _Moved
            await rows.add_trees(connection, self.repository, _written(received.made))
            for commit in received.commits:
                await rows.add_commit(connection, self.repository, commit, None)
            await sent_rows.settle(connection, self.repository, received.settled)
            if at is None:
                moved = await rows.add_branch(connection, self.repository, branch, commit_id)
            else:
                moved = await rows.set_branch(connection, self._id, branch, commit_id, at)
            if not moved:
                raise _Moved

    # Drafts

    async def drafts(self) -> list[Draft]:
        """As the seam says."""
        async with self._store.begin() as connection:
            return await draft_rows.list_drafts(connection, self._id)

    async def draft(self, draft_id: str) -> Draft:
        """As the seam says."""
        async with self._store.begin() as connection:
            found = await draft_rows.find_draft(connection, self._id, draft_id)
        if found is None:
            raise NotFound(f"there is no draft {draft_id[:80]!r}")
        return found

    async def begin_draft(self, draft_id: str, branch: str, name: str | None = None) -> Draft:
        """As the seam says."""
        if not _DRAFT.fullmatch(draft_id):
            raise Invalid("a draft is called by 1 to 200 letters, digits, `.`, `_` and `-`")
        at = await self.branch(branch)
        async with self._store.begin() as connection:
            await draft_rows.add_draft(
                connection, self.repository, draft_id, branch, at.commit_id, name
            )
        draft = await self.draft(draft_id)
        if draft.branch != branch:
            raise Conflict(f"the draft {draft_id!r} was begun for the branch {draft.branch!r}")
        return draft

    async def stage(self, draft_id: str, changes: Mapping[str, Content | None]) -> Draft:
        """As the seam says."""
        wanted = {
            checked_path(path): content.hash if content else None
            for path, content in changes.items()
        }
        draft = await self.draft(draft_id)
        async with self._store.begin() as connection:
            await draft_rows.put_changes(connection, self.repository, draft.id, wanted)
        return await self.draft(draft.id)

    async def stage_edit(
        self, since: Draft, path: str, content: Content, numbers: RowNumbers
    ) -> Draft | None:
        """As the seam says."""
        path = checked_path(path)
        await self.draft(since.id)
        async with self._store.begin() as connection:
            if not await draft_rows.put_edit(
                connection, self.repository, since, path, content.hash, numbers
            ):
                return None
        return await self.draft(since.id)

    async def unstage(self, draft_id: str, path: str) -> Draft:
        """As the seam says."""
        path = checked_path(path, root=True)
        draft = await self.draft(draft_id)
        async with self._store.begin() as connection:
            await draft_rows.remove_changes(connection, self._id, draft.id, path)
        return await self.draft(draft.id)

    async def delete_draft(self, draft_id: str) -> None:
        """As the seam says."""
        draft = await self.draft(draft_id)
        async with self._store.begin() as connection:
            if not await draft_rows.remove_draft(connection, self._id, draft.id):
                raise NotFound(f"there is no draft {draft_id[:80]!r}")

    async def commit_draft(
        self, draft_id: str, branch: str, message: str, author: Signature
    ) -> Commit:
        """As the seam says."""
        draft = await self.draft(draft_id)
        if not draft.changes:
            raise Invalid("nothing was added to the draft; there is nothing to commit")
        named = f"draft {draft.id} {draft.created_at.isoformat()}"
        key = hashlib.sha256(named.encode()).hexdigest()
        known = await self.contents([it for it in draft.changes.values() if it])
        changes = {path: known[it] if it else None for path, it in draft.changes.items()}
        for _ in range(_TRIES):
            head = await self.commit_at((await self.branch(branch)).commit_id)
            if head.id != draft.commit_id and await self.made_under(key) is None:
                await self._refuse_overwriting(draft, head)
            with contextlib.suppress(_NotThereAnyMore):
                commit = await self._commit_at(branch, changes, message, author, head.id, key)
                await self.delete_draft(draft.id)
                return commit
        raise Conflict(f"the branch {branch!r} moves too fast; try again")

    async def _commit_at(
        self,
        branch: str,
        changes: Mapping[str, Content | None],
        message: str,
        author: Signature,
        head: str,
        key: str,
    ) -> Commit:
        try:
            return await self.commit(branch, changes, message, author, expected=head, key=key)
        except Conflict as error:
            if (await self.branch(branch)).commit_id != head:
                raise _NotThereAnyMore from error
            raise

    async def _refuse_overwriting(self, draft: Draft, head: Commit) -> None:
        begun = await self.commit_at(draft.commit_id)
        since = {change.path: change.after for change in await self.changes(begun, head)}
        lost = [
            path
            for path, after in since.items()
            if path in draft.changes and draft.changes[path] != (after.hash if after else None)
        ]
        if lost:
            raise Conflict(
                f"the branch has moved, and {', '.join(lost[:20])} was changed there since; "
                "nothing was committed"
            )

    async def _load(self, tree_hash: str) -> Tree:
        found = self._trees.get(tree_hash)
        if found is None:
            async with self._store.begin() as connection:
                entries = await rows.read_tree(connection, self._id, tree_hash)
            found = {
                name: Leaf(Kind(kind), hash_, size, commit_id, *told)
                for name, kind, hash_, size, commit_id, *told in entries
            }
            if len(self._trees) >= _TREES_AT_HAND:
                self._trees.clear()
            self._trees[tree_hash] = found
        return found

    async def _size(self, commit: Commit) -> int:
        tree = await self._load(commit.tree) if commit.tree else {}
        return sum(leaf.size for leaf in tree.values())


class _NotThereAnyMore(Exception):
    """A branch has moved between looking at it and committing to it."""


class _Moved(Exception):
    """The branch is not where it was: whatever was written in this transaction is undone."""


def _written(made: Mapping[str, Tree]) -> dict[str, list[list[object]]]:
    """Trees as they are kept."""
    return {
        tree_hash: [
            [name, leaf.kind.value, leaf.hash, leaf.size, leaf.commit_id, *_told(leaf)]
            for name, leaf in sorted(tree.items())
        ]
        for tree_hash, tree in made.items()
    }


def _told(leaf: Leaf) -> tuple[str, ...]:
    return () if leaf.told is None else (leaf.told,)


def _how(before: Entry | None, after: Entry | None) -> Moved:
    if before is None:
        return Moved.ADDED
    return Moved.REMOVED if after is None else Moved.CHANGED


def _look_at(path: Path, name: str) -> Content:
    shape = shape_of(path, name)
    ours, theirs = hashlib.sha256(), xxhash.xxh3_128()
    size = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            ours.update(piece)
            theirs.update(piece)
            size += len(piece)
    return Content(f"{theirs.intdigest():x}", ours.hexdigest(), size, shape)


def _entry(path: str, leaf: Leaf) -> Entry:
    return Entry(path, leaf.kind, leaf.hash, leaf.size, leaf.commit_id, leaf.told)


def _no_branch(repository: Repository, revision: str, branches: Sequence[Branch]) -> str:
    if COMMIT_ID.fullmatch(revision):
        return f"there is no commit {revision} in {repository.address}"
    if not branches:
        return (
            f"{repository.address} is empty: it has no branch {revision[:80]!r}; its first commit "
            f"makes one (usually {MAIN!r})"
        )
    names = [branch.name for branch in branches]
    listed = ", ".join(names[:20])
    return (
        f"{repository.address} has no branch or commit {revision[:80]!r}"
        f"{did_you_mean(revision, names)} (branches: {listed})"
    )
