"""Scorings to which several people add, and that are deleted, at the same time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from support.suite_desk import MODELS, WITH_WRITER, Desk
from weighbridge.core.run import Run, RunState
from weighbridge.core.suite import Given, Scoring, WrittenPrompt
from weighbridge.errors import NotFound
from weighbridge.services import scorings as module
from weighbridge.settings import Settings
from weighbridge.store.tables import prompts
from weighbridge.wiring import open_services


@pytest.fixture
def models() -> str:
    """The models file; a test may have another."""
    return MODELS


@pytest.fixture
async def desk(tmp_path: Path, database_url: str | None, models: str) -> AsyncIterator[Desk]:
    config = tmp_path / "models.toml"
    config.write_text(models)
    settings = Settings(data=tmp_path / "data", config=config, database_url=database_url)
    async with open_services(settings) as services:
        yield Desk(services, await services.keys.operator())


async def broken_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> tuple[Scoring, list[Given]]:
    """A scoring of answers to which something is to be said next, when whoever was to see to that
    has just died; and the answers."""
    scoring = await desk.scoring("fine", "fine")
    suite = await desk.services.suites.get(desk.caller, scoring.suite_id)
    asked = await desk.services.suites.prompts(desk.caller, suite)
    given = [Given(it.id, text="Well.", continues=True) for it in asked]

    def dies(*_args: object, **_options: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(module, "turn_slots", dies)
        with pytest.raises(RuntimeError):
            await desk.services.scorings.submit(desk.caller, suite.id, given)
    found, _ = await desk.services.scorings.list(desk.caller)
    return found[0], given


async def queued(desk: Desk) -> list[Run]:
    return [it for it in await desk.services.runs.list(desk.caller) if it.state == "queued"]


async def test_who_sends_the_same_at_once_gets_the_same_next_prompts(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring, given = await broken_off(desk, monkeypatch)

    async def again() -> Any:
        return await desk.services.scorings.submit(
            desk.caller, scoring.suite_id, given, scoring_id=scoring.id
        )

    await asyncio.gather(again(), again(), again())
    async with desk.services.store.begin() as connection:
        made = await connection.scalar(
            select(func.count()).select_from(prompts).where(prompts.c.scoring_id == scoring.id)
        )
    assert made == len(given)


@pytest.mark.parametrize("models", [WITH_WRITER])
async def test_what_is_said_next_is_paid_for_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring, given = await broken_off(desk, monkeypatch)
    before = len(await queued(desk))

    async def again() -> Any:
        return await desk.services.scorings.submit(
            desk.caller, scoring.suite_id, given, scoring_id=scoring.id
        )

    await asyncio.gather(again(), again(), again())
    assert len(await queued(desk)) == before + 1


@pytest.mark.parametrize("models", [WITH_WRITER])
async def test_of_a_deleted_scoring_nothing_is_judged_or_written(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    scoring, given = await broken_off(desk, monkeypatch)
    await desk.services.scorings.submit(desk.caller, scoring.suite_id, given, scoring_id=scoring.id)
    assert len(await queued(desk)) == 2
    await desk.services.scorings.delete(desk.caller, scoring.id)
    assert await queued(desk) == []


@pytest.mark.parametrize("what", ["scoring", "suite"])
async def test_answers_to_what_is_deleted_at_that_moment_are_not_judged(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    services, caller = desk.services, desk.caller
    scoring = await desk.scoring("fine", "fine")
    suite = await services.suites.get(caller, scoring.suite_id)
    await services.suites.change(
        caller, suite.id, additions=[WrittenPrompt("One more", None, {})], name=suite.name
    )
    *_, added = await services.suites.prompts(caller, suite)
    start = services.evaluations.start

    async def deleted_before(*args: Any, **options: Any) -> Any:
        if what == "scoring":
            await services.scorings.delete(caller, scoring.id)
        else:
            await services.suites.delete(caller, suite.id)
        return await start(*args, **options)

    monkeypatch.setattr(services.evaluations, "start", deleted_before)
    with pytest.raises(NotFound, match=f"the {what} has just been deleted"):
        await services.scorings.submit(
            caller,
            suite.id,
            [Given(added.id, text="fine")],
            scoring_id=scoring.id if what == "scoring" else None,
        )
    assert [it.state for it in await services.runs.list(caller)] == [RunState.SUCCEEDED]
