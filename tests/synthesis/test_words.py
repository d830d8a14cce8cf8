"""What is said of a conformance is what its numbers are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from support.blueprints import blueprints
from weighbridge.core.synthesis import Blueprint, Condition, Property
from weighbridge.synthesis.conformance import conformance
from weighbridge.synthesis.drawing import draw
from weighbridge.synthesis.shares import shares
from weighbridge.synthesis.words import MAX_TEXT, words

MOOD = Property("mood", ("calm", "angry", "sad"), {"calm": 60.0, "angry": 30.0, "sad": 10.0})
LENGTH = Property(
    "length",
    ("short", "long"),
    {"short": 50.0, "long": 50.0},
    (Condition({"mood": "angry"}, {"short": 90.0, "long": 10.0}),),
)
LETTERS = Blueprint("A letter.", "", (MOOD, LENGTH))


def test_samples_as_asked_for() -> None:
    drawn = draw(LETTERS, 1000, seed=1)
    said = words(conformance(LETTERS, drawn, drawn))
    assert said.explanation.startswith(
        "The score is 100.0 of 100: over 2 properties, the values seen in 1,000 of 1,000 samples "
        "are on average 0.0 points (total variation distance) from those drawn for them."
    )
    assert "2 of 2 properties conform to within 10 points: mood, length." in said.explanation
    assert "100 % of the values seen are those drawn for the sample." in said.explanation
    assert (
        "mood (1,000 samples): asked for calm 60 %, angry 30 %, sad 10 %; seen calm 60 %, "
        "angry 30 %, sad 10 %; 0.0 points apart, "
    ) in said.conformant
    assert (
        "length where mood is angry (300 samples), no deviation beyond chance: asked for "
        "short 90 %, long 10 %, seen short 90 %, long 10 %."
    ) in said.conformant
    assert said.non_conformant == "No property deviates from the spec by more than chance."


def test_samples_that_are_not() -> None:
    drawn = draw(LETTERS, 200, seed=1)
    seen = [{**tags, "mood": "angry" if tags["mood"] == "calm" else tags["mood"]} for tags in drawn]
    seen[0] = {"mood": "merry", "length": "short"}
    said = words(conformance(LETTERS, drawn, seen))
    assert "1 of 2 properties deviates by more than chance: mood." in said.explanation
    first, other, *rest = said.non_conformant.split("\n")
    assert first.startswith("mood (200 samples): calm asked for in 60 % and seen in 0 %, angry ")
    assert first.endswith("; more than chance (p < 0.001, adjusted for 2 tests).")
    assert other == "mood: 1 sample of 200 (0.5 %) with a value that the spec does not list."
    assert rest[-1].endswith("most often angry instead of calm (120, the other way round 0).") or (
        "angry instead of calm (119" in rest[-1]
    )


def test_too_few_samples() -> None:
    drawn = draw(LETTERS, 10, seed=1)
    said = words(conformance(LETTERS, drawn, drawn))
    assert "2 of 2 properties are undecided either way, for lack of samples" in said.explanation
    assert said.conformant.startswith("No property is sure to conform to within 10 points.")
    assert "too few samples to rule one out:\n" in said.conformant


def test_nothing_seen() -> None:
    said = words(conformance(LETTERS, draw(LETTERS, 3, seed=1), [None] * 3))
    assert said.explanation == (
        "No value could be told of any of the 3 samples, so there is no score."
    )
    assert (said.conformant, said.non_conformant) == ("", "")


def test_a_property_that_was_never_told_is_named() -> None:
    drawn = draw(LETTERS, 30, seed=1)
    said = words(conformance(LETTERS, drawn, [{"mood": tags["mood"]} for tags in drawn]))
    assert said.explanation.endswith("Seen in no sample, and not in the score: length.")


def test_a_hundred_properties_with_long_names_are_cut() -> None:
    values = tuple(f"{'a very long value ' * 20}{i}" for i in range(30))
    blueprint = Blueprint(
        "", "", tuple(Property(f"{i} {'name ' * 30}", values, shares(values)) for i in range(60))
    )
    drawn = draw(blueprint, 120, seed=1)
    said = words(conformance(blueprint, drawn, [dict.fromkeys(tags, values[0]) for tags in drawn]))
    for text in (said.explanation, said.conformant, said.non_conformant):
        assert len(text) <= MAX_TEXT
    assert said.non_conformant.split("\n")[-1].startswith("And ")


@given(blueprints(most_properties=3, most_values=4), st.integers(0, 30))
@settings(max_examples=25, deadline=None)
def test_something_is_said_of_everything(blueprint: Blueprint, n: int) -> None:
    drawn = draw(blueprint, n, seed=1)
    said = words(conformance(blueprint, drawn, drawn))
    assert said.explanation
    assert all(len(text) <= MAX_TEXT for text in (said.conformant, said.non_conformant))
