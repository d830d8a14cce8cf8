"""Scorers of answers that are JSON: by a schema, and field by field."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, ClassVar, Literal, TypeAlias

import orjson

from weighbridge.core.case import Case
from weighbridge.core.json import Json
from weighbridge.core.outcome import Answer, Outcome, Scored, Ungraded
from weighbridge.core.scale import ZERO_TO_ONE, Bounds
from weighbridge.scorers.effort import load_now, work_on
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.references import NO_REFERENCE, normal_form
from weighbridge.scorers.schema_cost import SchemaCost

Where: TypeAlias = Literal["whole", "fenced", "anywhere"]

_LIBRARY = "jsonschema_rs"
_LONGEST_ANSWER = 5_000_000
_LONGEST_SCHEMA = 100_000
_AT_ONCE = 20_000
_SHOWN = 300
_TRIED_STARTS = 100
_COMPARED_ERRORS = 100
_MOST_LOOKS = 5_000_000
_MOST_LOOKS_TO_EXPLAIN = 5_000
_LISTED_FIELDS = 50
_DECODER = json.JSONDecoder()
_FENCE = re.compile(r"```(?:json|JSON)?[ \t]*\n(.*?)\n?[ \t]*```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class JsonSchema:
    """1 when the answer is JSON and conforms to a schema, else 0.

    Without a schema, to be JSON is enough. The explanation names the first violation and where in
    the answer it is. Drafts 4, 6, 7, 2019-09 and 2020-12, by the schema's `$schema` (the last if it
    has none). A `$ref` begins with `#` and points into the schema itself: nothing is ever fetched.
    Patterns are matched in linear time, without look-around and back-references. A schema that is
    not valid is refused at the start; one in a column makes its case ungraded, and so does one that
    branches so often that an answer could take minutes to check.

    Attributes:
        schema: the schema; unset: `column` says, or there is none.
        column: column with the schema of each case, as an object or as its text.
        read: what of the answer is read: the `whole` of it; `fenced`, the same or, where there is
            one fenced code block in it, that; `anywhere`, the same or the first object or array
            that can be read.
        formats: check `format` (`date`, `email`, …), too; otherwise it is only an annotation.
    """

    schema: dict[str, Any] | None = None
    column: str | None = None
    read: Where = "fenced"
    formats: bool = False

    name: ClassVar[str] = "json_schema"
    version: ClassVar[int] = 1
    metric: ClassVar[Literal["accuracy", "mean"]] = "accuracy"
    needs_target: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.schema is not None and self.column is not None:
            raise OptionError("column", "either `schema` or `column`, not both")
        if self.schema is not None:
            try:
                self._checker(self.schema)
            except ValueError as error:
                raise OptionError("schema", str(error)) from error

    @property
    def reads(self) -> tuple[str, ...]:
        """The column with the schemas."""
        return () if self.column is None else (self.column,)

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by the schema."""
        schema: Json = self.schema
        if self.column is not None:
            if case.inputs.get(self.column) is None:
                return Ungraded(f"the case has no column `{self.column}` with a schema")
            schema = case.inputs[self.column]
        checker = None
        if schema is not None:
            try:
                checker = self._checker(schema)
            except ValueError as error:
                return Ungraded(f"the schema cannot be used: {error}")
        if len(answer.text) > _LONGEST_ANSWER:
            return Ungraded(f"the answer has over {_LONGEST_ANSWER:,} characters")
        return await work_on(len(answer.text), _AT_ONCE, _conforms, checker, answer.text, self.read)

    def _checker(self, schema: Json) -> "_Checker":
        text = schema if isinstance(schema, str) else orjson.dumps(schema).decode()
        if len(text) > _LONGEST_SCHEMA:
            raise ValueError(f"it has over {_LONGEST_SCHEMA:,} characters")
        return _compiled(text, self.formats)


@dataclass(frozen=True, slots=True)
class JsonMatch:
    """Share of the reference's fields that the answer, as JSON, has with the same value, 0 to 1.

    The reference is an object, or the text of one; of a list of objects the one that fits best
    counts. Objects inside it are gone through, so that `{"a": {"b": 1}}` has the one field `a.b`;
    arrays are compared whole and in order. Numbers are equal by value (`1` and `1.0`); true is not
    1; text as it is, with accents composed. An answer that is no JSON object scores 0. Fields that
    are missing or differ stand in the details. Fields too many do not count, unless `exact`.

    Attributes:
        fields: the fields that count, such as `a` or `a.b`; unset: all of the reference.
        ignore_case: upper and lower case of text are the same.
        exact: 1 when every field is right and none is there that the reference lacks, else 0.
        read: what of the answer is read, as by `json_schema`.
    """

    fields: tuple[str, ...] | None = None
    ignore_case: bool = False
    exact: bool = False
    read: Where = "fenced"

    name: ClassVar[str] = "json_match"
    version: ClassVar[int] = 1
    bounds: ClassVar[Bounds] = ZERO_TO_ONE
    needs_target: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.fields is not None and not self.fields:
            raise OptionError("fields", "must name a field; leave it out for all of them")

    @property
    def metric(self) -> Literal["accuracy", "mean"]:
        """`accuracy` with `exact`."""
        return "accuracy" if self.exact else "mean"

    async def score(self, answer: Answer, case: Case) -> Outcome:
        """Grade by fields."""
        wanted = _reference_objects(case.target)
        if isinstance(wanted, Ungraded):
            return wanted
        if len(answer.text) > _LONGEST_ANSWER:
            return Ungraded(f"the answer has over {_LONGEST_ANSWER:,} characters")
        return await work_on(len(answer.text), _AT_ONCE, self._compare, answer.text, wanted)

    def _compare(self, text: str, wanted: list[dict[str, Any]]) -> Outcome:
        try:
            return self._best(text, [dict(self._leaves(one)) for one in wanted])
        except RecursionError:
            return Ungraded("the answer or the reference is nested too deeply to be compared")

    def _best(self, text: str, wanted: list[dict[str, Json]]) -> Outcome:
        if not all(wanted):
            named = "none of the fields that count" if self.fields else "no field"
            return Ungraded(f"the reference has {named}")
        try:
            said = read_json(text, self.read)
        except ValueError as error:
            return Scored(0.0, None, str(error))
        if not isinstance(said, dict):
            return Scored(0.0, None, "the answer is JSON, but no object")
        found = dict(self._leaves(said))
        return max((self._against(found, one) for one in wanted), key=lambda one: one.value)

    def _against(self, found: dict[str, Json], wanted: dict[str, Json]) -> Scored:
        missing = [name for name in wanted if name not in found]
        wrong = [
            name
            for name, value in wanted.items()
            if name in found and self._compared(found[name]) != self._compared(value)
        ]
        surplus = [name for name in found if name not in wanted] if self.exact else []
        right = len(wanted) - len(missing) - len(wrong)
        value = right / len(wanted)
        if self.exact:
            value = float(right == len(wanted) and not surplus)
        faults = {"missing": missing, "wrong": wrong, "surplus": surplus}
        return Scored(
            value,
            None,
            f"{right} of {len(wanted)} fields are right",
            details={kind: names[:_LISTED_FIELDS] for kind, names in faults.items() if names}
            or None,
        )

    def _leaves(self, value: dict[str, Any]) -> Iterator[tuple[str, Json]]:
        for name, leaf in _leaves(value, ""):
            if self.fields is None or any(
                name == field or name.startswith(f"{field}.") for field in self.fields
            ):
                yield name, leaf

    def _compared(self, value: Json) -> Json:
        """What is equal exactly where two values count as the same."""
        if isinstance(value, str):
            value = normal_form(value)
            return value.casefold() if self.ignore_case else value
        if isinstance(value, bool) or value is None:
            return [str(value)]  # apart from 1 and 0, and from every text
        if isinstance(value, list):
            return ["list", *map(self._compared, value)]
        if isinstance(value, dict):
            return {key: self._compared(item) for key, item in value.items()}
        return value


def read_json(text: str, where: Where = "fenced") -> Any:
    """The JSON value that an answer is, or holds.

    Args:
        text: the answer.
        where: as `JsonSchema.read` says.

    Raises:
        ValueError: there is none; the message says why.
    """
    try:
        return orjson.loads(_encoded(text))
    except ValueError as error:
        problem = f"the answer is not JSON: {error}"
    if where != "whole":
        blocks = list(islice(_FENCE.finditer(text), 2))
        if len(blocks) == 1:
            try:
                return orjson.loads(_encoded(blocks[0][1]))
            except ValueError as error:
                problem = f"the code block in the answer is not JSON: {error}"
    if where == "anywhere":
        for start in islice(re.finditer(r"[\[{]", text), _TRIED_STARTS):
            try:
                _, end = _DECODER.raw_decode(text, start.start())
                return orjson.loads(_encoded(text[start.start() : end]))
            except (ValueError, RecursionError):
                continue
        problem = "no JSON object or array can be read in the answer"
    raise ValueError(problem[:_SHOWN])


def _encoded(text: str) -> bytes:
    # Half a surrogate pair cannot be said in UTF-8; replaced, the rest can still be read.
    return text.strip().encode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class _Checker:
    """A schema made ready: the library's validator, and what it may cost."""

    validator: Any
    cost: SchemaCost


def _conforms(checker: _Checker | None, text: str, where: Where) -> Outcome:
    try:
        value = read_json(text, where)
    except ValueError as error:
        return Scored(0.0, None, str(error))
    if checker is None:
        return Scored(1.0)
    depth, leaves = _extent(value)
    ways = checker.cost.ways(depth)
    if ways is None or ways * leaves > _MOST_LOOKS:
        return Ungraded("the schema branches so often that this answer could take minutes to check")
    if checker.validator.is_valid(value):
        return Scored(1.0)
    if ways * leaves > _MOST_LOOKS_TO_EXPLAIN:
        return Scored(0.0, None, "the answer does not conform to the schema")
    # Which of several the library meets first may differ: the first in the answer is always the
    # same one.
    errors = islice(checker.validator.iter_errors(value), _COMPARED_ERRORS)
    steps, said = min(([str(part) for part in e.instance_path], e.message) for e in errors)
    path = "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)
    place = f"at {path}" if path else "at the top"
    return Scored(0.0, None, f"{place}: {said}"[:_SHOWN], details={"path": path})


def _extent(value: Any) -> tuple[int, int]:
    """How deep a value is nested, and how many values in it hold no others."""
    depth = -1
    leaves = 0
    level = [value]
    while level:
        depth += 1
        inner: list[Any] = []
        for one in level:
            held = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
            leaves += not held
            inner.extend(held)
        level = inner
    return depth, leaves


@lru_cache(maxsize=256)
def _compiled(schema: str, formats: bool) -> _Checker:
    library = load_now(_LIBRARY)
    try:
        parsed = orjson.loads(_encoded(schema))
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}"[:_SHOWN]) from error
    cost = SchemaCost(parsed)
    try:
        validator = library.validator_for(
            parsed,
            offline=True,
            validate_formats=formats,
            pattern_options=library.RegexOptions(),
        )
    except ValueError as error:
        raise ValueError(_reason(error)) from error
    return _Checker(validator, cost)


def _reason(error: ValueError) -> str:
    path = "".join(f"/{part}" for part in getattr(error, "instance_path", ()))
    said = str(getattr(error, "message", error)).splitlines()[0]
    return f"{path}: {said}"[:_SHOWN] if path else said[:_SHOWN]


def _reference_objects(target: Json) -> list[dict[str, Any]] | Ungraded:
    if target is None or (isinstance(target, str) and not target.strip()):
        return NO_REFERENCE
    no_object = Ungraded("the reference is no JSON object")
    if isinstance(target, str):
        try:
            target = orjson.loads(_encoded(target))
        except ValueError:
            return no_object
    members = target if isinstance(target, (list, tuple)) else [target]
    if not members:
        return NO_REFERENCE
    objects = [member for member in members if isinstance(member, dict)]
    return objects if len(objects) == len(members) else no_object


def _leaves(value: dict[str, Any], before: str) -> Iterator[tuple[str, Json]]:
    for key, item in value.items():
        if isinstance(item, dict) and item:
            yield from _leaves(item, f"{before}{key}.")
        else:
            yield f"{before}{key}", item
