"""A conformance says how samples, specs and chance stand to each other."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.blueprints import blueprints
from weighbridge.core.synthesis import Blueprint, Condition, Property
from weighbridge.statistics import holm
from weighbridge.synthesis.conformance import Seen, Verdict, conformance
from weighbridge.synthesis.drawing import draw, expected_shares

MOOD = Property("mood", ("calm", "angry", "sad"), {"calm": 60.0, "angry": 30.0, "sad": 10.0})
LENGTH = Property(
    "length",
    ("short", "long"),
    {"short": 50.0, "long": 50.0},
    (Condition({"mood": "angry"}, {"short": 90.0, "long": 10.0}),),
)
LETTERS = Blueprint("A letter.", "", (MOOD, LENGTH))


def by_chance(blueprint: Blueprint, n: int, seed: int) -> list[dict[str, str]]:
    """Samples drawn independently."""
    luck = random.Random(seed)
    found: list[dict[str, str]] = []
    for _ in range(n):
        tags: dict[str, str] = {}
        for prop in blueprint.properties:
            shares = next(
                (
                    one.shares
                    for one in prop.conditions
                    if all(tags[name] == value for name, value in one.when.items())
                ),
                prop.shares,
            )
            (tags[prop.name],) = luck.choices(list(shares), list(shares.values()))
        found.append(tags)
    return found


def test_the_score_by_hand() -> None:
    drawn = [{"mood": "calm", "length": "short"}] * 6 + [{"mood": "angry", "length": "short"}] * 4
    seen: list[Seen | None] = [
        *({"mood": "calm", "length": "short"} for _ in range(3)),
        {"mood": "sad", "length": "long"},
        {"mood": "merry", "length": None},
        None,
        *({"mood": "angry", "length": "short"} for _ in range(4)),
    ]
    found = conformance(LETTERS, drawn, seen)
    mood, length = found.properties
    assert (found.samples, found.read) == (10, 9)
    assert (mood.n, mood.unknown, mood.others) == (9, 0, 1)
    assert mood.expected == {"calm": 55.6, "angry": 44.4, "sad": 0.0}
    assert mood.evaluated == {"calm": 33.3, "angry": 44.5, "sad": 11.1, "other": 11.1}
    # Five of nine were drawn calm, three are.
    assert mood.distance == pytest.approx(2 / 9)
    assert mood.distance_to_requested == pytest.approx((4 / 9 - 0.3) + (1 / 9 - 0.1) + 1 / 9)
    assert (length.n, length.unknown) == (8, 1)
    assert length.requested == pytest.approx({"short": 62.0, "long": 38.0})
    assert length.distance == pytest.approx(1 / 8)
    assert found.score == pytest.approx(100 * (1 - (2 / 9 + 1 / 8) / 2))
    assert (mood.agreement.n, mood.agreement.agreed) == (9, 7)
    assert mood.agreement.share == pytest.approx(7 / 9)
    assert mood.agreement.confusion == {
        ("calm", "calm"): 3,
        ("calm", "sad"): 1,
        ("calm", "other"): 1,
        ("angry", "angry"): 4,
    }
    # A value that was asked for in 0 % cannot come from the spec.
    assert mood.p_value == 0
    assert mood.verdict is Verdict.DEVIATES


def test_the_conditions_are_compared_where_they_hold_in_what_was_seen() -> None:
    drawn = draw(LETTERS, 200, seed=1)
    seen = [{**tags, "length": "short"} for tags in drawn]
    found = conformance(LETTERS, drawn, seen)
    angry, rest = found.properties[1].conditionals
    assert angry.when == {"mood": "angry"}
    assert (angry.n, rest.n) == (60, 140)
    assert angry.requested == {"short": 90.0, "long": 10.0}
    assert angry.evaluated == {"short": 100.0, "long": 0.0}
    assert angry.distance == pytest.approx(0.1)
    assert rest.when is None
    assert rest.distance == pytest.approx(0.5)
    assert (rest.adjusted or 1) < 0.001
    assert found.properties[0].conditionals == ()
    assert [angry.adjusted, rest.adjusted] == holm([angry.p_value or 0, rest.p_value or 0])


def test_a_condition_of_which_the_parent_is_not_known_is_not_judged() -> None:
    drawn = draw(LETTERS, 20, seed=1)
    seen = [{"mood": None, "length": tags["length"]} for tags in drawn]
    found = conformance(LETTERS, drawn, seen)
    assert [one.n for one in found.properties[1].conditionals] == [0, 0]
    assert found.properties[1].conditionals[0].p_value is None
    assert (found.properties[0].n, found.properties[0].verdict) == (0, None)
    assert found.properties[0].distance is None
    assert found.properties[1].n == 20


def test_with_all_as_drawn_the_score_is_100_and_nothing_deviates() -> None:
    drawn = draw(LETTERS, 1000, seed=1)
    found = conformance(LETTERS, drawn, drawn)
    assert (found.score, found.high) == (100.0, 100.0)
    assert (found.low or 0) > 95
    assert [one.verdict for one in found.properties] == [Verdict.CONFORMS] * 2
    assert all(one.agreement.share == 1.0 for one in found.properties)
    assert all(one.agreement.shift_p_value is None for one in found.properties)


def test_few_samples_leave_it_undecided() -> None:
    drawn = draw(LETTERS, 20, seed=1)
    found = conformance(LETTERS, drawn, drawn)
    assert [one.verdict for one in found.properties] == [Verdict.UNDECIDED] * 2


def test_samples_that_lean_are_found_by_pairs_before_they_are_by_shares() -> None:
    drawn = draw(LETTERS, 400, seed=1)
    turned = 0
    seen = []
    for tags in drawn:
        if tags["mood"] == "calm" and turned < 12:
            turned += 1
            seen.append({**tags, "mood": "sad"})
        else:
            seen.append(dict(tags))
    (mood, _) = conformance(LETTERS, drawn, seen).properties
    assert (mood.p_value or 0) > 0.05
    assert (mood.agreement.shift_p_value or 1) < 0.001
    assert mood.agreement.shift_adjusted == mood.agreement.shift_p_value


def test_nothing_seen_gives_no_score() -> None:
    drawn = draw(LETTERS, 5, seed=1)
    nothing: Sequence[Seen | None]
    for nothing in ([None] * 5, [{}] * 5, [{"mood": None}] * 5):
        found = conformance(LETTERS, drawn, nothing)
        assert (found.score, found.corrected, found.low, found.high) == (None,) * 4
        assert (found.samples, found.read) == (5, 0)
        assert all(one.verdict is None and one.p_value is None for one in found.properties)
    assert conformance(LETTERS, [], []).score is None


def test_drawn_and_seen_are_of_the_same_samples() -> None:
    with pytest.raises(ValueError, match="5 samples drawn, 4 seen"):
        conformance(LETTERS, draw(LETTERS, 5, seed=1), [None] * 4)


@given(blueprints(most_properties=3, most_values=4), st.integers(0, 40), st.data())
@settings(max_examples=40, deadline=None)
def test_any_samples_are_compared(blueprint: Blueprint, n: int, data: st.DataObject) -> None:
    drawn = draw(blueprint, n, seed=1)
    luck = random.Random(data.draw(st.integers(0, 1000)))
    seen: list[Seen | None] = [
        None
        if luck.random() < 0.1
        else {
            prop.name: luck.choice([*prop.values, None, "something else"])
            for prop in blueprint.properties
        }
        for _ in drawn
    ]
    found = conformance(blueprint, drawn, seen, seed=3)
    assert found == conformance(blueprint, drawn, seen, seed=3)
    known = [one for one in found.properties if one.n]
    assert (found.score is None) == (not known)
    if found.score is not None:
        assert found.low is not None
        assert found.high is not None
        assert found.corrected is not None
        assert 0 <= found.low <= found.corrected <= found.high <= 100
        assert 0 <= found.score <= 100
    for one in known:
        assert one.agreement.agreed <= one.agreement.n == one.n
        assert sum(one.agreement.confusion.values()) == one.n
        assert 0 <= (one.distance or 0) <= 1
        assert sum(one.evaluated.values()) == pytest.approx(100)
        assert sum(one.expected.values()) == pytest.approx(100)


@pytest.mark.parametrize(
    ("n", "rounds"),
    [(50, 100), *(pytest.param(n, 2000, marks=pytest.mark.slow) for n in (50, 200))],
)
def test_samples_drawn_by_the_spec_itself_are_rejected_in_5_percent(n: int, rounds: int) -> None:
    """Each property, before Holm; and any of them, after it, in no more."""
    rejected = any_rejected = 0
    drawn = draw(LETTERS, n, seed=1)
    for seed in range(rounds):
        found = conformance(LETTERS, drawn, by_chance(LETTERS, n, seed), seed)
        rejected += sum((one.p_value or 0) <= 0.05 for one in found.properties)
        any_rejected += any(one.verdict is Verdict.DEVIATES for one in found.properties)
    few = 3 * (0.05 * 0.95 / rounds) ** 0.5 if rounds < 2000 else 0
    assert rejected / (2 * rounds) == pytest.approx(0.05, abs=0.01 + few)
    assert any_rejected / rounds <= 0.06 + few


def test_marginal_shares_are_what_a_conditional_property_is_held_to() -> None:
    found = conformance(LETTERS, draw(LETTERS, 50, 1), by_chance(LETTERS, 50, 1))
    assert found.properties[1].requested == expected_shares(LETTERS)["length"]
