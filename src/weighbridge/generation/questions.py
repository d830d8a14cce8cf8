"""Questions about documents: which are asked for, how, and which of them may stay."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import orjson
from rapidfuzz import fuzz

from weighbridge.core.json import JsonObject
from weighbridge.documents.passages import LEAST, passages
from weighbridge.errors import Invalid
from weighbridge.generation.gaps import gap_questions
from weighbridge.generation.replies import form, read_object, stands_in, text_of, words
from weighbridge.yamltext import parse_yaml

SPARE = 1.5
"""How many questions are asked for, for each that is wanted: some will not do."""
MOST_WANTED = 5_000
LEAST_CLUSTERS = 10
"""Passages under which an interval that allows for them says next to nothing."""
WRITTEN = "written"
"""The column with questions that nobody has to write."""
KEY = "answerable"
"""The scorer by which a judge says whether a question may stay."""

_MOST_SLOTS = 10_000
_SAME, _SHARED = 92.0, 0.6
_LONGEST = {"question": 1_000, "answer": 2_000}
_POINTS_AT_THE_TEXT = re.compile(
    r"\b(this|the|above|following|given) (passage|text|excerpt|paragraph|context)\b", re.IGNORECASE
)

SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "question": {"type": "string"},
        "answer": {"type": "string"},
        "quote": {"type": "string"},
    },
    "required": ["question", "answer", "quote"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Source:
    """A document that is asked about."""

    id: str
    name: str
    text: str


def slots(sources: Sequence[Source], wanted: int) -> list[JsonObject]:
    """A slot for each question that is asked for: a passage, and what to aim at.

    Passages of all documents are gone through in turn, again and again, each time with another aim;
    a document gets as many slots as its text is long.

    Args:
        wanted: how many questions are wanted; more are asked for, as some will not do.

    Returns:
        Rows with `passage`, `document`, `document_id`, `focus`, and `cluster`: which passage.

    Raises:
        Invalid: the documents have no passage that is long enough.
    """
    found = [
        (source, place, passage)
        for source in sources
        for place, passage in enumerate(passages(source.text))
        if len(passage) >= LEAST
    ]
    if not found:
        raise Invalid(
            f"the documents say too little to be asked about: no passage of {LEAST} characters"
        )
    focuses = _prompt()["focuses"]
    count = min(_MOST_SLOTS, max(wanted + 3, math.ceil(wanted * SPARE)))
    if count < len(found):
        # Spread over everything: the beginning is no better than the end.
        found = [found[at * len(found) // count] for at in range(count)]
    made: list[JsonObject] = []
    for number in range(count):
        source, place, passage = found[number % len(found)]
        made.append(
            {
                "passage": passage,
                "document": source.name,
                "document_id": source.id,
                "focus": focuses[number // len(found) % len(focuses)],
                "cluster": f"{source.id}:{place}",
            }
        )
    return made


def gap_slots(sources: Sequence[Source], wanted: int) -> list[JsonObject]:
    """A slot for each question that needs nobody to write it: a sentence with a gap.

    Returns:
        Rows as those of `slots`, each with its question as `written`: the reply of a model that
        would have written it.

    Raises:
        Invalid: no sentence of the documents has a number or a name in it.
    """
    found: list[JsonObject] = []
    for source in sources:
        for place, passage in enumerate(passages(source.text)):
            for asked in gap_questions(passage, source.name):
                written = {
                    "question": asked.question,
                    "answer": asked.answer,
                    "quote": asked.quote,
                }
                found.append(
                    {
                        "passage": passage,
                        "document": source.name,
                        "document_id": source.id,
                        "cluster": f"{source.id}:{place}",
                        WRITTEN: orjson.dumps(written).decode(),
                    }
                )
    if not found:
        raise Invalid("no sentence of the documents has a number or a name that could be asked for")
    count = min(_MOST_SLOTS, max(wanted + 3, math.ceil(wanted * SPARE)), len(found))
    return [found[at * len(found) // count] for at in range(count)]


def evaluation(
    name: str, rows: Sequence[JsonObject], generator: str | None, judge: str | None
) -> JsonObject:
    """The evaluation that has questions written.

    Args:
        rows: as `slots` gives them, or `gap_slots`.
        generator: the model that writes; None: they are written.
        judge: the model that says which questions may stay; None: nobody is asked.
    """
    prompt = _prompt()
    spec: JsonObject = {"name": name, "cases": list(rows)}
    scorers: list[JsonObject] = []
    if generator is None:
        spec = {**spec, "answers": {"column": WRITTEN}}
        scorers.append({"json_schema": {"schema": SCHEMA}})
    else:
        spec = {
            **spec,
            "model": generator,
            "messages": [
                {"role": "system", "content": prompt["system"]},
                {"role": "user", "content": prompt["user"]},
            ],
            "schema": SCHEMA,
            "params": {"temperature": 0.7, "max_tokens": 600},
        }
    if judge is not None:
        rubric = {"rubric": prompt["rubric"], "columns": {"context": "passage"}}
        scorers.append({"as": KEY, "judge": rubric})
        spec = {**spec, "judge": judge}
    return {**spec, "scorers": scorers}


def clustered(rows: Sequence[JsonObject]) -> list[JsonObject]:
    """Questions as they are kept: those of one passage stand and fall together, so that each says
    which it is about (`cluster`), where there are enough passages for intervals to allow for it;
    otherwise, or where no two share one, without that."""
    passages_ = {row["cluster"] for row in rows}
    if LEAST_CLUSTERS <= len(passages_) < len(rows):
        return list(rows)
    return [{name: value for name, value in row.items() if name != "cluster"} for row in rows]


class Chooser:
    """Which of the replies are questions that may stay.

    A question stays when its quote stands in the passage, the words of its answer do, a judge (if
    there is one) lets it pass, and none like it has stayed before.

    Args:
        wanted: how many may stay at most.
    """

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._known: list[str] = []
        self.left_out: dict[str, int] = {}
        """Reason → how many did not stay for it."""

    def take(self, slot: JsonObject, reply: str | None, verdict: bool | None) -> JsonObject | None:
        """The question as a row of a benchmark; None: it may not stay.

        Args:
            reply: what the model wrote; None: nothing.
            verdict: the judge's; None: it gave none.
        """
        if len(self._known) >= self._wanted:
            return None
        found = _read(reply)
        if isinstance(found, str):
            self._leave_out(found)
            return None
        passage = str(slot["passage"])
        problem = _problem(found, passage)
        if problem is None and verdict is False:
            problem = "the judge did not let it pass"
        asked = form(found["question"])
        if problem is None and any(fuzz.token_sort_ratio(asked, it) > _SAME for it in self._known):
            problem = "it is like one before"
        if problem is not None:
            self._leave_out(problem)
            return None
        self._known.append(asked)
        return {
            "question_num": len(self._known),
            "question": found["question"],
            "answer": found["answer"],
            "document_id": slot.get("document_id"),
            "quote": found["quote"],
            "cluster": slot.get("cluster"),
        }

    def _leave_out(self, reason: str) -> None:
        self.left_out[reason] = self.left_out.get(reason, 0) + 1


def _read(reply: str | None) -> dict[str, str] | str:
    """The fields of a reply, or why it has none."""
    if reply is None:
        return "the model gave no answer"
    value = read_object(reply)
    if value is None:
        return "the reply is no JSON object"
    fields = {name: text_of(value.get(name)) for name in ("question", "answer", "quote")}
    for name, text in fields.items():
        if not text:
            return f"the reply has no {name}"
    return fields


def _problem(found: dict[str, str], passage: str) -> str | None:
    for name, longest in _LONGEST.items():
        if len(found[name]) > longest:
            return f"its {name} is too long"
    if _POINTS_AT_THE_TEXT.search(found["question"]):
        return "it speaks of the passage, which nobody has before them"
    body = form(passage)
    if not stands_in(form(found["quote"]), body):
        return "its quote does not stand in the passage"
    said, there = words(found["answer"]), set(body.split())
    if said and sum(word in there for word in said) / len(said) < _SHARED:
        return "its answer does not stand in the passage"
    return None


@cache
def _prompt() -> dict[str, Any]:
    text = (Path(__file__).parent / "prompts" / "questions.yaml").read_text("utf-8")
    return cast("dict[str, Any]", parse_yaml(text, "questions.yaml")[0])
