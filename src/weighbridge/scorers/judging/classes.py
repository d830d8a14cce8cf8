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
from dataclasses import dataclass
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


class AskedProperty:
    """A property that a judge is asked about.

    Args:
        values: on offer, no two of them the same.
        description: what is looked at; "": its name says it.

    Attributes:
        other: what is said of a text with a value that is not on offer; None: that is on offer.
        unclear: what is said of a text that does not tell.
        offer: all that may be said.
    """

    __slots__ = (
        *("_by_folded", "_by_word", "description", "name", "offer", "other", "unclear", "values"),
    )

    def __init__(self, name: str, values: Sequence[str], description: str = "") -> None:
        self.name, self.values, self.description = name, tuple(values), description
        taken = {value.casefold() for value in values}
        self.other = None if OTHER in taken else OTHER
        self.unclear = "unclear"
        while self.unclear in taken:
            self.unclear = f"({self.unclear})"
        self.offer = [*values, *filter(None, (self.other,)), self.unclear]
        self._by_word = {" ".join(it.split()): it for it in reversed(self.offer)}
        self._by_folded = {key.casefold(): it for key, it in self._by_word.items()}

    def meant(self, said: object) -> str | None:
        """What of the offer somebody means, white space and, if need be, case aside; None: none."""
        if isinstance(said, str):
            exact = self._by_word.get(said)
            if exact is not None:  # as nearly always
                return exact
            word = " ".join(said.split())
        else:
            word = said_word(said)
        return self._by_word.get(word) or self._by_folded.get(word.casefold())


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


class Classifier:
    """Asks judges about the same properties of any number of texts.

    Args:
        properties: at least one. about, requirements: of all such texts; "": nothing is said.
        manner: how a judge is asked.
    """

    __slots__ = ("_properties", "_questions")

    def __init__(
        self,
        properties: Sequence[AskedProperty],
        manner: Manner,
        about: str = "",
        requirements: str = "",
    ) -> None:
        self._properties = tuple(properties)
        self._questions = [
            Question(it, manner, about, requirements) for it in in_chunks(properties)
        ]

    async def classify(self, panel: Panel, model: str | None, text: str) -> Classes:
        """What a judge sees in a text.

        Args:
            model: whom to ask, by the name the panel knows.

        Raises:
            CallFailed: a call did not get through.
        """
        if panel.is_embedded(model):
            return await _by_embedded(self._properties, text)
        if len(self._questions) == 1:
            return await self._questions[0].ask(panel, model, text)
        said = await asyncio.gather(*(it.ask(panel, model, text) for it in self._questions))
        return Classes(
            {name: value for one in said for name, value in one.found.items()},
            {name: why for one in said for name, why in one.untold.items()},
            "\n".join(one.reason for one in said if one.reason),
            said[0].judge,
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


class Question:
    """A question about some properties, made ready to be asked about any number of texts.

    Attributes:
        properties: what it is about.
        schema: of a reply: why before what.
    """

    __slots__ = (
        *("_about", "_ending", "_first", "_keyed", "_opening", "_parameters", "_shown", "_system"),
        *("properties", "schema"),
    )

    def __init__(
        self,
        properties: Sequence[AskedProperty],
        manner: Manner,
        about: str = "",
        requirements: str = "",
    ) -> None:
        self.properties = tuple(properties)
        # Under short names, as not every endpoint takes any name in a schema.
        self._keyed = {f"p{number}": one for number, one in enumerate(properties, start=1)}
        self._first = next(iter(self._keyed))
        told = {"about": about.strip(), "requirements": requirements.strip()}
        self._about = {name: text for name, text in told.items() if text}
        self._parameters = _with_room(manner, len(properties)).wire()
        self.schema = _schema(self._keyed)
        parts = _wording()
        names = ", ".join(json.dumps(key) for key in self._keyed)
        described = [_described(key, one) for key, one in self._keyed.items()]
        form = parts["form"].replace("{names}", names)
        self._ending = "\n\n".join((parts["properties"], *described, form))
        self._opening = "\n\n".join((parts["task"], frame()["material"]))
        self._shown = [(name, parts[name]) for name in (*self._about, ANSWER)]
        self._system = frame()["system"]

    def messages(self, text: str) -> tuple[Message, ...]:
        """What a judge is told about a text."""
        fences = Fences({**self._about, ANSWER: _shortened(text)})
        blocks = [f"{told}:\n{fences.around(name)}" for name, told in self._shown]
        facts = _counted(text)
        if len(text) > LONGEST:
            facts = f"{facts} {_wording()['cut']}"
        user = "\n\n".join((self._opening, *blocks, facts, self._ending))
        system = self._system.replace("{nonce}", fences.nonce)
        return (Message("system", system), Message("user", user))

    async def ask(self, panel: Panel, model: str | None, text: str) -> Classes:
        """What a judge sees in a text; as `Classifier.classify`."""
        reader = _Reader(self._keyed, self._first)
        request = ChatRequest(self.messages(text), self._parameters, self.schema)
        said = await converse(panel, model, request, self.schema, reader)
        judge = panel.model(model).name
        if isinstance(said, Ungraded):
            names = [one.name for one in self.properties]
            return Classes(dict.fromkeys(names), dict.fromkeys(names, said.reason), "", judge, True)
        found, reason = said.what
        return Classes(found, reader.untold, reason, judge, said.again)


def _schema(keyed: Mapping[str, AskedProperty]) -> JsonObject:
    fields: dict[str, Any] = {"reason": {"type": "string"}}
    for key, one in keyed.items():
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


class _Reader:
    """Reads the replies to one question. The first has to be whole; of a second one what is of use
    is taken."""

    __slots__ = ("_first", "_keyed", "_tries", "untold")

    def __init__(self, keyed: Mapping[str, AskedProperty], first: str) -> None:
        self._keyed, self._first = keyed, first
        self._tries = 0
        self.untold: dict[str, str] = {}

    def __call__(self, reply: str) -> tuple[dict[str, str | None], str]:
        self._tries += 1
        said, _ = last_object(reply, self._first)
        found: dict[str, str | None] = {}
        problems: list[str] = []
        for key, one in self._keyed.items():
            value = one.meant(said.get(key))
            if value is None:
                offered = ", ".join(json.dumps(it, ensure_ascii=False) for it in one.offer[:20])
                problem = f"{key} is {shown(said.get(key))}: it must be one of {offered}"
                problems.append(problem)
                self.untold[one.name] = f"the judge said {shown(said.get(key))}"
            elif value == one.unclear:
                self.untold[one.name] = "the judge says that the sample does not tell"
                value = None
            found[one.name] = value
        if problems and (self._tries == 1 or len(problems) == len(self._keyed)):
            self.untold.clear()
            raise Unreadable("; ".join(problems[:5]))
        return found, said_text(said.get("reason"))


def _with_room(manner: Manner, count: int) -> Manner:
    """The manner, with more tokens where there are many properties."""
    if manner.max_tokens is None:
        return manner
    room = max(manner.max_tokens, 256 + _TOKENS_EACH * count)
    return Manner(manner.temperature, room, manner.params)


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
    return _wording()["counted"].format(
        words=len(text.split()), lines=text.count("\n") + 1, characters=len(text)
    )


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
