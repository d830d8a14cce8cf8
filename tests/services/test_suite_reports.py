"""Reports on scorings are made by services alone, on both databases."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from support.suite_desk import MODELS, WITH_WRITER, Desk
from weighbridge.core.caller import Caller, Role
from weighbridge.errors import Conflict, Forbidden, InvalidFields, NotFound
from weighbridge.services.suite_reports import MOST_SCORINGS
from weighbridge.settings import Settings
from weighbridge.wiring import open_services


@pytest.fixture
def models() -> str:
    return MODELS


@pytest.fixture
async def desk(tmp_path: Path, models: str, database_url: str | None) -> AsyncIterator[Desk]:
    config = tmp_path / "models.toml"
    config.write_text(models)
    settings = Settings(data=tmp_path / "data", config=config, database_url=database_url)
    async with open_services(settings) as services:
        yield Desk(services, await services.keys.operator())


async def test_without_a_generator_a_report_is_finished_at_once(desk: Desk) -> None:
    scoring = await desk.scoring("fine", "BAD", "fine", "fine")
    made = await desk.services.suite_reports.create(desk.caller, [scoring.id])
    assert (made.state, made.writer, made.problem) == ("finished", None, None)
    [one] = made.scorings
    assert one.scoring_id == scoring.id
    assert "3 of 4 judged answers passed: 75.0 %" in one.texts.passing
    assert one.texts == made.overall
    assert await desk.services.suite_reports.get(desk.caller, made.id) == made


@pytest.mark.parametrize("models", [WITH_WRITER])
async def test_a_generator_words_what_it_can_and_our_words_stay_elsewhere(desk: Desk) -> None:
    scoring = await desk.scoring("fine", "BAD")
    made = await desk.services.suite_reports.create(desk.caller, [scoring.id])
    assert (made.state, made.scorings, made.overall) == ("created", (), None)
    assert (await desk.services.suite_reports.get(desk.caller, made.id)).state == "created"
    await desk.work()
    found = await desk.services.suite_reports.get(desk.caller, made.id)
    assert (found.state, found.writer, found.worded) == ("finished", "writer", 1)
    [one] = found.scorings
    assert one.texts.failing.endswith("They all hold the same word.")
    assert "1 of 2 judged answers failed" in one.texts.failing
    assert "was answered “fine” and passed" in one.texts.passing
    assert one.texts.advice.startswith("Begin with ")
    assert await desk.services.suite_reports.get(desk.caller, made.id) == found
    [listed], total = await desk.services.suite_reports.list(desk.caller)
    assert (listed, total) == (found, 1)


@pytest.mark.parametrize("models", [WITH_WRITER])
async def test_a_run_that_is_cancelled_leaves_a_report_in_our_words(desk: Desk) -> None:
    scoring = await desk.scoring("fine", "BAD")
    made = await desk.services.suite_reports.create(desk.caller, [scoring.id])
    [writing] = [it for it in await desk.services.runs.list(desk.caller) if it.model == "writer"]
    await desk.services.runs.cancel(desk.caller, writing.id)
    found = await desk.services.suite_reports.get(desk.caller, made.id)
    assert (found.state, found.worded, found.problem) == ("finished", 0, "cancelled")
    assert "For example," in found.scorings[0].texts.failing


@pytest.mark.parametrize("models", [WITH_WRITER])
async def test_a_report_that_is_deleted_is_not_written_any_more(desk: Desk) -> None:
    scoring = await desk.scoring("fine", "BAD")
    made = await desk.services.suite_reports.create(desk.caller, [scoring.id])
    await desk.services.suite_reports.delete(desk.caller, made.id)
    [writing] = [it for it in await desk.services.runs.list(desk.caller) if it.model == "writer"]
    assert writing.state == "cancelled"
    with pytest.raises(NotFound):
        await desk.services.suite_reports.get(desk.caller, made.id)


@pytest.mark.parametrize("models", [WITH_WRITER])
async def test_one_scoring_in_the_sandbox_keeps_the_generator_out(desk: Desk) -> None:
    outside = await desk.scoring("fine", "BAD")
    inside = await desk.scoring("Soup is made of water.", sandbox=True)
    assert (await desk.report(outside, inside)).writer is None


async def test_a_report_stays_as_it_was_whatever_people_say_later(desk: Desk) -> None:
    scoring = await desk.scoring("fine", "BAD")
    before = await desk.report(scoring)
    [_, bad] = await desk.services.scorings.responses(desk.caller, scoring)
    await desk.services.scorings.override(
        desk.caller, scoring, bad.response.id, passed=True, explanation="It is fine."
    )
    assert await desk.services.suite_reports.get(desk.caller, before.id) == before
    after = await desk.report(scoring)
    assert "2 of 2 judged answers passed" in after.scorings[0].texts.passing


async def test_enough_reviews_correct_the_pass_rate_in_the_text(desk: Desk) -> None:
    answers = ["BAD" if n % 4 == 0 else "fine" for n in range(48)]
    scoring = await desk.scoring(*answers)
    scorings = desk.services.scorings
    for it in await scorings.responses(desk.caller, scoring, limit=40):
        assert it.verdict.passed is not None
        wrong = it.response.number == 0
        await scorings.override(
            desk.caller, scoring, it.response.id, passed=it.verdict.passed ^ wrong, explanation="so"
        )
    passing = (await desk.report(scoring)).scorings[0].texts.passing
    assert "37 of 48 judged answers passed" in passing
    assert "agrees with them on 39 (97.5 %), Cohen's kappa 0.9" in passing
    assert "Corrected by that, the pass rate of the whole run is 7" in passing


def named(count: int) -> Sequence[str]:
    return [f"scoring_{number:026}" for number in range(count)]


@pytest.mark.parametrize(
    "wanted", [[], [*named(1), *named(1)], named(MOST_SCORINGS + 1)], ids=["none", "twice", "many"]
)
async def test_what_no_report_can_be_about_is_refused(desk: Desk, wanted: Sequence[str]) -> None:
    with pytest.raises(InvalidFields) as refused:
        await desk.services.suite_reports.create(desk.caller, wanted)
    assert refused.value.problems[0].field == "scorings"


async def test_a_report_needs_scorings_that_are_there_and_finished(desk: Desk) -> None:
    reports = desk.services.suite_reports
    with pytest.raises(NotFound):
        await reports.create(desk.caller, named(1))
    scoring = await desk.scoring("fine", judged=False)
    with pytest.raises(Conflict, match="wait until it is finished"):
        await reports.create(desk.caller, [scoring.id])
    [run] = await desk.services.runs.list(desk.caller)
    await desk.services.runs.cancel(desk.caller, run.id)
    with pytest.raises(Conflict, match="broke off"):
        await reports.create(desk.caller, [scoring.id])
    assert await reports.list(desk.caller) == ([], 0)


async def test_readers_look_and_do_not_ask(desk: Desk) -> None:
    made = await desk.report(await desk.scoring("fine"))
    reader = Caller(desk.caller.workspace_id, Role.READER)
    reports = desk.services.suite_reports
    assert await reports.get(reader, made.id) == made
    with pytest.raises(Forbidden):
        await reports.create(reader, [made.scorings[0].scoring_id])
    with pytest.raises(Forbidden):
        await reports.delete(reader, made.id)
    stranger = Caller("ws_other", Role.ADMIN)
    with pytest.raises(NotFound):
        await reports.get(stranger, made.id)
