"""Estimates with their intervals, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from weighbridge.figures.style import TEMPLATE

ROW_PIXELS = 46
MARGIN_PIXELS = 110


@dataclass(frozen=True, slots=True)
class Point:
    """One estimate.

    Attributes:
        label: its row.
        low, high: of the interval; None: there is none.
        text: all that is to know of it, when it is pointed at.
        hollow: drawn as one that shows nothing.
    """

    label: str
    value: float
    low: float | None
    high: float | None
    text: str
    hollow: bool = False


def intervals_figure(
    series: Sequence[tuple[str, Sequence[Point]]], *, axis: str, zero: bool = False
) -> go.Figure:
    """Rows of points with error bars, a colour for each series.

    Args:
        series: name → its points.
        axis: what the values are.
        zero: with a line where there is no difference.
    """
    figure = go.Figure()
    rows: set[str] = set()
    for name, points in series:
        rows.update(point.label for point in points)
        figure.add_trace(
            go.Scatter(
                name=name,
                mode="markers",
                x=[point.value for point in points],
                y=[point.label for point in points],
                marker={
                    "size": 9,
                    "symbol": ["circle-open" if it.hollow else "circle" for it in points],
                },
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [_arm(point.high, point.value) for point in points],
                    "arrayminus": [_arm(point.value, point.low) for point in points],
                },
                text=[point.text for point in points],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    if zero:
        figure.add_vline(x=0, line_dash="dot")
    figure.update_layout(
        template=TEMPLATE,
        height=MARGIN_PIXELS + ROW_PIXELS * max(1, len(rows)) * max(1, len(series)),
        xaxis_title=axis,
        yaxis={"autorange": "reversed", "type": "category", "automargin": True},
        scattermode="group",
        margin={"l": 10, "r": 10, "t": 30, "b": 40},
    )
    return figure


def _arm(end: float | None, start: float | None) -> float:
    return 0.0 if end is None or start is None else end - start
