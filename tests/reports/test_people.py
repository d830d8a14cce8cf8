"""Agreement with people, and the rate that they would have found."""

import random
from collections.abc import Iterator

import pytest

from weighbridge.core.review import place_in_sample
from weighbridge.reports.people import Pair, RateBuilder, beside_people

YES, NO = (1.0, "pass"), (0.0, "fail")
VERDICTS = {"pass": 1.0, "fail": 0.0}


def test_grades_are_named_by_their_labels() -> None:
    pairs: list[Pair] = [(YES, YES)] * 8 + [(NO, YES)] * 1 + [((0.0, None), NO)] * 3
    found = beside_people(pairs, "accuracy", VERDICTS).agreement
    assert found is not None
    assert found.accuracy == pytest.approx(11 / 12)
    assert found.confusion == {("pass", "pass"): 8, ("fail", "pass"): 1, ("fail", "fail"): 3}
    unnamed = beside_people(pairs, "accuracy").agreement
    assert unnamed is not None
    assert ("0", "1") in unnamed.confusion


def test_values_in_steps_weigh_how_far_apart_they_are() -> None:
    near: list[Pair] = [((float(v), None), (float(min(5, v + 1)), None)) for v in range(1, 6)] * 9
    far: list[Pair] = [((float(v), None), (float(6 - v), None)) for v in range(1, 6)] * 9
    beside = beside_people(near, "mean")
    assert beside.weights == "quadratic"
    assert beside.agreement is not None
    assert beside.agreement.kappa is not None
    assert beside.agreement.kappa > 0.7
    other = beside_people(far, "mean").agreement
    assert other is not None
    assert other.kappa == pytest.approx(-1)


def test_a_scorer_that_only_labels_is_compared_by_label() -> None:
    pairs: list[Pair] = [((1.0, "cat"), (1.0, "cat")), ((1.0, "cat"), (1.0, "dog"))]
    found = beside_people(pairs, "labels").agreement
    assert found is not None
    assert found.accuracy == 0.5


def test_scores_without_steps_have_no_same_and_other() -> None:
    pairs: list[Pair] = [((n / 100, None), (n / 90, None)) for n in range(50)]
    beside = beside_people(pairs, "mean")
    assert beside.agreement is None
    assert beside.reason is not None


def order(n: int, seed: int = 0) -> list[int]:
    return sorted(range(n), key=lambda position: place_in_sample(seed, position, 0))


def build(said: dict[int, float], n: int, judge: list[float], seed: int = 0) -> RateBuilder:
    builder = RateBuilder({(at, 0): value for at, value in said.items()}, seed=seed)
    for position in range(n):
        builder.add(position, 0, None, judge[position])
    return builder


def test_labels_of_the_first_of_the_sample_need_no_warning() -> None:
    judge = [float(n % 3 == 0) for n in range(400)]
    said = {position: judge[position] for position in order(400)[:60]}
    rate = build(said, 400, judge).finish()
    assert rate.drawn
    assert rate.warnings == ()
    assert rate.corrected is not None
    assert (rate.corrected.n_human, rate.corrected.n_judged) == (60, 400)
    other = build(said, 400, judge, seed=1).finish()
    assert not other.drawn
    assert "review sample of seed 1" in other.warnings[0]


def test_labels_outside_of_the_sample_are_left_out_when_it_is_large_enough() -> None:
    judge = [float(n % 3 == 0) for n in range(400)]
    drawn = order(400)
    said = {position: judge[position] for position in [*drawn[:60], *drawn[200:210]]}
    rate = build(said, 400, judge).finish()
    assert rate.corrected is not None
    assert (rate.drawn, rate.corrected.n_human) == (True, 60)
    assert rate.warnings[0].startswith("10 of 70 reviewed outcomes are left out")


def test_labels_picked_by_what_the_judge_said_look_odd() -> None:
    judge = [float(n % 2) for n in range(400)]
    said = dict.fromkeys(range(1, 120, 2), 0.0)
    rate = build(said, 400, judge).finish()
    assert not rate.drawn
    assert "do not look like a random sample" in rate.warnings[1]


def test_too_few_labels_give_a_reason_and_no_number() -> None:
    judge = [1.0] * 100
    rate = build(dict.fromkeys(order(100)[:5], 1.0), 100, judge).finish()
    assert rate.corrected is not None
    assert rate.corrected.estimate is None
    assert rate.corrected.reason is not None


def worlds(n: int, times: int) -> Iterator[tuple[list[float], list[float]]]:
    """The truth, and a judge that passes a third of what is wrong."""
    for seed in range(times):
        draw = random.Random(seed)
        truth = [float(draw.random() < 0.7) for _ in range(n)]
        yield truth, [1.0 if t or draw.random() < 1 / 3 else 0.0 for t in truth]


def test_the_corrected_interval_covers_the_truth_and_the_raw_rate_is_off() -> None:
    covered = raw_close = 0
    for number, (truth, judge) in enumerate(worlds(600, 400)):
        said = {position: truth[position] for position in order(600, number)[:100]}
        rate = build(said, 600, judge, seed=number).finish().corrected
        assert rate is not None
        assert rate.low is not None
        assert rate.high is not None
        assert rate.raw is not None
        mean = sum(truth) / len(truth)
        covered += rate.low <= mean <= rate.high
        raw_close += abs(rate.raw - mean) < 0.03
    # 95 % of the population's rate; of this finite set's own rate somewhat more.
    assert 0.93 <= covered / 400 <= 1.0
    assert raw_close == 0


@pytest.mark.parametrize("seed", [0, 7, 2**63 - 1])
def test_the_order_of_the_sample_is_uniform(seed: int) -> None:
    places = [
        place_in_sample(seed, position, epoch) for position in range(2_000) for epoch in (0, 1)
    ]
    assert len(set(places)) == 4_000
    halves = [sum(place < 2**63 for place in places[half::2]) for half in (0, 1)]
    assert all(abs(count - 1_000) < 100 for count in halves)  # 4.5 standard deviations
