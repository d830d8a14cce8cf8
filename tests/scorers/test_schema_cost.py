"""What a schema may cost is told beforehand."""

from itertools import pairwise
from typing import Any

import pytest

from weighbridge.scorers.schema_cost import SchemaCost

TREE = {
    "type": "object",
    "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "value": {"type": "integer"}},
}
TWICE = {"anyOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}


def test_a_tree_is_looked_at_once_a_place() -> None:
    # A level inside costs two: the reference, and what it leads to.
    assert [SchemaCost(TREE).ways(depth) for depth in (0, 1, 5)] == [1, 3, 11]


def test_two_ways_a_level_double_with_every_level() -> None:
    counted = [SchemaCost(TWICE).ways(depth) for depth in range(8)]
    ratios = [after / before for before, after in pairwise(counted[3:])]  # type: ignore[operator]
    assert all(1.9 < ratio < 2.2 for ratio in ratios)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
        {"$anchor": "here", "allOf": [{"$ref": "#here"}]},
        True,
    ],
)
def test_a_circle_without_a_step_into_the_answer_ends(schema: Any) -> None:
    ways = SchemaCost(schema).ways(1_000)
    assert ways is not None
    assert ways < 10


def test_names_in_pointers_are_unescaped() -> None:
    schema = {"$defs": {"a/b~c d": {"anyOf": [True] * 9}}, "$ref": "#/$defs/a~1b~0c%20d"}
    assert SchemaCost(schema).ways(0) == 1 + 1 + 9


def test_a_chain_too_long_to_follow_is_not_counted() -> None:
    chain = {f"a{n}": {"$ref": f"#/$defs/a{n + 1}"} for n in range(3_000)}
    schema = {"$defs": {**chain, "a3000": True}, "$ref": "#/$defs/a0"}
    assert SchemaCost(schema).ways(0) is None
