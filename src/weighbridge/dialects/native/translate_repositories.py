"""Versioned data as our API shows it. Pure, and without a web framework: the CLI uses it too."""

from weighbridge.core.differences import (
    FileDifference,
    FrameDifference,
    RowChange,
    column_changes,
)
from weighbridge.core.versions import Branch, Commit, FrameShape, MergePlan, Repository
from weighbridge.dialects.native import wire_repositories as wire
from weighbridge.services.browsing import ChangeView, EntryView
from weighbridge.services.deliveries import DeliveryView


def from_repository(repository: Repository) -> wire.Repository:
    """A repository."""
    return wire.Repository(
        id=repository.id,
        namespace=repository.namespace,
        name=repository.name,
        description=repository.description,
        is_empty=repository.is_empty,
        created_at=repository.created_at,
    )


def from_branch(branch: Branch) -> wire.Branch:
    """A branch."""
    return wire.Branch(name=branch.name, commit_id=branch.commit_id)


def from_commit(commit: Commit) -> wire.Commit:
    """A commit."""
    return wire.Commit(
        id=commit.id,
        parents=list(commit.parents),
        message=commit.message,
        author=wire.Author(name=commit.author.name, email=commit.author.email),
        created_at=commit.created_at,
    )


def from_frame(frame: FrameShape) -> wire.Frame:
    """The shape of a file of rows."""
    return wire.Frame(format=frame.format, rows=frame.rows, columns=dict(frame.columns))


def from_entry(view: EntryView) -> wire.Entry:
    """A file or folder."""
    frame = view.content.frame if view.content else None
    return wire.Entry(
        path=view.entry.path,
        kind=view.entry.kind,
        size=view.entry.size,
        hash=view.entry.hash,
        frame=from_frame(frame) if frame else None,
        changed_by=from_commit(view.changed_by) if view.changed_by else None,
    )


def from_change(view: ChangeView) -> wire.FileChange:
    """A file that differs."""
    change = view.change
    return wire.FileChange(
        path=change.path,
        how=change.how,
        size_before=change.before.size if change.before else None,
        size_after=change.after.size if change.after else None,
        frame=_frame_change(view.before, view.after) if view.before or view.after else None,
    )


def from_difference(path: str, it: FileDifference) -> wire.FileDifference:
    """How one file differs."""
    return wire.FileDifference(
        path=path,
        how=it.how,
        size_before=it.before.size if it.before else None,
        size_after=it.after.size if it.after else None,
        rows=None if it.rows is None else _rows_change(it.rows),
        lines=None
        if it.lines is None
        else [wire.LineChange(how=line.how, text=line.text) for line in it.lines],
    )


def _rows_change(it: FrameDifference) -> wire.RowsChange:
    return wire.RowsChange(
        frame=_frame_change(it.before, it.after),
        align=it.align,
        keys=list(it.keys),
        added=it.added,
        removed=it.removed,
        changed=it.changed,
        same=it.same,
        start=it.start,
        added_rows=[_row_change(row) for row in it.added_rows],
        removed_rows=[_row_change(row) for row in it.removed_rows],
        changed_rows=[_row_change(row) for row in it.changed_rows],
    )


def _row_change(it: RowChange) -> wire.RowChange:
    return wire.RowChange(
        how=it.how,
        key=dict(it.key),
        position_before=it.before_at,
        position_after=it.after_at,
        before=None if it.before is None else dict(it.before),
        after=None if it.after is None else dict(it.after),
        columns=list(it.columns),
    )


def _frame_change(before: FrameShape | None, after: FrameShape | None) -> wire.FrameChange:
    columns = column_changes(before, after)
    return wire.FrameChange(
        rows_before=before.rows if before else 0,
        rows_after=after.rows if after else 0,
        columns_added=dict(columns.added),
        columns_removed=dict(columns.removed),
        columns_retyped={name: list(kinds) for name, kinds in columns.retyped.items()},
    )


def from_plan(plan: MergePlan) -> wire.MergePlan:
    """What a merge would do."""
    return wire.MergePlan(
        possible=not plan.conflicts,
        conflicts=[conflict.path for conflict in plan.conflicts],
        commits=[from_commit(commit) for commit in plan.commits],
        files_set=sorted(path for path, content in plan.changes.items() if content is not None),
        files_removed=sorted(path for path, content in plan.changes.items() if content is None),
        fast_forward=plan.fast_forward,
    )


def from_delivery(view: DeliveryView) -> wire.ColumnDelivery:
    """Where the answers of a run go."""
    it = view.inference
    return wire.ColumnDelivery(
        run_id=it.run_id,
        status=view.run.state,
        state=it.state,
        repository=view.repository.address if view.repository else None,
        source_commit=it.commit_id,
        source_path=it.path,
        column=it.column,
        branch=it.branch,
        path=it.target_path,
        message=it.message,
        auto_commit=it.auto_commit,
        commit_id=it.committed_as,
        rows=view.rows,
        rows_failed=view.run.progress.failed,
        problem=it.problem,
    )
