"""Judges with several dimensions, and what they said of content that was sent to them.

A judge has versions: to change how it judges is to add one, and a verdict names the version that
gave it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import Usage

Source: TypeAlias = Literal["api", "monitor", "ui"]
"""Where content came from."""

SCALE = ("1", "2", "3", "4", "5")
"""The verdicts of `scale_1_5`, the worst first."""


class ScoringModel(StrEnum):
    """Which verdicts a dimension has."""

    PASS_FAIL = "pass_fail"  # noqa: S105
    """`pass` (1) or `fail` (0)"""
    SCALE_1_5 = "scale_1_5"
    """1 to 5, which are worth 0 to 1 in equal steps"""
    SINGLE_SELECT = "single_select"
    """one of several options, each with its score"""
    CHECKLIST = "checklist"
    """several items, each ticked or not; the score is the (weighted) share of those ticked"""


@dataclass(frozen=True, slots=True)
class Option:
    """One of the options of `single_select`, or a level of another that says what it means.

    Attributes:
        label: as it is shown. score: 0 to 1.
        means: when it is the right one; empty: its label says so.
    """

    label: str
    score: float
    means: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """An item of a checklist.

    Attributes:
        label: as it is shown. asks: the question; empty: the label is one.
        weight: more than 0.
    """

    label: str
    asks: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing that a judge looks at.

    Attributes:
        id: stays the same over versions.
        criteria: what to look at; empty: the name says so.
        required: whether there is no verdict without it. One that is not may not apply to content,
            and then does not count.
        options: of `single_select` all, of `pass_fail` and `scale_1_5` at most what they mean.
        items: of `checklist`.
    """

    id: str
    name: str
    scoring_model: ScoringModel
    criteria: str = ""
    required: bool = True
    options: tuple[Option, ...] = ()
    items: tuple[Tick, ...] = ()

    def scores(self) -> dict[str, float]:
        """Label → score, 0 to 1, of all verdicts in their order; none of a checklist."""
        if self.scoring_model is ScoringModel.PASS_FAIL:
            return {"pass": 1.0, "fail": 0.0}
        if self.scoring_model is ScoringModel.SCALE_1_5:
            return {label: place / (len(SCALE) - 1) for place, label in enumerate(SCALE)}
        return {option.label: option.score for option in self.options}


@dataclass(frozen=True, slots=True)
class JudgeVersion:
    """How a judge judges.

    Attributes:
        number: 1, 2, …
        model: who judges; None: the default judge.
        instructions: what holds for all dimensions; may be empty.
    """

    number: int
    model: str | None
    instructions: str
    dimensions: tuple[Dimension, ...]
    author: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DimensionalJudge:
    """A judge with several dimensions.

    Attributes:
        id: `judge_…`. name: unique in the workspace.
        project: whose it is, as its owner likes; None: nobody's.
        versions: at least one, oldest first.
    """

    id: str
    workspace_id: str
    name: str
    description: str | None
    project: str | None
    versions: tuple[JudgeVersion, ...]
    author: str
    created_at: datetime
    updated_at: datetime

    @property
    def latest(self) -> JudgeVersion:
        """The version that judges."""
        return self.versions[-1]


@dataclass(frozen=True, slots=True)
class Finding:
    """The verdict in one dimension.

    Attributes:
        score: 0 to 1; None: the dimension does not apply to the content.
        label: the verdict; of a checklist None.
        labels: of a checklist, the items that are ticked.
        notes: why.
    """

    dimension: Dimension
    score: float | None
    label: str | None
    labels: tuple[str, ...]
    notes: str

    @property
    def passed(self) -> bool | None:
        """Of `pass_fail`, whether it passed; None of every other."""
        is_pass_fail = self.dimension.scoring_model is ScoringModel.PASS_FAIL
        return self.score == 1 if is_pass_fail and self.score is not None else None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of content.

    Attributes:
        findings: one for each dimension, in their order.
        reasoning: of the whole.
        confidence: 0 to 1; None where the judge did not say.
        judge: who gave it.
    """

    findings: tuple[Finding, ...]
    reasoning: str
    confidence: float | None
    judge: str

    @property
    def score(self) -> float | None:
        """Mean of the scores of all dimensions that apply; None: none does."""
        return mean_score(self.findings)

    def as_json(self) -> JsonObject:
        """As it is kept."""
        return {
            "overall_score": self.score,
            "confidence": self.confidence,
            "reasoning": self.reasoning,
            "judge": self.judge,
            "dimensions": [
                {
                    "dimension_id": it.dimension.id,
                    "name": it.dimension.name,
                    "scoring_model": it.dimension.scoring_model.value,
                    "score": it.score,
                    "passed": it.passed,
                    "label": it.label,
                    "labels": list(it.labels),
                    "notes": it.notes,
                }
                for it in self.findings
            ],
        }


@dataclass(frozen=True, slots=True)
class JudgeEvaluation:
    """What became of content that was sent to a judge.

    Attributes:
        id: `jeval_…`.
        model: who judged.
        request: what was sent, `rendered_text` (what was judged) and who else had a part in it.
        verdict: as `Judgement.as_json` has it; None: there is none.
        error: why there is none.
        latency_ms: from the content's arrival to the verdict, in milliseconds.
        usage: what it cost.
    """

    id: str
    workspace_id: str
    judge_id: str
    judge_version: int
    source: Source
    model: str
    request: JsonObject
    verdict: JsonObject | None
    error: str | None
    latency_ms: int
    usage: Usage
    author: str
    created_at: datetime

    @property
    def rendered(self) -> str:
        """The text that was judged."""
        return str(self.request.get("rendered_text", ""))


def mean_score(findings: Sequence[Finding]) -> float | None:
    """Mean of the scores that there are; None: there is none."""
    scores = [it.score for it in findings if it.score is not None]
    return sum(scores) / len(scores) if scores else None


def version_json(version: JudgeVersion) -> dict[str, Json]:
    """A version as it is kept."""
    return {
        "number": version.number,
        "model": version.model,
        "instructions": version.instructions,
        "author": version.author,
        "created_at": version.created_at.isoformat(),
        "dimensions": [
            {
                "id": it.id,
                "name": it.name,
                "scoring_model": it.scoring_model.value,
                "criteria": it.criteria,
                "required": it.required,
                "options": [
                    {"label": one.label, "score": one.score, "means": one.means}
                    for one in it.options
                ],
                "items": [
                    {"label": one.label, "asks": one.asks, "weight": one.weight} for one in it.items
                ],
            }
            for it in version.dimensions
        ],
    }
