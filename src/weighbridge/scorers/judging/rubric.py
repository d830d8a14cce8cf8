"""A rubric: what a judge is told, and which verdicts it may give."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from weighbridge.core.scale import ZERO_TO_ONE, Bounds
from weighbridge.scorers.judging.checks import (
    check_embedded,
    check_items,
    check_levels,
    check_texts,
)
from weighbridge.scorers.judging.parts import (
    ANSWER,
    FIRST,
    INPUT_NAME,
    PROMPT,
    SECOND,
    TARGET,
    Embedded,
    Item,
    Kind,
    Level,
    RubricMessage,
    Strict,
    Templated,
    one_line,
)

MAX_LABELS = 100
MAX_ITEMS = 100

GIVEN = {
    ANSWER: "the answer that is to be judged",
    TARGET: "the reference answer, which is right",
    PROMPT: "what the assistant was asked",
}
"""The inputs that are no columns, and what a judge is told they are."""


_InputName = Annotated[str, Field(pattern=INPUT_NAME)]
_Line = Annotated[str, AfterValidator(one_line), Field(max_length=1_000)]


class Rubric(Strict):
    """What is to be judged, by what, and with which verdicts.

    Attributes:
        purpose: the question in one line.
        verdict: which kind of verdicts.
        criteria: what to look at, a template; `messages`: the whole prompt instead.
        inputs: name -> what it is, of all that the judge is shown beside the answer. `answer`,
            `target` and `prompt` are given; any other name is a column.
        levels: the verdicts of `levels` and `choice`; of `pass_fail` at most what they mean.
        items: of a checklist.
        normalize: bring the scores of levels to 0 to 1.
        confidence: whether the judge is asked how sure it is.
        embedded: how the embedded judge may stand in, if it can.
    """

    purpose: _Line
    verdict: Kind = Field(strict=False)
    criteria: Templated | None = None
    messages: list[RubricMessage] | None = Field(default=None, min_length=1, max_length=20)
    inputs: dict[_InputName, _Line] = Field(default_factory=dict, max_length=50)
    levels: list[Level] = Field(default_factory=list, max_length=MAX_LABELS)
    items: list[Item] = Field(default_factory=list, max_length=MAX_ITEMS)
    normalize: bool = False
    confidence: bool = True
    embedded: Embedded | None = None

    @model_validator(mode="after")
    def _check_whole(self) -> "Rubric":
        kind = self.verdict
        findings = [
            *check_levels(kind, self.levels),
            *check_items(kind, self.items),
            *check_texts(kind, self.criteria, self.messages, self.inputs),
        ]
        if not findings:
            findings += check_embedded(self.embedded, self.shown, self.scores())
        if self.normalize and kind is not Kind.LEVELS:
            findings.append((("normalize",), "goes with `verdict: levels` only"))
        if findings:
            raise ValidationError.from_exception_data(
                "rubric",
                [
                    InitErrorDetails(
                        type=PydanticCustomError("rubric", "{problem}", {"problem": message}),
                        loc=path,
                        input=None,
                    )
                    for path, message in findings
                ],
            )
        return self

    @property
    def shown(self) -> dict[str, str]:
        """Everything the judge is shown, name -> what it is; the answer last."""
        own = {name: text for name, text in self.inputs.items() if name != ANSWER}
        if self.verdict is Kind.PAIR:
            return own
        return {**own, ANSWER: self.inputs.get(ANSWER, GIVEN[ANSWER])}

    @property
    def columns(self) -> tuple[str, ...]:
        """Inputs that come out of columns of the data."""
        pair = (FIRST, SECOND) if self.verdict is Kind.PAIR else ()
        return tuple(name for name in self.shown if name not in (*GIVEN, *pair))

    @property
    def needs_target(self) -> bool:
        """Whether the judge is shown the reference."""
        return TARGET in self.inputs

    def scores(self) -> dict[str, float]:
        """Label -> score, of all verdicts but a checklist's, in their order."""
        if self.verdict is Kind.PASS_FAIL:
            return {"pass": 1.0, "fail": 0.0}
        if self.verdict is Kind.PAIR:
            return {"first": 1.0, "second": 0.0, "tie": 0.5}
        found: dict[str, float] = {}
        for level in self.levels:
            if level.range is not None:
                low, high = level.range
                found |= {str(number): float(number) for number in range(low, high + 1)}
            elif level.label is not None:
                found[level.label] = level.worth or 0.0
        if self.normalize and found:
            low_score, high_score = min(found.values()), max(found.values())
            return {
                label: (score - low_score) / (high_score - low_score)
                for label, score in found.items()
            }
        return found

    @property
    def bounds(self) -> Bounds:
        """The least and the greatest score."""
        if self.verdict is Kind.CHECKLIST:
            return ZERO_TO_ONE
        scores = self.scores().values()
        return min(scores), max(scores)

    @property
    def is_binary(self) -> bool:
        """Whether every score is 0 or 1."""
        if self.verdict is Kind.CHECKLIST:
            return len(self.items) == 1
        return set(self.scores().values()) <= {0.0, 1.0}
