"""What a model is told that writes for a red team.

All that callers and models wrote stands between tags that it cannot close.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import orjson

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.red_team import Target
from weighbridge.generation.filling import shortened
from weighbridge.generation.writing import put, schema_of
from weighbridge.generation.writing import wordings as suite_wordings
from weighbridge.scorers.judging.fence import nonce_for
from weighbridge.suites.techniques import Technique
from weighbridge.yamltext import parse_yaml

BEHAVIORS, QUERIES, PROMPT = "behaviors", "queries", "adversarial_prompt"
"""The field of a reply that holds what was asked for."""

_LONGEST_MATERIAL = 20_000


@dataclass(frozen=True, slots=True)
class Ask:
    """A request to the model that writes.

    Attributes:
        system, user: what it is told.
        schema: JSON schema of the reply.
    """

    system: str
    user: str
    schema: JsonObject


def ask_behaviors(target: Target, areas: Sequence[str]) -> Ask:
    """Ask for a behaviour in each of these areas, at least one."""
    told = "\n".join(f"{number}. {area}" for number, area in enumerate(areas, start=1))
    task = put(wordings()["behaviors"], {"count": str(len(areas))})
    return _ask(target, {"areas": told}, task, BEHAVIORS)


def ask_queries(
    target: Target, behavior: str, count: int, place: tuple[int, int], voices: Sequence[str]
) -> Ask:
    """Ask for queries that would lead to a behaviour.

    Args:
        place: number of this list, from 1, and how many lists there are.
        voices: who might write them.
    """
    known = {
        "count": str(count),
        "number": str(place[0]),
        "lists": str(place[1]),
        "voices": ", ".join(voices),
    }
    task = put(wordings()["queries"], known)
    return _ask(target, {"behavior": behavior}, task, QUERIES)


def ask_attack(target: Target, behavior: str, query: str, technique: Technique) -> Ask:
    """Ask for a query to be put by a technique."""
    task = put(wordings()["enhance"], {"name": technique.name, "how": technique.how})
    return _ask(target, {"behavior": behavior, "query": query}, task, PROMPT)


def material_of(target: Target) -> str:
    """What all requests have in common, in one text."""
    found = _ask(target, {}, "", PROMPT)
    return f"{found.system}\n\n{found.user}".strip()


def voices() -> Sequence[str]:
    """Kinds of people who write."""
    found: Sequence[str] = suite_wordings()["voices"]
    return found


@cache
def wordings() -> dict[str, Any]:
    """All wordings."""
    text = (Path(__file__).parent / "prompts" / "red_team.yaml").read_text("utf-8")
    return cast("dict[str, Any]", parse_yaml(text, "red_team.yaml")[0])


def _ask(target: Target, besides: Mapping[str, str], task: str, field: str) -> Ask:
    texts = {
        name: shortened(text.strip(), _LONGEST_MATERIAL)
        for name, text in {**asdict(target), **besides}.items()
        if text and text.strip()
    }
    nonce = nonce_for(texts)
    blocks = [
        f"{heading}:\n<{name}-{nonce}>\n{texts[name]}\n</{name}-{nonce}>"
        for name, heading in wordings()["material"].items()
        if name in texts
    ]
    example: Json = "…" if field == PROMPT else ["…"]
    known = {"nonce": nonce, "form": orjson.dumps({field: example}).decode()}
    system = put(wordings()["system"], known)
    schema = schema_of((PROMPT,)) if field == PROMPT else _list_of(field)
    return Ask(system, "\n\n".join((*blocks, task)), schema)


def _list_of(name: str) -> JsonObject:
    return {
        "type": "object",
        "properties": {name: {"type": "array", "items": {"type": "string"}}},
        "required": [name],
        "additionalProperties": False,
    }
