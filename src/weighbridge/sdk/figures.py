"""Plotly figures of what runs came to. Imported only when something is drawn."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from weighbridge.dialects.native import wire
from weighbridge.figures.intervals import Point, intervals_figure


def metrics_figure(metrics: Mapping[str, Sequence[wire.Metric]]) -> go.Figure:
    """Metrics with their intervals as error bars, a colour for each model.

    Args:
        metrics: model (or whatever tells the runs apart) → its metrics. Those without a value are
            left out; their counts are in the report.
    """
    series = [
        (
            label,
            [
                Point(it.scorer, it.value, it.low, it.high, _in_words(it))
                for it in found
                if it.value is not None
            ],
        )
        for label, found in metrics.items()
    ]
    return intervals_figure(series, axis="value, with its interval")


def differences_figure(comparison: wire.Comparison) -> go.Figure:
    """Differences with their intervals, a row for each pair of runs and scorer, beside the line of
    no difference; those that cannot be told from it are hollow."""
    models = {run.id: f"{run.model} ({run.id[-6:]})" for run in comparison.runs}
    points = [
        Point(
            f"{one.scorer}: {models[one.b]} - {models[one.a]}",
            one.difference,
            one.low,
            one.high,
            f"{one.difference:+.3f}, p = {one.p_adjusted}, {one.n} cases, "
            f"{one.up} up, {one.down} down ({one.test})",
            hollow=not one.different,
        )
        for one in comparison.differences
        if one.difference is not None
    ]
    axis = f"difference, with its {comparison.level:.0%} interval"
    return intervals_figure([("", points)], axis=axis, zero=True)


def _in_words(metric: wire.Metric) -> str:
    words = f"{metric.scorer} {metric.name} {metric.value:.3f}"
    if metric.low is not None and metric.high is not None:
        words += f" [{metric.low:.3f}, {metric.high:.3f}] ({metric.level:.0%}, {metric.method})"
    return (
        f"{words}<br>{metric.n_scored} of {metric.n_total} scored, {metric.n_failed} failed, "
        f"{metric.n_ungraded} ungraded"
    )
