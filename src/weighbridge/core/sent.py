"""Commits as they come from a store of the sender's own, which calls its folders by its own hashes.

They come as nodes, in any order: what a folder was called at both ends is settled when the commit
is whole.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from weighbridge.core.versions import Kind, Signature


@dataclass(frozen=True, slots=True)
class SentCommit:
    """A commit.

    Attributes:
        hash: its id, which it keeps.
        parents: their ids.
        root: hash of the folder with everything in it.
    """

    hash: str
    parents: tuple[str, ...]
    message: str
    author: Signature
    created_at: datetime
    root: str


@dataclass(frozen=True, slots=True)
class SentFolder:
    """A folder.

    Attributes:
        groups: hashes of the groups that its entries are in.
    """

    hash: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SentEntry:
    """A file or folder in a group.

    Attributes:
        hash: of the content, or the sender's of the folder.
        size: in bytes, of a file.
        told: what the sender knows of the file beside it, kept for them.
    """

    name: str
    kind: Kind
    hash: str
    size: int
    told: str | None = None


@dataclass(frozen=True, slots=True)
class SentGroup:
    """Some of the entries of a folder."""

    hash: str
    entries: tuple[SentEntry, ...]


SentNode: TypeAlias = SentCommit | SentFolder | SentGroup


@dataclass(frozen=True, slots=True)
class Settled:
    """What a folder or group of a sender's turned out to be.

    Attributes:
        tree: of the folder, or of the folder that the group is of; None: nothing is in it.
        names: of the entries that are in the group, where it has not all of them.
    """

    tree: str | None
    names: tuple[str, ...] | None = None
