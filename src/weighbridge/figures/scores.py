"""The scores of two runs on the same cases: together, and how far they are apart."""

import math
from collections.abc import Sequence
from itertools import pairwise

import plotly.graph_objects as go

from weighbridge.figures.style import TEMPLATE

_HEIGHT = 340
_LOW_HEIGHT = 280


def scatter_figure(
    points: Sequence[tuple[int, float, float]], *, axes: tuple[str, str], least: float, most: float
) -> go.Figure:
    """A point for each case, beside the line on which nothing changes.

    Args:
        points: (position of the case, score in the baseline, score in the other run).
        axes: what is along the bottom and up the side.
        least, most: ends of both axes.
    """
    figure = go.Figure(
        go.Scatter(
            mode="markers",
            x=[x for _, x, _ in points],
            y=[y for _, _, y in points],
            marker={"size": 7, "opacity": 0.5},
            text=[f"case {position}: {x:.3f}, then {y:.3f}" for position, x, y in points],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    return _squared(figure, axes, least, most)


def heat_figure(
    bins: Sequence[Sequence[int]],
    edges: tuple[Sequence[float], Sequence[float]],
    *,
    axes: tuple[str, str],
) -> go.Figure:
    """How many cases there are at each pair of scores, the more the darker.

    The line is that on which nothing changes.

    Args:
        bins: cases, a row for each bin of the other run; the baseline's run along it.
        edges: of the baseline's bins, and of the other run's.
    """
    along, up = (_middles(it) for it in edges)
    found = [
        (x, y, n)
        for y, row in zip(up, bins, strict=True)
        for x, n in zip(along, row, strict=True)
        if n
    ]
    most = math.log1p(max((n for _, _, n in found), default=1))
    # Not a heat map of Plotly's: that one is painted with inline styles, which pages forbid. And
    # shades of one colour can be told from paper of any.
    figure = go.Figure(
        go.Scatter(
            mode="markers",
            x=[x for x, _, _ in found],
            y=[y for _, y, _ in found],
            marker={
                "symbol": "square",
                "size": 6,
                "opacity": [0.15 + 0.85 * math.log1p(n) / most for _, _, n in found],
            },
            text=[f"{x:.3f}, then {y:.3f}: {n:,} cases" for x, y, n in found],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    return _squared(figure, axes, edges[0][0], edges[0][-1])


def histogram_figure(bins: Sequence[tuple[float, float, int]], *, axis: str) -> go.Figure:
    """How many cases changed by how much.

    Args:
        bins: (least, greatest, cases), ascending.
        axis: what the changes are.
    """
    figure = go.Figure(
        go.Bar(
            x=[(low + high) / 2 for low, high, _ in bins],
            y=[count for _, _, count in bins],
            width=[high - low for low, high, _ in bins],
            text=[f"{low:+.3f} to {high:+.3f}: {count} cases" for low, high, count in bins],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line_dash="dot")
    figure.update_layout(
        template=TEMPLATE,
        height=_LOW_HEIGHT,
        xaxis_title=axis,
        yaxis_title="cases",
        bargap=0,
        margin={"l": 10, "r": 10, "t": 20, "b": 40},
    )
    return figure


def _squared(figure: go.Figure, axes: tuple[str, str], least: float, most: float) -> go.Figure:
    room = (most - least) * 0.04 or 0.5
    ends = [least - room, most + room]
    figure.add_shape(type="line", x0=ends[0], y0=ends[0], x1=ends[1], y1=ends[1], line_dash="dot")
    figure.update_layout(
        template=TEMPLATE,
        height=_HEIGHT,
        xaxis={"title": axes[0], "range": ends},
        yaxis={"title": axes[1], "range": ends},
        showlegend=False,
        margin={"l": 10, "r": 10, "t": 20, "b": 40},
    )
    return figure


def _middles(edges: Sequence[float]) -> list[float]:
    return [(low + high) / 2 for low, high in pairwise(edges)]
