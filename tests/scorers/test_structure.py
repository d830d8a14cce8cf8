"""JSON answers: by a schema as the package jsonschema judges, and field by field."""

import json
import time
from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.conftest import Grade
from weighbridge.core.outcome import Scored, Ungraded
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.structure import JsonMatch, JsonSchema, read_json

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z]"},
        "age": {"type": "integer", "minimum": 0},
        "tags": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "friend": {"$ref": "#"},
    },
    "required": ["name"],
    "additionalProperties": False,
}
LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["Ann", "bob", "", 1.5])
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "age", "tags", "friend", "x"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)
SCHEMAS = st.recursive(
    st.sampled_from(
        [
            {},
            True,
            {"type": "integer"},
            {"type": ["string", "null"]},
            {"enum": [1, "Ann", None]},
            {"minimum": 2},
            {"maxLength": 2},
            {"required": ["age"]},
            {"pattern": "^[Aa]"},
            {"const": 1.0},
            {"uniqueItems": True},
            {"multipleOf": 3},
        ]
    ),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "allOf": st.lists(inner, min_size=1, max_size=2),
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "oneOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "items": inner,
            "additionalProperties": inner,
            "properties": st.dictionaries(st.sampled_from(["name", "age"]), inner, max_size=2),
        },
    ),
    max_leaves=5,
)
DRAFTS = st.sampled_from(
    [
        *(f"http://json-schema.org/draft-0{number}/schema#" for number in (6, 7)),
        *(f"https://json-schema.org/draft/{year}/schema" for year in ("2019-09", "2020-12")),
    ]
)


@settings(max_examples=300, deadline=None)
@given(SCHEMAS, VALUES, DRAFTS)
def test_it_agrees_with_the_package_jsonschema(
    grade: Grade, schema: Any, value: Any, draft: str
) -> None:
    whole = {"$schema": draft, "allOf": [schema]}
    found = grade(JsonSchema(whole), json.dumps(value))
    reference = jsonschema.validators.validator_for(whole)(whole).is_valid(value)
    assert isinstance(found, Scored)
    assert found.value == float(reference), found.explanation


@settings(max_examples=200, deadline=None)
@given(VALUES)
def test_it_agrees_on_a_schema_that_refers_to_itself(grade: Grade, value: Any) -> None:
    found = grade(JsonSchema(PERSON), json.dumps(value))
    assert found.value == float(jsonschema.Draft202012Validator(PERSON).is_valid(value))  # type: ignore[union-attr]


def test_the_first_violation_is_named_with_its_place(grade: Grade) -> None:
    said = '{"name": "Ann", "friend": {"name": "Bo", "tags": ["x", 5]}, "age": 3}'
    found = grade(JsonSchema(PERSON), said)
    assert isinstance(found, Scored)
    assert found.explanation == 'at /friend/tags/1: 5 is not of type "string"'
    assert found.details == {"path": "/friend/tags/1"}
    top = grade(JsonSchema(PERSON), "{}")
    assert top == Scored(
        0.0, None, 'at the top: "name" is a required property', details={"path": ""}
    )


def test_without_a_schema_it_must_be_json(grade: Grade) -> None:
    assert grade(JsonSchema(), "[1, 2]") == Scored(1.0)
    for bad in ("", "{'a': 1}", "NaN", "{} {}", "Sure! {}", "[" * 5_000):
        found = grade(JsonSchema(), bad)
        assert isinstance(found, Scored)
        assert found.value == 0.0
        assert "not JSON" in str(found.explanation)


def test_where_the_json_may_stand() -> None:
    fenced = 'Here:\n```json\n{"a": 1}\n```\nDone.'
    within = 'I think {so} it is {"a": [1]} or {"b": 2}.'
    assert read_json(fenced) == {"a": 1}
    assert read_json(within, "anywhere") == {"a": [1]}
    for text, where in ((fenced, "whole"), (within, "fenced"), (fenced * 2, "fenced")):
        with pytest.raises(ValueError, match="not JSON"):
            read_json(text, where)  # type: ignore[arg-type]
    start = time.perf_counter()
    for hostile in ("[" * 1_000_000, "{" * 1_000_000, '{"a":' * 200_000, "```json\n" * 100_000):
        with pytest.raises(ValueError, match="JSON"):
            read_json(hostile, "anywhere")
    assert time.perf_counter() - start < 20


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "objekt"}, "/type"),
        ({"$schema": "http://json-schema.org/draft-03/schema#"}, "Unknown meta-schema"),
        ({"$ref": "http://127.0.0.1:9/x.json"}, "nothing is fetched"),
        ({"$ref": "file:///etc/passwd"}, "nothing is fetched"),
        ({"$dynamicRef": "other.json"}, "nothing is fetched"),
        ({"$ref": "#/$defs/x"}, "leads to nothing"),
        ({"$ref": "#x"}, "leads to nothing"),
        ({"$defs": {"a": {"$id": "http://other/"}}}, "`$id` of its own"),
        ({"pattern": "(?=a)b"}, "/pattern"),
        ({"patternProperties": {"(a)\\1": {}}}, "/patternProperties"),
    ],
)
def test_a_schema_that_cannot_be_used_is_refused_or_its_case_ungraded(
    grade: Grade, schema: dict[str, Any], said: str
) -> None:
    with pytest.raises(OptionError, match=said.replace("$", r"\$")) as caught:
        JsonSchema(schema)
    assert caught.value.option == "schema"
    found = grade(JsonSchema(column="s"), "{}", s=schema)
    assert isinstance(found, Ungraded)
    assert said in found.reason


def test_a_schema_of_its_own_for_each_case(grade: Grade) -> None:
    scorer = JsonSchema(column="s")
    assert grade(scorer, "1", s={"type": "integer"}).value == 1.0  # type: ignore[union-attr]
    assert grade(scorer, '"1"', s='{"type": "integer"}').value == 0.0  # type: ignore[union-attr]
    assert isinstance(grade(scorer, "1", s=None), Ungraded)
    assert isinstance(grade(scorer, "1"), Ungraded)
    assert isinstance(grade(scorer, "1", s="no schema"), Ungraded)
    with pytest.raises(OptionError, match="not both"):
        JsonSchema({}, "s")


def test_hostile_patterns_and_recursion_take_no_time(grade: Grade) -> None:
    start = time.perf_counter()
    grade(JsonSchema({"pattern": "^(a+)+$"}), orjson.dumps("a" * 1_000_000 + "!").decode())
    assert grade(JsonSchema({"$ref": "#"}), "1").value == 1.0  # type: ignore[union-attr]
    deep = "[" * 1_000 + "]" * 1_000
    assert grade(JsonSchema({"items": {"$ref": "#"}}), deep).value == 1.0  # type: ignore[union-attr]
    branch = {"properties": {"a": {"$ref": "#"}}}
    both = JsonSchema({"anyOf": [{**branch, "required": ["x"]}, {**branch, "required": ["y"]}]})
    shallow = '{"a":' * 3 + "{}" + "}" * 3
    assert grade(both, shallow).explanation.startswith("at the top")  # type: ignore[union-attr]
    middling = '{"a":' * 14 + "{}" + "}" * 14
    assert grade(both, middling) == Scored(0.0, None, "the answer does not conform to the schema")
    assert isinstance(grade(both, '{"a":' * 30 + "{}" + "}" * 30), Ungraded)
    doubling = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n - 1}"}] * 2} for n in range(1, 60)}
    defs = {"$defs": {"a0": {"type": "integer"}, **doubling}, "$ref": "#/$defs/a59"}
    assert isinstance(grade(JsonSchema(defs), "1"), Ungraded)
    assert time.perf_counter() - start < 10


def test_formats_are_checked_when_asked_for(grade: Grade) -> None:
    schema = {"format": "date"}
    assert grade(JsonSchema(schema), '"31 May"').value == 1.0  # type: ignore[union-attr]
    assert grade(JsonSchema(schema, formats=True), '"31 May"').value == 0.0  # type: ignore[union-attr]
    assert grade(JsonSchema(schema, formats=True), '"2024-05-31"').value == 1.0  # type: ignore[union-attr]


def test_fields_are_compared_one_by_one(grade: Grade) -> None:
    wanted = {"name": "Ann", "age": 30, "home": {"city": "Oslo", "zip": None}, "tags": ["a", "b"]}
    said = '{"name": "Ann", "age": 30.0, "home": {"city": "Bergen"}, "tags": ["a", "b"], "x": 1}'
    found = grade(JsonMatch(), said, wanted)
    assert found == Scored(
        3 / 5,
        None,
        "3 of 5 fields are right",
        details={"missing": ["home.zip"], "wrong": ["home.city"]},
    )
    assert grade(JsonMatch(fields=("name", "home")), said, wanted).value == pytest.approx(1 / 3)  # type: ignore[union-attr]
    assert grade(JsonMatch(), said, json.dumps(wanted)) == found
    assert grade(JsonMatch(), said, [wanted, {"x": 1}]).value == 1.0  # type: ignore[union-attr]


def test_exact_wants_every_field_and_no_other(grade: Grade) -> None:
    exact = JsonMatch(exact=True)
    assert (exact.metric, JsonMatch().metric) == ("accuracy", "mean")
    assert grade(exact, '{"a": 1}', {"a": 1}) == Scored(1.0, None, "1 of 1 fields are right")
    surplus = grade(exact, '{"a": 1, "b": 2}', {"a": 1})
    assert isinstance(surplus, Scored)
    assert (surplus.value, surplus.details) == (0.0, {"surplus": ["b"]})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (True, 1, False),
        (False, 0, False),
        (None, "None", False),
        (True, "True", False),
        (True, ["True"], False),
        ([], {}, False),
        (1, 1.0, True),
        ("é", "e\u0301", True),
        ("A", "a", False),
        ([{"a": 1, "b": 2}], [{"b": 2, "a": 1}], True),
        ([1, 2], [2, 1], False),
    ],
)
def test_what_counts_as_the_same_value(grade: Grade, one: Any, other: Any, same: bool) -> None:
    found = grade(JsonMatch(), json.dumps({"v": one}), {"v": other})
    assert found.value == float(same)  # type: ignore[union-attr]


@given(VALUES.filter(lambda value: isinstance(value, dict) and value != {}))
def test_an_answer_that_is_the_reference_has_every_field(grade: Grade, value: Any) -> None:
    assert grade(JsonMatch(exact=True), json.dumps(value), value).value == 1.0  # type: ignore[union-attr]


def test_what_cannot_be_compared(grade: Grade) -> None:
    for target in (None, " ", "text", [1], [], {}, [{}], 5):
        assert isinstance(grade(JsonMatch(), '{"a": 1}', target), Ungraded), target
    assert isinstance(grade(JsonMatch(fields=("b",)), "{}", {"a": 1}), Ungraded)
    for said in ("no", "[1]", ""):
        assert grade(JsonMatch(), said, {"a": 1}).value == 0.0  # type: ignore[union-attr]
    deep = '{"a":' * 1_000 + "1" + "}" * 1_000
    assert isinstance(grade(JsonMatch(), deep, {"a": 1}), Ungraded)
    with pytest.raises(OptionError, match="leave it out"):
        JsonMatch(fields=())
