"""What a model is told that proposes a blueprint, or looks which values seeds show; and reading its
replies.

All that callers gave stands between tags that it cannot close.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from weighbridge.core.json import Json, JsonObject
from weighbridge.generation.filling import shortened
from weighbridge.generation.replies import read_object, text_of
from weighbridge.generation.writing import put
from weighbridge.scorers.judging.fence import nonce_for
from weighbridge.synthesis.form import MAX_NAME
from weighbridge.synthesis.measuring import Measurement
from weighbridge.synthesis.reading import SeedSample
from weighbridge.yamltext import parse_yaml

MOST_SHOWN = 12
"""Seeds that a model sees before it proposes."""
MOST_PROPOSED = 16
"""Properties that are taken over."""
MOST_MORE = 5
"""Values that are added to a property that was measured."""

_FEW, _MANY, _AXES = 3, 8, 4
_MOST_VALUES = 20
_LONGEST_VALUE = 200
_LONGEST_TEXT = 8_000
_LONGEST_MATERIAL = 20_000
_LONGEST_SEED = 4_000
_LONGEST_SAMPLE = 24_000
_MOST_TOLD_VALUES = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a blueprint is to be like, see `core.synthesis.DataSpec.params`."""

    objectives: str = ""
    distributions: bool = True
    conditionals: bool = False
    extrapolate_values: bool = True
    extrapolate_axes: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent to a model: the two messages, and the schema of its reply."""

    system: str
    user: str
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class ProposedProperty:
    """A property as a model proposes it.

    Attributes:
        weights: value → how often it thinks that it occurs, not negative.
        in_seeds: whether seeds differ in it.
    """

    name: str
    description: str
    values: tuple[str, ...]
    weights: Mapping[str, float]
    in_seeds: bool


@dataclass(frozen=True, slots=True)
class ProposedCondition:
    """How often values of `property` occur where another has a certain value."""

    property: str
    when: tuple[str, str]
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a model proposes.

    Attributes:
        more_values: for properties that were measured.
    """

    description: str
    requirements: str
    properties: tuple[ProposedProperty, ...]
    more_values: Mapping[str, tuple[str, ...]]
    conditions: tuple[ProposedCondition, ...] = ()


def propose(
    wanted: Wanted,
    measured: Measurement | None,
    samples: Sequence[SeedSample] = (),
    about: str = "",
) -> Prompt:
    """Ask for a blueprint.

    Args:
        measured: of the seeds; None: there are none.
        samples: the seeds; some of them are shown.
        about: what is said of the seeds.
    """
    seeded = measured is not None
    limits = {"few": str(_FEW), "many": str(_MANY)}
    parts = wordings()["parts"]
    task = [put(wordings()["propose"]["seeded" if seeded else "seedless"], limits)]
    material = {"objectives": wanted.objectives, "about": about}
    if measured is not None:
        if wanted.extrapolate_axes:
            task.append(put(parts["axes"], {"few": "1", "many": str(_AXES)}))
        task.append(parts["further" if wanted.extrapolate_values else "only_seen"])
        if wanted.extrapolate_values and measured.traits:
            task.append(put(parts["more"], {"most": str(MOST_MORE)}))
        material["seeds"] = _shown(samples)
        material["measured"] = _measured(measured)
        material["common"] = json.dumps(dict(measured.common), ensure_ascii=False)
    elif wanted.conditionals:
        task.append(parts["conditions"])
    return _prompt(material, "\n".join(task), _proposal_schema(wanted, measured))


def classify(properties: Sequence[ProposedProperty], sample: SeedSample) -> Prompt:
    """Ask which values a seed shows, of several properties at once."""
    known = {it.name: list(it.values) for it in properties}
    material = {
        "properties": json.dumps(known, ensure_ascii=False),
        "sample": shortened(sample_text(sample), _LONGEST_SAMPLE),
    }
    schema = _object(
        {
            name: {"anyOf": [{"type": "string", "enum": values}, {"type": "null"}]}
            for name, values in known.items()
        }
    )
    return _prompt(material, wordings()["classify"], schema)


def again(problem: str) -> str:
    """What a model is told whose reply could not be used."""
    return put(wordings()["again"], {"problem": problem})


def sample_text(sample: SeedSample) -> str:
    """A seed as it is shown."""
    if sample.row is not None:
        return json.dumps(sample.row, ensure_ascii=False)
    if len(sample.files) == 1:
        return sample.files[0][1]
    return "\n\n".join(f"--- {name} ---\n{text}" for name, text in sample.files)


def spread(count: int, most: int) -> list[int]:
    """Places of at most so many samples among `count`, spread over all of them."""
    taken = min(count, most)
    return [place * count // taken for place in range(taken)]


def read_proposal(reply: str, measured: Measurement | None) -> Proposal | None:
    """The blueprint that a model proposes, without what is of no use; None: it proposes none.

    Args:
        measured: of the seeds: properties of these names are known already.
    """
    value = read_object(reply)
    if value is None:
        return None
    known = {trait.name: trait.values for trait in measured.traits} if measured else {}
    taken = {name.casefold() for name in known}
    if measured is not None:
        taken |= {name.casefold() for name in (*measured.common, *measured.columns)}
    properties: list[ProposedProperty] = []
    for item in _objects(value.get("properties")):
        found = _property(item)
        if found is not None and found.name.casefold() not in taken:
            taken.add(found.name.casefold())
            properties.append(found)
    description = text_of(value.get("description"))[:_LONGEST_TEXT]
    more = _more(value.get("more_values"), known)
    if not (description or properties or more):
        return None
    return Proposal(
        description,
        text_of(value.get("requirements"))[:_LONGEST_TEXT],
        tuple(properties[:MOST_PROPOSED]),
        more,
        tuple(_conditions(value.get("conditions"), properties[:MOST_PROPOSED])),
    )


def read_labels(reply: str, properties: Sequence[ProposedProperty]) -> dict[str, str | None] | None:
    """Property → value that a seed shows, None: it shows none; None: the reply cannot be read."""
    value = read_object(reply)
    if value is None or not any(it.name in value for it in properties):
        return None
    found: dict[str, str | None] = {}
    for it in properties:
        said = text_of(value.get(it.name)).casefold()
        found[it.name] = next((one for one in it.values if one.casefold() == said), None)
    return found


@cache
def wordings() -> dict[str, Any]:
    """All wordings."""
    text = (Path(__file__).parent / "prompts" / "blueprints.yaml").read_text("utf-8")
    return cast("dict[str, Any]", parse_yaml(text, "blueprints.yaml")[0])


# Asking


def _prompt(material: Mapping[str, str], task: str, schema: JsonObject) -> Prompt:
    texts = {
        name: shortened(text.strip(), _LONGEST_MATERIAL + _LONGEST_SAMPLE)
        for name, text in material.items()
        if text.strip() not in {"", "{}", "[]"}
    }
    nonce = nonce_for(texts)
    blocks = [
        f"{heading}:\n<{name}-{nonce}>\n{texts[name]}\n</{name}-{nonce}>"
        for name, heading in wordings()["material"].items()
        if name in texts
    ]
    form = json.dumps(_example(schema), ensure_ascii=False)
    system = put(wordings()["system"], {"tag": nonce, "form": form})
    return Prompt(system, "\n\n".join((*blocks, task.strip())), schema)


def _shown(samples: Sequence[SeedSample]) -> str:
    """Some of the seeds, as JSON, so that one cannot pass for two."""
    texts: list[str] = []
    room = _LONGEST_MATERIAL
    for place in spread(len(samples), MOST_SHOWN):
        text = shortened(sample_text(samples[place]), _LONGEST_SEED)
        if texts and len(text) > room:
            break
        texts.append(text)
        room -= len(text)
    return json.dumps(texts, ensure_ascii=False)


def _measured(measured: Measurement) -> str:
    told = {
        trait.name: {
            value: round(share, 1)
            for value, share in list(trait.shares.items())[:_MOST_TOLD_VALUES]
        }
        for trait in measured.traits
    }
    return json.dumps(told, ensure_ascii=False)


def _proposal_schema(wanted: Wanted, measured: Measurement | None) -> JsonObject:
    text: JsonObject = {"type": "string"}
    share = _object({"value": text, "percent": {"type": "number"}})
    parts: dict[str, Json] = {
        "description": text,
        "requirements": text,
        "properties": _list(
            _object(
                {
                    "name": text,
                    "description": text,
                    "in_seeds": {"type": "boolean"},
                    "values": _list(share),
                }
            )
        ),
    }
    if measured is not None and measured.traits and wanted.extrapolate_values:
        parts["more_values"] = _list(_object({"property": text, "values": _list(text)}))
    if measured is None and wanted.conditionals:
        condition = {"property": text, "when_property": text, "when_value": text}
        parts["conditions"] = _list(_object({**condition, "values": _list(share)}))
    return _object(parts)


def _object(parts: Mapping[str, Json]) -> JsonObject:
    return {
        "type": "object",
        "properties": dict(parts),
        "required": list(parts),
        "additionalProperties": False,
    }


def _list(of: JsonObject) -> JsonObject:
    return {"type": "array", "items": of}


def _example(schema: Any) -> Json:
    """What a reply of that JSON schema looks like."""
    kind = schema.get("type")
    if kind == "object":
        return {name: _example(part) for name, part in schema["properties"].items()}
    if kind == "array":
        return [_example(schema["items"])]
    return {"number": 0, "boolean": True}.get(str(kind), "…")


# Reading


def _property(item: JsonObject) -> ProposedProperty | None:
    name = " ".join(text_of(item.get("name")).split())
    weights = _weights(item.get("values"))
    if not name or len(name) > MAX_NAME or len(weights) < 2:
        return None
    return ProposedProperty(
        name,
        text_of(item.get("description"))[:_LONGEST_TEXT],
        tuple(weights),
        weights,
        item.get("in_seeds") is not False,
    )


def _weights(listed: Json) -> dict[str, float]:
    """Value → percent, of those that can be used, no two of which are the same but for case."""
    found: dict[str, float] = {}
    taken: set[str] = set()
    for item in listed if isinstance(listed, list) else []:
        fields = item if isinstance(item, dict) else {"value": item}
        value = _value(fields.get("value"))
        if value is not None and value.casefold() not in taken and len(found) < _MOST_VALUES:
            taken.add(value.casefold())
            found[value] = _percent(fields.get("percent"))
    return found


def _value(given: Json) -> str | None:
    value = " ".join(text_of(given).split())
    return value if 0 < len(value) <= _LONGEST_VALUE else None


def _percent(given: Json) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        return 0.0
    return float(given) if 0 <= given <= 1_000 else 0.0


def _more(listed: Json, known: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for item in _objects(listed):
        name = text_of(item.get("property"))
        if name not in known or name in found:
            continue
        taken = {value.casefold() for value in known[name]}
        fresh = [value for value in _weights(item.get("values")) if value.casefold() not in taken]
        if fresh:
            found[name] = tuple(fresh[:MOST_MORE])
    return found


def _conditions(
    listed: Json, properties: Sequence[ProposedProperty]
) -> Iterable[ProposedCondition]:
    """Those that look back at a property that is there, each at one value once."""
    by_name = {it.name.casefold(): place for place, it in enumerate(properties)}
    taken: set[tuple[str, str, str]] = set()
    for item in _objects(listed):
        names = [text_of(item.get(key)).casefold() for key in ("property", "when_property")]
        child, given = (by_name.get(name, -1) for name in names)
        if not 0 <= given < child:
            continue
        on, other = properties[given], properties[child]
        said = text_of(item.get("when_value")).casefold()
        value = next((one for one in on.values if one.casefold() == said), None)
        told = {name.casefold(): weight for name, weight in _weights(item.get("values")).items()}
        weights = {one: told.get(one.casefold(), 0.0) for one in other.values}
        if value is None or not any(weights.values()) or (other.name, on.name, value) in taken:
            continue
        taken.add((other.name, on.name, value))
        yield ProposedCondition(other.name, (on.name, value), weights)


def _objects(listed: Json) -> list[JsonObject]:
    return [it for it in listed if isinstance(it, dict)] if isinstance(listed, list) else []
