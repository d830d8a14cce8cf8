"""Consoles and tables. Data goes to stdout, and everything about the work to stderr."""

import sys
from collections.abc import Iterable
from typing import IO

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

_WIDTH_OF_A_FILE = 400  # wide enough for any table of ours not to be cut when it is piped


def output() -> Console:
    """The console for data: stdout. Colours on a terminal only, and none when `NO_COLOR` is set."""
    return _console(sys.stdout)


def remarks() -> Console:
    """The console for everything else: stderr."""
    return _console(sys.stderr)


def _console(file: IO[str]) -> Console:
    width = None if file.isatty() else _WIDTH_OF_A_FILE
    return Console(file=file, width=width, highlight=False, markup=False, emoji=False)


def table(*columns: str, numbers: Iterable[str] = (), title: str | None = None) -> Table:
    """An empty table in our style.

    Args:
        columns: the headings. numbers: those of them that are set to the right.
    """
    right = set(numbers)
    made = Table(
        box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False
    )
    for column in columns:
        made.add_column(
            column, justify="right" if column in right else "left", no_wrap=column in right
        )
    return made


def add_row(to: Table, *cells: object) -> None:
    """A row of plain values; None is a dash."""
    to.add_row(*(Text("–" if cell is None else str(cell)) for cell in cells))
