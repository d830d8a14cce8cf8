"""Samples being looked at, by a judge that says what a test wants."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from weighbridge.providers.base import ChatRequest


@dataclass(frozen=True)
class Question:
    """What a judge of properties is asked.

    Attributes:
        keys: property → its key in the reply. offer: property → what may be said. text: the sample.
    """

    keys: dict[str, str]
    offer: dict[str, list[str]]
    text: str


def question_of(prompt: str) -> Question:
    """A question, read back from its last message."""
    heads = re.findall(r'^## (p\d+): (".*")$', prompt, re.MULTILINE)
    keys = {json.loads(name): key for key, name in heads}
    offer: dict[str, list[str]] = {}
    for name, key in keys.items():
        section = prompt.partition(f"## {key}: ")[2].partition("\n\n")[0]
        lines = [line[2:] for line in section.splitlines() if line.startswith('- "')]
        offer[name] = [json.JSONDecoder().raw_decode(line)[0] for line in lines]
    found = re.search(r"<answer-(\w+)>\n?(.*?)\n?</answer-\1>", prompt, re.DOTALL)
    assert found is not None
    return Question(keys, offer, found[2])


def reply(prompt: str, classes: Mapping[str, object]) -> str:
    """A whole reply that says these values."""
    keys = question_of(prompt).keys
    told = {keys[name]: value for name, value in classes.items() if name in keys}
    return json.dumps({"reason": "because", **told})


def judge_that(sees: Callable[[str], Mapping[str, object]]) -> Callable[[ChatRequest], str]:
    """A judge for `FakeJudge`: the values that it sees in a sample."""

    def say(request: ChatRequest) -> str:
        prompt = str(request.messages[1].content)
        return reply(prompt, sees(question_of(prompt).text))

    return say


def first_offered(prompt: str) -> dict[str, Any]:
    """The first value of each property."""
    return {name: offer[0] for name, offer in question_of(prompt).offer.items()}
