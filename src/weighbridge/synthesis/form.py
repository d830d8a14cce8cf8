"""Blueprints as YAML: what people read, edit and hand in.

::

    spec:
      description: A letter to a bank.
      requirements: Every letter names an account.
      data_property_variations:
        - property_name: mood
          property_values: [calm, angry]
          base_distributions: {calm: 70, angry: 30}
        - property_name: length
          property_values: [short, long]
          conditional_distributions:
            - when: {mood: angry}
              distribution: {short: 90, long: 10}

Percentages that are left out are 0; without `base_distributions` each value is as frequent as any
other. A condition looks at properties further up, and the first that holds counts. Other keys of
`spec` are kept as they are; `metadata` beside it is not looked at. The older words `specification`,
`axes`, `axis_name`, `axis_description` and `possible_values` are understood.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.suggest import did_you_mean
from weighbridge.core.synthesis import Blueprint, Condition, Property
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.synthesis.shares import shares
from weighbridge.yamltext import Path, parse_yaml

MAX_PROPERTIES = 100
MAX_VALUES = 200
MAX_CONDITIONS = 500
MAX_NAME = 200
MAX_VALUE = 1_000
TOLERANCE = 0.5
"""How far percentages may be from adding up to 100: they are then scaled."""

DESCRIPTIONS = "property_descriptions"
"""Key of `Blueprint.more` with what `property_description` said: property → text."""

_ROOTS = ("spec", "specification")
_LIST = ("data_property_variations", "axes")
_NAME = ("property_name", "axis_name")
_TEXT = ("property_description", "axis_description")
_VALUES = ("property_values", "possible_values")
_SHARES = ("base_distributions",)
_CONDITIONS = ("conditional_distributions",)
_LISTED_PROBLEMS = 20
_UNKEPT = re.compile("[\x00\ud800-\udfff]")
_MISSING = object()

_Fields: TypeAlias = Mapping[str, object]


def read_blueprint(content: str) -> Blueprint:
    """The blueprint that YAML (or JSON) text describes.

    Returns:
        it, with percentages that add up to 100, and what else stood under `spec` in `more`.

    Raises:
        InvalidFields: with a dotted field, a message and a line for each problem (the first 20).
    """
    value, lines = parse_yaml(content, "")
    reader = _Reader(lines)
    blueprint = reader.blueprint(value)
    if blueprint is None or reader.problems:
        found = reader.problems[:_LISTED_PROBLEMS]
        if len(reader.problems) > len(found):
            found.append(FieldProblem("", f"and {len(reader.problems) - len(found)} more"))
        raise InvalidFields(found)
    return blueprint


def write_blueprint(blueprint: Blueprint, metadata: JsonObject | None = None) -> str:
    """YAML text that `read_blueprint` reads as this blueprint.

    Args:
        metadata: shown beside `spec`; nobody reads it back.
    """
    more = {key: value for key, value in blueprint.more.items() if key != DESCRIPTIONS}
    described = blueprint.more.get(DESCRIPTIONS)
    described = described if isinstance(described, Mapping) else {}
    spec: dict[str, Any] = {
        "description": blueprint.description,
        "requirements": blueprint.requirements,
        _LIST[0]: [_written(prop, described.get(prop.name)) for prop in blueprint.properties],
        **more,
    }
    whole = {"spec": spec} if metadata is None else {"spec": spec, "metadata": metadata}
    text: str = yaml.dump(
        _plain(whole), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    return text


def text_of(value: object) -> str | None:
    """A word, number or yes-or-no as the text that YAML shows for it; None: it is none of these."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value.strip() if isinstance(value, str) else None


@dataclass(slots=True)
class _Reader:
    """Reads a blueprint, noting all that is wrong."""

    lines: Mapping[Path, int]
    problems: list[FieldProblem] = field(default_factory=list)

    def blueprint(self, value: object) -> Blueprint | None:
        example = "`spec:` with `description`, `requirements` and `data_property_variations`"
        if not isinstance(value, dict):
            self._wrong((), f"is no spec: {_kind(value)}, where there should be {example}")
            return None
        roots = [name for name in _ROOTS if name in value]
        if len(roots) != 1:
            hint = "; ".join(did_you_mean(str(key), _ROOTS[:1]) for key in value).strip("; ")
            stands = "both stand here" if roots else f"is missing{f'; {hint}' if hint else ''}"
            self._wrong(("spec",), f"{stands}: {example} is wanted, once")
            return None
        for key in value:
            if key not in (roots[0], "metadata"):
                self._unknown((key,), (roots[0], "metadata"))
        root: Path = (roots[0],)
        spec = value[roots[0]]
        if not isinstance(spec, dict):
            self._wrong(root, f"should hold {example}, not {_kind(spec)}")
            return None
        self._keepable(spec, root)
        properties, descriptions = self._properties(spec, root)
        own = ("description", "requirements", *_LIST)
        more = {key: part for key, part in spec.items() if key not in own}
        if DESCRIPTIONS in more:
            self._wrong((*root, DESCRIPTIONS), f"{_TEXT[0]} belongs to each property")
        elif descriptions:
            more[DESCRIPTIONS] = descriptions
        return Blueprint(
            description=self._text(spec, root, ("description",)),
            requirements=self._text(spec, root, ("requirements",)),
            properties=tuple(properties),
            more=more,
        )

    def _properties(self, spec: _Fields, root: Path) -> tuple[list[Property], dict[str, Json]]:
        path, items = self._one_of(spec, root, _LIST)
        if items is _MISSING:
            hints = (did_you_mean(key, _LIST[:1]) for key in spec)
            self._wrong(path, f"is missing{next(filter(None, hints), '')}")
            return [], {}
        if not isinstance(items, list) or not 1 <= len(items) <= MAX_PROPERTIES:
            count = f"{len(items)} of them" if isinstance(items, list) else _kind(items)
            self._wrong(path, f"should be a list of 1 to {MAX_PROPERTIES} properties, not {count}")
            return [], {}
        found: list[Property] = []
        descriptions: dict[str, Json] = {}
        names = [_name_in(item) for item in items]
        for place, item in enumerate(items):
            at = (*path, place)
            if not isinstance(item, dict):
                self._wrong(at, f"should be a property with `{_NAME[0]}`, not {_kind(item)}")
                continue
            if (prop := self._property(item, at, found, names[place + 1 :])) is not None:
                found.append(prop)
                if text := self._text(item, at, _TEXT):
                    descriptions[prop.name] = text
        return found, descriptions

    def _property(
        self, item: _Fields, at: Path, before: Sequence[Property], after: Sequence[str | None]
    ) -> Property | None:
        known = (*_NAME, *_TEXT, *_VALUES, *_SHARES, *_CONDITIONS)
        for key in item:
            if key not in known:
                self._unknown((*at, key), known)
        name = self._name(item, at, [prop.name for prop in before])
        values = self._values(item, at)
        if name is None or not values:
            return None
        path, base = self._one_of(item, at, _SHARES)
        taken = None if base is _MISSING or base is None else self._shares(base, path, values)
        path, conditions = self._one_of(item, at, _CONDITIONS)
        found: list[Condition] = []
        if conditions is not _MISSING and conditions is not None:
            found = self._conditions(conditions, path, values, _Others(name, before, after))
        return Property(name, tuple(values), taken or shares(values), tuple(found))

    def _name(self, item: _Fields, at: Path, taken: Sequence[str]) -> str | None:
        path, given = self._one_of(item, at, _NAME)
        if given is _MISSING:
            self._wrong(path, "is missing")
            return None
        name = text_of(given)
        if not name or len(name) > MAX_NAME:
            shown = f"{len(name)} characters" if name else _kind(given)
            self._wrong(path, f"should be text of 1 to {MAX_NAME} characters, not {shown}")
            return None
        if name in taken:
            self._wrong(path, f"`{name}` is there already; names are unique")
            return None
        return name

    def _values(self, item: _Fields, at: Path) -> list[str]:
        path, given = self._one_of(item, at, _VALUES)
        if given is _MISSING:
            self._wrong(path, "is missing")
            return []
        if not isinstance(given, list) or not 1 <= len(given) <= MAX_VALUES:
            count = f"{len(given)} of them" if isinstance(given, list) else _kind(given)
            self._wrong(path, f"should be a list of 1 to {MAX_VALUES} values, not {count}")
            return []
        values: dict[str, int] = {}
        wrong = False
        for place, entry in enumerate(given):
            value = text_of(entry)
            if not value or len(value) > MAX_VALUE:
                shown = f"{len(value)} characters" if value else _kind(entry)
                said = f"should be text of 1 to {MAX_VALUE} characters, not {shown}"
            elif value in values:
                said = f"`{_cut(value)}` is there already; values are unique"
            else:
                values[value] = place
                continue
            self._wrong((*path, place), said)
            wrong = True
        return [] if wrong else list(values)

    def _shares(self, given: object, path: Path, values: Sequence[str]) -> dict[str, float] | None:
        if not isinstance(given, dict):
            self._wrong(path, f"should be `value: percent` pairs, not {_kind(given)}")
            return None
        found: dict[str, float] = {}
        wrong = False
        for key, percent in given.items():
            value = _listed(key, values)
            said = None
            if value is None:
                said = f"is none of `property_values`{did_you_mean(key, values)}"
            elif value in found:
                said = f"`{_cut(value)}` is there already"
            elif isinstance(percent, bool) or not isinstance(percent, int | float):
                said = f"should be a number of percent, 0 to 100, not {_kind(percent)}"
            elif not 0 <= percent <= 100:
                said = f"should be 0 to 100 percent, not {percent}"
            else:
                found[value] = float(percent)
            if said:
                self._wrong((*path, key), said)
                wrong = True
        total = sum(found.values())
        if not wrong and abs(total - 100) > TOLERANCE:
            self._wrong(path, f"percentages should add up to 100, not {total:g}")
            return None
        return None if wrong else shares(values, found)

    def _conditions(
        self, given: object, path: Path, values: Sequence[str], others: "_Others"
    ) -> list[Condition]:
        shape = "`{when: {property: value}, distribution: {value: percent}}`"
        if not isinstance(given, list) or len(given) > MAX_CONDITIONS:
            count = f"{len(given)} of them" if isinstance(given, list) else _kind(given)
            said = f"should be a list of at most {MAX_CONDITIONS} {shape}, not {count}"
            self._wrong(path, said)
            return []
        found: list[Condition] = []
        for place, item in enumerate(given):
            at = (*path, place)
            if not isinstance(item, dict):
                self._wrong(at, f"should be {shape}, not {_kind(item)}")
                continue
            for key in item:
                if key not in ("when", "distribution"):
                    self._unknown((*at, key), ("when", "distribution"))
            when = self._when(item.get("when", _MISSING), (*at, "when"), others)
            if when is not None and any(when == earlier.when for earlier in found):
                self._wrong((*at, "when"), "is there already; the first that holds counts")
            spread = item.get("distribution", _MISSING)
            if spread is _MISSING:
                self._wrong((*at, "distribution"), "is missing")
                continue
            taken = self._shares(spread, (*at, "distribution"), values)
            if when is not None and taken is not None:
                found.append(Condition(when, taken))
        return found

    def _when(self, given: object, path: Path, others: "_Others") -> dict[str, str] | None:
        if given is _MISSING:
            self._wrong(path, "is missing")
            return None
        if not isinstance(given, dict) or not given:
            what = "nothing" if given == {} else _kind(given)
            self._wrong(path, f"should be `property: value` pairs, not {what}")
            return None
        found: dict[str, str] = {}
        wrong = False
        for key, entry in given.items():
            said, value = others.wrong_with(key.strip(), entry)
            if said:
                self._wrong((*path, key), said)
                wrong = True
            elif value is not None:
                found[key.strip()] = value
        return None if wrong else found

    def _text(self, item: _Fields, at: Path, names: Sequence[str]) -> str:
        path, given = self._one_of(item, at, names)
        if given is _MISSING or given is None:
            return ""
        if isinstance(given, str):
            return given
        text = text_of(given)
        if text is None:
            self._wrong(path, f"should be text, not {_kind(given)}")
        return text or ""

    def _one_of(self, item: _Fields, at: Path, names: Sequence[str]) -> tuple[Path, object]:
        """Where the field with one of these names is, and what is in it."""
        there = [name for name in names if name in item]
        if len(there) > 1:
            self._wrong((*at, there[1]), f"is another word for `{there[0]}`; one of the two")
        name = there[0] if there else names[0]
        return (*at, name), item.get(name, _MISSING)

    def _keepable(self, value: object, at: Path) -> None:
        """Note texts that no database keeps."""
        if isinstance(value, str) and (found := _UNKEPT.search(value)):
            self._wrong(at, f"holds the character U+{ord(found[0]):04X}, which cannot be kept")
        elif isinstance(value, list):
            for place, part in enumerate(value):
                self._keepable(part, (*at, place))
        elif isinstance(value, dict):
            for key, part in value.items():
                self._keepable(key, at)
                self._keepable(part, (*at, key))

    def _unknown(self, path: Path, known: Sequence[str]) -> None:
        self._wrong(path, f"there is no such field{did_you_mean(str(path[-1]), known)}")

    def _wrong(self, path: Path, message: str) -> None:
        line = next(
            (self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), None
        )
        name = _UNKEPT.sub("�", ".".join(str(part) for part in path))
        self.problems.append(FieldProblem(_cut(name, MAX_NAME), message, line))


@dataclass(frozen=True, slots=True)
class _Others:
    """The properties around one that has conditions."""

    name: str
    before: Sequence[Property]
    after: Sequence[str | None]

    def wrong_with(self, name: str, entry: object) -> tuple[str | None, str | None]:
        """What is wrong with `name: entry` in a condition, or the value that it means."""
        prop = next((prop for prop in self.before if prop.name == name), None)
        if prop is None:
            if name == self.name:
                return "is the property itself; a condition looks at properties before it", None
            if name in self.after:
                return "comes later; a condition looks only at properties before its own", None
            known = [prop.name for prop in self.before]
            return f"there is no such property{did_you_mean(name, known)}", None
        text = text_of(entry)
        if text is None:
            return f"should be a value of `{name}`, not {_kind(entry)}", None
        if text not in prop.values:
            hint = did_you_mean(text, prop.values)
            return f"`{_cut(text)}` is no value of `{name}`{hint}", None
        return None, text


def _name_in(item: object) -> str | None:
    if not isinstance(item, dict):
        return None
    return next((text_of(item[name]) for name in _NAME if name in item), None)


def _listed(key: str, values: Sequence[str]) -> str | None:
    """The value that a key means. Keys are texts as they stand; values may have been numbers."""
    if key.strip() in values:
        return key.strip()
    if len(key) > MAX_VALUE or not re.fullmatch(r"[-+.\w]+", key):
        return None
    text = text_of(parse_yaml(key, "")[0])
    return text if text in values else None


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, str):
        return f"the text `{_cut(value)}`" if value.strip() else "an empty text"
    return f"the value {_cut(text_of(value) or '')}"


def _cut(text: str, most: int = 60) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _written(prop: Property, description: Json) -> dict[str, Any]:
    written: dict[str, Any] = {_NAME[0]: prop.name}
    if isinstance(description, str):
        written[_TEXT[0]] = description
    written[_VALUES[0]] = list(prop.values)
    written[_SHARES[0]] = _percent(prop.values, prop.shares)
    if prop.conditions:
        written[_CONDITIONS[0]] = [
            {"when": dict(one.when), "distribution": _percent(prop.values, one.shares)}
            for one in prop.conditions
        ]
    return written


def _percent(values: Sequence[str], given: Mapping[str, float]) -> dict[str, float]:
    rounded = {value: round(share, 4) for value, share in shares(values, given).items()}
    return {value: int(share) if share == int(share) else share for value, share in rounded.items()}


def _plain(value: object) -> Any:
    """The value in the types that YAML is written from, each thing in it once."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return value


class _Dumper(yaml.SafeDumper):
    """Block style, so that a blueprint is pleasant to edit."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        """Nothing is written as `*name`."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ARG002
        """Items of a list stand further in than its name."""
        return super().increase_indent(flow, indentless=False)


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=_style(text))


def _style(text: str) -> str | None:
    """How a text is written so that it is read as the same text: as it is, as a block of lines, or
    in quotes (what looks like a number to YAML 1.2, such as 1e5, but not to the library)."""
    if "\n" in text:
        clean = all(
            line == line.rstrip() and line.isprintable() for line in text.rstrip("\n").split("\n")
        )
        return "|" if clean and text.strip("\n") and text[0] not in " \n" else '"'
    if not text.isprintable():
        return '"'
    return "'" if re.match(r"[-+.\d]", text) and not text.isspace() and _numeric(text) else None


def _numeric(text: str) -> bool:
    return len(text) <= MAX_VALUE and not re.fullmatch(r".*[^-+.\deE].*", text)


_Dumper.add_representer(str, _text_node)
