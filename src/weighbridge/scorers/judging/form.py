"""The form in which a judge answers: its JSON schema, the same in words, and reading it back.

Of a reply with several verdicts the last one counts. A verdict that was not on offer is none.
"""

import importlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from weighbridge.core.json import JsonObject
from weighbridge.scorers.judging.parts import Kind
from weighbridge.scorers.judging.rubric import Rubric

MOST_READ = 50_000
"""Characters of a reply that are looked at, from its end."""

_MOST_BRACES = 64
_MOST_MENDED = 6_000
_MOST_MENDED_BRACES = 12
_MOST_REASON = 4_000
_MOST_QUOTES = 20
_MOST_QUOTE = 1_000
_MOST_SAID = 80
_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"\s+")
_QUOTES = "\"'“”‘’«»`… "


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a judge said, in the rubric's terms.

    Attributes:
        label: the verdict; of a checklist `met/all`, such as `3/4`.
        value: its score.
        reason: why, in the judge's words.
        confidence: 0 to 1; None when it did not say.
        evidence: quotes that do occur in the material.
        dropped: how many quotes did not.
        items: of a checklist, name → whether it is met.
        judge: who gave it.
        repaired: how the reply was made readable: `json` (mended), `retry` (asked again), or None.
    """

    label: str
    value: float
    reason: str
    confidence: float | None
    evidence: tuple[str, ...] = ()
    dropped: int = 0
    items: JsonObject | None = None
    judge: str = ""
    repaired: str | None = None


class Unreadable(Exception):
    """A reply in which no verdict can be found; the message says why, to judge and people."""


class Form:
    """The form of one rubric.

    Args:
        rubric: whose verdicts are on offer.

    Attributes:
        schema: JSON schema of an answer: first the reason, last the confidence.
        instructions: the same in words.
        scores: label → score; empty for a checklist.
    """

    __slots__ = ("_by_said", "_rubric", "instructions", "schema", "scores")

    def __init__(self, rubric: Rubric) -> None:
        self._rubric = rubric
        self.scores = rubric.scores()
        self._by_said = {label.casefold(): label for label in self.scores}
        self.schema = _schema(rubric, self.scores)
        self.instructions = _instructions(rubric, self.scores)

    def read(self, reply: str, material: Sequence[str], judge: str) -> Verdict:
        """The verdict in a reply.

        Args:
            judge: who replied.
            material: the texts that evidence may be quoted from.

        Raises:
            Unreadable: there is none, or not one of those on offer.
        """
        found, repaired = last_object(reply)
        label, value, items = self._verdict(found.get("verdict"))
        evidence, dropped = _checked_quotes(found.get("evidence"), material)
        return Verdict(
            label,
            value,
            said_text(found.get("reason")),
            said_confidence(found.get("confidence")) if self._rubric.confidence else None,
            evidence,
            dropped,
            items,
            judge,
            "json" if repaired else None,
        )

    def _verdict(self, said: Any) -> tuple[str, float, JsonObject | None]:
        if self._rubric.verdict is Kind.CHECKLIST:
            return self._checked(said)
        label = self._by_said.get(said_word(said))
        if label is None:
            offer = on_offer(list(self.scores))
            raise Unreadable(f"the verdict {shown(said)} is not on offer: it must be {offer}")
        return label, self.scores[label], None

    def _checked(self, said: Any) -> tuple[str, float, JsonObject]:
        items = self._rubric.items
        if not isinstance(said, Mapping):
            raise Unreadable(f"the verdict {shown(said)} is no object with a yes or no per item")
        met: dict[str, bool] = {}
        for item in items:
            word = said.get(item.name)
            answer = {"yes": True, "no": False, "true": True, "false": False}.get(said_word(word))
            if answer is None:
                raise Unreadable(f"the item {item.name} is {shown(word)}: it must be yes or no")
            met[item.name] = answer
        total = sum(item.weight for item in items)
        value = sum(item.weight for item in items if met[item.name]) / total
        return f"{sum(met.values())}/{len(items)}", value, dict(met)


def _schema(rubric: Rubric, scores: Mapping[str, float]) -> JsonObject:
    verdict: JsonObject
    if rubric.verdict is Kind.CHECKLIST:
        names = [item.name for item in rubric.items]
        verdict = {
            "type": "object",
            "properties": {name: {"type": "string", "enum": ["yes", "no"]} for name in names},
            "required": names,
            "additionalProperties": False,
        }
    else:
        verdict = {"type": "string", "enum": list(scores)}
    fields: dict[str, JsonObject] = {
        "reason": {"type": "string"},
        "evidence": {"type": "array", "items": {"type": "string"}},
        "verdict": verdict,
    }
    if rubric.confidence:
        fields["confidence"] = {"type": "number"}
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


def _instructions(rubric: Rubric, scores: Mapping[str, float]) -> str:
    lines = [
        '- "reason": why, in one to three sentences',
        '- "evidence": a list of the few short quotes that decide it, word for word; or []',
    ]
    if rubric.verdict is Kind.CHECKLIST:
        pairs = ", ".join(f'"{item.name}": "yes" or "no"' for item in rubric.items)
        lines.append(f'- "verdict": an object, {{{pairs}}}')
    else:
        lines.append(f'- "verdict": {on_offer(list(scores))}')
    if rubric.confidence:
        lines.append('- "confidence": how likely it is that this verdict is right, from 0 to 1')
    return "\n".join(lines)


def on_offer(labels: list[str]) -> str:
    """Labels as a judge is told that it may say one of them."""
    quoted = [json.dumps(label, ensure_ascii=False) for label in labels]
    if all(label.isdigit() for label in labels) and len(labels) > 12:
        return f"a whole number from {quoted[0]} to {quoted[-1]}, in quotes"
    if len(quoted) > 12:
        return "one of the verdicts above, word for word"
    return ", ".join(quoted[:-1]) + (f" or {quoted[-1]}" if quoted[:-1] else quoted[-1])


def last_object(reply: str, field: str = "verdict") -> tuple[Mapping[str, Any], bool]:
    """The last JSON object of a reply that holds a field, and whether it had to be mended.

    Raises:
        Unreadable: there is none.
    """
    text = reply[-MOST_READ:].strip()
    if not text:
        raise Unreadable("the reply is empty")
    try:
        whole = orjson.loads(text)
    except orjson.JSONDecodeError:
        whole = None
    if isinstance(whole, dict) and field in whole:
        return whole, False
    found = _embedded_object(text, field)
    if found is not None:
        return found, False
    mended = _mended(text, field)
    if mended is None:
        raise Unreadable(f'the reply holds no JSON object with the field "{field}"')
    return mended, True


def _embedded_object(text: str, field: str) -> Mapping[str, Any] | None:
    """The last whole object with the field among other text, such as in a Markdown fence."""
    last: Mapping[str, Any] | None = None
    end_of_last = 0
    at = _start(text)
    while at >= 0:
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = text.find("{", at + 1)
            continue
        if isinstance(value, dict) and field in value:
            last, end_of_last = value, end
        at = text.find("{", end)
    # What was said last counts: one that begins after the last whole object, and was cut off or is
    # broken, must not be passed over.
    return None if f'"{field}"' in text[end_of_last:] else last


def _start(text: str) -> int:
    """Where the last `_MOST_BRACES` opening braces begin; -1: there is none."""
    at = len(text)
    for _ in range(_MOST_BRACES):
        before = text.rfind("{", 0, at)
        if before < 0:
            break
        at = before
    return at if at < len(text) else -1


def _mended(text: str, field: str) -> Mapping[str, Any] | None:
    start = text.find("{")
    piece = text[start:]
    # Mending takes time that grows faster than the text, and a reply may be made to be slow: only
    # what can be a verdict is worth it.
    if start < 0 or field not in piece or len(piece) > _MOST_MENDED:
        return None
    if piece.count("[") + piece.count("{") > _MOST_MENDED_BRACES:
        return None
    try:
        value = _repair_json()(piece)
    except (ValueError, RecursionError):
        return None
    candidates = value if isinstance(value, list) else [value]
    with_field = [one for one in candidates if isinstance(one, dict) and field in one]
    return with_field[-1] if with_field else None


@lru_cache(maxsize=1)
def _repair_json() -> Any:
    # Only a reply that is no JSON needs it, and importing it takes a twentieth of a second.
    return importlib.import_module("json_repair").loads


def _checked_quotes(said: Any, material: Sequence[str]) -> tuple[tuple[str, ...], int]:
    """Those quotes that occur in the material, white space aside, and how many do not."""
    quotes = said if isinstance(said, list) else [said] if isinstance(said, str) else []
    texts = [_plain(text) for text in material]
    kept: list[str] = []
    dropped = 0
    for quote in quotes:
        wanted = _plain(quote).strip(_QUOTES) if isinstance(quote, str) else ""
        if wanted and any(wanted in text for text in texts):
            if len(kept) < _MOST_QUOTES:
                kept.append(quote.strip()[:_MOST_QUOTE])
        elif wanted or not isinstance(quote, str):
            dropped += 1
    return tuple(kept), dropped


def first_quote(quotes: Sequence[str], text: str) -> str | None:
    """The first of some quotes that occurs in a text, white space and case aside, without the marks
    around it; None: none does."""
    kept, _ = _checked_quotes(list(quotes), [text])
    return _SPACE.sub(" ", kept[0]).strip(_QUOTES) if kept else None


def says(text: str, quote: str) -> bool:
    """Whether a quote stands in a text, white space and case aside."""
    return _plain(quote) in _plain(text)


def _plain(text: str) -> str:
    return _SPACE.sub(" ", text).strip().casefold()


def said_word(value: Any) -> str:
    """A word that a judge said, ready to be compared; "": it said none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (str, int)):
        return str(value).strip().casefold()
    return ""


def shown(value: Any) -> str:
    """What a judge said, as it is quoted to it and to people."""
    text = value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
    return f"`{text[:_MOST_SAID]}`"


def said_text(value: Any) -> str:
    """What a judge said in words; "": nothing."""
    return value.strip()[:_MOST_REASON] if isinstance(value, str) else ""


def said_confidence(value: Any) -> float | None:
    """How sure a judge said it was, 0 to 1; None: it did not."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        return None
    return float(value)
