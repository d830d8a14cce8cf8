"""YAML text becomes an evaluation; what is wrong is reported with its line."""

import contextlib
import json
import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.errors import InvalidFields
from weighbridge.specfile import MAX_BYTES, load_spec, parse_yaml, write_spec

GOOD = """\
name: capitals
data: questions.jsonl
model: house
prompt: |
  Answer briefly.
  {question}
target: answer
scorers:
  - exact
  - regex:
      pattern: "[a-z]+"
params: {temperature: 0}
"""

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    # A key that YAML does not announce with `?` may have 1,024 characters, escapes counted.
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=50), inner, max_size=4),
    max_leaves=10,
)  # fmt: skip


def problems(text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(InvalidFields) as caught:
        load_spec(text, "qa.yaml")
    assert str(caught.value).startswith("qa.yaml: ")
    return [(one.line, one.field, one.message) for one in caught.value.problems]


def test_a_file_becomes_an_evaluation() -> None:
    evaluation = load_spec(GOOD, "qa.yaml").to_evaluation()
    assert evaluation.name == "capitals"
    assert evaluation.messages[0].content == "Answer briefly.\n{question}\n"
    assert [spec.key for spec in evaluation.scorers] == ["exact", "regex"]


def test_json_is_read_too() -> None:
    text = json.dumps(load_spec(GOOD, "qa.yaml").as_json(), indent=1)
    assert load_spec(text, "qa.json") == load_spec(GOOD, "qa.yaml")


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        ("target: answer", "tagret: answer", 7, "tagret"),
        ("{question}", "{question", 4, "prompt"),
        ('"[a-z]+"', '"(a"', 11, "scorers.1.regex.pattern"),
        ("- exact", "- exat", 9, "scorers.0"),
        ("- exact", "- exact:\n      ignore_cse: true", 10, "scorers.0.exact.ignore_cse"),
        ("{temperature: 0}", "\n  temperature: 0\n  stream: true", 14, "params.stream"),
        ("data: questions.jsonl\n", "cases:\n  - question: a\n", 3, "cases.0"),
        ("model: house\n", "", 1, ""),
        ("model: house", "model: 5", 3, "model"),
    ],
)
def test_a_wrong_field_is_reported_with_its_line(old: str, new: str, line: int, field: str) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new))
    assert (line, field) in [(at, name) for at, name, _ in found]


def test_messages_carry_file_line_and_field() -> None:
    with pytest.raises(InvalidFields) as caught:
        load_spec(GOOD + "epochs: 0\n", "qa.yaml")
    assert str(caught.value).startswith("qa.yaml: line 13: epochs: Input should be greater")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb: [1, 2", 2, "not YAML: did not find expected ',' or ']'"),
        ("a: 1\nb:\n\t- x\n", 3, "not YAML: found character that cannot start any token"),
        ("a: b: c", 1, "not YAML: mapping values are not allowed"),
        ('a: 1\nb: "\\q"', 2, "not YAML: found unknown escape character"),
        ("a: 1\nb: \x07", 2, "not YAML: character 7 is not allowed"),
        ("a: 1\nb: 2\na: 3", 3, "is there twice (first in line 1)"),
        ("a: 1\n---\nb: 2", 2, "a second document"),
        ("a: *b", 1, "stands for nothing"),
        ("a: &b [*b]", 1, "stands for nothing"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]", 2, "tags are not read"),
        ("a: !!binary aGk=", 1, "tags are not read"),
        ("a: !mine x", 1, "tags are not read"),
        ("[a]: 1", 1, "a key must be a plain word"),
        ("a: 1e999", 1, "too large"),
        ("a: " + "9" * 500, 1, "500 digits"),
        ("[" * 100_000, 1, "nested more than 64 deep"),
        ("{a: " * 100_000, 1, "nested more than 64 deep"),
    ],
)
def test_yaml_that_cannot_be_read_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    ((at, _, message),) = problems(text)
    assert (at, said in message) == (line, True), message


def test_a_few_aliases_are_fine() -> None:
    data, _ = parse_yaml("a: &x {k: [1, 2]}\nb: *x\nc: [*x, *x]", "x")
    one = {"k": [1, 2]}
    assert data == {"a": one, "b": one, "c": [one, one]}


def test_a_billion_laughs_are_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    start = time.process_time()
    ((line, _, message),) = problems("\n".join(lines))
    assert time.process_time() - start < 1
    assert (line, message) == (4, "aliases repeat more than 10,000 values")


@pytest.mark.parametrize("text", ["x" * (MAX_BYTES + 1), "é" * (MAX_BYTES // 2 + 1)])
def test_a_text_over_the_limit_is_refused(text: str) -> None:
    ((_, _, message),) = problems(text)
    assert message == "over 1 MiB; put the cases in a file and name it under `data`"


@pytest.mark.parametrize("text", ["", "# only a comment\n", "- a\n", "word", "5"])
def test_something_else_than_an_object_is_refused(text: str) -> None:
    ((_, _, message),) = problems(text)
    assert message.startswith("an evaluation is an object")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("007", "007"), ("1:30", "1:30"),
        ("2024-01-31", "2024-01-31"), ("0x10", "0x10"), (".nan", ".nan"), ("1_000", "1_000"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("''", ""),
        ("'true'", "true"), ('"5"', "5"), ("!!str 5", "5"), ("5", 5), ("-5", -5), ("+5", 5),
        ("0", 0), ("0.5", 0.5), (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1.5E-3", 0.0015),
        ("!!int 5", 5), ("=", "="), ("<<", "<<"),
    ],
)  # fmt: skip
def test_scalars_mean_what_they_look_like(text: str, value: object) -> None:
    data, _ = parse_yaml(f"a: {text}", "x")
    assert data == {"a": value}
    assert isinstance(data, dict)
    assert type(data["a"]) is type(value)


def test_keys_are_always_text() -> None:
    assert parse_yaml("2019: a\ntrue: b\nnull: c", "x")[0] == {
        "2019": "a",
        "true": "b",
        "null": "c",
    }


def test_escapes_of_json_beyond_the_first_plane_are_read() -> None:
    value = {"a": "😀", "b": "\\ud83d\\ude00", "c": "\\😀"}
    assert parse_yaml(json.dumps(value), "x")[0] == value
    assert parse_yaml(r"a: \ud83d\ude00", "x")[0] == {"a": r"\ud83d\ude00"}


@given(json_values)
def test_any_json_is_read_as_json_reads_it(value: object) -> None:
    text = json.dumps({"value": value}, indent=1)
    data, _ = parse_yaml(text, "x")
    assert repr(data) == repr(json.loads(text))


@given(st.dictionaries(st.text(), json_values, min_size=1, max_size=5))
def test_what_yaml_writes_is_read_back(value: dict[str, object]) -> None:
    # Quoted: the library writes YAML 1.1, in which the text `0E0` is no number and goes without.
    text = yaml.safe_dump(value, default_flow_style=False, default_style='"')
    data, lines = parse_yaml(text, "x")
    assert data == value
    assert {(name,) for name in value} <= set(lines)


@given(st.text(max_size=200))
def test_no_text_brings_another_error(text: str) -> None:
    with contextlib.suppress(InvalidFields):
        load_spec(text, "x")


@pytest.mark.parametrize(
    "prompt",
    [
        "one line: {q} # no comment",
        "two\nlines {q}",
        "  indented\n\n\ttab at {q}\ntrailing \n",
        "'quotes' \"both\" {q}\r\nand returns",
        "\u202e{q}\u0085\u2028\nbidi \x07",
        "- {q}\n- yes\n---\n...",
        "no",
    ],
)
def test_what_is_written_is_read_as_it_was(prompt: str) -> None:
    fields = {
        "name": "yes",
        "data": "2026-01-31",
        "model": "1e3",
        "prompt": prompt,
        "target": "null",
        "scorers": ["exact", {"regex": {"pattern": "a\n b"}, "as": "shape"}],
        "params": {"temperature": 0.5, "stop": ["\n"]},
    }
    written = write_spec(fields)
    assert load_spec(written, "x.yaml").as_json() == fields
    if prompt.startswith("two"):
        assert "prompt: |-\n  two\n  lines {q}\n" in written
