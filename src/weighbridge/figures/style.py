"""How figures look: colours that stay apart for the colour-blind, and nothing that is not data."""

import plotly.graph_objects as go
import plotly.io as pio

COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8a6d3b", "#7f7f7f")
"""Okabe and Ito (2008, Color Universal Design), without yellow and black, which one of the two
backgrounds swallows."""
TEMPLATE = "weighbridge"
"""The name of the template that every figure has."""

_GRID = "#d8dce0"
_AXIS = {
    "gridcolor": _GRID,
    "linecolor": _GRID,
    "zerolinecolor": _GRID,
    "automargin": True,
    "ticks": "",
}

pio.templates[TEMPLATE] = go.layout.Template(
    layout={
        "colorway": list(COLOURS),
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "font": {"size": 13, "color": "#1b1f23"},
        "hoverlabel": {"align": "left"},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "colorscale": {
            "sequential": [[0, "#eef4f9"], [1, "#0072b2"]],
            "diverging": [[0, "#d55e00"], [0.5, "#f2f2f2"], [1, "#0072b2"]],
        },
    }
)
