"""Judges and their evaluations come back as they were kept."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy.exc import IntegrityError

from weighbridge.core.outcome import Usage
from weighbridge.core.rubric_judge import (
    Dimension,
    DimensionalJudge,
    JudgeEvaluation,
    JudgeVersion,
    Option,
    ScoringModel,
    Tick,
)
from weighbridge.store import judges
from weighbridge.store.engine import Store
from weighbridge.store.keys import ensure_workspace

MOMENT = datetime(2026, 3, 4, 5, 6, 7, 8, tzinfo=UTC)
DIMENSIONS = (
    Dimension("a", "A", ScoringModel.PASS_FAIL, "look", False, (Option("pass", 1.0, "good"),)),
    Dimension("b", "B", ScoringModel.CHECKLIST, items=(Tick("x", "is it?", 2.5),)),
)


async def workspace(store: Store, name: str = "one") -> str:
    async with store.begin() as connection:
        return await ensure_workspace(connection, name)


def judge(workspace_id: str, number: int = 1, **changes: object) -> DimensionalJudge:
    made = DimensionalJudge(
        id=f"judge_{number:026d}",
        workspace_id=workspace_id,
        name=f"j{number}",
        description=None,
        project="p",
        versions=(JudgeVersion(1, "m", "be kind", DIMENSIONS, "me", MOMENT),),
        author="me",
        created_at=MOMENT,
        updated_at=MOMENT,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_a_judge_comes_back_as_it_was_kept(store: Store) -> None:
    made = judge(await workspace(store))
    async with store.begin() as connection:
        await judges.add_judge(connection, made)
    async with store.begin() as connection:
        assert await judges.find_judge(connection, made.workspace_id, made.id) == made
        assert await judges.find_judge_named(connection, made.workspace_id, "j1") == made
        assert await judges.find_judge(connection, "ws_other", made.id) is None
        assert await judges.count_judges(connection, made.workspace_id, "p") == 1
        assert await judges.count_judges(connection, made.workspace_id, "q") == 0


async def test_names_are_unique_in_a_workspace_only(store: Store) -> None:
    first, second = await workspace(store), await workspace(store, "two")
    async with store.begin() as connection:
        await judges.add_judge(connection, judge(first))
        await judges.add_judge(connection, judge(second, 2, name="j1"))
    with pytest.raises(IntegrityError):
        async with store.begin() as connection:
            await judges.add_judge(connection, judge(first, 3, name="j1"))


async def test_a_version_is_added_unless_somebody_was_faster(store: Store) -> None:
    made = judge(await workspace(store))
    longer = replace(made, versions=(*made.versions, replace(made.latest, number=2)))
    async with store.begin() as connection:
        await judges.add_judge(connection, made)
        assert await judges.change_judge(connection, longer, 1)
        assert not await judges.change_judge(connection, longer, 1)
        found = await judges.find_judge(connection, made.workspace_id, made.id)
        assert found == longer


async def test_evaluations_are_listed_newest_first_and_go_with_their_judge(store: Store) -> None:
    made = judge(await workspace(store))
    several = [
        JudgeEvaluation(
            id=f"jeval_{number:026d}",
            workspace_id=made.workspace_id,
            judge_id=made.id,
            judge_version=1,
            source="api",
            model="m",
            request={"rendered_text": "t", "metadata": {"a": [1]}},
            verdict={"overall_score": 0.5} if number else None,
            error=None if number else "hm",
            latency_ms=12,
            usage=Usage(1, 2, 0.5, 1),
            author="me",
            created_at=MOMENT,
        )
        for number in range(3)
    ]
    async with store.begin() as connection:
        await judges.add_judge(connection, made)
        for one in several:
            await judges.add_evaluation(connection, one)
    here = (made.workspace_id, made.id)
    async with store.begin() as connection:
        found = await judges.list_evaluations(connection, *here, start=1, limit=5)
        assert found == several[1::-1]
        assert await judges.count_evaluations(connection, *here) == 3
        assert await judges.find_evaluation(connection, *here, several[0].id) == several[0]
        assert await judges.find_evaluation(connection, "ws", made.id, several[0].id) is None
        assert not await judges.delete_judge(connection, "ws", made.id)
        assert await judges.delete_judge(connection, *here)
        assert await judges.count_evaluations(connection, *here) == 0
