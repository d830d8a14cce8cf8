"""What pydantic says becomes problems with a field, whatever that field is called."""

import pytest

from weighbridge.errors import InvalidFields
from weighbridge.policy import parse_policy
from weighbridge.spec import parse_spec

SMALL = {"data": "qa.jsonl", "model": "m", "prompt": "{question}"}


@pytest.mark.parametrize("name", ["(", "(value)", "(condition)", "", "."])
def test_an_unknown_field_may_be_called_anything(name: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        parse_spec({**SMALL, name: 1})
    [problem] = refused.value.problems
    assert (problem.field, problem.message) == (name, "there is no such field")
    with pytest.raises(InvalidFields) as refused:
        parse_policy({"rules": [{"max_cost_usd": 1, name: 1}]})
    [problem] = refused.value.problems
    assert problem.field == f"rules.0.{name}"


def test_a_condition_is_named_without_the_tags_of_its_kind() -> None:
    with pytest.raises(InvalidFields) as refused:
        parse_spec({**SMALL, "where": {"level": {"mni": 1}}})
    [problem] = refused.value.problems
    assert problem.field == "where.level.mni"
    assert "did you mean `min`?" in problem.message


def test_only_the_first_20_problems_are_listed() -> None:
    with pytest.raises(InvalidFields) as refused:
        parse_spec({**SMALL, **{f"x{n}": 1 for n in range(30)}})
    assert len(refused.value.problems) == 21
    assert refused.value.problems[-1].message == "and 10 more"
