"""Intervals. Proportions cost nothing to import; what needs scipy or statsmodels is loaded when it
is first asked for, because scipy takes half a second of CPU and statsmodels two, and a run of ten
thousand cases takes five in all. This is the one place that does so."""

import importlib
from typing import TYPE_CHECKING

from weighbridge.statistics.intervals import Interval, proportion_interval

if TYPE_CHECKING:
    from weighbridge.statistics.clustered import Clusters, Values

__all__ = [
    "Interval",
    "clustered_mean_interval",
    "clustered_proportion_interval",
    "mean_interval",
    "proportion_interval",
]


def mean_interval(mean: float, sd: float, n: int, level: float = 0.95) -> Interval:
    """`statistics.means.mean_interval`, which loads scipy."""
    means = importlib.import_module("weighbridge.statistics.means")
    interval: Interval = means.mean_interval(mean, sd, n, level)
    return interval


def clustered_mean_interval(
    values: "Values", clusters: "Clusters", level: float = 0.95
) -> Interval:
    """`statistics.clustered.clustered_mean_interval`, which loads statsmodels."""
    clustered = importlib.import_module("weighbridge.statistics.clustered")
    interval: Interval = clustered.clustered_mean_interval(values, clusters, level)
    return interval


def clustered_proportion_interval(
    values: "Values", clusters: "Clusters", level: float = 0.95
) -> Interval:
    """`statistics.clustered.clustered_proportion_interval`, which loads statsmodels."""
    clustered = importlib.import_module("weighbridge.statistics.clustered")
    interval: Interval = clustered.clustered_proportion_interval(values, clusters, level)
    return interval
