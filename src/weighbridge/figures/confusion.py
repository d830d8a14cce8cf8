"""What was taken for what: expected labels against those that were given."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from weighbridge.figures.style import TEMPLATE

MOST_LABELS = 25
"""Labels that the picture has; of more, the most frequent."""

_CELL_PIXELS = 34
_MARGIN_PIXELS = 130


def confusion_figure(
    confusion: Mapping[str, Mapping[str, int]],
    *,
    labels: Sequence[str] | None = None,
    rows: str = "expected",
    columns: str = "given",
) -> go.Figure:
    """A heat map, a row for each expected label. A cell's colour is its share of its row, so that a
    rare label is seen as well as a frequent one; the count stands in it.

    Args:
        confusion: expected → given → how often.
        labels: in their order; None: as `labels_of` has them.
        rows, columns: what those of the rows are called, and those of the columns.
    """
    shown = (labels_of(confusion) if labels is None else labels)[:MOST_LABELS]
    counts = [[confusion.get(row, {}).get(it, 0) for it in shown] for row in shown]
    shares = []
    for row, cells in zip(shown, counts, strict=True):
        total = sum(confusion.get(row, {}).values())
        shares.append([cell / total if total else 0.0 for cell in cells])
    figure = go.Figure(
        go.Heatmap(
            x=shown,
            y=shown,
            z=shares,
            customdata=counts,
            hovertemplate=(
                f"{rows} %{{y}}, {columns} %{{x}}: %{{customdata}} (%{{z:.0%}} of these)"
                "<extra></extra>"
            ),
            zmin=0,
            zmax=1,
            xgap=2,
            ygap=2,
            colorscale=[[0, "rgba(47,127,209,0.06)"], [1, "rgba(47,127,209,0.7)"]],
            showscale=False,
        )
    )
    for row, cells in zip(shown, counts, strict=True):
        for given, cell in zip(shown, cells, strict=True):
            if cell:  # an annotation, as its colour is that of the page's text, light or dark
                figure.add_annotation(x=given, y=row, text=f"{cell:,}", showarrow=False)
    figure.update_layout(
        template=TEMPLATE,
        height=_MARGIN_PIXELS + _CELL_PIXELS * max(2, len(shown)),
        xaxis={"title": columns, "type": "category", "automargin": True, "showgrid": False},
        yaxis={
            "title": rows,
            "type": "category",
            "autorange": "reversed",
            "automargin": True,
            "showgrid": False,
        },
        margin={"l": 10, "r": 10, "t": 20, "b": 50},
    )
    return figure


def labels_of(confusion: Mapping[str, Mapping[str, int]]) -> list[str]:
    """All labels, expected and given: of up to `MOST_LABELS` in the order of the alphabet, else the
    most frequent first."""
    times: dict[str, int] = {}
    for expected, given in confusion.items():
        times[expected] = times.get(expected, 0) + sum(given.values())
        for label, number in given.items():
            times[label] = times.get(label, 0) + number
    if len(times) <= MOST_LABELS:
        return sorted(times)
    return sorted(times, key=lambda label: (-times[label], label))
