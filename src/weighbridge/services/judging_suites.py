"""From a suite and what was answered to it to what the judge is shown."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache

from rapidfuzz import fuzz, process

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.suite import Agent, Given, PolicyChoice, Prompt, Scoring, SuiteRequest
from weighbridge.documents.passages import passages
from weighbridge.suites.catalog import find_eval_type
from weighbridge.suites.texts import texts

_PASSAGES = 3
"""How many passages of a ground truth are shown for a question of which nobody says where its
answer stands."""

_MOST_POLICY = 60_000
_POLICY_COLUMN = "policy_text"


def conduct_of(request: SuiteRequest, scoring: Scoring | None = None) -> JsonObject:
    """The options of the scorer that judges answers to a suite.

    Args:
        request: of the suite.
        scoring: None: the answers belong to none.
    """
    options: dict[str, Json] = {
        "kind": request.kind,
        "policy": _policy(request),
        "ai": (scoring and scoring.ai_description) or request.ai_description,
    }
    if policies_of(request):
        options["columns"] = {"policy": _POLICY_COLUMN}
    if scoring is not None and scoring.examples:
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


def policies_of(request: SuiteRequest) -> dict[str, str]:
    """The policies that prompts of a suite may each be about, in words, by slug; none where all
    answers are held against the same, or against none."""
    kind = find_eval_type(request.kind)
    if not kind.policies or request.kind == "over_refusal" or request.instructions:
        return {}
    bank = texts(request.language).policies
    chosen = request.policies or tuple(PolicyChoice(slug) for slug in kind.policies)
    return {
        it.slug: it.text or f"{bank[it.slug].name}: {bank[it.slug].text}"
        for it in chosen
        if it.text or it.slug in bank
    }


def case_of(prompt: Prompt, truth: str | None, policies: Mapping[str, str]) -> dict[str, Json]:
    """What the judge of an answer goes by, and what its report tells apart.

    Args:
        truth: what an answer is held against, or None.
        policies: as `policies_of` gives them.
    """
    about = prompt.about
    passage = about.get("passage")
    if passage is None and truth is not None:
        passage = _nearest(truth, prompt.content)
    policy = _text(about.get("policy"))
    # Only prompts of red teams have one; the cases of others stay as they always were.
    technique = {"technique": _text(about["technique"])} if about.get("technique") else {}
    return {
        "prompt_id": prompt.id,
        "prompt": prompt.content,
        "category": prompt.category,
        "policy": policy,
        "family": _text(about.get("family")),
        **technique,
        "topic": _text(about.get("topic")),
        "passage": passage,
        "expected": _text(about.get("expected")),
        _POLICY_COLUMN: policies.get(policy or ""),
    }


def row_of(
    prompt: Prompt,
    given: Given,
    truth: str | None,
    policies: Mapping[str, str],
    conversation: str | None,
) -> dict[str, Json]:
    """An answer as a case.

    Args:
        truth, policies: as for `case_of`.
        conversation: the turns before, or None.
    """
    text = given.text if given.text is not None else "" if given.refused or given.file_id else None
    return {
        **case_of(prompt, truth, policies),
        "answer": text,
        "media": [given.file_id] if given.file_id is not None else None,
        "refused": given.refused,
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


def _policy(request: SuiteRequest) -> str | None:
    """What answers have to keep to."""
    if request.agents:
        return agents_text(request.agents)
    if request.instructions:
        return request.instructions
    return "\n\n".join(policies_of(request).values())[:_MOST_POLICY] or None


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
