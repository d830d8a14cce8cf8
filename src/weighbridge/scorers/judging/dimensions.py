"""Judging content in several dimensions: one question to the judge for all of them, where they fit
into one, and its reply read back.

Dimensions that are more than `MOST_AT_ONCE` are shared out over several questions. The embedded
judge is asked about each dimension by itself, and answers those it knows.
"""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Ungraded
from weighbridge.core.rubric_judge import Dimension, Finding, Judgement, JudgeVersion, ScoringModel
from weighbridge.embedded.verdict import Task
from weighbridge.providers.base import ChatRequest, ImagePart, Message, Part
from weighbridge.scorers.judging.asking import Manner, converse
from weighbridge.scorers.judging.by_embedded import StandIn, beyond, for_policy
from weighbridge.scorers.judging.fence import Fences
from weighbridge.scorers.judging.form import (
    Unreadable,
    Verdict,
    last_object,
    on_offer,
    said_confidence,
    said_text,
    said_word,
    shown,
)
from weighbridge.scorers.judging.ready import UNSEEN
from weighbridge.scorers.judging.rubrics import frame, wording_file
from weighbridge.scorers.panel import Panel

MOST_AT_ONCE = 10
"""Dimensions that one question is about at most."""

NOT_APPLICABLE = "not_applicable"
"""What a judge says of a dimension that need not apply, and does not."""

_TOKENS, _TOKENS_EACH = 1_024, 256


@dataclass(frozen=True, slots=True)
class Content:
    """What is judged.

    Attributes:
        texts: name → text of all that is shown, the answer last; names are as `INPUT_NAME` has it.
        about: name → what it is, for the judge: never somebody's own words.
        images: that belong to it.
    """

    texts: Mapping[str, str]
    about: Mapping[str, str]
    images: tuple[ImagePart, ...] = ()


async def judge_content(
    panel: Panel, model: str | None, version: JudgeVersion, content: Content
) -> Judgement | Ungraded:
    """A judge's verdict in all dimensions.

    Args:
        model: whom to ask, by the name the panel knows.

    Returns:
        `Ungraded` where it has none in a dimension that is required, or no dimension applies.

    Raises:
        CallFailed: a call did not get through.
    """
    if panel.is_embedded(model):
        said = await _by_embedded(panel, model, version, content)
    else:
        said = await _by_model(panel, model, version, content)
    if isinstance(said, Judgement) and said.score is None:
        return Ungraded("none of the judge's dimensions applies to the content")
    return said


def messages_for(
    version: JudgeVersion, dimensions: Sequence[Dimension], content: Content
) -> tuple[Message, ...]:
    """The question to the judge about some of its dimensions."""
    parts = _wording()
    fences = Fences(content.texts)
    system = frame()["system"].replace("{nonce}", fences.nonce)
    blocks = [
        f"{about[0].upper()}{about[1:]}:\n{fences.around(name)}"
        for name, about in content.about.items()
    ]
    text = "\n\n".join(
        (
            "\n\n".join(filter(None, (parts["task"], version.instructions.strip()))),
            "\n\n".join((frame()["material"], *blocks)),
            "\n\n".join((parts["dimensions"], *(_described(it) for it in dimensions))),
            *([_about_images(content)] if content.images else []),
            _form(dimensions),
        )
    )
    shown_to_it: str | tuple[Part, ...] = (text, *content.images) if content.images else text
    return (Message("system", system), Message("user", shown_to_it))


def schema_of(dimensions: Sequence[Dimension]) -> JsonObject:
    """JSON schema of a reply about some dimensions: why before what."""
    return _object(
        {
            "reasoning": {"type": "string"},
            "dimensions": _object(
                {
                    it.id: _object({"notes": {"type": "string"}, "verdict": _verdict_schema(it)})
                    for it in dimensions
                }
            ),
            "confidence": {"type": "number"},
        }
    )


def read_reply(dimensions: Sequence[Dimension], reply: str, judge: str) -> Judgement:
    """The verdicts in a reply.

    Raises:
        Unreadable: there are none, or one of them is not on offer.
    """
    found, _ = last_object(reply, "dimensions")
    said = found["dimensions"]
    if not isinstance(said, Mapping):
        raise Unreadable(f"`dimensions` is {shown(said)}: it must be an object")
    return Judgement(
        tuple(_finding(it, said.get(it.id)) for it in dimensions),
        said_text(found.get("reasoning")),
        said_confidence(found.get("confidence")),
        judge,
    )


async def _by_model(
    panel: Panel, model: str | None, version: JudgeVersion, content: Content
) -> Judgement | Ungraded:
    whole = version.dimensions
    several = [whole[at : at + MOST_AT_ONCE] for at in range(0, len(whole), MOST_AT_ONCE)]
    judge = panel.model(model).name

    async def ask(dimensions: Sequence[Dimension]) -> Judgement | Ungraded:
        manner = Manner(max_tokens=_TOKENS + _TOKENS_EACH * len(dimensions))
        said = await converse(
            panel,
            model,
            ChatRequest(messages_for(version, dimensions, content), manner.wire()),
            schema_of(dimensions),
            lambda text: read_reply(dimensions, text, judge),
            shows_images=bool(content.images),
        )
        return said if isinstance(said, Ungraded) else said.what

    made: list[Judgement] = []
    for said in await asyncio.gather(*(ask(it) for it in several)):
        if isinstance(said, Ungraded):
            return said
        made.append(said)
    sure = [it.confidence for it in made if it.confidence is not None]
    return Judgement(
        tuple(finding for it in made for finding in it.findings),
        "\n\n".join(it.reasoning for it in made if it.reasoning),
        min(sure) if len(sure) == len(made) else None,
        judge,
    )


async def _by_embedded(
    panel: Panel, model: str | None, version: JudgeVersion, content: Content
) -> Judgement | Ungraded:
    findings: list[Finding] = []
    open_: list[str] = []
    sure: list[float] = []
    judges: dict[str, None] = {}
    for dimension in version.dimensions:
        stand_in = UNSEEN if content.images else _stand_in(dimension)
        said: Verdict | Ungraded = (
            stand_in
            if isinstance(stand_in, Ungraded)
            else await stand_in.verdict(content.texts, dimension.scores(), panel.weigher(model))
        )
        if isinstance(said, Ungraded):
            findings.append(Finding(dimension, None, None, (), said.reason))
            if dimension.required:
                open_.append(f"{dimension.name}: {said.reason}")
            continue
        findings.append(Finding(dimension, said.value, said.label, (), said.reason))
        judges[said.judge] = None
        if said.confidence is not None:
            sure.append(said.confidence)
    if open_:
        return Ungraded("; ".join(open_))
    reasoning = "judged by small classifiers, each dimension by itself"
    return Judgement(
        tuple(findings), reasoning, min(sure, default=None), " ".join(judges) or "embedded"
    )


def _stand_in(dimension: Dimension) -> StandIn | Ungraded:
    asks = dimension.criteria or dimension.name
    found = for_policy(asks) if dimension.scoring_model is ScoringModel.PASS_FAIL else None
    if found is None:
        return Ungraded(beyond(dimension.name))
    labels: Any = found["labels"]
    return StandIn(Task(str(found["task"])), labels=labels)


def _finding(dimension: Dimension, said: Any) -> Finding:
    if not isinstance(said, Mapping):
        raise Unreadable(f"there is no object for the dimension {dimension.id}")
    notes, verdict = said_text(said.get("notes")), said.get("verdict")
    word = said_word(verdict)
    if not dimension.required and word in {NOT_APPLICABLE, "not applicable", "n/a"}:
        return Finding(dimension, None, None, (), notes)
    if dimension.scoring_model is ScoringModel.CHECKLIST:
        return _ticked(dimension, verdict, notes)
    by_word = {label.casefold(): label for label in dimension.scores()}
    label = by_word.get(word)
    if label is None:
        offer = on_offer(_labels(dimension))
        raise Unreadable(
            f"the verdict {shown(verdict)} of {dimension.id} is not on offer: it must be {offer}"
        )
    return Finding(dimension, dimension.scores()[label], label, (), notes)


def _ticked(dimension: Dimension, said: Any, notes: str) -> Finding:
    if not isinstance(said, Mapping):
        raise Unreadable(f"the verdict of {dimension.id} is no object with a yes or no per item")
    ticked = []
    for name, item in _items(dimension).items():
        word = said.get(name)
        met = {"yes": True, "no": False, "true": True, "false": False}.get(said_word(word))
        if met is None:
            raise Unreadable(f"{dimension.id}.{name} is {shown(word)}: it must be yes or no")
        if met:
            ticked.append(item)
    total = sum(item.weight for item in dimension.items)
    score = sum(item.weight for item in ticked) / total
    return Finding(dimension, score, None, tuple(item.label for item in ticked), notes)


def _items(dimension: Dimension) -> dict[str, Any]:
    return {f"item_{number}": item for number, item in enumerate(dimension.items, start=1)}


def _labels(dimension: Dimension) -> list[str]:
    return [*dimension.scores(), *([] if dimension.required else [NOT_APPLICABLE])]


def _verdict_schema(dimension: Dimension) -> JsonObject:
    if dimension.scoring_model is not ScoringModel.CHECKLIST:
        return {"type": "string", "enum": _labels(dimension)}
    yes_or_no = {"type": "string", "enum": ["yes", "no"]}
    ticks = _object(dict.fromkeys(_items(dimension), yes_or_no))
    if dimension.required:
        return ticks
    return {"anyOf": [ticks, {"type": "string", "enum": [NOT_APPLICABLE]}]}


def _object(fields: Mapping[str, JsonObject]) -> JsonObject:
    return {
        "type": "object",
        "properties": dict(fields),
        "required": list(fields),
        "additionalProperties": False,
    }


def _described(dimension: Dimension) -> str:
    parts = _wording()
    lines = [f"## {dimension.id}: {dimension.name}"]
    if dimension.criteria.strip():
        lines.append(dimension.criteria.strip())
    lines.append(f"The verdict is {parts[dimension.scoring_model.value]}:")
    if dimension.scoring_model is ScoringModel.CHECKLIST:
        lines += [
            f"- {name}: {item.label}" + (f": {item.asks.strip()}" if item.asks.strip() else "")
            for name, item in _items(dimension).items()
        ]
    else:
        means = {it.label: it.means.strip() for it in dimension.options}
        lines += [
            f"- {label}: {means[label]}" if means.get(label) else f"- {label}"
            for label in dimension.scores()
        ]
    if not dimension.required:
        lines.append(parts["optional"])
    return "\n".join(lines)


def _form(dimensions: Sequence[Dimension]) -> str:
    verdicts = "one of those of its dimension, in quotes"
    if any(it.scoring_model is ScoringModel.CHECKLIST for it in dimensions):
        verdicts += '; of a checklist an object of its items, each "yes" or "no"'
    names = ", ".join(json.dumps(it.id) for it in dimensions)
    return _wording()["form"].replace("{names}", names).replace("{verdicts}", verdicts)


def _about_images(content: Content) -> str:
    return _wording()["images"].replace("{count}", str(len(content.images)))


@lru_cache(maxsize=1)
def _wording() -> Mapping[str, str]:
    return wording_file("_dimensions")
