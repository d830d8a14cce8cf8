"""What differs in a file, as the official client reads it (`DiffEntry`).

The client tells what a `diff` is by its fields: `tabular` is one of rows, `lines` one of a text.
It knows no rows that changed: where rows are not brought together by key or position, a row that
changed was removed and another one added. `num_modified_rows` and `modified_rows` are ours.
"""

from collections.abc import Sequence
from typing import Any

from weighbridge.core.differences import (
    ColumnChanges,
    FileDifference,
    FrameDifference,
    Line,
    RowChange,
)
from weighbridge.core.json import JsonObject
from weighbridge.core.versions import Commit, Entry, FrameShape, Located, Moved
from weighbridge.dialects.oxen import wire
from weighbridge.dialects.oxen.frames import schema

_STATUS = {Moved.ADDED: "added", Moved.REMOVED: "removed", Moved.CHANGED: "modified"}
_LINE = {Moved.ADDED: "Added", Moved.REMOVED: "Removed", None: "Unchanged"}


def entry(
    before: Entry | None, after: Entry | None, how: Moved | None, base: Commit, head: Commit
) -> dict[str, Any]:
    """A file on both sides, without what differs in it."""
    shown = after or before
    assert shown is not None  # noqa: S101 (one side has it)
    at_base = Located(None, base, shown.path)
    at_head = Located(None, head, shown.path)
    return {
        "status": _STATUS[how] if how else "unchanged",
        "data_type": wire.data_type(shown.path),
        "filename": shown.path,
        "is_dir": False,
        "size": shown.size,
        "base_resource": wire.resource(at_base, shown.path) if before else None,
        "head_resource": wire.resource(at_head, shown.path) if after else None,
        "base_entry": wire.entry(before, None, at_base) if before else None,
        "head_entry": wire.entry(after, None, at_head) if after else None,
        "diff_summary": None,
        "diff": None,
    }


def file_difference(it: FileDifference, base: Commit, head: Commit) -> dict[str, Any]:
    """A file and what differs in it."""
    told = entry(it.before, it.after, it.how, base, head)
    if it.rows is not None:
        summary = _summary(it.rows)
        told["data_type"] = "tabular"
        told["diff_summary"] = {"tabular": summary}
        told["diff"] = {"tabular": {"summary": summary, **_rows(it.rows)}}
    elif it.lines is not None:
        told["data_type"] = "text"
        told["diff"] = _lines(it.lines, it.before, it.after)
    elif told["data_type"] in {"tabular", "text"}:
        told["data_type"] = "binary"  # whatever it is called
    return told


def shape_summary(
    before: FrameShape | None, after: FrameShape | None, columns: ColumnChanges
) -> dict[str, Any]:
    """What the shapes of two files of rows say, without a look at the rows."""
    more = (after.rows if after else 0) - (before.rows if before else 0)
    return {
        "num_added_rows": max(0, more),
        "num_removed_rows": max(0, -more),
        **_columns(columns),
    }


def _summary(it: FrameDifference) -> dict[str, Any]:
    return {
        "num_added_rows": it.added,
        "num_removed_rows": it.removed,
        "num_modified_rows": it.changed,
        **_columns(it.columns),
    }


def _columns(it: ColumnChanges) -> dict[str, Any]:
    return {
        "num_added_cols": len(it.added),
        "num_removed_cols": len(it.removed),
        "schema_has_changed": bool(it),
    }


def _rows(it: FrameDifference) -> dict[str, Any]:
    return {
        "base_schema": schema(it.before.columns) if it.before else None,
        "head_schema": schema(it.after.columns) if it.after else None,
        "added_rows": _frame(it.after, [row.after for row in it.added_rows], it.added),
        "removed_rows": _frame(it.before, [row.before for row in it.removed_rows], it.removed),
        "modified_rows": [_changed(row) for row in it.changed_rows],
        "retyped_cols": [
            {"name": name, "base": before, "head": after}
            for name, (before, after) in it.columns.retyped.items()
        ],
        "keys": it.keys,
        "align": it.align,
    }


def _frame(
    shape: FrameShape | None, rows: Sequence[JsonObject | None], total: int
) -> dict[str, Any] | None:
    if shape is None:
        return None
    columns = schema(shape.columns)
    width = len(shape.columns)
    return {
        "schema": columns,
        "view_schema": columns,
        "view_size": {"height": len(rows), "width": width},
        "full_size": {"height": total, "width": width},
        "data": rows,
    }


def _changed(it: RowChange) -> dict[str, Any]:
    return {
        "key": it.key,
        "base_row": it.before_at,
        "head_row": it.after_at,
        "columns": it.columns,
        "base": it.before,
        "head": it.after,
    }


def _lines(lines: Sequence[Line], before: Entry | None, after: Entry | None) -> dict[str, Any]:
    return {
        "lines": [{"modification": _LINE[line.how], "text": line.text} for line in lines],
        "filename1": before.path if before else None,
        "filename2": after.path if after else None,
    }
