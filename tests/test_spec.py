"""The evaluation object: what it becomes, and what is said of every field that is wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.evaluation import Budget, Evaluation, Precision, PromptMessage, Reducer
from weighbridge.core.outcome import ScorerSpec
from weighbridge.errors import InvalidFields
from weighbridge.scorers import SCORERS
from weighbridge.spec import EvaluationSpec, json_schema, parse_spec

SMALL: dict[str, Any] = {"data": "qa.jsonl", "model": "m", "prompt": "{question}"}


def problems(**fields: Any) -> dict[str, str]:
    """Field → message of what is wrong with the small evaluation after these changes; a field
    given as None is left out."""
    data = {name: value for name, value in {**SMALL, **fields}.items() if value is not None}
    with pytest.raises(InvalidFields) as caught:
        parse_spec(data)
    return {problem.field: problem.message for problem in caught.value.problems}


def scorers_of(*items: Any) -> tuple[ScorerSpec, ...]:
    return parse_spec({**SMALL, "scorers": list(items)}).to_evaluation().scorers


def test_the_smallest_evaluation_has_the_documented_defaults() -> None:
    assert parse_spec(SMALL).to_evaluation() == Evaluation(
        name="evaluation", models=("m",), messages=(PromptMessage("user", "{question}"),)
    )


def test_every_field_reaches_the_evaluation() -> None:
    spec = parse_spec(
        {
            "name": "capitals",
            "data": "questions.jsonl",
            "id": "id",
            "models": ["a", "b"],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "{question}", "images": ["{picture}"]},
            ],
            "target": "answer",
            "cluster": "source",
            "scorers": ["exact", {"f1": {}}],
            "params": {"temperature": 0, "stop": ["\n"]},
            "schema": {"type": "object"},
            "epochs": 3,
            "reducer": "pass@k",
            "concurrency": 256,
            "budget": {"usd": 5, "tokens": 1000},
            "timeout": 30,
            "limit": 10,
            "metadata": {"ticket": 7},
        }
    )
    assert spec.data == "questions.jsonl"
    assert spec.to_evaluation() == Evaluation(
        name="capitals",
        models=("a", "b"),
        messages=(
            PromptMessage("system", "Be brief."),
            PromptMessage("user", "{question}", ("{picture}",)),
        ),
        id_column="id",
        target_column="answer",
        cluster_column="source",
        scorers=(ScorerSpec("exact", {}, "exact"), ScorerSpec("f1", {}, "f1")),
        params={"temperature": 0, "stop": ["\n"]},
        schema={"type": "object"},
        epochs=3,
        reducer=Reducer.PASS_AT_K,
        concurrency=256,
        budget=Budget(5, 1000),
        timeout_s=30,
        limit=10,
        metadata={"ticket": 7},
    )


def test_the_object_comes_back_as_it_was_written() -> None:
    written = {**SMALL, "schema": {"type": "object"}, "budget": {"usd": 1}, "scorers": ["exact"]}
    spec = parse_spec(written)
    assert spec.as_json() == written
    assert parse_spec(json.loads(json.dumps(spec.as_json()))) == spec


def test_inline_cases_are_kept() -> None:
    cases = [{"question": "a", "n": 1, "tags": ["x", None]}]
    assert parse_spec({**_without("data"), "cases": cases}).cases == cases


def test_keys_of_scorers_are_unique_and_may_be_chosen() -> None:
    specs = scorers_of(
        "exact", {"exact": {"ignore_case": True}}, {"f1": None, "as": "exact-3"}, "exact", "exact"
    )
    assert [spec.key for spec in specs] == ["exact", "exact-2", "exact-3", "exact-4", "exact-5"]
    assert specs[1].options == {"ignore_case": True}
    assert specs[2].name == "f1"


@given(st.lists(st.sampled_from(["exact", "f1", "includes"]), max_size=8))
def test_keys_are_always_unique(names: list[str]) -> None:
    keys = [spec.key for spec in scorers_of(*names)]
    assert len(set(keys)) == len(names)
    assert all(key.startswith(name) for key, name in zip(keys, names, strict=True))


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"tagret": "x"}, "tagret", "there is no such field; did you mean `target`?"),
        ({"budget": {"dollars": 5}}, "budget.dollars", "there is no such field"),
        ({"budget": {"usd": 0}}, "budget.usd", "greater than 0"),
        ({"budget": {"tokens": 1.5}}, "budget.tokens", "integer"),
        ({"data": None}, "", "one of `data` and `cases` is needed"),
        ({"model": None}, "", "one of `model` and `models` is needed"),
        ({"prompt": None}, "", "one of `prompt` and `messages` is needed"),
        ({"cases": [{"question": "a"}]}, "cases", "either `data` or `cases`, not both"),
        ({"models": ["a"]}, "models", "either `model` or `models`, not both"),
        ({"model": None, "models": ["a", "a"]}, "models.1", "`a` is there twice"),
        ({"model": None, "models": []}, "models", "at least 1 item"),
        ({"model": ["a"]}, "model", "valid string"),
        ({"prompt": "{question"}, "prompt", "`{` is never closed"),
        ({"prompt": 5}, "prompt", "valid string"),
        (
            {"prompt": None, "messages": [{"role": "user", "content": "}"}]},
            "messages.0.content",
            "`}` was never opened",
        ),
        (
            {"prompt": None, "messages": [{"role": "robot", "content": "x"}]},
            "messages.0.role",
            "'system', 'user' or 'assistant'",
        ),
        (
            {"prompt": None, "messages": [{"role": "user", "content": "", "images": ["{"]}]},
            "messages.0.images.0",
            "never closed",
        ),
        (
            {"prompt": None, "messages": [{"role": "user", "contnet": "x"}]},
            "messages.0.contnet",
            "did you mean `content`",
        ),
        ({"epochs": 0}, "epochs", "greater than or equal to 1"),
        ({"epochs": 1001}, "epochs", "less than or equal to 1000"),
        ({"epochs": "2"}, "epochs", "valid integer"),
        ({"epochs": True}, "epochs", "valid integer"),
        ({"concurrency": 5000}, "concurrency", "less than or equal to 4096"),
        ({"reducer": "median"}, "reducer", "'mean', 'majority' or 'pass@k'"),
        ({"timeout": 0}, "timeout", "greater than 0"),
        ({"limit": 0}, "limit", "greater than or equal to 1"),
        ({"target": ""}, "target", "at least 1 character"),
        ({"schema": "x"}, "schema", "valid dictionary"),
        ({"params": {"stream": True}}, "params.stream", "answers are not streamed"),
        ({"params": {"n": 3}}, "params.n", "repeats are asked for by `epochs`"),
        ({"choose": {}}, "choose.options", "required"),
        ({"choose": {"options": 5}}, "choose.options", "valid string"),
        ({"choose": {"options": ["a"]}}, "choose.options", "at least 2 items"),
        ({"choose": {"options": ["a", "{b"]}}, "choose.options.1", "is never closed"),
        ({"choose": {"options": "o", "by": "x"}}, "choose.by", "there is no such field"),
        ({"choose": {"options": "o", "ask": "mail"}}, "choose.ask", "'text' or 'chat'"),
        ({"choose": {"options": "o", "then": "{"}}, "choose.then", "is never closed"),
        ({"choose": {"options": "o", "then": "x", "ask": "chat"}}, "choose.then", "leave it out"),
        (
            {"choose": {"options": "o", "then": "x", "normalise": "bytes"}},
            "choose.normalise",
            "`then` is weighed",
        ),
        (
            {"choose": {"options": ["a", "b"]}, "schema": {"type": "string"}},
            "schema",
            "with `choose` the model says nothing",
        ),
        (
            {"choose": {"options": ["a", "b"], "ask": "chat", "normalise": "bytes"}},
            "choose.normalise",
            "each option is one letter",
        ),
        (
            {
                "choose": {"options": ["a", "b"]},
                "prompt": None,
                "messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}],
            },
            "choose.ask",
            "`text` continues one text",
        ),
        ({"scorers": "exact"}, "scorers", "valid list"),
        ({"scorers": ["oracle"]}, "scorers.0", "no scorer `oracle` (scorers: exact, includes"),
        ({"scorers": ["exact", {"oracle": {}}]}, "scorers.1.oracle", "there is no scorer `oracle`"),
        ({"scorers": ["f1", {"regex": {"pattern": "("}}]}, "scorers.1.regex.pattern", "missing )"),
        ({"scorers": [{"exact": {"ignore_cse": 1}}]}, "scorers.0.exact.ignore_cse", "ignore_case"),
        ({"scorers": [{"exact": 5}]}, "scorers.0.exact", "the options are an object"),
        ({"scorers": [{"exact": {}, "f1": {}}]}, "scorers.0", "the name of one scorer"),
        ({"scorers": [{}]}, "scorers.0", "the name of one scorer"),
        ({"scorers": [5]}, "scorers.0", "a scorer's name"),
        ({"scorers": [{"f1": {}, "as": "a b"}]}, "scorers.0.as", "letters, digits"),
        ({"scorers": [{"f1": {}, "as": None}]}, "scorers.0.as", "letters, digits"),
        (
            {"scorers": [{"f1": {}, "as": "x"}, {"exact": {}, "as": "x"}]},
            "scorers.1.as",
            "two scorers are called `x`",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_path(fields: dict[str, Any], field: str, said: str) -> None:
    found = problems(**fields)
    assert said in found[field]
    assert not found[field].startswith("Value error")


def test_all_problems_are_reported_at_once() -> None:
    found = problems(epochs=0, scorers=["x"], budget={"usd": -1})
    assert set(found) == {"epochs", "scorers.0", "budget.usd"}


def test_a_very_wrong_object_is_not_listed_to_its_end() -> None:
    found = problems(data=None, cases=[5] * 100)
    assert found[""] == "and 80 more"


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in SMALL.items() if key != name}


def test_inline_cases_are_checked_against_the_rest() -> None:
    found = problems(data=None, cases=[{"question": "a"}, {"qestion": "b"}])
    assert "row 2: the prompt names the column `question`" in found["cases.1"]
    found = problems(data=None, id="id", cases=[{"question": "a", "id": i} for i in (1, 2, 1)])
    assert "rows 1 and 3 have the same id" in found["cases.2"]


def test_too_many_inline_cases_are_refused() -> None:
    assert "at most 10000" in problems(data=None, cases=[{"question": "a"}] * 10_001)["cases"]


@pytest.mark.parametrize("data", [None, [], "x", 5])
def test_something_else_than_an_object_is_refused(data: object) -> None:
    with pytest.raises(InvalidFields, match="an evaluation is an object"):
        parse_spec(data)


def test_values_are_not_repeated_in_messages() -> None:
    """An object may hold what must not get into logs."""
    with pytest.raises(InvalidFields) as caught:
        parse_spec({**SMALL, "epochs": "s3cret", "metadata": "s3cret", "model": {"key": "s3cret"}})
    assert "s3cret" not in str(caught.value)


def test_the_json_schema_names_every_field_and_scorer() -> None:
    schema = json_schema()
    fields = {field.alias or name for name, field in EvaluationSpec.model_fields.items()}
    assert set(schema["properties"]) == fields
    assert all(described.get("description") for described in schema["properties"].values())
    items = schema["properties"]["scorers"]["items"]["anyOf"]
    assert items[0]["enum"] == sorted(SCORERS)
    regex = next(item for item in items[1:] if "regex" in item["properties"])
    options = regex["properties"]["regex"]["anyOf"][0]
    assert set(options["properties"]) == {"pattern", "group", "match", "ignore_case", "ignore"}
    assert options["additionalProperties"] is False
    json.dumps(schema)


def test_a_run_may_stop_when_it_knows_enough() -> None:
    spec = {**SMALL, "id": "id", "scorers": ["exact"]}
    stop = {"scorer": "exact", "half_width": 0.02}
    assert parse_spec({**spec, "stop": stop}).to_evaluation().stop == Precision(
        "exact", 0.02, 0.95, 30, 0
    )


@pytest.mark.parametrize(
    ("stop", "changes", "field", "said"),
    [
        ({"scorer": "exat"}, {}, "stop.scorer", "did you mean `exact`?"),
        ({"half_width": 0}, {}, "stop.half_width", "greater than 0"),
        ({"half_width": 2}, {}, "stop.half_width", "less than 0.5"),
        ({"level": 95}, {}, "stop.level", "less than or equal"),
        ({"min_case": 5}, {}, "stop.min_case", "there is no such field; did you mean `min_cases`?"),
        ({}, {"epochs": 2}, "stop", "epochs: 1"),
        ({}, {"cluster": "doc"}, "stop", "cluster"),
        ({}, {"id": None}, "stop", "needs an `id` column"),
        ({}, {"scorers": []}, "stop.scorer", "scorers: none"),
    ],
)
def test_what_a_stop_cannot_be_is_said(
    stop: dict[str, Any], changes: dict[str, Any], field: str, said: str
) -> None:
    whole = {"scorer": "exact", "half_width": 0.02, **stop}
    found = problems(**{"id": "id", "scorers": ["exact"], "stop": whole, **changes})
    assert said in found[field]
