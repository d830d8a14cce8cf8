"""Axes on which metrics are drawn."""

from collections.abc import Sequence

from weighbridge.core.outcome import Metric


def axis_of(metrics: Sequence[Metric]) -> tuple[float, float]:
    """The ends of an axis on which metrics stand: 0 to 1 for rates."""
    ends = [end for it in metrics for end in (it.value, it.low, it.high) if end is not None]
    least, most = min(ends, default=0.0), max(ends, default=1.0)
    if least < 0:
        return min(least, -1.0), max(most, 1.0)
    return 0.0, 1.0 if most <= 1 else 100.0 if most <= 100 else most
