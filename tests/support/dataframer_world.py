"""Letters that a scripted `writer` proposes, writes and attacks with, and a scripted `judge` reads.

A letter says which mood it shows and how urgent it is, so it is known what the judge will see:
what was drawn, but in the letter `MISREAD`, whose mood is none of those on offer.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.dataframer_client import Server
from support.dataframer_client import serving as serving_models

MOODS = ("positive", "negative", "neutral")
PACES = ("urgent", "calm")
MISREAD = 3
"""Number of the letter in which the judge sees another mood."""
YAML = """\
spec:
  description: A letter to a shop.
  requirements: Every letter has a number.
  data_property_variations:
    - property_name: sentiment
      property_values: [positive, negative, neutral]
      base_distributions: {positive: 40, negative: 30, neutral: 30}
    - property_name: urgency
      property_values: [urgent, calm]
      base_distributions: {urgent: 20, calm: 80}
      conditional_distributions:
        - when: {sentiment: negative}
          distribution: {urgent: 100, calm: 0}
"""
"""A spec of such letters, as a person writes it."""

MODELS = """
[[models]]
name = "writer"
protocol = "scripted"
script = "writer.jsonl"
max_concurrency = 256
aliases = ["anthropic/claude-sonnet-5-5-thinking", "openai/gpt-oss-120b"]
price = {input = 1.0, output = 2.0}

[[models]]
name = "judge"
protocol = "scripted"
script = "judge.jsonl"
max_concurrency = 256
aliases = ["anthropic/claude-sonnet-4-6-thinking"]
price = {input = 1.0, output = 2.0}

[[models]]
name = "grader"
protocol = "scripted"
script = "grader.jsonl"

[[models]]
name = "slow"
protocol = "scripted"
replies = [{reply = "late", latency_ms = 60000}]

[defaults]
generator = "writer"
judge = "judge"
"""

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
BEHAVIORS = [f"Tells patients lie number {it} of {it} {it}" for it in _NUMBERS]
QUERIES = [f"What is {it} and {it} {it}?" for it in _NUMBERS]

_VALUES = r"<values-\w+>\nsentiment: (?P<mood>\w+)\nurgency: (?P<pace>\w+)\n</values-"
_LETTER = "Letter {n}: the mood is {mood}, and it is {pace}."
_SHOWN = r"the mood is (?P<mood>\w+), and it is (?P<pace>\w+)\."


def letter(number: int, mood: str, pace: str) -> str:
    """A letter as the writer writes it; numbers count from 1."""
    return _LETTER.format(n=number, mood=mood, pace=pace)


def proposal(*, in_seeds: bool) -> dict[str, Any]:
    """What the writer proposes."""
    shares = {"sentiment": dict(zip(MOODS, (40, 30, 30), strict=True)), "urgency": {}}
    shares["urgency"] = dict(zip(PACES, (50, 50), strict=True))
    return {
        "description": "A letter to a shop.",
        "requirements": "Every letter has a number.",
        "properties": [
            {
                "name": name,
                "description": "",
                "in_seeds": in_seeds,
                "values": [{"value": it, "percent": share} for it, share in values.items()],
            }
            for name, values in shares.items()
        ],
    }


def _writer() -> list[dict[str, Any]]:
    numbered = r".*This is sample (?P<n>\d+) of"
    row = r"<values-\w+>\ncity[^:\n]*: (?P<city>\w+)\nplan[^:\n]*: (?P<plan>\w+)\n"
    plan = {"outline": "a letter", "parts": ["what it is about", "the end"]}
    classified = '{"sentiment": "{mood}", "urgency": "{pace}"}'
    seen = '{"values": ' + classified + ', "requirements": {"satisfied": true}}'
    return [
        {
            "contains": "Propose a blueprint for samples like these seeds",
            "reply": json.dumps(proposal(in_seeds=True)),
        },
        {"contains": "Propose a blueprint", "reply": json.dumps(proposal(in_seeds=False))},
        {"match": rf'(?s)<sample-.*{_SHOWN}.*an entry in "values"', "reply": seen},
        {"match": rf"(?s)<sample-.*{_SHOWN}.*Say which value", "reply": classified},
        {"contains": "Plan this sample", "reply": json.dumps(plan)},
        {"contains": "Write part 2 of 2", "reply": "Yours, Ann."},
        {
            "match": rf"(?s){_VALUES}{numbered}.*a folder with the files",
            "reply": '{"mail.txt": "' + _LETTER + '", "note.txt": "Read letter {n}."}',
        },
        {"contains": "what you found", "reply": '{"problems": [], "revised": null}'},
        {"match": rf"(?s){_VALUES}{numbered}", "reply": _LETTER},
        {
            "match": rf"(?s){row}.*one row of a table",
            "reply": '{"city": "{city}", "plan": "{plan}"}',
        },
        {
            "contains": "one behaviour for each",
            "reply": json.dumps({"behaviors": BEHAVIORS}),
        },
        {"match": r"Write \d+ queries", "reply": json.dumps({"queries": QUERIES})},
        {
            "match": r"<query-(\w+)>",
            "reply": '{"adversarial_prompt": "Play Orla {1}, and tell her."}',
        },
        {
            "contains": "personal data",
            "reply": json.dumps({"entities": [{"text": "Mr 1", "type": "name", "score": 0.9}]}),
        },
    ]


def _judge() -> list[dict[str, Any]]:
    read = '{"reason": "It says so.", "p1": "{mood}", "p2": "{pace}"}'
    misread = read.replace("{mood}", "other")
    return [
        {"match": rf"(?s)<answer-.*Letter {MISREAD}: {_SHOWN}", "reply": misread},
        {"match": rf"(?s)<answer-.*{_SHOWN}", "reply": read},
    ]


_VERDICT = {
    "reasoning": "It is fine.",
    "dimensions": {
        "polite": {"notes": "kind", "verdict": "pass"},
        "steps": {"notes": "", "verdict": {"item_1": "yes", "item_2": "no"}},
    },
    "confidence": 0.75,
}


def write_scripts(folder: Path) -> None:
    """The files that `MODELS` reads, beside it."""
    scripts = {"writer": _writer(), "judge": _judge(), "grader": [{"reply": json.dumps(_VERDICT)}]}
    for name, rules in scripts.items():
        text = "".join(f"{json.dumps(rule)}\n" for rule in rules)
        (folder / f"{name}.jsonl").write_text(text)


@contextmanager
def serving(
    folder: Path, database_url: str | None = None, *, models: str = MODELS, **settings: str
) -> Iterator[Server]:
    """A server with these models on a free port of this machine; ended at the end.

    Args:
        settings: by their names, as `allowed_networks`.
    """
    write_scripts(folder)
    with serving_models(folder, database_url, models=models, **settings) as server:
        yield server
