"""Cases match by id, whatever their order; what is left out is counted; and differences are found
where they are, and not where they are not."""

import tracemalloc

import numpy as np
import pytest

from weighbridge.core.evaluation import Reducer
from weighbridge.core.outcome import Status
from weighbridge.reports.comparison import (
    Grade,
    RunScores,
    RunScoresBuilder,
    compare_runs,
    flipped,
    match,
)

FAILED, UNGRADED = Status.FAILED, Status.UNGRADED


def scores(
    cases: dict[str, Grade | list[Grade]],
    *,
    reducer: Reducer = Reducer.MEAN,
    clusters: dict[str, str] | None = None,
) -> RunScores:
    """A run by one scorer, `s`: case id → its grade, or those of its repeats."""
    epochs = max((len(grades) for grades in cases.values() if isinstance(grades, list)), default=1)
    builder = RunScoresBuilder(
        ["s"], reducer=reducer, epochs=epochs, clustered=clusters is not None
    )
    for position, (case_id, grades) in enumerate(cases.items()):
        for grade in grades if isinstance(grades, list) else [grades]:
            builder.add(position, case_id, (clusters or {}).get(case_id), 0.1, [grade])
    return builder.finish()


def values_of(run: RunScores) -> list[float]:
    return list(run.values["s"][np.argsort(run.positions)])


def planted(right_a: float, right_b: float, n: int = 2_000, seed: int = 1) -> list[RunScores]:
    """Two runs on the same cases, right that often, and rather on the same ones."""
    chance = np.random.default_rng(seed)
    hard = chance.random(n)
    runs = []
    for right in (right_a, right_b):
        luck = 0.7 * hard + 0.3 * chance.random(n)
        right_ones = luck <= np.quantile(luck, right)
        runs.append(scores({f"c{i}": float(right_ones[i]) for i in range(n)}))
    return runs


def test_cases_match_by_id_and_not_by_place() -> None:
    a = scores({"x": 1.0, "y": 0.0, "z": 1.0})
    b = scores({"z": 1.0, "w": 1.0, "x": 0.0})
    in_a, in_b = match(a, b)
    assert not isinstance(in_a, slice)
    assert not isinstance(in_b, slice)
    pairs = {(int(a.positions[i]), int(b.positions[j])) for i, j in zip(in_a, in_b, strict=True)}
    assert pairs == {(0, 2), (2, 0)}
    [one] = compare_runs([a, b], ["s"]).differences
    assert (one.matched, one.unmatched.only_a, one.unmatched.only_b) == (2, 1, 1)
    assert (one.mean_a, one.mean_b, one.paired.difference) == (1.0, 0.5, -0.5)
    assert (one.up, one.down, one.equal) == (0, 1, 1)


@pytest.mark.parametrize("others", [{}, {"p": 1.0, "q": 0.0}])
def test_nothing_in_common_is_no_difference(others: dict[str, Grade]) -> None:
    [one] = compare_runs([scores({"x": 1.0}), scores(others)], ["s"]).differences
    assert (one.matched, one.paired.n, one.paired.difference, one.different) == (0, 0, None, None)


def test_what_is_left_out_is_counted_by_reason() -> None:
    a = scores({"x": 1.0, "f": FAILED, "u": UNGRADED, "both": FAILED, "only": FAILED})
    b = scores({"x": 1.0, "f": 1.0, "u": 0.0, "both": UNGRADED})
    [one] = compare_runs([a, b], ["s"]).differences
    left = one.unmatched
    assert (one.matched, one.paired.n) == (4, 1)
    assert (left.only_a, left.only_b) == (1, 0)
    assert (left.failed_a, left.ungraded_a, left.failed_b, left.ungraded_b) == (2, 1, 0, 1)


def test_repeats_are_reduced_before_anything_is_compared() -> None:
    cases: dict[str, Grade | list[Grade]] = {
        "x": [1.0, 0.0, 0.0],
        "y": [FAILED, UNGRADED, 1.0],
        "z": [UNGRADED, FAILED, UNGRADED],
        "w": [UNGRADED, UNGRADED, UNGRADED],
    }
    mean = scores(cases)
    assert values_of(mean)[:2] == [pytest.approx(1 / 3), 1.0]
    assert list(mean.states["s"][np.argsort(mean.positions)]) == [0, 0, 2, 1]
    assert values_of(scores(cases, reducer=Reducer.MAJORITY))[:2] == [0.0, 1.0]
    assert values_of(scores(cases, reducer=Reducer.PASS_AT_K))[:2] == [1.0, 1.0]


def test_pass_at_k_looks_at_a_single_repeat_too() -> None:
    assert values_of(scores({"x": 0.5}, reducer=Reducer.PASS_AT_K)) == [0.0]


@pytest.mark.parametrize(("right_a", "right_b", "sign"), [(0.6, 0.7, 1), (0.7, 0.6, -1)])
def test_a_planted_difference_is_found_in_its_direction(
    right_a: float, right_b: float, sign: int
) -> None:
    [one] = compare_runs(planted(right_a, right_b), ["s"]).differences
    assert one.different
    assert one.paired.difference == pytest.approx(sign * 0.1, abs=0.005)
    assert one.paired.low is not None
    assert one.paired.high is not None
    assert one.paired.low < sign * 0.1 < one.paired.high
    assert one.up - one.down == round(one.paired.difference * 2_000)


def test_where_nothing_is_planted_hardly_anything_is_found() -> None:
    found = sum(
        bool(compare_runs(planted(0.7, 0.7, n=300, seed=seed), ["s"]).differences[0].different)
        for seed in range(100)
    )
    assert found <= 8


def test_among_many_runs_without_a_difference_none_is_found() -> None:
    chance = np.random.default_rng(4)
    runs = [scores({f"c{i}": float(chance.random() < 0.5) for i in range(200)}) for _ in range(8)]
    comparison = compare_runs(runs, ["s"])
    assert len(comparison.differences) == 28
    assert min(one.paired.p_value or 0 for one in comparison.differences) < 0.05
    assert not any(one.different for one in comparison.differences)
    assert set(comparison.groups["s"]) == {"a"}


def test_runs_that_tie_everywhere_do_not_differ() -> None:
    same = {f"c{i}": float(i % 2) for i in range(50)}
    [one] = compare_runs([scores({**same}), scores({**same})], ["s"]).differences
    assert (one.paired.difference, one.up, one.down, one.equal) == (0.0, 0, 0, 50)
    assert (one.paired.p_value, one.different) == (1.0, False)


def test_groups_say_who_cannot_be_told_apart_the_best_first() -> None:
    low, _ = planted(0.5, 0.5)
    high, again = planted(0.8, 0.8)
    assert compare_runs([low, high, again], ["s"]).groups["s"] == ("b", "a", "a")


def test_clusters_widen_the_interval() -> None:
    chance = np.random.default_rng(3)
    a, b, clusters = {}, {}, {}
    for cluster in range(40):
        better = float(chance.random() < 0.5)
        for i in range(10):
            name = f"{cluster}-{i}"
            a[name], b[name], clusters[name] = 0.0, better, f"document {cluster}"
    [plain] = compare_runs([scores({**a}), scores({**b})], ["s"]).differences
    [wide] = compare_runs(
        [scores({**a}, clusters=clusters), scores({**b}, clusters=clusters)], ["s"]
    ).differences
    assert wide.paired.method == "clustered"
    assert _width(wide.paired) > 2 * _width(plain.paired)
    [other] = compare_runs(
        [scores({**a}, clusters=clusters), scores({**b}, clusters=dict.fromkeys(b, "one"))], ["s"]
    ).differences
    assert other.clusters_disagree == 400


def _width(interval: object) -> float:
    return interval.high - interval.low  # type: ignore[attr-defined]


def test_latencies_are_summed_up_and_answers_without_one_left_out() -> None:
    builder = RunScoresBuilder(["s"])
    for position in range(100):
        builder.add(position, str(position), None, None if position == 0 else position / 10, [1.0])
    latencies = builder.finish().latencies
    assert latencies is not None
    assert latencies.mean_s == pytest.approx(5.0)
    assert latencies.p50_s == pytest.approx(5.0)
    assert latencies.p95_s == pytest.approx(9.41, abs=0.01)
    assert RunScoresBuilder(["s"]).finish().latencies is None


def test_flips_come_in_the_order_of_the_first_run_and_from_a_place_on() -> None:
    a = scores({"v": 0.0, "w": 1.0, "x": 1.0, "y": FAILED, "z": 0.0})
    b = scores({"z": 1.0, "y": 1.0, "x": 0.0, "w": 1.0, "v": 0.5})
    assert [(one.a, one.b, one.score_a, one.score_b) for one in flipped(a, b, "s")] == [
        (0, 4, 0.0, 0.5),
        (2, 2, 1.0, 0.0),
        (4, 0, 0.0, 1.0),
    ]
    assert [one.a for one in flipped(a, b, "s", down=False)] == [0, 4]
    assert [one.a for one in flipped(a, b, "s", up=False)] == [2]
    assert [one.a for one in flipped(a, b, "s", after=0, limit=1)] == [2]


@pytest.mark.parametrize(("epochs", "second"), [(1, 0), (1, 1), (2, 0)])
def test_rows_must_come_in_order(epochs: int, second: int) -> None:
    builder = RunScoresBuilder(["s"], epochs=epochs)
    builder.add(1, "b", None, None, [1.0])
    with pytest.raises(ValueError, match="came after"):
        builder.add(second, "a", None, None, [1.0])


def test_a_case_takes_as_much_memory_as_the_module_says() -> None:
    n = 5_000
    tracemalloc.start()
    try:
        builder = RunScoresBuilder(["s"])
        for position in range(n):
            builder.add(position, f"case {position}", None, None, [1.0])
        run = builder.finish()
        del builder
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(run) == n
    assert held < 24 * n
