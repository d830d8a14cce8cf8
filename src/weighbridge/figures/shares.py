"""How often the values of a property occur: as asked for, as drawn, and as seen."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from weighbridge.figures.style import TEMPLATE

_BAR_PIXELS = 18
_MARGIN_PIXELS = 90


def shares_figure(series: Sequence[tuple[str, Mapping[str, float]]]) -> go.Figure:
    """Bars of percentages, a group for each value.

    Args:
        series: name → value → percent. Values come in the order in which they are first met.
    """
    values = list(dict.fromkeys(value for _, shares in series for value in shares))
    figure = go.Figure()
    for name, shares in series:
        figure.add_trace(
            go.Bar(
                name=name,
                orientation="h",
                y=values,
                x=[shares.get(value, 0.0) for value in values],
                hovertemplate="%{y}: %{x:.1f} %<extra>" + name + "</extra>",
            )
        )
    figure.update_layout(
        template=TEMPLATE,
        barmode="group",
        height=_MARGIN_PIXELS + _BAR_PIXELS * max(1, len(values)) * max(1, len(series)),
        xaxis={"title": "per cent", "range": [0, 100]},
        yaxis={"autorange": "reversed", "type": "category", "automargin": True},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        margin={"l": 10, "r": 10, "t": 30, "b": 40},
    )
    return figure
