"""What differs in one file, for people."""

from collections.abc import Mapping

import click
import orjson
from rich.table import Table

from weighbridge.cli.console import add_row, output, table
from weighbridge.cli.words import count, printable
from weighbridge.core.versions import Moved
from weighbridge.dialects.native import wire_repositories as wire

_WIDTH = 60
_SIGNS = {Moved.ADDED: "+", Moved.REMOVED: "-", Moved.CHANGED: "~"}


def print_difference(found: wire.FileDifference) -> None:
    """The rows or lines that differ, on standard output; what there is besides, on standard
    error."""
    if found.rows is not None:
        _print_rows(found.rows)
    elif found.how is None:
        click.echo(f"{found.path} is the same", err=True)
    elif found.lines is None:
        click.echo(f"{found.path} {found.how.value}: it is neither rows nor text", err=True)
    else:
        for line in found.lines:
            click.echo(f"{_SIGNS[line.how] if line.how else ' '} {printable(line.text, 2_000)}")


def _print_rows(rows: wire.RowsChange) -> None:
    by = f"key ({', '.join(rows.keys)})" if rows.keys else rows.align.value
    click.echo(
        f"by {by}: {count(rows.added)} added, {count(rows.removed)} removed, "
        f"{count(rows.changed)} changed, {count(rows.same)} the same",
        err=True,
    )
    for what, columns in (
        ("added", rows.frame.columns_added),
        ("removed", rows.frame.columns_removed),
        ("of another type", rows.frame.columns_retyped),
    ):
        if columns:
            click.echo(f"columns {what}: {', '.join(columns)}", err=True)
    shown = [*rows.changed_rows, *rows.removed_rows, *rows.added_rows]
    if not shown:
        return
    made = table("", "row", "column", "before", "after", numbers=("row",))
    for row in shown:
        _add(made, row)
    output().print(made)


def _add(made: Table, row: wire.RowChange) -> None:
    position = row.position_after if row.position_before is None else row.position_before
    which = ", ".join(_text(value) for value in row.key.values()) or str(position)
    names = row.columns or list(row.after or row.before or {})
    for place, name in enumerate(names):
        add_row(
            made,
            _SIGNS[row.how] if not place else "",
            printable(which, _WIDTH) if not place else "",
            printable(name, _WIDTH),
            _cell(row.before, name),
            _cell(row.after, name),
        )


def _cell(row: Mapping[str, object] | None, name: str) -> str:
    return "" if row is None or name not in row else printable(_text(row[name]), _WIDTH)


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
