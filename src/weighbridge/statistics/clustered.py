"""The interval of a mean when cases share clusters. Loading this loads statsmodels: 2 s of CPU."""

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit
from statsmodels.regression.linear_model import OLS

from weighbridge.core.scale import UNBOUNDED, Bounds
from weighbridge.statistics.arrays import Clusters, Floats, Groups, Values, as_groups, as_values
from weighbridge.statistics.intervals import (
    Interval,
    check_level,
    no_spread_interval,
    proportion_interval,
)


@dataclass(frozen=True, slots=True)
class ClusteredMean:
    """A mean with its cluster-robust standard error.

    Attributes:
        mean, standard_error: of the values.
        df: degrees of freedom of t, clusters - 1.
    """

    mean: float
    standard_error: float
    df: int

    def interval(self, level: float) -> Interval:
        half = float(stdtrit(self.df, (1 + level) / 2)) * self.standard_error
        return Interval(self.mean - half, self.mean + half, "clustered")

    def p_value(self) -> float:
        """Of a mean of 0, two-sided."""
        return float(2 * stdtr(self.df, -abs(self.mean) / self.standard_error))


def clustered_mean(values: Floats, groups: Groups) -> ClusteredMean:
    """The mean of values that are not all the same, in at least two groups numbered from 0.

    Least squares on a constant with the cluster-robust (sandwich) covariance and its small-sample
    factor G / (G - 1) · (n - 1) / (n - k), and t with G - 1 degrees of freedom for G clusters
    (Cameron & Miller 2015, A practitioner's guide to cluster-robust inference).
    """
    fit = OLS(values, np.ones(values.size)).fit(
        cov_type="cluster",
        cov_kwds={"groups": groups, "use_correction": True, "df_correction": True},
        use_t=True,
    )
    return ClusteredMean(float(fit.params[0]), float(fit.bse[0]), int(groups.max()))


def clustered_mean_interval(
    values: Values, clusters: Clusters, level: float = 0.95, bounds: Bounds = UNBOUNDED
) -> Interval:
    """Interval of a mean with standard errors that allow for likeness within clusters.

    By `clustered_mean`. With few clusters (below about 20) it is somewhat too narrow, the more so
    the more they differ in size.

    Args:
        values: one per case, shape (n,), finite. clusters: a whole number for the cluster of each,
            shape (n,). Arrays of numpy or of the standard library.
        level: confidence level, between 0 and 1.
        bounds: of what the values can be; looked at only where they are all the same. It is then
            `no_spread_interval` of as many values as there are clusters: what the cases say if
            those of one cluster never differ.

    Returns:
        the interval; without ends when there are fewer than two clusters, as one says nothing of
        how clusters differ.

    Raises:
        ValueError: `level` out of range, a value that is not finite, or shapes that differ.
    """
    check_level(level)
    measured, groups = _arrays(values, clusters)
    if measured.size == 0 or groups.max() == 0:
        return Interval(None, None, "clustered")
    if measured.min() == measured.max():
        clusters_seen = int(groups.max()) + 1
        return no_spread_interval(float(measured[0]), clusters_seen, bounds, level)
    return clustered_mean(measured, groups).interval(level)


def clustered_proportion_interval(
    values: Values, clusters: Clusters, level: float = 0.95
) -> Interval:
    """`clustered_mean_interval` of values that are 0 or 1, kept within 0 and 1.

    When all values are the same, no spread can be seen and that interval would have no width, which
    claims far too much. It is then Wilson's for as many observations as there are clusters: what
    the cases say if those of one cluster never differ.
    """
    check_level(level)
    measured, groups = _arrays(values, clusters)
    if measured.size and measured.min() == measured.max():
        n_clusters = int(groups.max()) + 1
        wilson = proportion_interval(n_clusters if measured[0] else 0, n_clusters, level)
        return Interval(wilson.low, wilson.high, "clustered")
    interval = clustered_mean_interval(measured, groups, level)
    if interval.low is None or interval.high is None:
        return interval
    return Interval(max(0.0, interval.low), min(1.0, interval.high), "clustered")


def _arrays(values: Values, clusters: Clusters) -> tuple[Floats, Groups]:
    measured = as_values(values)
    return measured, as_groups(clusters, measured.size)
