"""A figure shows each metric where it is, with arms as long as its interval."""

import plotly.graph_objects as go
import pytest

from weighbridge.dialects.native import wire
from weighbridge.sdk.figures import metrics_figure


def metric(scorer: str, value: float | None, low: float | None, high: float | None) -> wire.Metric:
    return wire.Metric(
        name="accuracy", scorer=scorer, value=value, low=low, high=high, level=0.95,
        method="wilson", n_scored=8, n_total=10, n_failed=1, n_ungraded=1,
    )  # fmt: skip


def test_each_metric_stands_at_its_value_with_its_interval() -> None:
    figure = metrics_figure(
        {
            "house": [metric("exact", 0.5, 0.4, 0.7), metric("f1", None, None, None)],
            "other": [metric("exact", 1.0, None, None)],
        }
    )
    assert isinstance(figure, go.Figure)
    house, other = figure.data
    assert (house.name, list(house.x), list(house.y)) == ("house", [0.5], ["exact"])
    assert house.error_x.array[0] == pytest.approx(0.2)
    assert house.error_x.arrayminus[0] == pytest.approx(0.1)
    assert "8 of 10 scored, 1 failed, 1 ungraded" in house.text[0]
    assert "[0.400, 0.700]" in house.text[0]
    assert list(other.error_x.array) == [0.0]
    assert figure.to_json()
