"""Plotly figures of what runs came to. Imported only when something is drawn."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from weighbridge.dialects.native import wire

_ROW_PIXELS = 46
_MARGIN_PIXELS = 110


def metrics_figure(metrics: Mapping[str, Sequence[wire.Metric]]) -> go.Figure:
    """Metrics with their intervals as error bars, a colour for each model.

    Args:
        metrics: model (or whatever tells the runs apart) → its metrics. Those without a value are
            left out; their counts are in the report.
    """
    figure = go.Figure()
    rows: set[str] = set()
    for label, found in metrics.items():
        shown = [metric for metric in found if metric.value is not None]
        rows.update(metric.scorer for metric in shown)
        figure.add_trace(
            go.Scatter(
                name=label,
                mode="markers",
                x=[metric.value for metric in shown],
                y=[metric.scorer for metric in shown],
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [_arm(metric.high, metric.value) for metric in shown],
                    "arrayminus": [_arm(metric.value, metric.low) for metric in shown],
                },
                text=[_in_words(metric) for metric in shown],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    figure.update_layout(
        template="plotly_white",
        height=_MARGIN_PIXELS + _ROW_PIXELS * max(1, len(rows)) * max(1, len(metrics)),
        xaxis_title="value, with its interval",
        yaxis={"autorange": "reversed", "type": "category"},
        scattermode="group",
        margin={"l": 10, "r": 10, "t": 30, "b": 40},
    )
    return figure


def differences_figure(comparison: wire.Comparison) -> go.Figure:
    """Differences with their intervals, a row for each pair of runs and scorer, beside the line of
    no difference; those that cannot be told from it are hollow."""
    models = {run.id: f"{run.model} ({run.id[-6:]})" for run in comparison.runs}
    shown = [one for one in comparison.differences if one.difference is not None]
    figure = go.Figure(
        go.Scatter(
            mode="markers",
            x=[one.difference for one in shown],
            y=[f"{one.scorer}: {models[one.b]} - {models[one.a]}" for one in shown],
            marker={
                "size": 9,
                "symbol": ["circle" if one.different else "circle-open" for one in shown],
            },
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [_arm(one.high, one.difference) for one in shown],
                "arrayminus": [_arm(one.difference, one.low) for one in shown],
            },
            text=[
                f"{one.difference:+.3f}, p = {one.p_adjusted}, {one.n} cases, "
                f"{one.up} up, {one.down} down ({one.test})"
                for one in shown
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.add_vline(x=0, line_dash="dot")
    figure.update_layout(
        template="plotly_white",
        height=_MARGIN_PIXELS + _ROW_PIXELS * max(1, len(shown)),
        xaxis_title=f"difference, with its {comparison.level:.0%} interval",
        yaxis={"autorange": "reversed", "type": "category"},
        margin={"l": 10, "r": 10, "t": 30, "b": 40},
    )
    return figure


def _arm(end: float | None, start: float | None) -> float:
    return 0.0 if end is None or start is None else end - start


def _in_words(metric: wire.Metric) -> str:
    words = f"{metric.scorer} {metric.name} {metric.value:.3f}"
    if metric.low is not None and metric.high is not None:
        words += f" [{metric.low:.3f}, {metric.high:.3f}] ({metric.level:.0%}, {metric.method})"
    return (
        f"{words}<br>{metric.n_scored} of {metric.n_total} scored, {metric.n_failed} failed, "
        f"{metric.n_ungraded} ungraded"
    )
