"""A run whose answers become a column of a file in a repository."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from weighbridge.core.versions import Signature
from weighbridge.errors import Invalid

_ADDRESS = re.compile(r"([^/@:\s]+/[^/@:\s]+)@([^:\s]+):(.+)", re.DOTALL)
_FILES = re.compile(r"([^/@:\s]+/[^/@:\s]+)@([^:\s]+)")


class InferenceState(StrEnum):
    """Where the column is."""

    WAITING = "waiting"
    """answers are still missing"""
    HELD = "held"
    """the file is made, and waits for somebody to commit it"""
    COMMITTED = "committed"
    """the file is on its branch"""
    CONFLICT = "conflict"
    """the file is made, but its place on the branch has changed meanwhile"""


@dataclass(frozen=True, slots=True)
class Inference:
    """A run whose answers become a column of a file in a repository.

    Attributes:
        repository_id: where the rows come from and the file goes to.
        commit_id, path: the file that the rows were read from.
        column: where the answers go.
        branch, target_path: the file that is committed.
        expected: hash of what was at that place when the run was started; None: nothing.
        message, author: of the commit.
        auto_commit: whether it is committed as soon as it is there.
        result: path → hash of content: what is, or would be, committed; None before it is made.
        committed_as: the commit.
        problem: why it could not be committed; stays when somebody has committed it elsewhere.
    """

    run_id: str
    workspace_id: str
    repository_id: str
    commit_id: str
    path: str
    column: str
    branch: str
    target_path: str
    expected: str | None
    message: str
    author: Signature
    auto_commit: bool
    state: InferenceState = InferenceState.WAITING
    result: Mapping[str, str] | None = None
    committed_as: str | None = None
    problem: str | None = None

    def with_message(self, message: str) -> "Inference":
        """With another message for its commit."""
        return replace(self, message=message)

    def for_branch(self, branch: str, expected: str | None) -> "Inference":
        """For another branch, where `expected` is at its place."""
        return replace(self, branch=branch, expected=expected)


@dataclass(frozen=True, slots=True)
class FrameAddress:
    """A file in a repository, as people write it: `namespace/name@revision:path`."""

    repository: str
    revision: str
    path: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.revision}:{self.path}"


def frame_address(text: str) -> FrameAddress | None:
    """The address that a text is; None: it is none."""
    found = _ADDRESS.fullmatch(text)
    return None if found is None else FrameAddress(found[1], found[2], found[3])


def files_address(text: str) -> tuple[str, str]:
    """Repository and revision of `namespace/name@revision`.

    Raises:
        Invalid: it is no such thing.
    """
    found = _FILES.fullmatch(text)
    if found is None:
        raise Invalid(f"{text[:200]!r} is no `namespace/repository@revision`")
    return found[1], found[2]
