"""Counts always add up, failures never count as wrong, and repeats become one score a case."""

import math
import statistics
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.evaluation import Precision, Reducer
from weighbridge.core.outcome import Failed, Metric, Outcome, Scored, Status, Ungraded
from weighbridge.reports.metrics import MetricsBuilder, reduce_scores
from weighbridge.reports.precision import sequence_for
from weighbridge.statistics import mean_interval, proportion_interval

FAILED = Failed("timeout", "too slow")
UNGRADED = Ungraded("no reference")

outcomes = st.sampled_from([Scored(0.0), Scored(1.0), Scored(0.25), UNGRADED, FAILED, None])


def metric_of(scores: list[list[Outcome | None]], kind: Any = "accuracy", **options: Any) -> Metric:
    """The metric of cases given as lists of epochs; None: the answer failed."""
    epochs = max((len(case) for case in scores), default=1) or 1
    builder = MetricsBuilder(
        {"s": kind}, **{"epochs": epochs, "total_cases": len(scores), **options}
    )
    for position, case in enumerate(scores):
        for epoch, outcome in enumerate(case):
            if outcome is None:
                builder.add(position, epoch, Status.FAILED, None)
            else:
                builder.add(position, epoch, Status.SCORED, {"s": outcome})
    (metric,) = builder.finish()
    return metric


def test_zeros_and_ones_are_an_accuracy_with_wilsons_interval() -> None:
    metric = metric_of([[Scored(1.0)]] * 7 + [[Scored(0.0)]] * 3)
    wilson = proportion_interval(7, 10)
    assert metric == Metric(
        "accuracy", "s", 0.7, wilson.low, wilson.high, 0.95, "wilson", 10, 10, 0, 0
    )


def test_other_values_are_a_mean_with_the_t_interval() -> None:
    values = [0.1, 0.5, 0.75, 1.0, 0.0]
    metric = metric_of([[Scored(value)] for value in values], kind="mean")
    t = mean_interval(statistics.mean(values), statistics.stdev(values), 5)
    assert (metric.name, metric.method) == ("mean", "t")
    assert metric.value == pytest.approx(statistics.mean(values))
    assert (metric.low, metric.high) == pytest.approx((t.low, t.high))


def test_scores_that_are_all_the_same_are_no_certainty() -> None:
    perfect = [[Scored(1.0)]] * 3
    known = metric_of(perfect, kind="mean", bounds={"s": (0.0, 1.0)})
    wilson = proportion_interval(3, 3)
    assert (known.value, known.low, known.high) == pytest.approx((1.0, wilson.low, wilson.high))
    assert known.method == "no-spread"
    worst = metric_of(perfect, kind="mean", bounds={"s": (1.0, 5.0)})
    assert worst.low == 1.0
    assert worst.high == pytest.approx(1 + 4 * (1 - (wilson.low or 0)))
    unknown = metric_of(perfect, kind="mean")
    assert (unknown.low, unknown.high, unknown.method) == (None, None, "no-spread")


def test_clusters_that_all_score_the_same_are_no_certainty() -> None:
    builder = MetricsBuilder({"s": "mean"}, total_cases=6, clustered=True, bounds={"s": (0.0, 1.0)})
    for position in range(6):
        builder.add(position, 0, Status.SCORED, {"s": Scored(0.5)}, f"book {position % 2}")
    (metric,) = builder.finish()
    assert metric.low is not None
    assert metric.high is not None
    assert metric.low < 0.25 < 0.75 < metric.high


def test_passing_once_in_k_is_0_or_1_whatever_the_scale() -> None:
    scores = [[Scored(5.0), Scored(1.0)]] * 4
    metric = metric_of(scores, kind="mean", reducer=Reducer.PASS_AT_K, bounds={"s": (1.0, 5.0)})
    assert (metric.value, metric.high) == (1.0, 1.0)
    assert (metric.low or 0) == pytest.approx(proportion_interval(4, 4).low)


def test_a_scorer_of_means_stays_a_mean_when_all_values_are_0_or_1() -> None:
    assert metric_of([[Scored(1.0)], [Scored(0.0)]], kind="mean").name == "mean"


def test_fractions_of_an_accuracy_scorer_are_a_mean() -> None:
    metric = metric_of([[Scored(1.0), Scored(0.0)], [Scored(1.0), Scored(1.0)]])
    assert (metric.name, metric.method, metric.value) == ("mean", "t", 0.75)


def test_failed_and_ungraded_cases_are_counted_and_do_not_enter_the_value() -> None:
    metric = metric_of([[Scored(1.0)], [None], [UNGRADED], [FAILED], [Scored(1.0)]])
    assert metric.value == 1.0
    assert (metric.n_scored, metric.n_failed, metric.n_ungraded, metric.n_total) == (2, 2, 1, 5)


def test_a_score_that_is_not_finite_is_ungraded() -> None:
    metric = metric_of([[Scored(math.nan)], [Scored(math.inf)], [Scored(1.0)]])
    assert (metric.value, metric.n_ungraded) == (1.0, 2)


def test_nothing_scored_gives_no_value_and_no_ends() -> None:
    for kind, name in (("accuracy", "accuracy"), ("mean", "mean")):
        metric = metric_of([[None], [UNGRADED]], kind=kind)
        assert (metric.name, metric.value, metric.low, metric.high) == (name, None, None, None)
        assert (metric.n_failed, metric.n_ungraded) == (1, 1)


def test_cases_never_reached_are_in_the_total_only() -> None:
    metric = metric_of([[Scored(1.0)], [None]], total_cases=10)
    assert (metric.n_scored, metric.n_failed, metric.n_ungraded, metric.n_total) == (1, 1, 0, 10)


def test_each_scorer_has_its_own_metric_in_order() -> None:
    builder = MetricsBuilder({"b": "accuracy", "a": "mean"}, total_cases=2)
    builder.add(0, 0, Status.UNGRADED, {"a": Scored(0.5), "b": UNGRADED})
    builder.add(1, 0, Status.SCORED, {"a": Scored(0.7), "b": Scored(1.0)})
    first, second = builder.finish()
    assert (first.scorer, first.n_scored, first.n_ungraded) == ("b", 1, 1)
    assert (second.scorer, second.n_scored, second.value) == ("a", 2, pytest.approx(0.6))


def test_an_answer_that_failed_may_come_with_empty_outcomes() -> None:
    builder = MetricsBuilder({"s": "accuracy"}, total_cases=2)
    builder.add(0, 0, Status.FAILED, {})
    builder.add(1, 0, Status.ANSWERED, {})
    (metric,) = builder.finish()
    assert (metric.n_failed, metric.n_ungraded) == (1, 1)


@pytest.mark.parametrize(
    ("case", "reducer", "expected"),
    [
        ([1.0, 0.0, 0.0, 0.0], Reducer.MEAN, 0.25),
        ([1.0, 0.0, 1.0], Reducer.MAJORITY, 1.0),
        ([1.0, 0.0], Reducer.MAJORITY, 0.0),
        ([0.5, 1.0, 0.5, 1.0, 0.0], Reducer.MAJORITY, 0.5),
        ([0.0, 0.0, 1.0], Reducer.PASS_AT_K, 1.0),
        ([0.0, 0.5], Reducer.PASS_AT_K, 0.0),
        ([0.5], Reducer.PASS_AT_K, 0.0),
        ([0.5], Reducer.MEAN, 0.5),
        ([0.5], Reducer.MAJORITY, 0.5),
    ],
)
def test_repeats_become_one_score(case: list[float], reducer: Reducer, expected: float) -> None:
    assert reduce_scores(case, reducer) == expected
    metric = metric_of([[Scored(value) for value in case]], kind="mean", reducer=reducer)
    assert (metric.value, metric.n_scored, metric.n_total) == (expected, 1, 1)


def test_a_case_is_reduced_over_its_scored_epochs_only() -> None:
    metric = metric_of([[Scored(1.0), None, UNGRADED], [Scored(0.0), Scored(0.0), FAILED]])
    assert (metric.value, metric.n_scored, metric.n_failed, metric.n_ungraded) == (0.5, 2, 0, 0)


def test_a_case_without_a_score_is_failed_if_any_epoch_failed() -> None:
    metric = metric_of([[UNGRADED, None], [UNGRADED, UNGRADED]])
    assert (metric.n_failed, metric.n_ungraded) == (1, 1)


@given(
    st.lists(st.lists(outcomes, max_size=3), max_size=30),
    st.sampled_from(Reducer),
    st.integers(0, 5),
    st.sampled_from(["accuracy", "mean"]),
)
def test_counts_always_add_up(
    cases: list[list[Outcome | None]], reducer: Reducer, unreached: int, kind: str
) -> None:
    total = len(cases) + unreached
    metric = metric_of(cases, kind=kind, reducer=reducer, epochs=3, total_cases=total)
    begun = sum(1 for case in cases if case)
    assert metric.n_scored + metric.n_failed + metric.n_ungraded == begun
    assert metric.n_total == total
    scored = [
        [o.value for o in case if isinstance(o, Scored)]
        for case in cases
        if any(isinstance(o, Scored) for o in case)
    ]
    assert metric.n_scored == len(scored)
    if scored:
        reduced = [reduce_scores(case, reducer) for case in scored]
        assert metric.value == pytest.approx(statistics.fmean(reduced))
        if metric.low is not None and metric.high is not None and metric.value is not None:
            assert metric.low <= metric.value + 1e-12
            assert metric.high >= metric.value - 1e-12
    else:
        assert metric.value is None


def clustered(rows: list[tuple[float, str | None]], kind: Any = "accuracy") -> Metric:
    builder = MetricsBuilder({"s": kind}, total_cases=len(rows), clustered=True)
    for position, (value, cluster) in enumerate(rows):
        builder.add(position, 0, Status.SCORED, {"s": Scored(value)}, cluster)
    (metric,) = builder.finish()
    return metric


def test_cases_of_one_cluster_count_for_less() -> None:
    values = [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]
    rows = [(value, f"source {i}") for i, value in enumerate(values) for _ in range(5)]
    metric = clustered(rows)
    wilson = proportion_interval(35, 50)
    assert (metric.name, metric.method, metric.value) == ("accuracy", "clustered", 0.7)
    assert metric.low is not None
    assert metric.high is not None
    assert wilson.low is not None
    assert wilson.high is not None
    assert metric.low < wilson.low
    assert metric.high > wilson.high


def test_cases_without_a_cluster_are_each_their_own() -> None:
    values = [0.1, 0.5, 0.9, 0.3]
    metric = clustered([(value, None) for value in values], kind="mean")
    t = mean_interval(statistics.mean(values), statistics.stdev(values), 4)
    assert (metric.low, metric.high) == pytest.approx((t.low, t.high))


def test_a_clustered_run_without_scores_says_so() -> None:
    builder = MetricsBuilder({"s": "accuracy"}, total_cases=1, clustered=True)
    builder.add(0, 0, Status.FAILED, None, "a")
    (metric,) = builder.finish()
    assert (metric.value, metric.method, metric.n_failed) == (None, "clustered", 1)


@pytest.mark.parametrize("second", [(0, 0), (1, 0), (1, 1)])
def test_rows_must_come_in_order_and_once(second: tuple[int, int]) -> None:
    builder = MetricsBuilder({"s": "accuracy"}, total_cases=5, epochs=2)
    builder.add(1, 1, Status.SCORED, {"s": Scored(1.0)})
    with pytest.raises(ValueError, match="came after"):
        builder.add(*second, Status.SCORED, {"s": Scored(1.0)})


def test_an_epoch_out_of_range_is_an_error() -> None:
    builder = MetricsBuilder({"s": "accuracy"}, total_cases=5)
    with pytest.raises(ValueError, match="epoch 1 of 1"):
        builder.add(0, 1, Status.SCORED, {"s": Scored(1.0)})


@pytest.mark.parametrize(("by_cluster", "limit"), [(False, 20_000), (True, 300_000)])
def test_memory_does_not_grow_with_the_number_of_cases(by_cluster: bool, limit: int) -> None:
    n = 10_000
    builder = MetricsBuilder({"s": "accuracy"}, total_cases=n, clustered=by_cluster)
    right = {"s": Scored(1.0)}
    tracemalloc.start()
    try:
        for position in range(n):
            builder.add(position, 0, Status.SCORED, right, "a" if by_cluster else None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit


STOP = Precision("s", 0.1, level=0.9)


def test_a_metric_that_may_stop_its_run_has_an_interval_that_may_be_looked_at() -> None:
    values = [1.0, 1.0, 0.0] * 40
    metric = metric_of([[Scored(value)] for value in values], stop=STOP)
    sequence = sequence_for(STOP, binary=True)
    sequence.add(values)
    ends = sequence.interval()
    assert (metric.method, metric.level, metric.n_scored) == ("sequential", 0.9, 120)
    assert (metric.value, metric.low, metric.high) == pytest.approx((2 / 3, ends.low, ends.high))
    wilson = proportion_interval(80, 120, 0.9)
    assert wilson.low is not None
    assert metric.low is not None
    assert metric.low < wilson.low
    other = metric_of([[Scored(value)] for value in values], stop=Precision("other", 0.1))
    assert other.method == "wilson"
    assert metric_of([[None]], stop=STOP).low is None


def test_such_a_metric_takes_no_case_behind_one_that_is_missing() -> None:
    builder = MetricsBuilder({"s": "accuracy", "t": "accuracy"}, total_cases=10, stop=STOP)
    for position in (0, 1, 2, 4, 5):
        right = {"s": Scored(1.0), "t": Scored(1.0)}
        builder.add(position, 0, Status.SCORED, right if position != 1 else {})
    watched, other = builder.finish()
    assert (watched.n_scored, watched.n_ungraded, other.n_scored) == (2, 1, 4)
