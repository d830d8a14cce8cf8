"""Samples are drawn so that tallies are as close to the shares as their number allows."""

import time
from collections import Counter
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.blueprints import blueprints
from weighbridge.core.synthesis import Blueprint, Condition, Property
from weighbridge.synthesis.drawing import draw, expected_shares, matching, percentages
from weighbridge.synthesis.shares import OTHER, largest_remainder, shares

MOOD = Property("mood", ("calm", "angry"), {"calm": 70.0, "angry": 30.0})
LENGTH = Property(
    "length",
    ("short", "long"),
    {"short": 50.0, "long": 50.0},
    (Condition({"mood": "angry"}, {"short": 90.0, "long": 10.0}),),
)
LETTERS = Blueprint("A letter.", "", (MOOD, LENGTH))


def test_ten_letters_by_hand() -> None:
    drawn = draw(LETTERS, 10, seed=1)
    assert Counter(tags["mood"] for tags in drawn) == {"calm": 7, "angry": 3}
    angry = Counter(tags["length"] for tags in drawn if tags["mood"] == "angry")
    # 90 % of three is 2.7: two, and the third by the larger remainder.
    assert angry == {"short": 3}
    calm = Counter(tags["length"] for tags in drawn if tags["mood"] == "calm")
    assert sorted(calm.values()) == [3, 4]


@given(blueprints(), st.integers(0, 120), st.integers(0, 2**32))
def test_within_each_group_no_tally_is_off_by_one(blueprint: Blueprint, n: int, seed: int) -> None:
    drawn = draw(blueprint, n, seed)
    assert len(drawn) == n
    for prop in blueprint.properties:
        groups = Counter(matching(prop, tags) for tags in drawn)
        tallies = Counter((matching(prop, tags), tags[prop.name]) for tags in drawn)
        for group, size in groups.items():
            wanted = prop.shares if group is None else prop.conditions[group].shares
            assert sum(tallies[group, value] for value in prop.values) == size
            for value in prop.values:
                quota = size * wanted.get(value, 0.0) / sum(wanted.values())
                assert abs(tallies[group, value] - quota) < 1


@given(blueprints(), st.integers(0, 50), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_samples(blueprint: Blueprint, n: int, seed: int) -> None:
    assert draw(blueprint, n, seed) == draw(blueprint, n, seed)


@given(blueprints(), st.integers(0, 1000))
def test_one_sample_gets_a_most_likely_value(blueprint: Blueprint, seed: int) -> None:
    (tags,) = draw(blueprint, 1, seed)
    for prop in blueprint.properties:
        group = matching(prop, tags)
        wanted = prop.shares if group is None else prop.conditions[group].shares
        assert wanted[tags[prop.name]] == max(wanted.values())


def test_equal_remainders_are_settled_by_lot() -> None:
    coin = Blueprint("", "", (Property("side", ("a", "b"), {"a": 50.0, "b": 50.0}),))
    assert {draw(coin, 1, seed)[0]["side"] for seed in range(30)} == {"a", "b"}


def test_properties_without_conditions_do_not_hang_together() -> None:
    names = ("one", "two", "three")
    split = {"a": 50.0, "b": 50.0}
    blueprint = Blueprint("", "", tuple(Property(name, ("a", "b"), split) for name in names))
    drawn = draw(blueprint, 4000, seed=5)
    cells = Counter(tuple(tags.values()) for tags in drawn)
    for cell in product("ab", repeat=3):
        # 500, give or take four standard deviations.
        assert cells[cell] == pytest.approx(500, abs=4 * (4000 * 7 / 64) ** 0.5)
    # Nor does the order of the samples say anything.
    assert 400 < sum(tags["one"] == "a" for tags in drawn[:1000]) < 600


def test_twenty_thousand_samples_take_seconds() -> None:
    values = tuple(map(str, range(50)))
    chain = [Property("p0", values, shares(values))]
    for i in range(1, 8):
        conditions = tuple(
            Condition({f"p{i - 1}": value}, shares(values, {value: 60, "0": 40}))
            for value in values
        )
        chain.append(Property(f"p{i}", values, shares(values), conditions))
    start = time.process_time()
    assert len(draw(Blueprint("", "", tuple(chain)), 20_000, seed=1)) == 20_000
    assert time.process_time() - start < 8


def test_marginal_shares_of_a_condition_by_hand() -> None:
    expected = expected_shares(LETTERS)
    assert expected["mood"] == {"calm": 70.0, "angry": 30.0}
    # 0.7 · 50 + 0.3 · 90
    assert expected["length"] == pytest.approx({"short": 62.0, "long": 38.0})


@given(blueprints(most_properties=4, most_values=3))
def test_marginal_shares_are_those_of_all_combinations(blueprint: Blueprint) -> None:
    expected = expected_shares(blueprint)
    summed = {prop.name: dict.fromkeys(prop.values, 0.0) for prop in blueprint.properties}
    for combination in product(*(prop.values for prop in blueprint.properties)):
        tags = dict(zip(summed, combination, strict=True))
        chance = 1.0
        for prop in blueprint.properties:
            group = matching(prop, tags)
            wanted = prop.shares if group is None else prop.conditions[group].shares
            chance *= wanted[tags[prop.name]] / 100
        for name, value in tags.items():
            summed[name][value] += 100 * chance
    for name, marginal in summed.items():
        assert expected[name] == pytest.approx(marginal, abs=1e-6)


def test_too_many_combinations_are_drawn_instead() -> None:
    values = tuple(map(str, range(40)))
    parents = [Property(f"p{i}", values, shares(values)) for i in range(4)]
    conditions = tuple(
        Condition({f"p{i}": value for i in range(4)}, {"yes": 100.0, "no": 0.0}) for value in values
    )
    child = Property("child", ("yes", "no"), {"yes": 30.0, "no": 70.0}, conditions)
    expected = expected_shares(Blueprint("", "", (*parents, child)))
    assert expected["child"]["yes"] == pytest.approx(30, abs=1)
    assert sum(expected["child"].values()) == pytest.approx(100)
    assert set(expected) == {"p0", "p1", "p2", "p3", "child"}


@given(
    st.lists(st.sampled_from(["a", "b", "c", "x", "y", None])),
    st.permutations(["a", "b", "c"]),
)
def test_percentages_add_up_to_100_to_the_last_digit(seen: list[str | None], of: list[str]) -> None:
    found = percentages(seen, of)
    known = [value for value in seen if value is not None]
    assert list(found)[:3] == of
    assert (OTHER in found) == any(value not in of for value in known)
    assert round(sum(found.values()), 9) == (100 if known else 0)
    for value in of:
        share = 100 * known.count(value) / len(known) if known else 0
        assert found[value] == pytest.approx(share, abs=0.1)


def test_what_is_called_other_and_what_is_none_of_the_values_are_one() -> None:
    assert percentages(["other", "x", "a", None], ["a", "other"]) == {"a": 33.3, "other": 66.7}


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=200))
def test_shares_add_up_to_100_and_stay_as_they_are(weights: list[int]) -> None:
    values = [str(place) for place in range(len(weights))]
    found = shares(values, dict(zip(values, map(float, weights), strict=True)))
    assert sum(found.values()) == pytest.approx(100, abs=1e-9)
    assert shares(values, found) == found
    whole = sum(weights)
    for value, weight in zip(values, weights, strict=True):
        wanted = 100 * weight / whole if whole else 100 / len(values)
        assert found[value] == pytest.approx(wanted, abs=1e-4)


def test_shares_without_weights_are_even() -> None:
    assert shares(["a", "b", "c"]) == dict.fromkeys("abc", 100 / 3)
    assert shares(["a", "b"], {"a": 0.0}) == {"a": 50.0, "b": 50.0}


def test_the_largest_remainder_by_hand() -> None:
    assert largest_remainder(10, [Fraction(47), Fraction(16), Fraction(37)]) == [5, 1, 4]
    assert largest_remainder(0, [Fraction(1)]) == [0]
    assert largest_remainder(1, [Fraction(1), Fraction(1)], order=[1, 0]) == [0, 1]
