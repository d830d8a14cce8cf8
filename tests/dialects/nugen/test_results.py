"""The arithmetic of results, as it was observed, and as laws."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.dialects.nugen.results import Spread, comparison, flat, improvement

scores = st.lists(st.floats(0, 1), min_size=1, max_size=50)


def spread(values: list[float]) -> Spread:
    made = Spread()
    for value in values:
        made.add(value)
    return made


@given(scores)
def test_the_deviation_is_that_of_the_population(values: list[float]) -> None:
    found = spread(values).figures()
    assert found["mean"] == pytest.approx(statistics.fmean(values), abs=1e-12)
    assert found["std"] == pytest.approx(statistics.pstdev(values), abs=1e-9)
    assert (found["min"], found["max"]) == (min(values), max(values))


def test_without_a_value_there_are_no_figures() -> None:
    assert set(spread([]).figures().values()) == {None}


def test_a_comparison_has_the_observed_keys_in_the_observed_order() -> None:
    base = flat({"binary_correctness": spread([1, 1, 0, 1]), "answer_relevance": spread([0.5])})
    other = flat({"binary_correctness": spread([1, 0, 0, 1]), "answer_relevance": spread([0.8])})
    found = comparison(base, other)
    assert [row["metric"] for row in found["metrics"]] == [
        f"{metric}_{figure}"
        for metric in ("binary_correctness", "answer_relevance")
        for figure in ("mean", "std", "min", "max")
    ]
    assert found["metrics"][0] == {
        "metric": "binary_correctness_mean",
        "base": 0.75,
        "evaluated": 0.5,
        "improvement_%": -33.33,
    }
    assert found["metrics"][1] == {
        "metric": "binary_correctness_std",
        "base": 0.433,
        "evaluated": 0.5,
        "improvement_%": 15.47,
    }
    improvements = [row["improvement_%"] for row in found["metrics"]]
    assert improvements == [-33.33, 15.47, 0.0, 0.0, 60.0, 0.0, 60.0, 60.0]
    assert found["summary"] == {
        "avg_improvement": 20.27,
        "max_improvement": 60.0,
        "min_improvement": -33.33,
    }


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(0.0, 0.7, 0.0), (0.5, 0.25, -50.0), (0.3, 0.4, 33.33), (None, 1.0, None), (1.0, None, None)],
)
def test_an_improvement_is_none_of_a_base_of_zero(
    before: float | None, after: float | None, expected: float | None
) -> None:
    assert improvement(before, after) == expected


def test_a_metric_without_a_value_leaves_the_others_their_summary() -> None:
    base = flat({"a": spread([]), "b": spread([0.5])})
    other = flat({"a": spread([1]), "b": spread([0.25])})
    found = comparison(base, other)
    assert found["metrics"][0]["improvement_%"] is None
    assert found["summary"]["min_improvement"] == -50.0


def test_nothing_at_all_has_no_summary() -> None:
    empty = flat({"a": spread([])})
    assert set(comparison(empty, empty)["summary"].values()) == {None}
