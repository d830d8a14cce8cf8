"""Which value of each of several properties a text shows: one question to the judge for as many
properties as fit into one, and its reply read back.

A judge may also say that a text shows another value than those on offer (`OTHER`), or that it does
not tell. The embedded judge reads off what stands in a column or can be counted, and goes by the
likeness of texts to values where that is sure enough.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Ungraded
from weighbridge.core.pin import canonical_json
from weighbridge.providers.base import ChatRequest, Message
from weighbridge.scorers.judging.asking import Manner, converse
from weighbridge.scorers.judging.by_embedded import StandIn
from weighbridge.scorers.judging.fence import Fences
from weighbridge.scorers.judging.form import Unreadable, last_object, said_text, said_word, shown
from weighbridge.scorers.judging.parts import ANSWER
from weighbridge.scorers.judging.reading_off import Readable
from weighbridge.scorers.judging.rubrics import frame, wording_file
from weighbridge.scorers.panel import Panel

OTHER = "other"
"""The class of a text that shows a value which is not on offer."""
MOST_AT_ONCE = 10
"""Properties that one question is about at most."""
LONGEST = 60_000
"""Characters of a text that a judge is shown."""
EMBEDDED_JUDGE = "embedded/properties-1"
SURE = 0.65
"""How probable the embedded judge must find a value."""

_MOST_VALUES = 250
_MOST_CHARACTERS = 12_000
_HEAD = LONGEST * 2 // 3
_TOKENS_EACH = 64


@dataclass(frozen=True, slots=True)
class AskedProperty:
    """A property that a judge is asked about.

    Attributes:
        values: on offer, no two of them the same.
        description: what is looked at; "": its name says it.
    """

    name: str
    values: tuple[str, ...]
    description: str = ""

    @property
    def other(self) -> str | None:
        """What is said of a text with a value that is not on offer; None: that is on offer."""
        return None if OTHER in map(str.casefold, self.values) else OTHER

    @property
    def unclear(self) -> str:
        """What is said of a text that does not tell."""
        word, taken = "unclear", set(map(str.casefold, self.values))
        while word in taken:
            word = f"({word})"
        return word

    @property
    def offer(self) -> list[str]:
        """All that may be said."""
        return [*self.values, *filter(None, (self.other,)), self.unclear]

    def meant(self, said: object) -> str | None:
        """What of the offer somebody means, white space and, if need be, case aside; None: none."""
        exact = {" ".join(it.split()): it for it in reversed(self.offer)}
        word = " ".join(said.split()) if isinstance(said, str) else said_word(said)
        if word in exact:
            return exact[word]
        return {key.casefold(): it for key, it in exact.items()}.get(word.casefold())


@dataclass(frozen=True, slots=True)
class Classes:
    """What a text shows.

    Attributes:
        found: property → its value, `OTHER`, or None: it could not be told.
        untold: property → why not.
        reason: what decided it, in the judge's words.
        judge: who says so.
        repaired: whether a reply had to be asked for a second time.
    """

    found: Mapping[str, str | None]
    untold: Mapping[str, str]
    reason: str
    judge: str
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """A text, and what is known about its like.

    Attributes:
        about, requirements: of all such texts; "": nothing is said.
    """

    text: str
    about: str = ""
    requirements: str = ""


async def classify(
    panel: Panel,
    model: str | None,
    properties: Sequence[AskedProperty],
    sample: Sample,
    manner: Manner,
) -> Classes:
    """What a judge sees in a text.

    Args:
        model: whom to ask, by the name the panel knows.

    Raises:
        CallFailed: a call did not get through.
    """
    if panel.is_embedded(model):
        return await _by_embedded(properties, sample.text)
    judge = panel.model(model).name
    parts = list(in_chunks(properties))
    said = await asyncio.gather(*(_ask(panel, model, it, sample, manner) for it in parts))
    return Classes(
        {name: value for one in said for name, value in one.found.items()},
        {name: why for one in said for name, why in one.untold.items()},
        "\n".join(one.reason for one in said if one.reason),
        judge,
        any(one.repaired for one in said),
    )


def in_chunks(properties: Sequence[AskedProperty]) -> Iterator[list[AskedProperty]]:
    """The properties, shared out so that each question stays a reasonable one."""
    chunk: list[AskedProperty] = []
    values = characters = 0
    for one in properties:
        size = len(one.description) + len(one.name) + sum(map(len, one.values))
        full = (
            len(chunk) == MOST_AT_ONCE
            or values + len(one.values) > _MOST_VALUES
            or characters + size > _MOST_CHARACTERS
        )
        if chunk and full:
            yield chunk
            chunk, values, characters = [], 0, 0
        chunk.append(one)
        values += len(one.values)
        characters += size
    if chunk:
        yield chunk


def messages_for(properties: Sequence[AskedProperty], sample: Sample) -> tuple[Message, ...]:
    """The question about some properties."""
    parts = _wording()
    texts = {
        "about": sample.about.strip(),
        "requirements": sample.requirements.strip(),
        ANSWER: _shortened(sample.text),
    }
    texts = {name: text for name, text in texts.items() if text or name == ANSWER}
    fences = Fences(texts)
    facts = [_counted(sample.text)]
    if len(sample.text) > LONGEST:
        facts.append(parts["cut"])
    blocks = [f"{parts[name]}:\n{fences.around(name)}" for name in texts]
    described = [_described(key, one) for key, one in _keyed(properties).items()]
    names = ", ".join(json.dumps(key) for key in _keyed(properties))
    user = "\n\n".join(
        (
            parts["task"],
            frame()["material"],
            *blocks,
            " ".join(facts),
            parts["properties"],
            *described,
            parts["form"].replace("{names}", names),
        )
    )
    system = frame()["system"].replace("{nonce}", fences.nonce)
    return (Message("system", system), Message("user", user))


def schema_of(properties: Sequence[AskedProperty]) -> JsonObject:
    """JSON schema of a reply about some properties: why before what."""
    fields: dict[str, Any] = {"reason": {"type": "string"}}
    for key, one in _keyed(properties).items():
        fields[key] = {"type": "string", "enum": one.offer}
    return {
        "type": "object",
        "properties": fields,
        "required": list(fields),
        "additionalProperties": False,
    }


@lru_cache(maxsize=1)
def wording_digest() -> str:
    """The hash of what a judge is told."""
    return hashlib.sha256(canonical_json([_wording(), frame()])).hexdigest()


# Asking a model


@dataclass(slots=True)
class _Reader:
    """Reads the replies to one question. The first has to be whole; of a second one what is of use
    is taken."""

    properties: Sequence[AskedProperty]
    tries: int = 0
    untold: dict[str, str] = field(default_factory=dict)

    def __call__(self, reply: str) -> tuple[dict[str, str | None], str]:
        self.tries += 1
        keyed = _keyed(self.properties)
        said, _ = last_object(reply, next(iter(keyed)))
        found: dict[str, str | None] = {}
        problems: list[str] = []
        for key, one in keyed.items():
            value = one.meant(said.get(key))
            if value is None:
                offered = ", ".join(json.dumps(it, ensure_ascii=False) for it in one.offer[:20])
                problem = f"{key} is {shown(said.get(key))}: it must be one of {offered}"
                problems.append(problem)
                self.untold[one.name] = f"the judge said {shown(said.get(key))}"
                found[one.name] = None
                continue
            if value == one.unclear:
                self.untold[one.name] = "the judge says that the sample does not tell"
            found[one.name] = None if value == one.unclear else value
        if problems and (self.tries == 1 or len(problems) == len(keyed)):
            self.untold.clear()
            raise Unreadable("; ".join(problems[:5]))
        return found, said_text(said.get("reason"))


async def _ask(
    panel: Panel,
    model: str | None,
    properties: Sequence[AskedProperty],
    sample: Sample,
    manner: Manner,
) -> Classes:
    reader = _Reader(properties)
    request = ChatRequest(
        messages_for(properties, sample), _with_room(manner, len(properties)).wire()
    )
    said = await converse(panel, model, request, schema_of(properties), reader)
    judge = panel.model(model).name
    if isinstance(said, Ungraded):
        names = [one.name for one in properties]
        return Classes(dict.fromkeys(names), dict.fromkeys(names, said.reason), "", judge, True)
    found, reason = said.what
    return Classes(found, reader.untold, reason, judge, said.again)


def _with_room(manner: Manner, count: int) -> Manner:
    """The manner, with more tokens where there are many properties."""
    if manner.max_tokens is None:
        return manner
    room = max(manner.max_tokens, 256 + _TOKENS_EACH * count)
    return Manner(manner.temperature, room, manner.params)


def _keyed(properties: Sequence[AskedProperty]) -> dict[str, AskedProperty]:
    """Under short names, as not every endpoint takes any name in a schema."""
    return {f"p{number}": one for number, one in enumerate(properties, start=1)}


def _described(key: str, one: AskedProperty) -> str:
    parts = _wording()
    lines = [f"## {key}: {json.dumps(one.name, ensure_ascii=False)}"]
    if one.description.strip():
        lines.append(one.description.strip())
    lines.append(parts["values"])
    lines += [f"- {json.dumps(value, ensure_ascii=False)}" for value in one.values]
    if one.other is not None:
        lines.append(f"- {json.dumps(one.other)}: {parts['other']}")
    lines.append(f"- {json.dumps(one.unclear)}: {parts['unclear']}")
    return "\n".join(lines)


def _counted(text: str) -> str:
    counts = {"words": len(text.split()), "lines": text.count("\n") + 1, "characters": len(text)}
    told = _wording()["counted"]
    for name, count in counts.items():
        told = told.replace(f"{{{name}}}", str(count))
    return told


def _shortened(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:_HEAD]}\n[…]\n{text[-(LONGEST - _HEAD) :]}"


@lru_cache(maxsize=1)
def _wording() -> Mapping[str, str]:
    return wording_file("_properties")


# Without a model


async def _by_embedded(properties: Sequence[AskedProperty], text: str) -> Classes:
    readable = Readable(text)
    found: dict[str, str | None] = {}
    untold: dict[str, str] = {}
    for one in properties:
        value, why = readable.value_of(one.name, one.values), ""
        if value is None:
            why = readable.why_not(one.name, one.values)
            if not why:
                value, why = await _by_likeness(one, text)
        found[one.name] = value
        if value is None:
            untold[one.name] = why
    reason = "read off columns and counted where possible, else by the likeness of words"
    return Classes(found, untold, reason, EMBEDDED_JUDGE)


async def _by_likeness(one: AskedProperty, text: str) -> tuple[str | None, str]:
    if len(one.values) < 2:
        return None, "there is but one value, and the embedded judge only compares"
    stand_in = StandIn(dict.fromkeys(one.values, ""))
    said = await stand_in.verdict({ANSWER: text}, dict.fromkeys(one.values, 0.0))
    if isinstance(said, Ungraded):
        return None, said.reason
    sure = said.confidence or 0.0
    if sure < SURE:
        nearest = f"the nearest value is {said.label}, with {sure:.2f}"
        return None, f"{EMBEDDED_JUDGE}: it is not sure: {nearest}"
    return said.label, ""
