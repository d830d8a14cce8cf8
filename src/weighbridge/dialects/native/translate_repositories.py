"""Versioned data as our API shows it. Pure, and without a web framework: the CLI uses it too."""

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


def _frame_change(before: FrameShape | None, after: FrameShape | None) -> wire.FrameChange:
    old = dict(before.columns) if before else {}
    new = dict(after.columns) if after else {}
    return wire.FrameChange(
        rows_before=before.rows if before else 0,
        rows_after=after.rows if after else 0,
        columns_added={name: kind for name, kind in new.items() if name not in old},
        columns_removed={name: kind for name, kind in old.items() if name not in new},
        columns_retyped={
            name: [old[name], kind]
            for name, kind in new.items()
            if name in old and old[name] != kind
        },
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
