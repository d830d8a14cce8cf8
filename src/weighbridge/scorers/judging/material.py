"""What the judge of an AI's conduct is shown: the columns that are there, the policy, examples of
verdicts, and of an agent's trace as much as can be read."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import orjson
from pydantic import Field, JsonValue, ValidationError

from weighbridge.core.pin import canonical_json
from weighbridge.core.suggest import did_you_mean
from weighbridge.scorers.judging.parts import ANSWER, Strict
from weighbridge.scorers.judging.rubric import Rubric
from weighbridge.scorers.judging.rubrics import digest, rubric_with, wording_file
from weighbridge.scorers.options import OptionError

MOST_TRACE = 40_000
"""Characters of an agent's trace that a judge is shown: its beginning and its end."""
MOST_EXAMPLES = 100

_MOST_PARSED = 200_000
_SETTING = ("policy", "ai")
"""What is the same for all cases, and is shown before the examples."""


class Example(Strict):
    """An answer that people have judged.

    Attributes:
        prompt: what was asked. answer: what the AI said. passed: what people made of it.
        explanation: why, if they said so.
    """

    prompt: str = Field(min_length=1)
    answer: str
    passed: bool
    explanation: str | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """What a judge is shown of one case.

    Attributes:
        rubric: with the inputs that there are.
        texts: name → text, of all of them, the answer last.
    """

    rubric: Rubric
    texts: dict[str, str]


def checked_examples(items: Sequence[Mapping[str, JsonValue]]) -> tuple[Example, ...]:
    """The examples of the option of that name.

    Raises:
        OptionError: one is none, or there are too many.
    """
    if len(items) > MOST_EXAMPLES:
        raise OptionError("examples", f"at most {MOST_EXAMPLES}, not {len(items)}")
    found = []
    for place, item in enumerate(items):
        try:
            found.append(Example.model_validate(item))
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][-1])
            message = first["msg"]
            if first["type"] == "extra_forbidden":
                hint = did_you_mean(name, Example.model_fields)
                message = f"there is no such field{hint} (it has prompt, answer, passed…)"
            raise OptionError(f"examples.{place}.{name}", message) from error
    return tuple(found)


def material_for(
    rubric_name: str, shown: Mapping[str, str], answer: str, examples: Sequence[Example]
) -> Material:
    """What a judge is shown.

    Args:
        rubric_name: of the file. shown: input → text, without those that are missing; those that
            the rubric does not have are left out.
        examples: for the judge to go by.
    """
    whole = _rubric(rubric_name)
    about = {name: text for name, text in whole.inputs.items() if shown.get(name)}
    setting = {name: text for name, text in about.items() if name in _SETTING}
    inputs = {**setting, **_about_examples(examples), **about}
    texts = {**{name: shown[name] for name in about}, **_texts_of(examples)}
    texts = {name: texts[name] for name in inputs}
    texts[ANSWER] = answer
    criteria = (whole.criteria or "").strip()
    if examples:
        criteria = f"{criteria}\n\n{_wording()['examples'].strip()}"
    rubric = whole.model_copy(update={"inputs": inputs, "criteria": criteria})
    return Material(rubric, texts)


def as_trace(answer: str) -> tuple[str, bool]:
    """An agent's trace as people read it: JSON by lines, and of a long one its beginning and end.

    Returns:
        The text, and whether the answer is JSON with steps in it (an object or a list).
    """
    text, is_trace = answer, False
    if len(answer) <= _MOST_PARSED:
        try:
            parsed = orjson.loads(answer)
        except orjson.JSONDecodeError:
            parsed = None
        if isinstance(parsed, str):
            text = parsed
        elif isinstance(parsed, dict | list):
            is_trace = True
            try:
                text = orjson.dumps(parsed, option=orjson.OPT_INDENT_2).decode()
            except orjson.JSONEncodeError:  # nested deeper than anybody reads
                text = answer
    return shortened(text, MOST_TRACE), is_trace


def shortened(text: str, most: int) -> str:
    """The beginning and the end of a text that is longer than so many characters, and between them
    how many are left out."""
    if len(text) <= most:
        return text
    half = most // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n[… {left_out:,} characters left out …]\n{text[-half:]}"


def wording_of(rubric_names: Sequence[str]) -> str:
    """SHA-256 of all that a judge is told by these rubrics, whatever the case."""
    parts = [[digest(_rubric(name)) for name in rubric_names], dict(_wording())]
    return hashlib.sha256(canonical_json(parts)).hexdigest()


def rubric_named(name: str) -> Rubric:
    """The rubric in a file, with all inputs that it may show."""
    return _rubric(name)


@lru_cache(maxsize=32)
def _rubric(name: str) -> Rubric:
    return rubric_with(name, None, {})


def _texts_of(examples: Sequence[Example]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, example in enumerate(examples, 1):
        found[f"example_{number}_prompt"] = example.prompt
        found[f"example_{number}_answer"] = example.answer
        if example.explanation:
            found[f"example_{number}_explanation"] = example.explanation
    return found


def _about_examples(examples: Sequence[Example]) -> dict[str, str]:
    """What each text of the examples is, with the verdict: never their own words."""
    found = {}
    for key in _texts_of(examples):
        _, number, part = key.split("_")
        verdict = "pass" if examples[int(number) - 1].passed else "fail"
        about = _wording()[f"example_{part}"]
        found[key] = about.replace("{number}", number).replace("{verdict}", verdict)
    return found


@lru_cache(maxsize=1)
def _wording() -> Mapping[str, str]:
    return wording_file("_conduct")
