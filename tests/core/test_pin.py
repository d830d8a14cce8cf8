"""The pin changes with what determines the result, and with nothing else."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.evaluation import Budget, Choose, Evaluation, PromptMessage, Reducer
from weighbridge.core.outcome import ScorerSpec
from weighbridge.core.pin import canonical_json, pin

VERSIONS = {"exact": 1, "f1": 1}
BASE = Evaluation(
    name="capitals",
    models=("a",),
    messages=(PromptMessage("user", "{q}"),),
    target_column="answer",
    scorers=(ScorerSpec("exact", {"ignore_case": True}, "exact"),),
    params={"temperature": 0.5, "max_tokens": 64},
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


def pin_of(evaluation: Evaluation) -> str:
    return pin(evaluation, "0" * 64, "openai:m", VERSIONS)


@pytest.mark.parametrize(
    "change",
    [
        {"messages": (PromptMessage("user", "{q}?"),)},
        {"messages": (PromptMessage("system", "{q}"),)},
        {"messages": (PromptMessage("user", "{q}", ("{image}",)),)},
        {"messages": (PromptMessage("user", "{q}", (), ("{video}",)),)},
        {"id_column": "id"},
        {"target_column": "other"},
        {"cluster_column": "source"},
        {"scorers": (ScorerSpec("exact", {}, "exact"),)},
        {"scorers": (ScorerSpec("exact", {"ignore_case": True}, "other"),)},
        {"scorers": (ScorerSpec("f1", {}, "exact"),)},
        {"params": {"temperature": 0.7, "max_tokens": 64}},
        {"schema": {"type": "object"}},
        {"epochs": 2},
        {"reducer": Reducer.MAJORITY},
        {"limit": 5},
        {"choose": Choose("options")},
    ],
)
def test_a_change_that_may_change_the_result_changes_the_pin(change: dict[str, Any]) -> None:
    assert pin_of(dataclasses.replace(BASE, **change)) != pin_of(BASE)


def test_data_model_and_scorer_version_are_part_of_the_pin() -> None:
    pins = {
        pin_of(BASE),
        pin(BASE, "1" * 64, "openai:m", VERSIONS),
        pin(BASE, "0" * 64, "openai:n", VERSIONS),
        pin(BASE, "0" * 64, "openai:m", {"exact": 2}),
        pin(BASE, "0" * 64, "openai:m", VERSIONS, {"models": {"": "openai:j"}}),
    }
    assert len(pins) == 5


def test_every_field_of_an_evaluation_is_known_to_matter_or_not() -> None:
    """A new field must be put on one side or the other."""
    matter = {
        "messages", "id_column", "target_column", "cluster_column", "scorers", "params", "schema",
        "epochs", "reducer", "limit", "choose", "stop", "output", "files",
    }  # fmt: skip
    do_not = {
        "name",
        "models",
        "concurrency",
        "budget",
        "timeout_s",
        "metadata",
        "cache",
        "deliver",
    }
    # Who judges is in `judging`; which answers are given, in what stands for the model.
    # The columns that scorers look at follow from their options.
    by_what_it_names = {"judge", "answers", "scorer_columns"}
    assert {f.name for f in dataclasses.fields(Evaluation)} == matter | do_not | by_what_it_names


@given(
    st.text(),
    st.integers(1, 4096),
    st.floats(0.1, 1e4),
    st.floats(0.1, 1e4),
    st.dictionaries(st.text(), json_values, max_size=3),
)
def test_how_the_work_is_carried_out_leaves_the_pin_alone(
    name: str, concurrency: int, usd: float, timeout: float, metadata: dict[str, Any]
) -> None:
    changed = dataclasses.replace(
        BASE,
        name=name,
        models=("b", "c"),
        concurrency=concurrency,
        budget=Budget(usd=usd),
        timeout_s=timeout,
        metadata=metadata,
    )
    assert pin_of(changed) == pin_of(BASE)


@given(st.dictionaries(st.text(), json_values, max_size=5), st.randoms())
def test_the_order_of_keys_leaves_the_pin_alone(params: dict[str, Any], random: Any) -> None:
    items = list(params.items())
    random.shuffle(items)
    one = dataclasses.replace(BASE, params=params)
    assert pin_of(one) == pin_of(dataclasses.replace(BASE, params=dict(items)))


@given(json_values, json_values)
def test_different_values_have_different_canonical_json(one: Any, other: Any) -> None:
    # Python says True == 1; JSON does not. `repr` tells them apart, and whole floats are integers.
    def key(value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            return repr(int(value))
        if isinstance(value, list):
            return [key(item) for item in value]
        if isinstance(value, dict):
            return {name: key(item) for name, item in value.items()}
        return repr(value)

    assert (canonical_json(one) == canonical_json(other)) == (key(one) == key(other))


def test_a_whole_number_is_the_same_with_and_without_a_point() -> None:
    assert canonical_json({"t": 0.0}) == canonical_json({"t": 0}) == b'{"t":0}'


def test_a_value_that_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        pin(dataclasses.replace(BASE, params={"x": float("nan")}), "0" * 64, "m", VERSIONS)
