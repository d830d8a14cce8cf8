"""What a rubric consists of: levels, items, messages, and how the embedded judge may stand in."""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from weighbridge.core.prompt import Template

ANSWER, TARGET, PROMPT = "answer", "target", "prompt"
"""Inputs that every rubric may use: the answer, the case's reference, what the model was asked."""

FIRST, SECOND = "first", "second"
"""Inputs of a rubric that compares two answers."""

INPUT_NAME = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"


class Kind(StrEnum):
    """Which verdicts a judge may give."""

    PASS_FAIL = "pass_fail"  # noqa: S105
    """`pass` (1) or `fail` (0)"""
    LEVELS = "levels"
    """one of several levels in order, each with its score, or ranges of whole numbers"""
    CHOICE = "choice"
    """one of several labels without an order, each with its score"""
    CHECKLIST = "checklist"
    """yes or no to each of several questions; the score is the (weighted) share of yes"""
    PAIR = "pair"
    """which of two answers is better: `first`, `second` or `tie`"""


def one_line(text: str) -> str:
    """The text, found to be one line that is not blank."""
    if not text.strip() or "\n" in text.strip():
        raise ValueError("one line of text was expected")
    return text.strip()


def _label(value: object) -> object:
    """Labels that are numbers are written without quotes by most people."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _template(text: str) -> str:
    Template(text)
    return text


Label = Annotated[
    str, BeforeValidator(_label), AfterValidator(one_line), Field(min_length=1, max_length=100)
]
Prose = Annotated[str, Field(min_length=1, max_length=20_000)]
Templated = Annotated[Prose, AfterValidator(_template)]
Score = Annotated[float, Field(strict=False, allow_inf_nan=False)]


class Strict(BaseModel):
    """No field that is not known, no value of another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Level(Strict):
    """A verdict on offer: a label with its score, or a range of whole numbers."""

    label: Label | None = Field(default=None, description="What the judge says.")
    range: list[int] | None = Field(
        default=None, min_length=2, max_length=2, description="Lowest and highest whole number."
    )
    score: Score | None = Field(
        default=None, description="What it is worth; by default the number that the label is."
    )
    means: Prose | None = Field(default=None, description="When this verdict is the right one.")

    @property
    def worth(self) -> float | None:
        """Its score; None for a range, and for a word without one."""
        if self.score is not None:
            return self.score
        label = self.label or ""
        return float(label) if re.fullmatch(r"-?[0-9]{1,9}", label) else None


class Item(Strict):
    """A question of a checklist, to be answered by yes or no."""

    name: Annotated[str, Field(pattern=INPUT_NAME)] = Field(description="A short name.")
    asks: Prose = Field(description="The question; yes is good.")
    weight: Annotated[float, Field(strict=False, gt=0, allow_inf_nan=False)] = 1.0


class RubricMessage(Strict):
    """A message to the judge, in place of the one that is made of `criteria`."""

    role: Annotated[str, Field(pattern="^(system|user)$")]
    content: Templated


class Embedded(Strict):
    """How the embedded judge may stand in."""

    task: str = Field(description="The question it is asked.")
    of: Annotated[str, Field(pattern=INPUT_NAME)] = Field(
        default=ANSWER, description="Which input it looks at."
    )
    labels: dict[str, str] = Field(description="Its label -> the label of this rubric.")
