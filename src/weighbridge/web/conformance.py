"""How samples conform, in figures: on pages, and in reports."""

from collections.abc import Mapping
from typing import Any

from weighbridge.figures.shares import shares_figure
from weighbridge.web.charts import Chart

DRAWN = 20
"""Properties that get a figure each; the numbers of the others are in a table."""
_SERIES = (("requested", "asked for"), ("expected", "drawn"), ("evaluated", "seen"))


def conformance_charts(result: Mapping[str, Any]) -> dict[str, Chart]:
    """Property → a figure of how frequent its values were asked for, drawn and seen."""
    charts = {}
    for prop in result["properties"][:DRAWN]:
        series = [(word, prop[key]) for key, word in _SERIES]
        values = list(dict.fromkeys(value for _, shares in series for value in shares))
        charts[prop["name"]] = Chart(
            f"{prop['name']}: per cent of samples",
            shares_figure(series),
            ("value", *(word for word, _ in series)),
            [[value, *(shares.get(value, 0.0) for _, shares in series)] for value in values],
        )
    return charts
