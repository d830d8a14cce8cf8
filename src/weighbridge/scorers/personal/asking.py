"""Finding personal data by asking a model: what it points at counts where it stands in the text."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from weighbridge.core.entity import Entity
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Ungraded
from weighbridge.providers.base import ChatRequest, Message
from weighbridge.scorers.judging.asking import Manner, converse
from weighbridge.scorers.judging.fence import Fences
from weighbridge.scorers.judging.form import Unreadable, last_object, said_confidence
from weighbridge.scorers.judging.rubrics import wording_file
from weighbridge.scorers.panel import Panel

_MANNER = Manner(max_tokens=4_096)
_SURE = 0.85
"""How sure a model is held to be that does not say."""
_MOST = 5_000


async def ask_for_entities(
    panel: Panel, model: str | None, text: str, types: Sequence[str]
) -> list[Entity] | Ungraded:
    """What a model finds in a text, wherever that stands in it; overlaps are left.

    Args:
        model: whom to ask, by the name the panel knows.
        types: that it is to find.

    Raises:
        CallFailed: a call did not get through.
    """
    said = await converse(
        panel,
        model,
        ChatRequest(messages_for(text, types), _MANNER.wire()),
        schema_of(types),
        lambda reply: read_reply(reply, text, types),
    )
    return said if isinstance(said, Ungraded) else said.what


def messages_for(text: str, types: Sequence[str]) -> tuple[Message, ...]:
    """The question."""
    fences = Fences({"text": text})
    parts = wording()
    task = parts["task"].replace("{types}", "\n".join(f"- {it}" for it in types))
    head, _, tail = task.partition("{text}")  # the text may hold anything, braces too
    system = parts["system"].replace("{nonce}", fences.nonce)
    return (Message("system", system), Message("user", f"{head}{fences.around('text')}{tail}"))


def schema_of(types: Sequence[str]) -> JsonObject:
    """JSON schema of the reply."""
    entity: JsonObject = {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "type": {"type": "string", "enum": list(types)},
            "score": {"type": "number"},
        },
        "required": ["text", "type", "score"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"entities": {"type": "array", "items": entity}},
        "required": ["entities"],
        "additionalProperties": False,
    }


def read_reply(reply: str, text: str, types: Sequence[str]) -> list[Entity]:
    """The entities in a reply. What does not stand in the text, and what is of no type that was
    asked for, is passed over.

    Raises:
        Unreadable: it holds no list of entities.
    """
    found, _ = last_object(reply, "entities")
    said = found["entities"]
    if not isinstance(said, list):
        raise Unreadable("`entities` must be a list")
    known = {it.casefold(): it for it in types}
    entities: list[Entity] = []
    for one in said:
        if not isinstance(one, Mapping):
            raise Unreadable("each of the `entities` must be an object with text, type and score")
        label = known.get(str(one.get("type", "")).strip().casefold())
        piece: Any = one.get("text")
        if label is None or not isinstance(piece, str) or not piece.strip():
            continue
        sure = said_confidence(one.get("score"))
        score = _SURE if sure is None else sure
        length = len(piece.strip())
        entities.extend(
            Entity(start, start + length, label, score) for start in _places(text, piece.strip())
        )
        if len(entities) > _MOST:
            raise Unreadable(f"over {_MOST:,} entities in one text")
    return entities


def _places(text: str, piece: str) -> Iterator[int]:
    """Where a piece stands in a text as words of its own."""
    at = text.find(piece)
    while at >= 0:
        end = at + len(piece)
        inside = at > 0 and text[at - 1].isalnum() and piece[0].isalnum()
        inside = inside or (end < len(text) and text[end].isalnum() and piece[-1].isalnum())
        if not inside:
            yield at
        at = text.find(piece, at + 1)


@lru_cache(maxsize=1)
def wording() -> Mapping[str, str]:
    """What the model is told."""
    return wording_file("_personal_data")
