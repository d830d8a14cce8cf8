"""Versioned data: repositories, branches, commits, and the files that a commit names.

`workspace` means a customer's here, as everywhere; what is prepared for a commit is a `Draft`.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from weighbridge.core.json import JsonObject
from weighbridge.errors import Invalid

MAIN = "main"
"""The branch that a repository's first commit makes, unless another is named."""

COMMIT_ID = re.compile(r"[1-9a-f][0-9a-f]{23,31}")
"""Clients read it as a number, and write it without the zeros that it would begin with: of those
that are made elsewhere, one in sixteen has fewer than 32 digits."""
_BRANCH = re.compile(r"[A-Za-z0-9._+@-]+(/[A-Za-z0-9._+@-]+)*")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
_LONGEST_PATH = 1_000
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Signature:
    """Who made a commit."""

    name: str
    email: str


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository of a workspace.

    Attributes:
        namespace, name: together its address, `namespace/name`.
        is_empty: whether nothing was committed yet.
    """

    id: str
    workspace_id: str
    namespace: str
    name: str
    description: str | None
    is_empty: bool
    created_at: datetime

    @property
    def address(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Branch:
    """A name that moves from commit to commit."""

    name: str
    commit_id: str


@dataclass(frozen=True, slots=True)
class Commit:
    """A state of all files of a repository.

    Attributes:
        id: 32 hexadecimal digits, or a few less (see `COMMIT_ID`), opaque.
        parents: none for the first; two for a merge, the one it was merged into first.
        tree: of its files; None: it has none. Equal trees hold equal files.
        generation: 0 for a commit without parents, else one more than the highest of its parents.
        created_at: when it was made.
    """

    id: str
    parents: tuple[str, ...]
    tree: str | None
    generation: int
    message: str
    author: Signature
    created_at: datetime


@dataclass(frozen=True, slots=True)
class FrameShape:
    """What a file of rows looks like.

    Attributes:
        format: one of `datasets.readers.FORMATS`.
        rows: how many.
        columns: name → type, in order; types by the words of arrow (`string`, `int64`,
            `struct<a: string>`), for formats without types as they are read: `string` for csv.
    """

    format: str
    rows: int
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file, kept once however many paths and commits name them.

    Attributes:
        hash: xxh3-128 as hexadecimal digits without leading zeros: how clients call it.
        sha256: 64 hexadecimal digits: how it is stored.
        size: in bytes.
        frame: for files of rows.
    """

    hash: str
    sha256: str
    size: int
    frame: FrameShape | None = None


class Kind(StrEnum):
    """What an entry of a folder is."""

    FILE = "file"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or folder at one commit.

    Attributes:
        path: from the root, without a slash at either end; "" is the root.
        hash: of a file's content, or of the folder's tree. Equal hashes: equal content.
        size: in bytes; of all files below for a folder.
        commit_id: the commit that last changed it.
        told: what the sender of that commit, if it was sent, knows of the file: for them alone.
    """

    path: str
    kind: Kind
    hash: str
    size: int
    commit_id: str
    told: str | None = None

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Located:
    """What an address such as `exp/one/data/a.csv` means: the longest beginning of it that is a
    branch or a commit, and the path that is left.

    Attributes:
        branch: None where a commit was named.
        path: "" for the root.
    """

    branch: Branch | None
    commit: Commit
    path: str

    @property
    def revision(self) -> str:
        """The branch's name, or else the commit's id."""
        return self.branch.name if self.branch else self.commit.id


@dataclass(frozen=True, slots=True)
class RowNumbers:
    """How the rows of a file are told apart while it is edited: a row keeps its number whatever is
    added, changed or removed around it.

    Attributes:
        base: hash of the content whose rows are numbered from 0. Rows that are added go on from
            there, at the end of the file.
        removed: the numbers of rows that are gone, ascending.
    """

    base: str
    removed: tuple[int, ...] = ()

    def number_at(self, position: int) -> int:
        """The number of the row that stands at a position, from 0."""
        before = range(len(self.removed))
        return position + bisect_right(before, position, key=lambda it: self.removed[it] - it)

    def position_of(self, number: int) -> int | None:
        """Where the row of a number stands; None: it was removed."""
        before = bisect_left(self.removed, number)
        if before < len(self.removed) and self.removed[before] == number:
            return None
        return number - before

    def without(self, number: int) -> "RowNumbers":
        """As they are when one more row is gone."""
        before = bisect_left(self.removed, number)
        return RowNumbers(self.base, (*self.removed[:before], number, *self.removed[before:]))

    def id_at(self, position: int) -> str:
        """What the row at a position is called: its number, and which file it is a row of."""
        return f"{self.base[:16]}-{self.number_at(position)}"

    def number_of(self, row_id: str) -> int | None:
        """The number in an id; None: it is no id of this file's rows."""
        base, _, digits = row_id.rpartition("-")
        if base != self.base[:16] or not re.fullmatch(r"0|[1-9][0-9]{0,15}", digits):
            return None
        return int(digits)


@dataclass(frozen=True, slots=True)
class Draft:
    """What is prepared to become a commit.

    Attributes:
        id: as whoever made it calls it; unique in its repository.
        name: for people.
        branch: where it is meant to go.
        commit_id: what it was begun from.
        changes: path → hash of the new content, None: removed.
        numbers: path → how the rows are told apart, of those files whose rows were edited.
    """

    id: str
    name: str | None
    branch: str
    commit_id: str
    created_at: datetime
    changes: Mapping[str, str | None] = field(default_factory=dict)
    numbers: Mapping[str, RowNumbers] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that comes in parts, to become a change of a draft.

    Attributes:
        draft_id, path: which change it becomes.
        hash: of the content that it must come to.
        size: in bytes. part_size: of every part but the last.
    """

    id: str
    draft_id: str
    path: str
    hash: str
    size: int
    part_size: int

    @property
    def parts(self) -> int:
        """How many parts there are; they are numbered from 1."""
        return max(1, -(-self.size // self.part_size))


class Moved(StrEnum):
    """How a file differs between two revisions."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file that differs between two revisions; the side where it is not is None."""

    path: str
    how: Moved
    before: Entry | None
    after: Entry | None


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """A path that both sides changed, each in its own way, since they parted.

    Attributes:
        base, ours, theirs: hash of the content on each side; None: it is not there.
    """

    path: str
    base: str | None
    ours: str | None
    theirs: str | None


@dataclass(frozen=True, slots=True)
class MergePlan:
    """What merging would do.

    Attributes:
        base: the commit where both sides parted; None: they have nothing in common.
        commits: of the side that is merged in, which the other does not have, newest first.
        changes: path → hash of content (None: removed) for the side that is merged into.
        conflicts: none: it can be merged.
        fast_forward: the side that is merged into has nothing of its own.
    """

    base: Commit | None
    commits: tuple[Commit, ...]
    changes: Mapping[str, str | None]
    conflicts: tuple[MergeConflict, ...]
    fast_forward: bool


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection of garbage removed; `bytes` of stored files."""

    commits: int
    contents: int
    bytes: int


def checked_path(path: str, *, root: bool = False) -> str:
    """A path inside a repository, as it is kept: no slash at the end, no `.` and empty parts.

    Args:
        root: whether "" (the root itself) may be meant.

    Raises:
        Invalid: it is absolute, leaves the repository (`..`), or could be no file's name.
    """
    shown = path if len(path) <= 80 else path[:79] + "…"
    if path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:[\\/]", path):
        raise Invalid(f"the path {shown!r} is absolute; paths begin at the repository's root")
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts or "\\" in path:
        raise Invalid(
            f"the path {shown!r} cannot be used: `..` and `\\` are not allowed, so that no path "
            "leaves the repository"
        )
    if not parts and not root:
        raise Invalid("a path is missing: it names a file inside the repository")
    if len(path) > _LONGEST_PATH or any(len(part.encode()) > _LONGEST_NAME for part in parts):
        raise Invalid(
            f"the path {shown!r} is too long: {_LONGEST_PATH} characters, {_LONGEST_NAME} bytes "
            "for each part"
        )
    if any(not character.isprintable() for character in path):
        raise Invalid(f"the path {shown!r} holds a character that cannot be printed")
    return "/".join(parts)


def checked_branch(name: str) -> str:
    """The name of a branch, unchanged.

    Raises:
        Invalid: it could not be one.
    """
    if len(name) > 200 or not _BRANCH.fullmatch(name) or ".." in name or COMMIT_ID.fullmatch(name):
        raise Invalid(
            f"{name[:80]!r} cannot be a branch: letters, digits, `.`, `_`, `+`, `@`, `-`, with "
            "slashes in between, at most 200 characters, no `..`, and not like a commit's id"
        )
    return name


def checked_name(what: str, name: str) -> str:
    """The name of a repository or namespace, unchanged.

    Raises:
        Invalid: it could not be one.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise Invalid(
            f"{name[:80]!r} cannot be a {what}: letters, digits, `.`, `_` and `-`, at most 100, "
            "a letter, digit or `_` first"
        )
    return name


def frame_as_json(frame: FrameShape) -> JsonObject:
    """How a shape is kept. Columns as a list, as JSON of databases keeps no order."""
    return {
        "format": frame.format,
        "rows": frame.rows,
        "columns": [[name, kind] for name, kind in frame.columns.items()],
    }
