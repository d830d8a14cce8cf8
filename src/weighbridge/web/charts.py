"""Figures on pages: Plotly's, made in Python, each with its numbers in a table behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from markupsafe import Markup

if TYPE_CHECKING:
    import plotly.graph_objects as go

Cell: TypeAlias = str | int | float | None


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure as a page shows it.

    Attributes:
        caption: what it shows, in a sentence: it is read out in its place, too.
        figure: drawn by the script.
        columns, rows: its numbers.
    """

    caption: str
    figure: "go.Figure"
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Cell]]


def in_page(figure: "go.Figure") -> Markup:
    """The figure as JSON that can stand in a page's data block, whatever names are in it."""
    text = figure.to_json()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 (nothing of it can end the block)
