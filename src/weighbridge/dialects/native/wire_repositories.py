"""What goes over the wire of versioned data. Imports no web framework: the CLI's `--json` and the
SDK use it."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, JsonValue

from weighbridge.core.differences import Alignment
from weighbridge.core.inference import InferenceState
from weighbridge.core.run import RunState
from weighbridge.core.versions import MAIN, Kind, Moved
from weighbridge.dialects.native.wire import PageQuery, Received, Sent, Text

Revision = Annotated[Text, Field(min_length=1, max_length=200)]
BranchName = Annotated[Text, Field(min_length=1, max_length=200)]
FilePath = Annotated[Text, Field(min_length=1, max_length=1_000)]
CommitId = Annotated[str, Field(pattern="^[1-9a-f][0-9a-f]{23,31}$")]
Message = Annotated[Text, Field(min_length=1, max_length=10_000)]


class Repository(Sent):
    """A repository."""

    id: str
    namespace: str
    name: str
    description: str | None
    is_empty: bool = Field(description="Nothing was committed yet, so that there is no branch.")
    created_at: datetime


class NewRepository(Received):
    """A repository that is to be made."""

    namespace: Text = Field(min_length=1, max_length=100, description="Letters, digits, `._-`.")
    name: Text = Field(min_length=1, max_length=100, description="As the namespace.")
    description: Text | None = Field(None, max_length=10_000, description="For people.")


class Branch(Sent):
    """A name that moves from commit to commit."""

    name: str
    commit_id: str


class NewBranch(Received):
    """A branch that is to be made."""

    name: BranchName = Field(description="Letters, digits, `._+@-`, with slashes in between.")
    revision: Revision = Field(MAIN, description="The branch or commit where it begins.")


class Author(Sent):
    """Who made a commit."""

    name: str
    email: str


class Commit(Sent):
    """A state of all files of a repository."""

    id: str
    parents: list[str] = Field(description="Ids; none of the first commit, two of a merge.")
    message: str
    author: Author
    created_at: datetime


class Frame(Sent):
    """What a file of rows looks like."""

    format: str
    rows: int
    columns: dict[str, str] = Field(
        description="Name → type, in order; `string` where formats have no types."
    )


class Entry(Sent):
    """A file or folder at one commit."""

    path: str
    kind: Kind
    size: int = Field(description="In bytes; of a folder, of all files below.")
    hash: str = Field(description="Equal hashes: equal content.")
    frame: Frame | None = Field(description="Of a file of rows.")
    changed_by: Commit | None = Field(description="The commit that last changed it.")


class Committed(Sent):
    """What became of changes to files."""

    branch: str
    commit: Commit = Field(description="Where the branch is now.")
    changed: bool = Field(description="false: the files were so already, and no commit was made.")


class FrameChange(Sent):
    """How a file of rows differs; what is not there has no rows and no columns."""

    rows_before: int
    rows_after: int
    columns_added: dict[str, str] = Field(description="Name → type.")
    columns_removed: dict[str, str]
    columns_retyped: dict[str, list[str]] = Field(description="Name → type before, type after.")


class FileChange(Sent):
    """A file that differs between two revisions."""

    path: str
    how: Moved
    size_before: int | None = Field(description="In bytes; null: it was not there.")
    size_after: int | None = Field(description="In bytes; null: it is not there any more.")
    frame: FrameChange | None = Field(description="Of a file of rows.")


class RowChange(Sent):
    """A row that differs."""

    how: Moved
    key: dict[str, JsonValue] = Field(description="Of the key columns; empty unless by key.")
    position_before: int | None = Field(description="Counted from 0; null: it was not there.")
    position_after: int | None
    before: dict[str, JsonValue] | None = Field(description="The whole row.")
    after: dict[str, JsonValue] | None
    columns: list[str] = Field(description="Those on both sides whose values differ.")


class RowsChange(Sent):
    """How the rows of a file differ. The counts are of the whole files; of each kind of row there
    is a page."""

    frame: FrameChange
    align: Alignment = Field(description="How rows were brought together.")
    keys: list[str]
    added: int
    removed: int
    changed: int
    same: int
    start: int
    added_rows: list[RowChange]
    removed_rows: list[RowChange]
    changed_rows: list[RowChange]


class LineChange(Sent):
    """A line that differs (`added`, `removed`), or stands beside one (null)."""

    how: Moved | None
    text: str


class FileDifference(Sent):
    """How one file differs between two revisions."""

    path: str
    how: Moved | None = Field(description="null: it is the same.")
    size_before: int | None
    size_after: int | None
    rows: RowsChange | None = Field(description="Of files of rows.")
    lines: list[LineChange] | None = Field(description="Of other texts.")


class MergePlan(Sent):
    """What merging `head` into `base` would do."""

    possible: bool
    conflicts: list[str] = Field(description="Paths that both have changed, each in its own way.")
    commits: list[Commit] = Field(description="Of `head`, not in `base`; newest first.")
    files_set: list[str] = Field(description="Paths that would get another content.")
    files_removed: list[str]
    fast_forward: bool = Field(description="`base` has nothing of its own: it would only move.")


class NewMerge(Received):
    """A merge that is to be made."""

    base: BranchName = Field(description="The branch that is merged into.")
    head: Revision = Field(description="The branch or commit that is merged.")
    message: Message | None = Field(None, description="Of the commit, where one is made.")


class ColumnDelivery(Sent):
    """Where the answers of a run go: a column of a file in a repository."""

    run_id: str
    status: RunState = Field(description="Of the run.")
    state: InferenceState = Field(
        description="`waiting` for answers, `held` for somebody to commit it, `committed`, or in "
        "`conflict` with what others committed."
    )
    repository: str | None = Field(description="`namespace/name`; null: it was deleted since.")
    source_commit: str = Field(description="Of the data, in that repository.")
    source_path: str
    column: str
    branch: str
    path: str
    message: str = Field(description="Of the commit.")
    auto_commit: bool
    commit_id: str | None = Field(description="The commit that holds it.")
    rows: int | None = Field(description="Of the file with the column; null before it is made.")
    rows_failed: int = Field(description="Rows without an answer, so far.")
    problem: str | None = Field(description="Why it could not be committed.")


class DeliveryCommit(Received):
    """How a result that is held is committed. All of it may be left out."""

    branch: BranchName | None = Field(
        None, description="In place of the one that was named at the start; made if not there."
    )
    message: Message | None = Field(None, description="In place of the one at the start.")


# Parameters


class RepositoriesQuery(PageQuery):
    """Which repositories."""

    namespace: Text | None = Field(None, max_length=100, description="Only those of this one.")


class BranchQuery(Received):
    """Which branch."""

    name: BranchName = Field(description="Of the branch.")


class LogQuery(PageQuery):
    """Which commits."""

    revision: Revision = Field(MAIN, description="The branch or commit that they led to.")
    path: FilePath | None = Field(None, description="Only those that changed this file or folder.")


class EntriesQuery(PageQuery):
    """Which files and folders."""

    limit: int = Field(100, ge=1, le=5_000, description="How many at most.")
    cursor: str | None = Field(
        None, max_length=5_000, description="`next_cursor` of the page before; opaque."
    )
    revision: Revision = Field(MAIN, description="A branch or commit.")
    path: Text = Field(
        "", max_length=1_000, description="A folder, or one file; the root if left out."
    )
    recursive: bool = Field(False, description="All files below, and no folders.")


class ContentQuery(Received):
    """Which file."""

    revision: Revision = Field(MAIN, description="A branch or commit.")
    path: FilePath = Field(description="Of the file.")


class ChangeQuery(Received):
    """Which file, and how its change is committed."""

    branch: BranchName = Field(
        MAIN, description="Where it is committed; an empty repository's first commit makes it."
    )
    path: FilePath = Field(description="Of the file.")
    message: Message | None = Field(None, description="Of the commit; names the file otherwise.")
    expected: CommitId | None = Field(
        None,
        description="The commit that the branch must be at, else 409; wherever it is if left out.",
    )


class ChangesQuery(PageQuery):
    """Which revisions are compared."""

    base: Revision = Field(description="The branch or commit before.")
    head: Revision = Field(description="The branch or commit after.")
    path: Text = Field("", max_length=1_000, description="Only at and below it.")


class DifferenceQuery(Received):
    """Which file is compared, and how its rows are brought together."""

    base: Revision = Field(description="The branch or commit before.")
    head: Revision = Field(description="The branch or commit after.")
    path: FilePath = Field(description="Of the file.")
    key: list[Text] = Field(
        default_factory=list, max_length=20, description="Columns that say which row is which."
    )
    align: Alignment | None = Field(
        None, description="By `key` where one is given, else by `position`, unless said here."
    )
    start: int = Field(0, ge=0, le=10**12, description="The first row of each kind that is shown.")
    limit: int = Field(100, ge=0, le=1_000, description="So many rows of each kind.")


class MergeQuery(Received):
    """What would be merged."""

    base: BranchName = Field(description="The branch that is merged into.")
    head: Revision = Field(description="The branch or commit that is merged.")


class CommitForm(Received):
    """The text fields of the form that commits files."""

    branch: BranchName = MAIN
    message: Message | None = None
    expected: CommitId | None = None
