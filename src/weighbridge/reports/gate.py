"""Whether a run holds what a policy asks for, as far as its cases can say.

A limit on a metric is held against the whole interval: `PASS` when all of it lies on the right
side, `FAIL` when all of it lies on the wrong side, `INCONCLUSIVE` when it lies on both. A policy
passes only if every critical check does, so a false `PASS` needs no correction for their number
(an intersection-union test: Berger 1982, Multiparameter hypothesis testing and acceptance sampling,
Technometrics 24); each check is wrong in at most (1 - level) / 2 of runs at the limit.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from weighbridge.core.outcome import Metric
from weighbridge.core.policy import Limit, Mode, Tier, Verdict
from weighbridge.core.scale import UNBOUNDED, Bounds
from weighbridge.reports.comparison import Difference, RunScores
from weighbridge.reports.metrics import MetricKind
from weighbridge.statistics import (
    Interval,
    clustered_mean_interval,
    clustered_proportion_interval,
    mean_interval,
    proportion_interval,
    sample_size_for,
)
from weighbridge.statistics.intervals import STANDARD_NORMAL

MANY_FAILED = 0.05
"""From this share of failed cases on, those that are left do not speak for all."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A number that a limit is held against.

    Attributes:
        value: None when there is none.
        low, high: its interval; None when the data cannot say. A number that is counted, not
            estimated, has no interval (`method` is `counted`).
        level: of the interval. method: how it was made.
        n: cases it rests on.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    method: str = "counted"
    n: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One limit of one rule.

    Attributes:
        rule: 0-based place of the rule in the policy; None for what every run must be.
        metric: key of the scorer; None for what is of the run.
        limit, bound: what was asked for; None for what every run must be.
        measured: what was held against it. For drops and rises, the run less the baseline.
        more_cases: how many more cases would decide it 4 times in 5, if the truth is what was
            measured; None when it is decided, or cannot be by any number.
        reason: the verdict in words.
    """

    rule: int | None
    metric: str | None
    limit: Limit | None
    bound: float | None
    tier: Tier
    verdict: Verdict
    measured: Measured
    more_cases: int | None
    reason: str


def measure(
    scores: RunScores,
    scorer: str,
    kind: MetricKind,
    level: float,
    kept: Metric | None = None,
    bounds: Bounds = UNBOUNDED,
) -> Measured:
    """A metric with its interval at a level, as `reports.metrics` makes it.

    Args:
        kept: the metric as the run's report has it, when no other interval is valid for it (the
            run was stopped by looking at it); its level is then taken.
        bounds: within which the score of a case lies, as `reports.metrics.bounds_of_cases` says.
    """
    if kept is not None:
        return Measured(kept.value, kept.low, kept.high, kept.level, kept.method, n=kept.n_scored)
    scored = scores.states[scorer] == 0
    values = scores.values[scorer][scored]
    clusters = None if scores.clusters is None else scores.clusters[scored]
    n = len(values)
    binary = kind == "accuracy" and bool(np.isin(values, (0.0, 1.0)).all())
    interval: Interval
    if clusters is not None and binary:
        interval = clustered_proportion_interval(values, clusters, level)
    elif clusters is not None:
        interval = clustered_mean_interval(values, clusters, level, bounds)
    elif binary:
        interval = proportion_interval(int(values.sum()), n, level)
    else:
        # Of values that are all the same, numpy's deviation may be a hair more than 0.
        spread = n > 1 and values.min() < values.max()
        sd = float(values.std(ddof=1)) if spread else 0.0
        interval = mean_interval(float(values.mean()) if n else 0.0, sd, n, level, bounds)
    value = float(values.mean()) if n else None
    return Measured(value, interval.low, interval.high, level, interval.method, n)


def measure_difference(difference: Difference) -> Measured:
    """The run less its baseline, where the baseline is the first of the two."""
    paired = difference.paired
    return Measured(
        paired.difference, paired.low, paired.high, paired.level, paired.method, paired.n
    )


def check(
    rule: int,
    metric: str | None,
    limit: Limit,
    bound: float,
    tier: Tier,
    mode: Mode,
    measured: Measured,
) -> Check:
    """Hold a number against a limit."""
    upper = limit is not Limit.MIN and limit is not Limit.MAX_DROP
    border = -bound if limit is Limit.MAX_DROP else bound
    more: int | None = None
    if measured.value is None:
        verdict, reason = Verdict.INCONCLUSIVE, _WITHOUT[limit]
    elif measured.method == "counted" or mode is Mode.POINT:
        right = measured.value <= border if upper else measured.value >= border
        verdict = Verdict.PASS if right else Verdict.FAIL
        reason = "within the limit" if right else "beyond the limit"
    elif measured.low is None or measured.high is None:
        verdict = Verdict.INCONCLUSIVE
        reason = f"{measured.n} cases give no interval"
    else:
        better, worse = (
            (measured.high <= border, measured.low > border)
            if upper
            else (measured.low >= border, measured.high < border)
        )
        if better:
            verdict, reason = Verdict.PASS, "the whole interval is within the limit"
        elif worse:
            verdict, reason = Verdict.FAIL, "the whole interval is beyond the limit"
        else:
            verdict = Verdict.INCONCLUSIVE
            more = _more_cases(measured, border)
            reason = "the interval lies on both sides of the limit" + (
                f"; about {more:,} more cases would decide it, if the truth is as measured"
                if more is not None
                else "; the estimate is at the limit, so that no number of cases may decide it"
            )
    return Check(rule, metric, limit, bound, tier, verdict, measured, more, reason)


def doubted(one: Check, failed: int, cases: int) -> Check:
    """A check of a metric that passes though many of its cases failed: inconclusive, as those may
    be the hard ones.

    Args:
        failed: of the cases that are known; more than `MANY_FAILED` of them are many.
    """
    if one.verdict is not Verdict.PASS or failed <= MANY_FAILED * cases:
        return one
    reason = (
        f"{one.reason}, but {failed:,} of {cases:,} cases failed, and may be the hard ones; a "
        "`max_failed_share` in the policy says how many may"
    )
    return replace(one, verdict=Verdict.INCONCLUSIVE, reason=reason)


def completeness(
    *, succeeded: bool, state: str, reason: str | None, done: int, total: int
) -> Check:
    """What every run must be: at its end. One that was cut short may lack the hard cases, so that
    it cannot pass."""
    why = f" ({reason})" if reason else ""
    return Check(
        rule=None,
        metric=None,
        limit=None,
        bound=None,
        tier=Tier.CRITICAL,
        verdict=Verdict.PASS if succeeded else Verdict.INCONCLUSIVE,
        measured=Measured(done / total if total else None, n=total),
        more_cases=None,
        reason=f"the run is {state}{why}: {done:,} of {total:,} cases are done",
    )


def overall(checks: Sequence[Check]) -> Verdict:
    """The verdict of the gate: of its critical checks, the worst."""
    verdicts = {one.verdict for one in checks if one.tier is Tier.CRITICAL}
    for verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE):
        if verdict in verdicts:
            return verdict
    return Verdict.PASS


_WITHOUT: Mapping[Limit, str] = {
    Limit.MIN: "no case is scored",
    Limit.MAX: "no case is scored",
    Limit.MAX_DROP: "no case is scored in both runs",
    Limit.MAX_RISE: "no case is scored in both runs",
    Limit.MAX_FAILED_SHARE: "no case is done",
    Limit.MAX_COST_USD: "the cost is not known: the model has no price",
    Limit.MAX_LATENCY_S: "there is no answer",
    Limit.MAX_LATENCY_P95_S: "there is no answer",
}


def _more_cases(measured: Measured, border: float) -> int | None:
    """The sample that would show the distance between estimate and limit with 80 % power, less the
    cases there are; the spread is the one that explains the interval's width."""
    if (
        measured.value is None
        or measured.low is None
        or measured.high is None
        or measured.level is None
        or not measured.n
    ):
        return None
    distance = abs(measured.value - border)
    z = STANDARD_NORMAL.inv_cdf((1 + measured.level) / 2)
    sd = (measured.high - measured.low) / 2 / z * math.sqrt(measured.n)
    # With less than that it takes more cases than anybody has.
    if distance < sd / 10_000:
        return None
    needed = sample_size_for(distance, design="one", sd=sd, level=measured.level)
    return max(1, needed - measured.n)
