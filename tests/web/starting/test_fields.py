"""The form of an evaluation and the object that stands for the same, in both directions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import InvalidFields
from weighbridge.spec import parse_spec
from weighbridge.specfile import load_spec, parse_yaml, write_spec
from weighbridge.web.starting import plain
from weighbridge.web.starting.fields import form_from, object_of, renamed
from weighbridge.web.starting.kind import form_of

WHOLE: dict[str, Any] = {
    "name": "all of it",
    "data": "questions",
    "id": "n",
    "target": "answer",
    "cluster": "source",
    "models": ["a", "b"],
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "{question}", "images": ["{picture}"]},
    ],
    "scorers": [
        "exact",
        {"regex": {"pattern": "(1e3)", "group": 1}, "as": "found"},
        {"judge": {"rubric": "helpful"}},
    ],
    "judge": "strict",
    "params": {"temperature": 0.5, "max_tokens": 20, "seed": 7, "stop": ["\n\n"]},
    "epochs": 3,
    "reducer": "majority",
    "concurrency": 8,
    "budget": {"usd": 1.5, "tokens": 1000},
    "timeout": 30.0,
    "limit": 10,
    "cache": True,
    "where": {"kind": ["a", "b"], "n": {"min": 3}},
    "sample": {"n": 5, "seed": 1},
    "schema": {"type": "object"},
    "metadata": {"why": "yes"},
}


def test_what_a_form_is_made_of_comes_out_of_it() -> None:
    assert parse_spec(object_of(form_from(WHOLE))) == parse_spec(WHOLE)


@pytest.mark.parametrize("field", sorted(WHOLE))
def test_each_field_comes_out_without_the_others(field: str) -> None:
    assert object_of(form_from({field: WHOLE[field]})) == {field: WHOLE[field]}


def test_a_chat_that_fields_cannot_say_stands_as_yaml() -> None:
    chat = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "{q}"},
    ]
    form = form_from({"messages": chat})
    assert "assistant" in form.text("more")
    assert object_of(form) == {"messages": chat}


def test_columns_with_an_image_need_no_braces() -> None:
    said = object_of(form_of({"prompt": "What is it?", "image": "picture"}))
    assert said["messages"][0]["images"] == ["{picture}"]


def test_models_are_ticked_or_written_each_once() -> None:
    form = form_of({"models": ["a", "b"], "more_models": "openai/x, b\n openai/y "})
    assert object_of(form) == {"models": ["a", "b", "openai/x", "openai/y"]}


@pytest.mark.parametrize(
    ("values", "field", "words"),
    [
        ({"epochs": "three"}, "epochs", "no whole number"),
        ({"temperature": "warm"}, "temperature", "no number"),
        ({"params": "a: [1"}, "params", "not YAML"),
        ({"params": "just words"}, "params", "named fields"),
        ({"scorer.3": "regex", "options.3": "pattern: ["}, "scorer.3", "not YAML"),
        ({"prompt": "x", "more": "prompt: y"}, "more", "said by a field above"),
    ],
)
def test_what_cannot_be_read_is_said_of_its_field(
    values: dict[str, str], field: str, words: str
) -> None:
    with pytest.raises(InvalidFields, match=words) as caught:
        object_of(form_of(values))
    assert caught.value.problems[0].field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prompt": "{"}, "prompt"),
        ({"system": "{", "prompt": "x"}, "system"),
        ({"scorer.0": "", "scorer.4": "regex", "options.4": "patern: x"}, "scorer.4"),
        ({"more": "limit: 0"}, "more"),
        ({"epochs": "0"}, "epochs"),
        ({"budget_usd": "-1"}, "budget_usd"),
        ({"temperature": "1", "params": "stream: true"}, "params"),
    ],
)
def test_what_is_wrong_is_said_of_the_field_that_said_it(
    changes: dict[str, str], field: str
) -> None:
    values = {"data": "d", "models": "m", "prompt": "{q}", "scorer.0": "exact", **changes}
    form = form_of(values)
    with pytest.raises(InvalidFields) as caught:
        parse_spec(object_of(form))
    told = renamed(caught.value, form).problems[0].field
    assert told == field or told.startswith(f"{field}.")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_yaml_that_is_written_is_read_as_it_was(value: Any) -> None:
    written = write_spec({"metadata": {"it": value}})
    try:
        read, _ = parse_yaml(written, "written")
    except InvalidFields as error:
        # Characters that no YAML may hold, and nothing else, cannot be written.
        assert "not allowed" in str(error) or "key must be" in str(error)  # noqa: PT017
        return
    assert read == {"metadata": {"it": value}}


@pytest.mark.parametrize("text", ["1e3", "0.", "yes", "null", "~", "1:30", "007", "-.5e1", "a: b"])
def test_texts_that_look_like_something_else_stay_texts(text: str) -> None:
    assert parse_yaml(write_spec({"prompt": text}), "")[0] == {"prompt": text}


def test_the_yaml_view_says_the_same_and_comes_back() -> None:
    form = form_from(WHOLE)
    yaml = plain.turn(form, "yaml")
    assert load_spec(yaml.text("yaml"), "x") == parse_spec(WHOLE)
    back = plain.turn(yaml, "form")
    assert parse_spec(object_of(back)) == parse_spec(WHOLE)


def test_recipes_hold_no_key_and_say_the_same() -> None:
    found = plain.recipes("http://host:1", {**WHOLE, "name": 'it\'s `$HOME` "x"\nYAML'})
    texts = {it.title: it.text for it in found}
    assert "$WEIGHBRIDGE_API_KEY" in texts["curl"]
    assert all("wb_" not in it.text for it in found)
    assert load_spec(texts["The file"], "x").name == 'it\'s `$HOME` "x"\nYAML'
    assert "<<'YAML_END'" in texts["Command line"]
