"""How many passed, group by group, each with its interval."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from weighbridge.figures.style import TEMPLATE

_ROW_PIXELS = 30
_MARGIN_PIXELS = 80
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class GroupRate:
    """A group, and how many of it passed.

    Attributes:
        rate, low, high: 0 to 1; None where nothing was scored.
    """

    label: str
    rate: float | None
    low: float | None
    high: float | None
    n_passed: int
    n_scored: int


def pass_rates_figure(groups: Sequence[GroupRate], overall: float | None) -> go.Figure:
    """A row for each group with a point and its interval, the first on top.

    Args:
        overall: of all groups together, drawn as a line; None: without.
    """
    shown = [it for it in groups if it.rate is not None]
    figure = go.Figure(
        go.Scatter(
            mode="markers",
            x=[it.rate for it in shown],
            y=[label_of(it.label) for it in shown],
            marker={"size": 9},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [_arm(it.rate, it.high) for it in shown],
                "arrayminus": [_arm(it.low, it.rate) for it in shown],
            },
            text=[_told(it) for it in shown],
            hovertemplate="%{text}<extra></extra>",
            cliponaxis=False,
        )
    )
    if overall is not None:
        figure.add_vline(x=overall, line_dash="dot", line_color="#8a8f95")
    figure.update_layout(
        template=TEMPLATE,
        height=_MARGIN_PIXELS + _ROW_PIXELS * max(1, len(shown)),
        xaxis={"title": "passed", "range": [-0.02, 1.02], "tickformat": ".0%"},
        yaxis={"autorange": "reversed", "type": "category", "automargin": True},
        margin={"l": 10, "r": 20, "t": 10, "b": 40},
        showlegend=False,
    )
    return figure


def label_of(text: str) -> str:
    """A name that anybody may have written, as a label: short, in one line, and without what the
    drawing script would take for its own marks."""
    line = "".join(it if it.isprintable() else "\N{REPLACEMENT CHARACTER}" for it in text)
    return html.escape(line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…", quote=False)


def _told(it: GroupRate) -> str:
    between = "" if it.low is None else f", interval {it.low:.1%} to {it.high:.1%}"
    return (
        f"{label_of(it.label)}: {it.n_passed:,} of {it.n_scored:,} passed ({it.rate:.1%}{between})"
    )


def _arm(start: float | None, end: float | None) -> float:
    return 0.0 if start is None or end is None else max(0.0, end - start)
