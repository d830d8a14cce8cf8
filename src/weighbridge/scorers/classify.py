"""The classifier: which of the given labels fits the answer?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import JsonValue

from weighbridge.core.case import Case
from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import Answer, Outcome, Ungraded
from weighbridge.core.prompt import as_text
from weighbridge.core.suggest import did_you_mean
from weighbridge.scorers.base import MetricKind
from weighbridge.scorers.judging.by_embedded import StandIn
from weighbridge.scorers.judging.ready import (
    ReadyRubric,
    check_names,
    is_missing,
    manner_of,
    scored,
)
from weighbridge.scorers.judging.rubric import MAX_LABELS
from weighbridge.scorers.judging.rubrics import digest, rubric_with
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.panel import Panel
from weighbridge.scorers.references import NO_REFERENCE


@dataclass(frozen=True, slots=True)
class Classify:
    """A model's choice among given labels.

    Compared with the case's target it is 1 when the label is the right one, else 0, and the report
    shows which labels were taken for which. With `wanted` it is 1 when the label is one of those,
    whatever the target. With `compare: false` and nothing wanted the label is only recorded: the
    report counts the labels, and there is no rate. The embedded judge can do this, too, by the
    likeness of the text to the labels and their descriptions.

    Attributes:
        labels: the labels, or an object label → when it is the right one.
        instructions: what to look at, in a sentence or two (`{column}` stands for a column).
        expected: column with the right label; unset: the target.
        compare: false: do not compare with any expected label.
        wanted: the labels that score 1, instead of comparing.
        model: who judges; unset: the evaluation's `judge`.
        temperature: sent to the judge; null: not sent.
        max_tokens: the longest reply of the judge; null: not sent.
        params: more parameters, sent to the judge as they are.
    """

    labels: tuple[str, ...] | dict[str, str] = ()
    instructions: str | None = None
    expected: str | None = None
    compare: bool = True
    wanted: tuple[str, ...] | None = None
    model: str | None = None
    temperature: float | None = 0.0
    max_tokens: int | None = 1_024
    params: dict[str, JsonValue] | None = None

    _ready: ReadyRubric = field(init=False, repr=False, compare=False)

    name: ClassVar[str] = "classify"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if not 2 <= len(self.labels) <= MAX_LABELS:
            raise OptionError("labels", f"2 to {MAX_LABELS} labels are needed")
        check_names("labels", [label.casefold() for label in self.labels])
        for place, label in enumerate(self.wanted or ()):
            if label not in self.labels:
                hint = did_you_mean(label, self.labels)
                raise OptionError(f"wanted.{place}", f"`{label}` is none of the labels{hint}")
        if self.expected is not None and self.wanted is not None:
            raise OptionError("wanted", "either `expected` or `wanted`, not both")
        meanings = self.labels if isinstance(self.labels, Mapping) else {}
        levels: list[Json] = [
            {"label": label, "score": 0, "means": meanings.get(label) or None}
            for label in self.labels
        ]
        try:
            rubric = rubric_with("_classify", self.instructions, {"levels": levels})
        except OptionError as error:
            option = "labels" if ".levels" in error.option else "instructions"
            raise OptionError(option, error.problem) from error
        manner = manner_of(self.temperature, self.max_tokens, self.params)
        stand_in = StandIn({label: meanings.get(label, "") for label in self.labels})
        object.__setattr__(self, "_ready", ReadyRubric(rubric, manner, {}, stand_in))

    @property
    def compares(self) -> bool:
        """Whether the label is compared with an expected one."""
        return self.compare and self.wanted is None

    @property
    def metric(self) -> MetricKind:
        """`labels` when labels are only recorded."""
        return "labels" if self.wanted is None and not self.compare else "accuracy"

    @property
    def needs_target(self) -> bool:
        """Whether the expected label is the target."""
        return self.compares and self.expected is None

    @property
    def asks(self) -> tuple[str | None, ...]:
        """One model."""
        return (self.model,)

    @property
    def wording(self) -> JsonObject:
        """The hash of all that the judge is told."""
        return {"sha256": digest(self._ready.rubric)}

    @property
    def rubrics_in_use(self) -> tuple[ReadyRubric, ...]:
        """What it judges by."""
        return (self._ready,)

    @property
    def verdicts(self) -> dict[str, float | None]:
        """The labels → their scores, which without `wanted` depend on the case."""
        if self.wanted is None:
            return dict.fromkeys(self.labels)
        return {label: float(label in self.wanted) for label in self.labels}

    @property
    def reads(self) -> tuple[str, ...]:
        """The column of expected labels, and those that the instructions name."""
        own = (self.expected,) if self.compares and self.expected is not None else ()
        return (*own, *self._ready.reads)

    async def judge(self, answer: Answer, case: Case, panel: Panel) -> Outcome:
        """Grade by the label chosen."""
        right = self._right(case) if self.compares else ()
        if isinstance(right, Ungraded):
            return right
        said = await self._ready.verdict(self.model, answer, case, panel)
        if isinstance(said, Ungraded):
            return said
        if self.compares:
            value = float(said.label in right)
            return scored(said, value=value, expected=right[0] if len(right) == 1 else list(right))
        value = 1.0 if self.wanted is None else float(said.label in self.wanted)
        return scored(said, value=value)

    def _right(self, case: Case) -> tuple[str, ...] | Ungraded:
        expected = case.target if self.expected is None else case.inputs.get(self.expected)
        if is_missing(expected):
            return NO_REFERENCE
        by_folded = {label.casefold(): label for label in self.labels}
        members = expected if isinstance(expected, (list, tuple)) else [expected]
        found = []
        for member in members:
            label = by_folded.get(as_text(member).strip().casefold())
            if label is None:
                return Ungraded(
                    f"the expected label `{as_text(member)[:80]}` is none of the labels"
                )
            found.append(label)
        return tuple(found)
