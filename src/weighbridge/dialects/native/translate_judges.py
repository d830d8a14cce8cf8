"""Judges with several dimensions in our API's words."""

from weighbridge.core.rubric_judge import DimensionalJudge, JudgeVersion
from weighbridge.dialects.native import wire_judges as wire


def from_rubric_judge(judge: DimensionalJudge) -> wire.RubricJudge:
    """A judge."""
    return wire.RubricJudge(
        id=judge.id,
        name=judge.name,
        description=judge.description,
        project=judge.project,
        version=judge.latest.number,
        versions=[_version(it) for it in judge.versions],
        author=judge.author,
        created_at=judge.created_at,
        updated_at=judge.updated_at,
    )


def _version(version: JudgeVersion) -> wire.JudgeVersion:
    return wire.JudgeVersion(
        number=version.number,
        model=version.model,
        instructions=version.instructions,
        dimensions=[
            wire.JudgeDimension(
                id=it.id,
                name=it.name,
                scoring_model=it.scoring_model,
                criteria=it.criteria,
                required=it.required,
                options=[
                    wire.JudgeOption(label=one.label, score=one.score, means=one.means)
                    for one in it.options
                ],
                items=[
                    wire.JudgeItem(label=one.label, asks=one.asks, weight=one.weight)
                    for one in it.items
                ],
            )
            for it in version.dimensions
        ],
        author=version.author,
        created_at=version.created_at,
    )
