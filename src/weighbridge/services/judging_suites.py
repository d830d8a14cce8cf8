"""From a suite and what was answered to it to what the judge is shown."""

import json
from collections.abc import Sequence
from functools import lru_cache

from rapidfuzz import fuzz, process

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.suite import Agent, Given, Prompt, Scoring, Suite
from weighbridge.documents.passages import passages
from weighbridge.suites.catalog import find_eval_type
from weighbridge.suites.texts import texts

_PASSAGES = 3
"""How many passages of a ground truth are shown for a question of which nobody says where its
answer stands."""

_MOST_POLICY = 60_000


def conduct_of(suite: Suite, scoring: Scoring) -> JsonObject:
    """The options of the scorer that judges answers to a suite."""
    request = suite.request
    options: JsonObject = {
        "kind": request.kind,
        "policy": _policy(suite),
        "ai": scoring.ai_description or request.ai_description,
    }
    if scoring.examples:
        options["examples"] = [
            {
                "prompt": it.prompt,
                "answer": it.answer,
                "passed": it.passed,
                "explanation": it.explanation,
            }
            for it in scoring.examples
        ]
    return {name: value for name, value in options.items() if value is not None}


def row_of(
    prompt: Prompt, given: Given, truth: str | None, conversation: str | None
) -> dict[str, Json]:
    """An answer as a case.

    Args:
        truth: what an answer is held against, or None.
        conversation: the turns before, or None.
    """
    about = prompt.about
    passage = about.get("passage")
    if passage is None and truth is not None:
        passage = _nearest(truth, prompt.content)
    text = given.text if given.text is not None else "" if given.refused or given.file_id else None
    return {
        "prompt_id": prompt.id,
        "prompt": prompt.content,
        "answer": text,
        "media": [given.file_id] if given.file_id is not None else None,
        "refused": given.refused,
        "category": prompt.category,
        "policy": _text(about.get("policy")),
        "family": _text(about.get("family")),
        "topic": _text(about.get("topic")),
        "passage": passage,
        "expected": _text(about.get("expected")),
        "conversation": conversation,
        "turn": prompt.turn,
    }


def agents_text(agents: Sequence[Agent]) -> str:
    """Agents as a judge is shown them."""
    parts = []
    for agent in agents:
        head = f"Agent {agent.name}" if agent.name else "Agent"
        parts.append(f"{head}, system prompt:\n{agent.system_prompt}")
        if agent.tools is not None:
            tools = agent.tools
            shown = tools if isinstance(tools, str) else json.dumps(tools, ensure_ascii=False)
            parts.append(f"{head}, tools:\n{shown}")
    return "\n\n".join(parts)


def _policy(suite: Suite) -> str | None:
    """What answers have to keep to."""
    request = suite.request
    if request.agents:
        return agents_text(request.agents)
    if request.instructions:
        return request.instructions
    slugs = find_eval_type(request.kind).policies
    if request.kind == "over_refusal" or not slugs:
        return None
    bank = texts(request.language).policies
    stock = [f"{bank[slug].name}: {bank[slug].text}" for slug in slugs if slug in bank]
    return "\n\n".join(stock)[:_MOST_POLICY] or None


@lru_cache(maxsize=8)
def _passages(truth: str) -> tuple[str, ...]:
    return tuple(passages(truth))


def _nearest(truth: str, question: str) -> str:
    """The passages of a ground truth that have most in common with a question."""
    cut = _passages(truth)
    if len(cut) <= _PASSAGES:
        return "\n\n".join(cut)
    found = process.extract(question, cut, scorer=fuzz.token_set_ratio, limit=_PASSAGES)
    places = sorted(place for _, _, place in found)
    return "\n\n".join(cut[place] for place in places)


def _text(value: Json) -> str | None:
    return None if value is None else str(value)
