"""How much work a JSON schema can make of an answer, told before the work is begun.

`{"anyOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}` doubles the work with every level
of the answer, and no validator can be stopped half way. So the ways are counted in which the schema
can come to look at one place of an answer, level by level from the innermost; that takes time in
proportion to the schema and the depth alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import unquote

_LISTS = ("allOf", "anyOf", "oneOf")
_SAME = ("not", "if", "then", "else")
_BY_NAME = ("dependentSchemas", "dependencies")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_ANCHORS = ("$anchor", "$dynamicAnchor")
_ANY_CHILD = (
    *("additionalProperties", "unevaluatedProperties", "propertyNames"),
    *("items", "additionalItems", "unevaluatedItems", "contains"),
)
_MOST_STEPS = 1_000_000


class SchemaCost:
    """The ways through one schema.

    Args:
        schema: an object, or true or false.

    Raises:
        ValueError: a reference leads elsewhere than into the schema by `#`, `#/…` or `#anchor`, or
            to nothing; or a part of it has an `$id` of its own, to which they would be relative.
    """

    def __init__(self, schema: Any) -> None:
        self._root = schema
        self._anchors: dict[str, Any] = {}
        self._same: list[list[int]] = []
        self._by_key: list[dict[str, list[int]]] = []
        self._any_child: list[list[int]] = []
        self._numbers: dict[int, int] = {}
        if isinstance(schema, Mapping):
            for part in _parts(schema):
                if part is not schema and isinstance(part.get("$id"), str):
                    raise ValueError("a part of the schema has an `$id` of its own")
                for word in _ANCHORS:
                    if isinstance(part.get(word), str):
                        self._anchors[part[word]] = part
        self._waiting = [schema]
        self._number(schema)
        while self._waiting:
            self._look_at(self._waiting.pop())

    def ways(self, depth: int) -> int | None:
        """The most looks that the schema takes along one path into an answer of this depth; None
        when even to count them would take too long."""
        count = len(self._same)
        inner = [0] * count
        for level in range(depth + 1):
            if (level + 1) * count > _MOST_STEPS:
                return None
            outer = self._level(inner)
            if outer is None:
                return None
            if outer == inner:
                break
            inner = outer
        return inner[0]

    def _level(self, inner: list[int]) -> list[int] | None:
        """Ways from every part of the schema, given those of the places inside."""
        found: list[int | None] = [None] * len(inner)
        try:
            for number in range(len(inner)):
                self._ways_from(number, inner, found, set())
        except RecursionError:
            return None
        return [ways or 0 for ways in found]

    def _ways_from(
        self, number: int, inner: list[int], found: list[int | None], open_: set[int]
    ) -> int:
        known = found[number]
        if known is not None:
            return known
        if number in open_:
            return 0  # in a circle without a step into the answer; the validator sees that, too
        open_.add(number)
        every = sum(inner[child] for child in self._any_child[number])
        keys = self._by_key[number].values()
        ways = 1 + every + max((sum(inner[child] for child in key) for key in keys), default=0)
        for other in self._same[number]:
            ways += self._ways_from(other, inner, found, open_)
        open_.discard(number)
        found[number] = ways
        return ways

    def _number(self, part: Any) -> int:
        known = self._numbers.get(id(part))
        if known is None:
            known = self._numbers[id(part)] = len(self._same)
            self._same.append([])
            self._by_key.append({})
            self._any_child.append([])
            if part is not self._root:
                self._waiting.append(part)
        return known

    def _look_at(self, part: Any) -> None:
        number = self._number(part)
        if not isinstance(part, Mapping):
            return
        same, by_key, any_child = self._same[number], self._by_key[number], self._any_child[number]
        for word in _REFERENCES:
            if isinstance(part.get(word), str):
                same.append(self._number(self._at(part[word])))
        same.extend(self._number(inner) for inner in _same_place(part))
        properties = part.get("properties")
        if isinstance(properties, Mapping):
            for key, inner in properties.items():
                by_key.setdefault(key, []).append(self._number(inner))
        prefix = part.get("prefixItems")
        if isinstance(prefix, list):
            for place, inner in enumerate(prefix):
                by_key.setdefault(f"[{place}]", []).append(self._number(inner))
        any_child.extend(self._number(inner) for inner in _any_child(part))

    def _at(self, reference: str) -> Any:
        if not reference.startswith("#"):
            raise ValueError(
                f"`{reference[:200]}` leads out of the schema; a reference begins with `#`, and "
                "nothing is fetched"
            )
        fragment = unquote(reference[1:])
        if fragment and not fragment.startswith("/"):
            if fragment not in self._anchors:
                raise ValueError(f"`{reference[:200]}` leads to nothing in the schema")
            return self._anchors[fragment]
        found = self._root
        try:
            for step in fragment.split("/")[1:]:
                key = step.replace("~1", "/").replace("~0", "~")
                found = found[int(key)] if isinstance(found, list) else found[key]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ValueError(f"`{reference[:200]}` leads to nothing in the schema") from None
        return found


def _same_place(part: Mapping[str, Any]) -> Iterator[Any]:
    """Parts that look at the same place of the answer."""
    for word in _LISTS:
        if isinstance(part.get(word), list):
            yield from part[word]
    for word in _SAME:
        if word in part:
            yield part[word]
    for word in _BY_NAME:
        if isinstance(part.get(word), Mapping):
            yield from part[word].values()


def _any_child(part: Mapping[str, Any]) -> Iterator[Any]:
    """Parts that may look at any place directly inside."""
    for word in _ANY_CHILD:
        if isinstance(part.get(word), list):  # `items` of older drafts
            yield from part[word]
        elif word in part:
            yield part[word]
    if isinstance(part.get("patternProperties"), Mapping):
        yield from part["patternProperties"].values()


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in a schema, those that are no schema included."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
