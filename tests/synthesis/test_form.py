"""Blueprints are written so that they are read as the same, and mistakes come with their line."""

from contextlib import suppress
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from support.blueprints import NAMES, TEXTS, blueprints
from weighbridge.core.synthesis import Blueprint, Condition, Property
from weighbridge.errors import InvalidFields
from weighbridge.synthesis.form import DESCRIPTIONS, read_blueprint, write_blueprint

LETTERS = """\
spec:
  description: A letter to a bank.
  requirements: |
    Every letter names an account.
    None is longer than a page.
  data_property_variations:
    - property_name: mood
      property_values: [calm, angry, sad]
      base_distributions: {calm: 60, angry: 40}
    - property_name: pages
      property_values: [1, 2.5, true]
      conditional_distributions:
        - when: {mood: angry}
          distribution: {1: 90, 2.5: 10}
  selected_sql_schema_column: schema
  selected_sql_query_columns: [a, b]
metadata:
  samples: 12
"""


def problems(content: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(InvalidFields) as caught:
        read_blueprint(content)
    return [(problem.line, problem.field, problem.message) for problem in caught.value.problems]


def changed(old: str, new: str) -> str:
    assert old in LETTERS
    return LETTERS.replace(old, new)


def test_a_blueprint_is_read_with_all_that_stands_in_it() -> None:
    assert read_blueprint(LETTERS) == Blueprint(
        description="A letter to a bank.",
        requirements="Every letter names an account.\nNone is longer than a page.\n",
        properties=(
            Property("mood", ("calm", "angry", "sad"), {"calm": 60.0, "angry": 40.0, "sad": 0.0}),
            Property(
                "pages",
                ("1", "2.5", "true"),
                dict.fromkeys(("1", "2.5", "true"), 100 / 3),
                (Condition({"mood": "angry"}, {"1": 90.0, "2.5": 10.0, "true": 0.0}),),
            ),
        ),
        more={
            "selected_sql_schema_column": "schema",
            "selected_sql_query_columns": ["a", "b"],
        },
    )


def test_the_older_words_are_understood() -> None:
    old = """\
specification:
  description: Reviews.
  axes:
    - axis_name: stars
      axis_description: How many there are.
      possible_values: [1, 2]
"""
    found = read_blueprint(old)
    assert found.properties == (Property("stars", ("1", "2"), {"1": 50.0, "2": 50.0}),)
    assert found.more == {DESCRIPTIONS: {"stars": "How many there are."}}
    new = yaml.safe_load(write_blueprint(found))["spec"]["data_property_variations"][0]
    assert new["property_description"] == "How many there are."
    assert read_blueprint(write_blueprint(found)) == found


def test_json_is_yaml_too() -> None:
    text = (
        '{"spec": {"data_property_variations": [{"property_name": "a", "property_values": ["b"]}]}}'
    )
    assert read_blueprint(text).properties == (Property("a", ("b",), {"b": 100.0}),)


def test_percentages_near_100_are_scaled() -> None:
    found = read_blueprint(changed("{calm: 60, angry: 40}", "{calm: 33.3, angry: 33.3, sad: 33.3}"))
    assert dict(found.properties[0].shares) == dict.fromkeys(("calm", "angry", "sad"), 100 / 3)
    found = read_blueprint(changed("{calm: 60, angry: 40}", "{calm: 60, angry: 39.6}"))
    assert sum(found.properties[0].shares.values()) == pytest.approx(100, abs=1e-9)
    assert found.properties[0].shares["calm"] == pytest.approx(60 / 0.996, abs=1e-4)


@given(blueprints())
def test_what_is_written_is_read_as_the_same(blueprint: Blueprint) -> None:
    content = write_blueprint(blueprint)
    assert read_blueprint(content) == blueprint
    assert write_blueprint(read_blueprint(content)) == content


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | NAMES
    | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
OWN = {"description", "requirements", "data_property_variations", "axes", DESCRIPTIONS}


@given(
    st.dictionaries(NAMES.filter(lambda key: key not in OWN), JSON, max_size=4),
    st.none() | st.dictionaries(NAMES, JSON),
)
def test_other_keys_are_kept_and_metadata_is_not(more: dict[str, Any], metadata: Any) -> None:
    mood = Property("mood", ("calm",), {"calm": 100.0})
    blueprint = Blueprint("", "", (mood,), more)
    assert read_blueprint(write_blueprint(blueprint, metadata)) == blueprint


def test_what_is_written_is_pleasant_to_edit() -> None:
    written = write_blueprint(read_blueprint(LETTERS), {"samples": 12})
    assert (
        written
        == """\
spec:
  description: A letter to a bank.
  requirements: |
    Every letter names an account.
    None is longer than a page.
  data_property_variations:
    - property_name: mood
      property_values:
        - calm
        - angry
        - sad
      base_distributions:
        calm: 60
        angry: 40
        sad: 0
    - property_name: pages
      property_values:
        - '1'
        - '2.5'
        - 'true'
      base_distributions:
        '1': 33.3333
        '2.5': 33.3333
        'true': 33.3333
      conditional_distributions:
        - when:
            mood: angry
          distribution:
            '1': 90
            '2.5': 10
            'true': 0
  selected_sql_schema_column: schema
  selected_sql_query_columns:
    - a
    - b
metadata:
  samples: 12
"""
    )


LIST = "spec.data_property_variations"
BASE = f"{LIST}.0.base_distributions"
VALUES = f"{LIST}.0.property_values"
NAME = f"{LIST}.1.property_name"
ONE = f"{LIST}.1.conditional_distributions.0"
WHEN = f"{ONE}.when"


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "message"),
    [
        ("angry: 40", "angry: 30", 9, BASE, "add up to 100, not 90"),
        ("angry: 40", "angri: 40", 9, f"{BASE}.angri", "did you mean `angry`?"),
        ("angry: 40", "angry: '40'", 9, f"{BASE}.angry", "not the text `40`"),
        ("angry: 40", "angry: true", 9, f"{BASE}.angry", "not the value true"),
        ("angry: 40", "angry: -1", 9, f"{BASE}.angry", "0 to 100 percent, not -1"),
        ("angry: 40", "angry: 140", 9, f"{BASE}.angry", "percent, not 140"),
        ("{calm: 60, angry: 40}", "[60, 40]", 9, BASE, "not a list"),
        ("{calm: 60, angry: 40}", "{}", 9, BASE, "100, not 0"),
        ("1: 90", "1: 9", 14, f"{ONE}.distribution", "not 19"),
        ("mood: angry", "mod: angry", 13, f"{WHEN}.mod", "did you mean `mood`?"),
        ("mood: angry", "mood: angri", 13, f"{WHEN}.mood", "did you mean `angry`?"),
        ("mood: angry", "pages: 1", 13, f"{WHEN}.pages", "is the property itself"),
        ("mood: angry", "mood: [angry]", 13, f"{WHEN}.mood", "not a list"),
        ("{mood: angry}", "{}", 13, WHEN, "not nothing"),
        ("- when: {mood: angry}\n          distr", "- distr", 13, WHEN, "is missing"),
        (
            "distribution: {1",
            "distributions: {1",
            14,
            f"{ONE}.distributions",
            "mean `distribution`?",
        ),
        (
            "base_distributions",
            "base_distribution",
            9,
            f"{LIST}.0.base_distribution",
            "mean `base_distributions`?",
        ),
        ("property_name: pages", "property_name: mood", 10, NAME, "names are unique"),
        ("property_name: pages", "property_name: ' '", 10, NAME, "not an empty text"),
        ("property_name: pages", "property_names: pages", 10, NAME, "is missing"),
        ("property_name: pages", f"property_name: {'x' * 201}", 10, NAME, "201 characters"),
        ("calm, angry, sad", "calm, angry, calm", 8, f"{VALUES}.2", "values are unique"),
        ("calm, angry, sad", "calm, angry, ''", 8, f"{VALUES}.2", "not an empty text"),
        ("calm, angry, sad", "calm, angry, null", 8, f"{VALUES}.2", "not nothing"),
        ("calm, angry, sad", "calm, angry, {}", 8, f"{VALUES}.2", "not an object"),
        ("[calm, angry, sad]", "[]", 8, VALUES, "1 to 200 values, not 0"),
        ("[calm, angry, sad]", str(list(range(201))), 8, VALUES, "not 201"),
        ("[calm, angry, sad]", "calm", 8, VALUES, "not the text `calm`"),
        (
            "description: A letter to a bank.",
            "description: [a]",
            2,
            "spec.description",
            "not a list",
        ),
        (
            "data_property_variations",
            "data_property_variation",
            1,
            LIST,
            "mean `data_property_variations`?",
        ),
        ("metadata", "meta", 17, "meta", "there is no such field"),
        ("A letter to a bank.", '"a\\0b"', 2, "spec.description", "U+0000"),
        ("spec:", "specs:", 1, "spec", "did you mean `spec`?"),
    ],
)
def test_a_mistake_is_said_with_its_field_and_line(
    old: str, new: str, line: int, field: str, message: str
) -> None:
    found = problems(changed(old, new))
    assert (line, field) in [(one, two) for one, two, _ in found]
    assert any(message in said for _, two, said in found if two == field)


def test_a_condition_looks_only_at_properties_before_it() -> None:
    content = """\
spec:
  data_property_variations:
    - property_name: a
      property_values: [x, y]
      conditional_distributions:
        - {when: {b: x}, distribution: {x: 100}}
    - property_name: b
      property_values: [x, y]
"""
    (found,) = problems(content)
    place = "spec.data_property_variations.0.conditional_distributions.0.when.b"
    assert found[:2] == (6, place)
    assert "only at properties before" in found[2]


def test_the_same_condition_twice_is_a_mistake() -> None:
    again = "        - when: {mood: angry}\n          distribution: {1: 100}\n  selected_sql_schema"
    (found,) = problems(changed("  selected_sql_schema", again))
    assert found[0] == 15
    assert "is there already" in found[2]


def test_all_mistakes_are_said_at_once_up_to_twenty() -> None:
    values = ", ".join(["''"] * 30)
    found = problems(changed("[calm, angry, sad]", f"[{values}]"))
    assert len(found) == 21
    assert found[-1][2].startswith("and ")


@pytest.mark.parametrize(
    "content",
    ["", "text", "[]", "1", "null", "{}", "spec: text", "spec: []", "spec:\nspecification:\n"],
)
def test_what_is_no_spec_is_said_to_be_none(content: str) -> None:
    assert any("data_property_variations" in message for _, _, message in problems(content))


def test_a_hundred_properties_and_no_more() -> None:
    one = "    - {property_name: p%d, property_values: [a]}\n"
    head = "spec:\n  data_property_variations:\n"
    assert len(read_blueprint(head + "".join(one % i for i in range(100))).properties) == 100
    (found,) = problems(head + "".join(one % i for i in range(101)))
    assert "not 101" in found[2]


def test_a_bomb_of_aliases_is_refused() -> None:
    lines = ["spec:", "  a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"  a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "aliases" in problems("\n".join(lines))[0][2]


def test_a_value_that_was_an_alias_may_be_used_again() -> None:
    content = """\
spec:
  data_property_variations:
    - property_name: a
      property_values: &values [x, y]
    - property_name: b
      property_values: *values
"""
    assert [prop.values for prop in read_blueprint(content).properties] == [("x", "y")] * 2


@given(
    st.text(max_size=200)
    | blueprints()
    .map(write_blueprint)
    .flatmap(lambda whole: st.integers(0, len(whole)).map(lambda end: whole[:end]))
)
def test_any_text_is_read_or_refused(content: str) -> None:
    with suppress(InvalidFields):
        assert read_blueprint(content).properties
