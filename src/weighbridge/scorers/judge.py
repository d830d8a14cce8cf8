"""The judge: a model grades the answer by a rubric."""

from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import JsonValue

from weighbridge.core.case import Case
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Answer, Outcome
from weighbridge.core.scale import Bounds
from weighbridge.scorers.base import MetricKind
from weighbridge.scorers.judging.parts import Kind
from weighbridge.scorers.judging.ready import ReadyRubric, manner_of
from weighbridge.scorers.judging.rubrics import digest, find_rubric
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.panel import Panel


@dataclass(frozen=True, slots=True)
class RubricJudge:
    """A model's verdict on the answer by a rubric.

    The judge is told what to look at and which verdicts are on offer, sees the answer (and what
    else the rubric shows it) between fences that this text cannot close, and answers by JSON
    schema: first its reason, then quotes, then the verdict. Quotes that are not in the material are
    dropped and counted. One call a case; a reply that cannot be used is mended, then the judge is
    asked once more, then the case is ungraded and the reply is kept. See judges.md for the rubrics
    and how to write one.

    Attributes:
        rubric: name of a rubric (`helpful`, `correct`…), criteria in a sentence or two (`{column}`
            stands for a column), the rubric itself as an object, or, on the command line, a YAML
            file beside the evaluation's.
        model: who judges; unset: the evaluation's `judge`.
        columns: input of the rubric → column of the data, where they have different names.
        temperature: sent to the judge; null: not sent.
        max_tokens: the longest reply of the judge; null: not sent.
        params: more parameters, sent to the judge as they are.
    """

    rubric: str | dict[str, JsonValue] = "helpful"
    model: str | None = None
    columns: dict[str, str] | None = None
    temperature: float | None = 0.0
    max_tokens: int | None = 1_024
    params: dict[str, JsonValue] | None = None

    _ready: ReadyRubric = field(init=False, repr=False, compare=False)

    name: ClassVar[str] = "judge"
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        rubric = find_rubric(self.rubric)
        if rubric.verdict is Kind.PAIR:
            raise OptionError("rubric", "this rubric compares two answers: use it with `pairwise`")
        manner = manner_of(self.temperature, self.max_tokens, self.params)
        object.__setattr__(self, "_ready", ReadyRubric(rubric, manner, self.columns or {}))

    @property
    def metric(self) -> MetricKind:
        """`accuracy` when the rubric knows only 0 and 1."""
        return "accuracy" if self._ready.rubric.is_binary else "mean"

    @property
    def bounds(self) -> Bounds:
        """Those of the rubric."""
        return self._ready.rubric.bounds

    @property
    def needs_target(self) -> bool:
        """Whether the rubric shows the reference."""
        return self._ready.rubric.needs_target

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
    def verdicts(self) -> dict[str, float] | None:
        """The labels on offer → their scores; None of a checklist, which has a score for each
        number of items."""
        rubric = self._ready.rubric
        return None if rubric.verdict is Kind.CHECKLIST else rubric.scores()

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns that the rubric shows."""
        return self._ready.reads

    async def judge(self, answer: Answer, case: Case, panel: Panel) -> Outcome:
        """Grade by one verdict."""
        return await self._ready.judge(self.model, answer, case, panel)
