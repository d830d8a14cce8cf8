"""The pairwise judge: is the answer better than another one?"""

import asyncio
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import JsonValue

from weighbridge.core.case import Case
from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import Answer, Outcome, Scored, Ungraded
from weighbridge.core.prompt import as_text
from weighbridge.core.scale import ZERO_TO_ONE, Bounds
from weighbridge.scorers.base import MetricKind
from weighbridge.scorers.judging.asking import ask
from weighbridge.scorers.judging.by_embedded import beyond
from weighbridge.scorers.judging.form import Verdict
from weighbridge.scorers.judging.parts import FIRST, SECOND, Kind
from weighbridge.scorers.judging.prompting import texts_of
from weighbridge.scorers.judging.ready import ReadyRubric, is_missing, manner_of
from weighbridge.scorers.judging.rubrics import digest, find_rubric, is_sentence, rubric_with
from weighbridge.scorers.options import OptionError
from weighbridge.scorers.panel import Panel

_VALUES = {"win": 1.0, "tie": 0.5, "loss": 0.0}
# What each order's verdict says of the answer under test.
_AS_FIRST = {FIRST: "win", SECOND: "loss", "tie": "tie"}
_AS_SECOND = {FIRST: "loss", SECOND: "win", "tie": "tie"}


@dataclass(frozen=True, slots=True)
class Pairwise:
    """A model's preference between the answer and another one: win 1, tie 0.5, loss 0.

    The judge is asked twice, with the two answers in either order, so this costs two calls a case.
    Only when both verdicts agree is there a winner; when they do not, it is a tie, and the report
    counts how often the judge went by the place instead of the answer. Two answers that are the
    same are a tie without a call.

    Attributes:
        rubric: name of a rubric that compares (`better`), criteria in a sentence or two, or the
            rubric as an object with `verdict: pair`.
        against: column with the other answer; unset: the target.
        against_run: id of a run over the same data, whose answers are the others.
        model: who judges; unset: the evaluation's `judge`.
        columns: input of the rubric → column of the data, where they have different names.
        temperature: sent to the judge; null: not sent.
        max_tokens: the longest reply of the judge; null: not sent.
        params: more parameters, sent to the judge as they are.
    """

    rubric: str | dict[str, JsonValue] = "better"
    against: str | None = None
    against_run: str | None = None
    model: str | None = None
    columns: dict[str, str] | None = None
    temperature: float | None = 0.0
    max_tokens: int | None = 1_024
    params: dict[str, JsonValue] | None = None

    _ready: ReadyRubric = field(init=False, repr=False, compare=False)

    name: ClassVar[str] = "pairwise"
    version: ClassVar[int] = 1
    bounds: ClassVar[Bounds] = ZERO_TO_ONE
    metric: ClassVar[MetricKind] = "mean"

    def __post_init__(self) -> None:
        if isinstance(self.rubric, str) and is_sentence(self.rubric):
            rubric = rubric_with("better", self.rubric, {})
        else:
            rubric = find_rubric(self.rubric)
        if self.against is not None and self.against_run is not None:
            raise OptionError("against_run", "either `against` or `against_run`, not both")
        if rubric.verdict is not Kind.PAIR:
            raise OptionError("rubric", "this rubric judges one answer: use it with `judge`")
        manner = manner_of(self.temperature, self.max_tokens, self.params)
        object.__setattr__(self, "_ready", ReadyRubric(rubric, manner, self.columns or {}))

    @property
    def needs_target(self) -> bool:
        """Whether the other answer is the target, or the rubric shows it."""
        by_target = self.against is None and self.against_run is None
        return by_target or self._ready.rubric.needs_target

    @property
    def asks(self) -> tuple[str | None, ...]:
        """One model."""
        return (self.model,)

    @property
    def against_runs(self) -> tuple[str, ...]:
        """The run whose answers are the others."""
        return () if self.against_run is None else (self.against_run,)

    @property
    def wording(self) -> JsonObject:
        """The hash of all that the judge is told."""
        return {"sha256": digest(self._ready.rubric)}

    @property
    def rubrics_in_use(self) -> tuple[ReadyRubric, ...]:
        """What it judges by."""
        return (self._ready,)

    @property
    def reads(self) -> tuple[str, ...]:
        """The column of the other answer, and those that the rubric shows."""
        return (*(() if self.against is None else (self.against,)), *self._ready.reads)

    async def judge(self, answer: Answer, case: Case, panel: Panel) -> Outcome:
        """Grade by two verdicts."""
        other = self._other(case, panel)
        if is_missing(other):
            return Ungraded("the case has no other answer to compare with")
        if as_text(other).strip() == answer.text.strip():
            why = "both answers are the same; nobody was asked"
            return Scored(0.5, "tie", why, details={"identical": True})
        if panel.is_embedded(self.model):
            return Ungraded(beyond(self._ready.rubric.purpose))
        orders = await asyncio.gather(
            self._ask(answer.text, as_text(other), answer, case, panel),
            self._ask(as_text(other), answer.text, answer, case, panel),
            return_exceptions=True,
        )
        verdicts = []
        for order in orders:
            if isinstance(order, BaseException):
                raise order
            if isinstance(order, Ungraded):
                return order
            verdicts.append(order)
        return _combined(verdicts[0], verdicts[1], panel.model(self.model).name)

    def _other(self, case: Case, panel: Panel) -> Json:
        if self.against_run is not None:
            return panel.others.get(self.against_run)
        return case.target if self.against is None else case.inputs.get(self.against)

    async def _ask(
        self, first: str, second: str, answer: Answer, case: Case, panel: Panel
    ) -> Verdict | Ungraded:
        ready = self._ready
        texts = texts_of(ready.rubric, answer, case, panel.conversation, ready.columns)
        texts |= {FIRST: first, SECOND: second}
        return await ask(panel, self.model, ready.rubric, ready.form, texts, ready.manner)


def _combined(as_first: Verdict, as_second: Verdict, judge: str) -> Scored:
    """What two verdicts come to, the answer under test having stood first, then second."""
    one, other = _AS_FIRST[as_first.label], _AS_SECOND[as_second.label]
    label = one if one == other else "tie"
    details: dict[str, Json] = {"judge": judge, "orders": [as_first.label, as_second.label]}
    if one != other:
        same_place = as_first.label == as_second.label
        details["position_bias"] = as_first.label if same_place else "unsteady"
    evidence = [*dict.fromkeys(as_first.evidence + as_second.evidence)]
    if evidence:
        details["evidence"] = evidence
    if dropped := as_first.dropped + as_second.dropped:
        details["evidence_dropped"] = dropped
    if repaired := as_first.repaired or as_second.repaired:
        details["repaired"] = repaired
    sure = [v.confidence for v in (as_first, as_second) if v.confidence is not None]
    return Scored(
        _VALUES[label],
        label,
        f"standing first: {as_first.reason} standing second: {as_second.reason}",
        sum(sure) / len(sure) if sure and one == other else None,
        details,
    )
