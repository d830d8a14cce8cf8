"""Suites that several people change, answer and delete at the same time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.suite_desk import MODELS, Desk
from weighbridge.core.run import RunState
from weighbridge.core.suite import SuiteRequest, WrittenPrompt
from weighbridge.settings import Settings
from weighbridge.wiring import open_services


@pytest.fixture
async def desk(tmp_path: Path, database_url: str | None) -> AsyncIterator[Desk]:
    config = tmp_path / "models.toml"
    config.write_text(MODELS)
    settings = Settings(data=tmp_path / "data", config=config, database_url=database_url)
    async with open_services(settings) as services:
        yield Desk(services, await services.keys.operator())


async def test_changes_at_the_same_time_all_count(desk: Desk) -> None:
    suites = desk.services.suites
    made = await suites.create(desk.caller, SuiteRequest("safety", "a bot", wanted=2))
    about = [{"ai_description": "a cook"}, {"wishes": "Be brief."}, {"instructions": "No knives."}]
    await asyncio.gather(
        *(suites.change(desk.caller, made.id, about=it) for it in about),
        *(
            suites.change(desk.caller, made.id, additions=[WrittenPrompt(text, None, {})])
            for text in ("One more", "Another one")
        ),
    )
    changed = await suites.get(desk.caller, made.id)
    request = changed.request
    assert (request.ai_description, request.wishes, request.instructions) == (
        *("a cook", "Be brief.", "No knives."),
    )
    prompts = await suites.prompts(desk.caller, changed)
    assert [it.position for it in prompts] == [0, 1, 2, 3]


async def test_with_a_suite_go_its_scorings_and_what_judges_them(desk: Desk) -> None:
    gone, other = await desk.scoring("fine", judged=False), await desk.scoring("fine", judged=False)
    await desk.services.suites.delete(desk.caller, gone.suite_id)
    assert await desk.services.scorings.list(desk.caller) == ([other], 1)
    [standing] = await desk.services.scorings.standings(desk.caller, gone)
    assert standing.state is RunState.CANCELLED
    [standing] = await desk.services.scorings.standings(desk.caller, other)
    assert standing.state is RunState.QUEUED
