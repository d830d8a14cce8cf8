"""A limit is held against the whole interval; what the data cannot decide is not decided."""

import numpy as np
import pytest

from weighbridge.core.outcome import Metric, Scored, Status
from weighbridge.core.policy import Limit, Mode, Tier, Verdict
from weighbridge.reports.comparison import RunScores, RunScoresBuilder
from weighbridge.reports.gate import Check, Measured, check, completeness, measure, overall
from weighbridge.reports.metrics import MetricsBuilder


def held(limit: Limit, bound: float, *numbers: float, mode: Mode = Mode.INTERVAL) -> Check:
    value, low, high = numbers
    measured = Measured(value, low, high, 0.95, "wilson", 100)
    return check(0, "s", limit, bound, Tier.CRITICAL, mode, measured)


@pytest.mark.parametrize(
    ("limit", "bound", "interval", "verdict"),
    [
        (Limit.MIN, 0.8, (0.85, 0.80, 0.90), Verdict.PASS),
        (Limit.MIN, 0.8, (0.85, 0.79, 0.90), Verdict.INCONCLUSIVE),
        (Limit.MIN, 0.8, (0.75, 0.70, 0.80), Verdict.INCONCLUSIVE),
        (Limit.MIN, 0.8, (0.75, 0.70, 0.799), Verdict.FAIL),
        (Limit.MAX, 0.1, (0.05, 0.01, 0.10), Verdict.PASS),
        (Limit.MAX, 0.1, (0.05, 0.01, 0.11), Verdict.INCONCLUSIVE),
        (Limit.MAX, 0.1, (0.20, 0.11, 0.30), Verdict.FAIL),
        (Limit.MAX_DROP, 0.02, (0.00, -0.02, 0.02), Verdict.PASS),
        (Limit.MAX_DROP, 0.02, (0.00, -0.03, 0.03), Verdict.INCONCLUSIVE),
        (Limit.MAX_DROP, 0.02, (-0.05, -0.08, -0.03), Verdict.FAIL),
        (Limit.MAX_DROP, 0.0, (0.05, 0.01, 0.09), Verdict.PASS),
        (Limit.MAX_RISE, 0.02, (0.00, -0.03, 0.02), Verdict.PASS),
        (Limit.MAX_RISE, 0.02, (0.05, 0.03, 0.07), Verdict.FAIL),
    ],
)
def test_the_whole_interval_decides(
    limit: Limit, bound: float, interval: tuple[float, float, float], verdict: Verdict
) -> None:
    assert held(limit, bound, *interval).verdict is verdict


def test_three_perfect_scores_decide_nothing() -> None:
    builder = RunScoresBuilder(["s"])
    for position in range(3):
        builder.add(position, f"c{position}", None, None, [0.7])
    scores = builder.finish()
    measured = measure(scores, "s", "mean", 0.95, bounds=(0.0, 1.0))
    held_ = check(0, "s", Limit.MIN, 0.6, Tier.CRITICAL, Mode.INTERVAL, measured)
    assert held_.verdict is Verdict.INCONCLUSIVE
    assert held_.more_cases is not None
    unknown = measure(scores, "s", "mean", 0.95)
    none = check(0, "s", Limit.MIN, 0.6, Tier.CRITICAL, Mode.INTERVAL, unknown)
    assert (none.verdict, none.reason) == (Verdict.INCONCLUSIVE, "3 cases give no interval")


def test_in_the_mode_point_the_estimate_decides() -> None:
    assert held(Limit.MIN, 0.8, 0.85, 0.7, 0.9, mode=Mode.POINT).verdict is Verdict.PASS
    assert held(Limit.MIN, 0.8, 0.75, 0.7, 0.9, mode=Mode.POINT).verdict is Verdict.FAIL
    assert held(Limit.MAX_DROP, 0.1, -0.2, -0.9, 0.9, mode=Mode.POINT).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("limit", "value", "verdict"),
    [
        (Limit.MAX_COST_USD, 5.0, Verdict.PASS),
        (Limit.MAX_COST_USD, 5.01, Verdict.FAIL),
        (Limit.MAX_COST_USD, None, Verdict.INCONCLUSIVE),
        (Limit.MAX_FAILED_SHARE, None, Verdict.INCONCLUSIVE),
    ],
)
def test_what_is_counted_needs_no_interval(
    limit: Limit, value: float | None, verdict: Verdict
) -> None:
    found = check(0, None, limit, 5.0, Tier.CRITICAL, Mode.INTERVAL, Measured(value))
    assert found.verdict is verdict
    assert found.reason


def test_without_a_value_or_an_interval_nothing_is_decided() -> None:
    for measured in (Measured(None, method="t", n=0), Measured(1.0, method="t", n=1)):
        found = check(0, "s", Limit.MIN, 0.5, Tier.CRITICAL, Mode.INTERVAL, measured)
        assert found.verdict is Verdict.INCONCLUSIVE


def run_of(values: list[float | Status]) -> RunScores:
    builder = RunScoresBuilder(["s"])
    for position, value in enumerate(values):
        builder.add(position, str(position), None, None, [value])
    return builder.finish()


def test_as_many_more_cases_as_it_says_decide_it_4_times_in_5() -> None:
    chance = np.random.default_rng(1)
    small = run_of([float(i < 85) for i in range(100)])
    first = check(
        0, "s", Limit.MIN, 0.8, Tier.CRITICAL, Mode.INTERVAL, measure(small, "s", "accuracy", 0.95)
    )
    assert first.verdict is Verdict.INCONCLUSIVE
    assert first.more_cases is not None
    n = 100 + first.more_cases
    decided = 0
    for _ in range(400):
        right = int(chance.binomial(n, 0.85))
        run = Measured(right / n, *_wilson(right, n), 0.95, "wilson", n)
        decided += (
            check(0, "s", Limit.MIN, 0.8, Tier.CRITICAL, Mode.INTERVAL, run).verdict is Verdict.PASS
        )
    assert 0.72 < decided / 400 < 0.88


def _wilson(right: int, n: int) -> tuple[float, float]:
    builder = measure(run_of([1.0] * right + [0.0] * (n - right)), "s", "accuracy", 0.95)
    assert builder.low is not None
    assert builder.high is not None
    return builder.low, builder.high


def test_an_estimate_at_the_limit_is_decided_by_no_number() -> None:
    assert held(Limit.MIN, 0.8, 0.8, 0.7, 0.9).more_cases is None


@pytest.mark.parametrize("kind", ["accuracy", "mean"])
@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize(
    "values", [[1.0, 0.0, 1.0, 1.0, 0.0, 1.0], [0.5, 0.25, 1.0, 0.0, 1.0, 0.7]]
)
def test_a_metric_is_measured_as_the_report_measures_it(
    kind: str, clustered: bool, values: list[float]
) -> None:
    scores = RunScoresBuilder(["s"], clustered=clustered)
    report = MetricsBuilder({"s": kind}, total_cases=6, level=0.9, clustered=clustered)  # type: ignore[dict-item]
    for position, value in enumerate(values):
        cluster = str(position // 2)
        scores.add(position, str(position), cluster, None, [value])
        report.add(position, 0, Status.SCORED, {"s": Scored(value)}, cluster)
    [metric] = report.finish()
    found = measure(scores.finish(), "s", kind, 0.9)  # type: ignore[arg-type]
    assert (found.value, found.low, found.high) == pytest.approx(
        (metric.value, metric.low, metric.high)
    )
    assert (found.method, found.n) == (metric.method, metric.n_scored)


def test_a_metric_that_was_looked_at_until_narrow_keeps_its_interval() -> None:
    kept = Metric("accuracy", "s", 0.8, 0.75, 0.85, 0.95, "sequential", 500, 900, 0, 0)
    assert measure(run_of([1.0]), "s", "accuracy", 0.99, kept) == Measured(
        0.8, 0.75, 0.85, 0.95, "sequential", 500
    )


def test_the_worst_critical_check_is_the_verdict() -> None:
    def one(verdict: Verdict, tier: Tier = Tier.CRITICAL) -> Check:
        return Check(0, "s", Limit.MIN, 0.5, tier, verdict, Measured(0.5), None, "")

    passed, failed, open_ = (one(verdict) for verdict in Verdict)
    assert overall([passed]) is Verdict.PASS
    assert overall([passed, open_]) is Verdict.INCONCLUSIVE
    assert overall([open_, failed, passed]) is Verdict.FAIL
    advisory = [one(Verdict.FAIL, Tier.ADVISORY), one(Verdict.INCONCLUSIVE, Tier.ADVISORY)]
    assert overall([passed, *advisory]) is Verdict.PASS


def test_a_run_that_was_cut_short_cannot_pass() -> None:
    whole = completeness(succeeded=True, state="succeeded", reason=None, done=9, total=9)
    cut = completeness(succeeded=False, state="cancelled", reason="budget", done=5, total=9)
    assert (whole.verdict, cut.verdict) == (Verdict.PASS, Verdict.INCONCLUSIVE)
    assert "cancelled (budget): 5 of 9 cases" in cut.reason
