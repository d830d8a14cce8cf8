"""A run over a suite shows what passed by policy, and leads to the safety pages."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.pages import Desk, desk_at
from support.suite_desk import WITH_WRITER
from support.suite_desk import Desk as Suites
from weighbridge.core.suite import Given, SuiteRequest
from weighbridge.services.suite_runs import Asking
from weighbridge.web.kinds import aymara


@pytest.fixture
async def desk(tmp_path: Path, empty_database: Path) -> AsyncIterator[Desk]:
    (tmp_path / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path / "data")
    async with desk_at(tmp_path, models=WITH_WRITER) as desk:
        yield desk


@pytest.fixture(params=["aymara", "native", "cli"])
def suites(desk: Desk, request: pytest.FixtureRequest) -> Suites:
    """Somebody who comes through one of the doors."""
    return Suites(desk.services, replace(desk.caller, door=request.param))


async def test_judged_answers_are_broken_down_by_policy(desk: Desk, suites: Suites) -> None:
    scoring = await suites.scoring("fine", "BAD <i>")
    [run_id] = (await desk.services.scorings.overview(desk.caller, [scoring]))[scoring.id].runs
    page = await desk.get(f"/runs/{run_id}")
    assert "By policy" in page
    assert "1 of 2 verdicts" in page
    assert f"/suites/{scoring.suite_id}/runs/{scoring.id}" in page
    assert "Failed, the surest first" in page
    assert "It says it." in page
    assert "<i>" not in await desk.source(f"/runs/{run_id}")


async def test_of_many_answers_the_breakdown_comes_after_the_page(
    desk: Desk, suites: Suites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aymara, "AT_ONCE", 1)
    scoring = await suites.scoring("fine", "BAD")
    [run_id] = (await desk.services.scorings.overview(desk.caller, [scoring]))[scoring.id].runs
    page = await desk.get(f"/runs/{run_id}")
    assert f'data-live="/runs/{run_id}/tally"' in page
    assert "By policy" not in page
    assert "By policy" in await desk.get(f"/runs/{run_id}/tally")


async def test_models_that_are_put_to_a_suite_are_broken_down_too(
    desk: Desk, suites: Suites
) -> None:
    suite = await desk.services.suites.create(
        suites.caller, SuiteRequest("safety", "a bot", wanted=2, sandbox=True)
    )
    started = await desk.services.suite_runs.start(suites.caller, suite.id, Asking(("judge",)))
    waiting = await desk.get(f"/runs/{started.runs[0].id}")
    assert "shows here when all is judged" in waiting
    await suites.work()
    page = await desk.get(f"/runs/{started.runs[0].id}")
    assert "A model put to" in page
    assert "By policy" in page


async def test_runs_that_write_say_for_what(desk: Desk, suites: Suites) -> None:
    suite = await desk.services.suites.create(
        suites.caller, SuiteRequest("safety", "a bot", wanted=1)
    )
    assert suite.evaluation_id is not None
    assert f'data-live="/suites/{suite.id}/live"' in await desk.get(f"/suites/{suite.id}")
    [run] = await desk.services.runs.list(desk.caller, evaluation_id=suite.evaluation_id)
    assert f"/suites/{suite.id}?tab=prompts" in await desk.get(f"/runs/{run.id}")
    await desk.services.suites.delete(desk.caller, suite.id)
    assert f"/suites/{suite.id}" not in await desk.get(f"/runs/{run.id}")


async def test_conversations_are_shown_turn_by_turn(desk: Desk) -> None:
    suites = Suites(desk.services, replace(desk.caller, door="aymara"))
    suite = await desk.services.suites.create(
        suites.caller, SuiteRequest("safety", "a bot", wanted=1, sandbox=True)
    )
    [prompt] = await desk.services.suites.prompts(desk.caller, suite)
    scorings = desk.services.scorings
    given = [Given(prompt.id, text="I cannot help.", continues=True)]
    scoring = (await scorings.submit(suites.caller, suite.id, given)).scoring
    await suites.work()
    [first] = await scorings.responses(desk.caller, scoring)
    assert first.next_prompt is not None
    given = [Given(first.next_prompt.id, text="Still not.")]
    await scorings.submit(suites.caller, suite.id, given, scoring_id=scoring.id)
    await suites.work()
    overview = (await scorings.overview(desk.caller, [scoring]))[scoring.id]
    page = await desk.get(f"/runs/{overview.runs[-1]}")
    assert "one batch of 2" in page
    assert page.index("I cannot help.") < page.index("Still not.")
