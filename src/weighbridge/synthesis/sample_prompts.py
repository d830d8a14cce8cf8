"""What a model is told that writes samples, or looks whether one conforms.

All that callers gave or models wrote stands between tags that it cannot close, and what all samples
of a production have in common comes first, so that it can be cached.
"""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import orjson

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.production import Making
from weighbridge.core.synthesis import Blueprint, Shape
from weighbridge.generation.filling import filled, shortened
from weighbridge.generation.replies import read_object, text_of
from weighbridge.scorers.judging.fence import nonce_for
from weighbridge.synthesis.form import DESCRIPTIONS
from weighbridge.synthesis.reading import SeedSample
from weighbridge.synthesis.sample_form import SampleForm
from weighbridge.yamltext import parse_yaml

MOST_TOKENS = 4_096
"""The longest reply, thoughts of the model not counted."""
EXAMPLE_TOKENS = 10_000
"""How much of a prompt examples take up, unless their number was said."""
MOST_EXAMPLE_TOKENS = 50_000
"""How much they take up at most, whatever number was said."""
PARTS = (1, 8)
"""How many parts a plan may have."""

_CHARACTERS_PER_TOKEN = 4
_LONGEST_MATERIAL = 20_000
_LONGEST_BEFORE = 24_000
_LONGEST_PLAN = 8_000
_LONGEST_MEANING = 1_000
_MOST_NOTES = 12


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is sent to a model.

    Attributes:
        system, user: the two messages.
        schema: of the reply; None: it is plain text.
        most_tokens: that the reply may have.
        temperature: 0 to 1.
    """

    system: str
    user: str
    schema: JsonObject | None
    most_tokens: int = MOST_TOKENS
    temperature: float = 0.9


@dataclass(frozen=True, slots=True)
class Plan:
    """How a sample is to be written: in words, and what each part holds."""

    outline: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Revision:
    """What a reviser found: aspect and problem, and the sample with it mended, in the form of a
    reply; None: it is to stay as it is."""

    problems: tuple[tuple[str, str], ...]
    revised: str | None


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody who looked at a sample saw: property → value or None; and what of the
    requirements it does not satisfy, None where it satisfies all of them."""

    values: Mapping[str, str | None]
    unsatisfied: str | None


class SamplePrompts:
    """The prompts of one production.

    Args:
        blueprint: what samples are to be like. form: what they are made of.
        making: how they are made. count: how many.
        seeds: that examples are taken from.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        form: SampleForm,
        making: Making,
        count: int,
        seeds: Sequence[SeedSample] = (),
    ) -> None:
        self._blueprint = blueprint
        self._form = form
        self._making = making
        self._count = count
        self._seeds = [_told(it, form) for it in seeds]
        self._about = {
            "description": shortened(blueprint.description.strip(), _LONGEST_MATERIAL),
            "requirements": shortened(blueprint.requirements.strip(), _LONGEST_MATERIAL),
        }
        meanings = blueprint.more.get(DESCRIPTIONS)
        self._meanings = (
            {name: str(text)[:_LONGEST_MEANING] for name, text in meanings.items() if text}
            if isinstance(meanings, Mapping)
            else {}
        )
        # One number for all prompts, unless a text holds it.
        whole = {str(place): text for place, text in enumerate(self._seeds)}
        self._nonce = nonce_for({**whole, **self._about})

    def plan(self, number: int, tags: Mapping[str, str], notes: Sequence[str] = ()) -> Prompt:
        """Ask for a plan.

        Args:
            number: of the sample, 0-based. tags: the values that it is to show.
            notes: why earlier attempts were rejected.
        """
        least, most = PARTS
        task = _put("plan", least=str(least), most=str(most))
        schema = _object(outline={"type": "string"}, parts=_list({"type": "string"}))
        return self._prompt(number, "plan", task, schema, tags, notes=notes)

    def part(
        self, number: int, tags: Mapping[str, str], plan: Plan, place: int, before: str
    ) -> Prompt:
        """Ask for one part of a text.

        Args:
            place: of the part, 0-based. before: what is written so far.
        """
        task = _put("part", part=str(place + 1), parts=str(len(plan.parts)))
        more = {
            "plan": plan.outline,
            "now": plan.parts[place],
            "before": before[-_LONGEST_BEFORE:],
        }
        return self._prompt(number, f"part {place}", task, None, tags, more)

    def draft(
        self,
        number: int,
        tags: Mapping[str, str],
        plan: Plan | None = None,
        notes: Sequence[str] = (),
    ) -> Prompt:
        """Ask for the whole sample."""
        form = self._form
        more = {"plan": plan.outline} if plan else {}
        if form.is_table:
            task = _put("row")
            more["columns"] = self._columns()
        elif form.shape is Shape.MULTI_FOLDER:
            task = _put("files")
            more["names"] = "\n".join(form.names)
        elif form.prose:
            task = _put("text", extension=form.extension)
        else:
            task = _put("structured", extension=form.extension)
            more["names"] = "\n".join(form.fields)
        tokens = MOST_TOKENS * (2 if form.shape is Shape.MULTI_FOLDER else 1)
        return self._prompt(number, "draft", task, form.schema(), tags, more, notes, tokens)

    def one(
        self,
        number: int,
        tags: Mapping[str, str],
        name: str,
        before: Mapping[str, Json],
        plan: Plan | None = None,
        notes: Sequence[str] = (),
    ) -> Prompt:
        """Ask for one column or file.

        Args:
            before: those that are written already, by their names.
        """
        written = json.dumps(before, ensure_ascii=False) if before else ""
        more = {
            "plan": plan.outline if plan else "",
            "now": name,
            "before": written[-_LONGEST_BEFORE:],
        }
        if self._form.is_table:
            schema: JsonObject | None = _object(value=self._form.schema_of(name))
            task = _put("field")
            more["columns"] = self._columns()
        else:
            schema, task = None, _put("file")
            more["names"] = "\n".join(self._form.names)
        return self._prompt(number, name, task, schema, tags, more, notes)

    def revise(self, number: int, tags: Mapping[str, str], sample: str, cycle: int) -> Prompt:
        """Ask for a revision.

        Args:
            cycle: 0-based.
        """
        kinds = self._making.revisions
        known = wordings()["aspects"]
        plain = self._form.shape is Shape.MULTI_FILE
        task = _put(
            "revise",
            aspects="\n".join(f"- {kind}: {known[kind].strip()}" for kind in kinds),
            first=kinds[0],
            **{"as": wordings()["as"]["text" if plain else "object"]},
        )
        whole = self._form.schema() or {"type": "string"}
        schema = _object(
            problems=_list(_object(aspect={"type": "string"}, what={"type": "string"})),
            revised={"anyOf": [whole, {"type": "null"}]},
        )
        tokens = MOST_TOKENS + len(sample) // _CHARACTERS_PER_TOKEN
        purpose = f"revision {cycle}"
        shown = {"sample": sample}
        with_examples = "distinguishability" in kinds
        return self._prompt(
            number,
            purpose,
            task,
            schema,
            tags,
            shown,
            most_tokens=tokens,
            examples=with_examples,
            temperature=0.3,
        )

    def inspect(self, number: int, sample: str) -> Prompt:
        """Ask which values a sample shows; the asked one is not told which were meant."""
        blueprint = self._blueprint
        known = {it.name: list(it.values) for it in blueprint.properties}
        form: dict[str, Any] = {"values": {"a property": "its value", "another": None}}
        values: dict[str, JsonObject] = {
            name: {"anyOf": [{"type": "string", "enum": them}, {"type": "null"}]}
            for name, them in known.items()
        }
        parts: dict[str, JsonObject] = {"values": _object(**values)}
        if self._about["requirements"]:
            form["requirements"] = {"satisfied": True, "unsatisfied": "what it does not, or empty"}
            parts["requirements"] = _object(
                satisfied={"type": "boolean"}, unsatisfied={"type": "string"}
            )
        task = _put(
            "inspect",
            required=wordings()["tasks"]["required"] if "requirements" in parts else "",
            form=json.dumps(form, ensure_ascii=False),
        )
        told = [
            {"property": name, "values": them, "meaning": meaning}
            if (meaning := self._meanings.get(name))
            else {"property": name, "values": them}
            for name, them in known.items()
        ]
        shown = {"properties": json.dumps(told, ensure_ascii=False), "sample": sample}
        return self._prompt(
            number, "inspect", task, _object(**parts), {}, shown, examples=False, temperature=0.0
        )

    def examples(self, number: int, purpose: str) -> list[str]:
        """The seeds that are shown in a prompt.

        Args:
            number: of the sample, 0-based.
            purpose: `plan`, `part 2`, `draft`, the name of a field…; what makes another prompt.
        """
        making = self._making
        order = list(range(len(self._seeds)))
        if making.shuffling != "none":
            whose = f"{making.seed} {number}"
            if making.shuffling == "prompt":
                whose += f" prompt {purpose}"
            elif making.shuffling == "field" and purpose in self._form.keys:
                whose += f" field {purpose}"
            random.Random(whose).shuffle(order)  # noqa: S311 (a lot about examples)
        if making.examples is not None:
            order = order[: making.examples]
        room = EXAMPLE_TOKENS if making.examples is None else MOST_EXAMPLE_TOKENS
        left = room * _CHARACTERS_PER_TOKEN
        found: list[str] = []
        for place in order:
            text = self._seeds[place]
            if len(text) > left:
                if not found:
                    found.append(shortened(text, left))
                break
            found.append(text)
            left -= len(text)
        return found

    def _prompt(
        self,
        number: int,
        purpose: str,
        task: str,
        schema: JsonObject | None,
        tags: Mapping[str, str],
        more: Mapping[str, str] | None = None,
        notes: Sequence[str] = (),
        most_tokens: int = MOST_TOKENS,
        *,
        examples: bool = True,
        temperature: float = 0.9,
    ) -> Prompt:
        shown = dict(more or {})
        shown["plan"] = shortened(shown.get("plan", ""), _LONGEST_PLAN)
        shown["values"] = "\n".join(self._told_value(*it) for it in tags.items())
        shown["rejected"] = "\n".join(dict.fromkeys(notes[-_MOST_NOTES:]))
        if examples:
            chosen = self.examples(number, purpose)
            shown["examples"] = "\n\n".join(
                f"[{place}]\n{text}" for place, text in enumerate(chosen, start=1)
            )
        texts = {**self._about, **shown, "task": task}
        nonce = self._nonce
        if any(nonce in text.casefold() for text in texts.values()):
            nonce = nonce_for({**texts, "first": nonce})
        headings = wordings()["material"]
        blocks = {
            name: f"{heading}:\n<{name}-{nonce}>\n{texts[name]}\n</{name}-{nonce}>"
            for name, heading in headings.items()
            if texts.get(name)
        }
        who = "inspector" if purpose == "inspect" else "system"
        system = filled(wordings()[who], {"tag": nonce})
        if self._making.tools and purpose not in {"inspect", "plan"}:
            system += "\n" + wordings()["calculator"].rstrip()
        about = [blocks.pop(name) for name in ("description", "requirements") if name in blocks]
        if purpose != "inspect" and not purpose.startswith("revision"):
            task = f"{_put('number', number=str(number + 1), count=str(self._count))}\n{task}"
        user = "\n\n".join((*blocks.values(), task))
        return Prompt("\n\n".join((system, *about)), user, schema, most_tokens, temperature)

    def _told_value(self, name: str, value: str) -> str:
        meaning = self._meanings.get(name)
        return f"{name} ({meaning}): {value}" if meaning else f"{name}: {value}"

    def _columns(self) -> str:
        told = [
            {"name": it.name, "kind": it.kind, "may be null": it.optional}
            for it in self._form.columns
        ]
        return json.dumps(told, ensure_ascii=False)


def read_plan(reply: str) -> Plan:
    """The plan that a reply is; one that is no object is a plan in words, of one part."""
    value = read_object(reply)
    if value is None:
        return Plan(reply.strip(), ())
    parts = value.get("parts")
    listed = [text_of(it) for it in parts] if isinstance(parts, list) else []
    outline = text_of(value.get("outline")) or reply.strip()
    return Plan(outline, tuple(filter(None, listed))[: PARTS[1]])


def read_revision(reply: str) -> Revision | None:
    """What a reviser replied; None: it cannot be read."""
    value = read_object(reply)
    if value is None:
        return None
    problems = value.get("problems")
    found = []
    for it in problems if isinstance(problems, list) else []:
        if isinstance(it, dict) and (what := text_of(it.get("what"))):
            found.append((text_of(it.get("aspect")), what))
        elif isinstance(it, str) and it.strip():
            found.append(("", it.strip()))
    revised = value.get("revised")
    if isinstance(revised, dict | list):
        revised = orjson.dumps(revised).decode()
    return Revision(tuple(found), revised if isinstance(revised, str) and revised else None)


def read_seen(reply: str, blueprint: Blueprint) -> Seen | None:
    """What somebody saw who looked at a sample; None: the reply cannot be read."""
    value = read_object(reply)
    values = value.get("values") if value else None
    if value is None or not isinstance(values, dict):
        return None
    seen: dict[str, str | None] = {}
    for it in blueprint.properties:
        said = text_of(values.get(it.name)).casefold()
        seen[it.name] = next((one for one in it.values if one.casefold() == said), None)
    required = value.get("requirements")
    unsatisfied = None
    if isinstance(required, dict) and required.get("satisfied") is False:
        unsatisfied = text_of(required.get("unsatisfied")) or "the requirements are not satisfied"
    return Seen(seen, unsatisfied)


def again(problem: str) -> str:
    """What a model is told whose reply could not be used."""
    return _put("again", problem=problem)


@cache
def wordings() -> dict[str, Any]:
    """All wordings."""
    text = (Path(__file__).parent / "prompts" / "samples.yaml").read_text("utf-8")
    return cast("dict[str, Any]", parse_yaml(text, "samples.yaml")[0])


def _put(task: str, **values: str) -> str:
    # `filled` puts nothing into what it has put in; braces of JSON are doubled in the wordings.
    text = wordings()["tasks"][task].replace("{{", "\x00").replace("}}", "\x01")
    plain = {name: value.replace("\x00", "").replace("\x01", "") for name, value in values.items()}
    return filled(text, plain).replace("\x00", "{").replace("\x01", "}").strip()


def _told(seed: SeedSample, form: SampleForm) -> str:
    """A seed as an example."""
    if seed.row is not None:
        return json.dumps(seed.row, ensure_ascii=False)
    if form.shape is Shape.MULTI_FOLDER:
        return json.dumps(dict(seed.files), ensure_ascii=False)
    return seed.files[0][1] if seed.files else ""


def _object(**properties: JsonObject) -> JsonObject:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: JsonObject) -> JsonObject:
    return {"type": "array", "items": items}
