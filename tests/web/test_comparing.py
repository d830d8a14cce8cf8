"""A comparison in words: which side is better, by how much, and what the test says of it."""

from dataclasses import replace
from typing import Any, cast

import pytest

from reports.test_comparison import planted, scores
from weighbridge.core.outcome import Status
from weighbridge.core.scale import ZERO_TO_ONE
from weighbridge.reports.comparison import RunScores, compare_runs
from weighbridge.services.comparisons import ComparisonView
from weighbridge.web.comparing import Finding, amount, finding_of, findings_of


class _Run:
    """As much of a compared run as words are made of."""

    def __init__(self, bounds: tuple[float, float], lower_is_better: frozenset[str]) -> None:
        self.run = self
        self.bounds = {"s": bounds}
        self.lower_is_better = lower_is_better


def view(
    *runs: RunScores,
    bounds: tuple[float, float] = ZERO_TO_ONE,
    lower_is_better: frozenset[str] = frozenset(),
) -> ComparisonView:
    comparison = compare_runs(runs, ["s"], bounds={"s": bounds})
    made: Any = tuple(_Run(bounds, lower_is_better) for _ in runs)
    return ComparisonView(cast("Any", made), ("s",), comparison, ())


def found(*runs: RunScores, **options: Any) -> Finding:
    [one] = findings_of(view(*runs, **options), "s")
    return one


def test_a_difference_that_chance_hardly_makes() -> None:
    one = found(*planted(0.7, 0.8))
    assert (one.kind, one.sign, one.word) == ("better", "▲", "better")
    assert one.amount == "+10.0 points"
    assert one.chance == "p < 0.001 (McNemar); chance alone would hardly do this"
    other = found(*planted(0.8, 0.7))
    assert (other.kind, other.sign, other.amount) == ("worse", "▼", "−10.0 points")


def test_a_difference_that_chance_makes_says_what_could_have_been_shown() -> None:
    one = found(*planted(0.7, 0.71, n=200))
    assert (one.kind, one.sign) == ("unsure", "≈")
    assert "not more than chance can do — the smallest difference this could show is" in one.chance
    assert one.chance.endswith("points")


def test_where_low_is_good_less_is_better() -> None:
    low = scores({f"c{n}": 0.2 for n in range(40)})
    high = scores({f"c{n}": 0.3 + n / 400 for n in range(40)})
    one = found(high, low, lower_is_better=frozenset({"s"}))
    assert (one.kind, one.counts) == ("better", "40 improved, 0 got worse, 0 the same")
    assert found(high, low).kind == "worse"


def test_scores_of_another_scale_are_no_points() -> None:
    one = found(
        scores({f"c{n}": 1.0 + n % 3 for n in range(60)}),
        scores({f"c{n}": 2.0 + n % 4 for n in range(60)}),
        bounds=(1.0, 5.0),
    )
    assert one.amount == "+1.500"


def test_many_tests_are_corrected_and_said_to_be() -> None:
    runs = [*planted(0.7, 0.74, n=400), planted(0.7, 0.75, n=400, seed=2)[1]]
    compared = view(*runs)
    for one in findings_of(compared, "s", all_pairs=True):
        assert "by Holm's correction for 3 tests" in one.chance
    assert len(findings_of(compared, "s")) == 2


def test_without_a_common_score_nothing_is_said() -> None:
    one = found(scores({"x": 1.0}), scores({"x": Status.FAILED}))
    assert (one.amount, one.interval, one.chance) == ("–", None, "no case is scored in both")
    assert one.left_out == "1 failed in B"
    assert one.least < 0 < one.most


def test_what_is_left_out_is_counted_by_reason() -> None:
    one = found(
        scores({"x": 1.0, "y": Status.UNGRADED, "z": 1.0}), scores({"x": 1.0, "y": 1.0, "w": 1.0})
    )
    assert one.left_out == "1 ungraded in A, 1 only in A, 1 only in B"


def test_an_unknown_test_is_called_as_it_is() -> None:
    compared = view(*planted(0.7, 0.8, n=100))
    [difference] = compared.comparison.differences
    other = replace(difference, paired=replace(difference.paired, test="new-test"))
    assert "(new-test)" in finding_of(compared, other, 1).chance


@pytest.mark.parametrize(
    ("value", "points", "words"),
    [
        (0.0, True, "0.0 points"),
        (-0.0001, True, "0.0 points"),
        (0.125, True, "+12.5 points"),
        (-0.125, False, "−0.125"),
        (None, True, "–"),
    ],
)
def test_amounts(value: float | None, points: bool, words: str) -> None:
    assert amount(value, points=points) == words
