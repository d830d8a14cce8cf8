"""What a model is told that writes prompts.

All that callers gave stands between tags that it cannot close, and what all prompts of a suite have
in common comes first, so that it can be cached.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, cast

import orjson

from weighbridge.core.json import JsonObject
from weighbridge.core.prompt import as_text
from weighbridge.core.suite import (
    DECLINED,
    LANGUAGES,
    PolicyChoice,
    PromptExample,
    SuiteRequest,
)
from weighbridge.generation.dealing import ABOUT_POLICIES, Lane
from weighbridge.generation.filling import shortened
from weighbridge.scorers.judging.fence import nonce_for
from weighbridge.suites.texts import Policy, texts
from weighbridge.yamltext import parse_yaml

MOST_TOKENS = 1_200
"""The longest reply, thoughts of the model not counted where its endpoint does not."""

_LONGEST_MATERIAL = 20_000
_MOST_EXAMPLES = 20
_TEMPERATURE = 0.9
_CONCURRENCY = 256


def schema_of(fields: Sequence[str]) -> JsonObject:
    """The JSON schema of a reply with these texts in it."""
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in fields},
        "required": list(fields),
        "additionalProperties": False,
    }


def written(**fields: str) -> str:
    """A reply as a model would give it."""
    return orjson.dumps(fields).decode()


def asking(
    name: str,
    rows: Sequence[JsonObject],
    request: SuiteRequest,
    fields: Sequence[str],
    user: str,
    generator: str,
) -> JsonObject:
    """The evaluation that has a model write.

    Args:
        rows: the slots.
        fields: of a reply.
        user: the end of what the model is told, with `[…]` and `{…}` as in `suites.yaml`.
    """
    material = _material(request)
    # No text that a slot brings along can hold the number of the tags, either.
    brought = {
        f"{place} {column}": as_text(value)
        for place, row in enumerate(rows)
        for column, value in row.items()
    }
    nonce = nonce_for({**brought, **material})
    known = {
        "nonce": nonce,
        "language": LANGUAGES.get(request.language, request.language),
        "form": _escaped(written(**dict.fromkeys(fields, "…"))),
    }
    blocks = [
        f"{heading}:\n<{key}-{nonce}>\n{_escaped(material[key])}\n</{key}-{nonce}>"
        for key, heading in wordings()["material"].items()
        if key in material
    ]
    params: dict[str, Any] = {"temperature": _TEMPERATURE, "max_tokens": MOST_TOKENS}
    if request.seed:
        params["seed"] = request.seed
    return {
        "name": name,
        "cases": list(rows),
        "model": generator,
        "messages": [
            {"role": "system", "content": put(wordings()["system"], known)},
            {"role": "user", "content": "\n\n".join((*blocks, put(user, known)))},
        ],
        "schema": schema_of(fields),
        "params": params,
        "scorers": [],
        "concurrency": _CONCURRENCY,
    }


def handing_in(
    name: str, rows: Sequence[JsonObject], column: str, fields: Sequence[str]
) -> JsonObject:
    """The evaluation of replies that are there already, in a column."""
    return {
        "name": name,
        "cases": list(rows),
        "answers": {"column": column},
        "scorers": [{"json_schema": {"schema": schema_of(fields)}}],
    }


def task(
    request: SuiteRequest,
    lane: Lane,
    policy: Policy | None,
    topic: str | None,
    place: tuple[int, int],
    manner: tuple[str, str],
) -> str:
    """What is to be written for one slot.

    Args:
        topic: None: the model chooses one, unless a passage is the topic.
        place: number of the slot, from 1, and how many there are.
        manner: who writes, and how.
    """
    known, parts = wordings(), wordings()["parts"]
    lines = [known["aims"].get(request.kind, known["aims"]["safety"])]
    lines.append(known["modalities"][request.modality])
    if lane.category is not None:
        lines.append(known["categories"][lane.category])
        lines.append(known["declined" if lane.category in DECLINED else "answered"])
    lines.append(policy_line(request, policy))
    if topic is not None:
        lines.append(put(parts["topic"], {"topic": topic}))
    elif lane.category is None:
        lines.append(parts["own_topic"])
    if lane.family is not None:
        family = texts("en").families[lane.family].name
        attack = {"name": family, "how": known["families"][lane.family]}
        lines.append(put(parts["family"], attack))
    else:
        lines.append(put(parts["manner"], {"manner": manner[1]}))
    lines.append(put(parts["voice"], {"voice": manner[0]}))
    lines.append(put(parts["number"], {"number": str(place[0]), "count": str(place[1])}))
    return "\n".join(f"- {line.strip()}" for line in lines if line)


def policy_line(request: SuiteRequest, policy: Policy | None) -> str:
    """What says which policy of several it is about; "" where the request itself says it, or there
    is none. Somebody's own is among the material, and only its number is told."""
    if policy is None or (request.instructions and request.instructions.strip()):
        return ""
    for number, choice in enumerate(_own_policies(request), start=1):
        if choice.slug == policy.slug:
            return put(wordings()["parts"]["own_policy"], {"number": str(number)})
    return put(wordings()["parts"]["policy"], {"name": policy.name, "text": policy.text})


def put(template: str, values: Mapping[str, str]) -> str:
    """A wording with its `[…]` filled in, from the left to the right."""
    text, rest = "", template
    while rest:
        before, bracket, rest = rest.partition("[")
        name, closed, after = rest.partition("]")
        if bracket and closed and name in values:
            text += before + values[name]
            rest = after
        else:
            text += before + bracket
    return text


@cache
def wordings() -> dict[str, Any]:
    """All wordings."""
    text = (Path(__file__).parent / "prompts" / "suites.yaml").read_text("utf-8")
    return cast("dict[str, Any]", parse_yaml(text, "suites.yaml")[0])


def _material(request: SuiteRequest) -> dict[str, str]:
    """What callers said, by the names of its tags, without what they left out."""
    told = "policy" if request.kind in ABOUT_POLICIES else "told"
    agents = [
        {"name": agent.name, "system_prompt": agent.system_prompt, "tools": agent.tools}
        for agent in request.agents
    ]
    policies = [{"name": it.slug, "text": it.text} for it in _own_policies(request)]
    found = {
        "ai": request.ai_description,
        told: request.instructions or "",
        "policies": json.dumps(policies, ensure_ascii=False) if policies else "",
        "agents": json.dumps(agents, ensure_ascii=False) if agents else "",
        "wishes": request.wishes or "",
        "good": _examples(request.examples, wanted=True),
        "bad": _examples(request.examples, wanted=False),
    }
    return {
        name: shortened(text.strip(), _LONGEST_MATERIAL)
        for name, text in found.items()
        if text.strip()
    }


def _own_policies(request: SuiteRequest) -> list[PolicyChoice]:
    return [choice for choice in request.policies if choice.text is not None]


def _examples(examples: Sequence[PromptExample], *, wanted: bool) -> str:
    found = [
        {"prompt": example.content, "why": example.explanation}
        if example.explanation
        else {"prompt": example.content}
        for example in examples
        if example.wanted == wanted
    ]
    return json.dumps(found[:_MOST_EXAMPLES], ensure_ascii=False) if found else ""


def _escaped(text: str) -> str:
    """Text that is no template, for a place where one is expected."""
    return text.replace("{", "{{").replace("}", "}}")
