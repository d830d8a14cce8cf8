"""What goes over the wire of judges with several dimensions. Imports no web framework."""

from datetime import datetime

from pydantic import Field

from weighbridge.core.rubric_judge import ScoringModel
from weighbridge.dialects.native.wire import Sent


class JudgeOption(Sent):
    """A verdict on offer."""

    label: str
    score: float = Field(description="0 to 1.")
    means: str


class JudgeItem(Sent):
    """An item of a checklist."""

    label: str
    asks: str
    weight: float


class JudgeDimension(Sent):
    """One thing that a judge looks at."""

    id: str
    name: str
    scoring_model: ScoringModel
    criteria: str
    required: bool
    options: list[JudgeOption]
    items: list[JudgeItem]


class JudgeVersion(Sent):
    """How a judge judges since a certain moment."""

    number: int = Field(description="1, 2, …")
    model: str | None = Field(description="null: the default judge.")
    instructions: str
    dimensions: list[JudgeDimension]
    author: str
    created_at: datetime


class RubricJudge(Sent):
    """A judge with several dimensions."""

    id: str
    name: str
    description: str | None
    project: str | None
    version: int = Field(description="The number of the version that judges.")
    versions: list[JudgeVersion] = Field(description="Oldest first.")
    author: str
    created_at: datetime
    updated_at: datetime
