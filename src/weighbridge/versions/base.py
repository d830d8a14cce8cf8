"""The seam of versioned data: whatever keeps repositories, branches, commits and their files.

`versions.local` keeps them in our own store. A server of somebody else's could be a second
implementation.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from weighbridge.core.sent import SentNode
from weighbridge.core.versions import (
    Branch,
    Collected,
    Commit,
    Content,
    Draft,
    Entry,
    FileChange,
    Located,
    MergePlan,
    Repository,
    RowNumbers,
    Signature,
)


@dataclass(frozen=True, slots=True)
class Names:
    """How somebody who has a store of their own calls a folder of ours.

    Attributes:
        folder: a hash. group: of all its entries.
    """

    folder: str
    group: str


NamesOf: TypeAlias = Callable[[Entry], Names]


class Repo(Protocol):
    """One repository, opened. What may be done with it was checked by whoever opened it.

    All paths are those of `core.versions.checked_path`, which implementations apply themselves.
    """

    @property
    def repository(self) -> Repository: ...

    # Revisions

    async def branches(self) -> list[Branch]:
        """By name."""
        ...

    async def branch(self, name: str) -> Branch:
        """Raises `NotFound`, naming the branches there are."""
        ...

    async def create_branch(self, name: str, commit_id: str) -> Branch:
        """Raises `Conflict` (it exists), `NotFound` (no such commit), `Invalid` (the name)."""
        ...

    async def move_branch(self, name: str, commit_id: str, *, expected: str) -> Branch:
        """Compare and set. Raises `Conflict` when the branch is not at `expected` any more."""
        ...

    async def delete_branch(self, name: str) -> Branch:
        """Its commits stay as long as others lead to them, and can be named by id until garbage is
        collected. Raises `NotFound`; `Conflict` for the last branch."""
        ...

    async def commit_at(self, revision: str) -> Commit:
        """The commit that a branch is at, or that has this id. Raises `NotFound`."""
        ...

    async def locate(self, resource: str) -> Located:
        """What `branch/with/slashes/and/a/path` means. Raises `NotFound`, `Invalid`."""
        ...

    async def commits(self, ids: Sequence[str]) -> dict[str, Commit]:
        """Those of the ids that there are."""
        ...

    async def log(
        self, commit: Commit, *, path: str | None = None, start: int = 0, limit: int = 100
    ) -> list[Commit]:
        """A commit and what led to it, no commit before all that came after it.

        Args:
            path: only those that changed this file or folder.
            start: how many to skip.
        """
        ...

    async def ancestors(self, commit: Commit) -> list[Commit]:
        """A commit and all that led to it, by generation, highest first."""
        ...

    # Reading

    async def entry(self, commit: Commit, path: str) -> Entry | None:
        """The file or folder at a path; None: there is none."""
        ...

    async def folder(self, commit: Commit, path: str = "") -> list[Entry]:
        """What is directly in a folder: folders and files together, by name. Raises `NotFound`."""
        ...

    def files(self, commit: Commit, path: str = "") -> AsyncIterator[Entry]:
        """Every file at or below a path, by path."""
        ...

    async def content(self, content_hash: str) -> Content:
        """What is known of a content. Raises `NotFound`."""
        ...

    async def contents(self, hashes: Sequence[str]) -> dict[str, Content]:
        """As `content`, for many; those that are not there are left out."""
        ...

    async def read(self, content: Content, start: int = 0, end: int | None = None) -> bytes:
        """The bytes `start` to `end` (exclusive; None: all that follow)."""
        ...

    def stream(self, content: Content) -> AsyncIterator[bytes]:
        """All bytes, in pieces of at most a few MiB."""
        ...

    def file(self, content: Content, name: str) -> AbstractAsyncContextManager[Path]:
        """The bytes as a local file that must not be changed.

        Args:
            name: its extension (`a.csv`) may matter to the reader; the file need not be called so.
        """
        ...

    # Writing

    async def keep(self, path: Path, name: str) -> Content:
        """Take in a local file, which may be gone afterwards; nothing names it yet.

        Args:
            name: how it will be called: one that ends like a file of rows must be one.

        Raises:
            Invalid: it is no such file of rows (damaged, not what its name says).
            OutOfSpace: no room for it.
        """
        ...

    async def keep_all(self, paths: Sequence[Path]) -> list[Content]:
        """As `keep`, for many small contents that have no name yet, in the same order."""
        ...

    async def keep_bytes(self, data: bytes, name: str) -> Content:
        """As `keep`, for a few bytes."""
        ...

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
        """Change files on a branch, all of them or none.

        Args:
            branch: made by the first commit of an empty repository; must exist otherwise.
            changes: path → content, None: the file or folder is removed.
            expected: the commit that the branch must be at; None: wherever it is (tried again
                when it moves meanwhile).
            key: names this commit: a second one with the same key is not made; the first is given
                back. So a delivery that is repeated after a crash is made once.

        Raises:
            Conflict: the branch is not at `expected`, or a file would have to be a folder.
            NotFound: no such branch, or a path that is to be removed is not there.
            Invalid: nothing would change, or a path is no path.
        """
        ...

    async def made_under(self, key: str) -> Commit | None:
        """The commit that was made under a key; None: none was."""
        ...

    # Comparing and merging

    async def changes(self, before: Commit, after: Commit, path: str = "") -> list[FileChange]:
        """The files that differ, by path."""
        ...

    async def changes_since(self, before: Commit | None, after: Commit) -> list[FileChange]:
        """As `changes`; None: of nothing, so that all files were added."""
        ...

    async def merge_plan(self, into: Commit, other: Commit) -> MergePlan:
        """What merging `other` into `into` would do."""
        ...

    async def merge(
        self, branch: str, other: Commit, author: Signature, message: str | None = None
    ) -> Commit:
        """Merge a commit into a branch; by moving the branch where that is enough.

        Raises:
            Conflict: both changed the same files; the message names them.
        """
        ...

    # Commits that were made elsewhere

    async def stage_sent(self, nodes: Sequence[SentNode]) -> None:
        """Keep parts of commits, in any order; nothing of them is seen until `receive`. What came
        before under the same hash is replaced, unless it is settled."""
        ...

    async def receive(self, branch: str, commit_id: str, names_of: NamesOf) -> Branch:
        """Make a commit that was sent, and those before it that are not here, commits of this
        repository, and move a branch to it: all of it or nothing.

        Args:
            branch: made where it is not there.
            names_of: how the sender calls folders of ours.

        Raises:
            Invalid: something was not sent, or is not what it should be.
            Conflict: the branch is at a commit that did not lead to this one.
        """
        ...

    async def sent(self, ids: Sequence[str]) -> set[str]:
        """Those of the commits that were made elsewhere."""
        ...

    # Drafts

    async def drafts(self) -> list[Draft]:
        """Oldest first, without their changes."""
        ...

    async def draft(self, draft_id: str) -> Draft:
        """With its changes, by its id or else by its name, as all that takes one. Raises
        `NotFound`."""
        ...

    async def begin_draft(self, draft_id: str, branch: str, name: str | None = None) -> Draft:
        """The draft of this id, begun where the branch is unless it is there already. Raises
        `NotFound` (no such branch), `Conflict` (it is there, for another branch)."""
        ...

    async def stage(self, draft_id: str, changes: Mapping[str, Content | None]) -> Draft:
        """Add changes to a draft."""
        ...

    async def stage_edit(
        self, since: Draft, path: str, content: Content, numbers: RowNumbers
    ) -> Draft | None:
        """Put a version of a file in a draft, of which only rows were edited.

        Args:
            since: the draft as it was when the version was made.
            numbers: how its rows are told apart.

        Returns:
            None: the draft has another version of the file by now, and keeps it.
        """
        ...

    async def unstage(self, draft_id: str, path: str) -> Draft:
        """Take the changes at and below a path out of a draft."""
        ...

    async def delete_draft(self, draft_id: str) -> None:
        """Raises `NotFound`."""
        ...

    async def commit_draft(
        self, draft_id: str, branch: str, message: str, author: Signature
    ) -> Commit:
        """Commit what a draft holds and delete it.

        Raises:
            Conflict: the branch has moved since, and a path of the draft was changed there.
            Invalid: the draft is empty.
        """
        ...


class VersionStore(Protocol):
    """Repositories of workspaces. `workspace_id` is taken by every method, so that no workspace
    ever sees another's."""

    async def create(
        self,
        workspace_id: str,
        namespace: str,
        name: str,
        *,
        description: str | None = None,
        created_by: str | None = None,
    ) -> Repo:
        """Raises `Conflict` (it exists), `Invalid` (the name)."""
        ...

    async def open(self, workspace_id: str, namespace: str, name: str) -> Repo:
        """Raises `NotFound`."""
        ...

    async def open_id(self, workspace_id: str, repository_id: str) -> Repo:
        """Raises `NotFound`."""
        ...

    async def list(self, workspace_id: str, *, namespace: str | None = None) -> list[Repository]:
        """By address."""
        ...

    async def delete(self, workspace_id: str, repository_id: str) -> None:
        """With everything in it. Raises `NotFound`."""
        ...

    async def collect_garbage(self, *, older_than_s: float) -> Collected:
        """Forget commits that no branch, draft or result leads to, and contents that no commit,
        draft or result names; nothing that was touched in the last `older_than_s` seconds."""
        ...
