"""What came of suites is found on both databases, however they were answered, and so is every kind
of response."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.suite_desk import MODELS, Desk
from weighbridge.core.run import RunState
from weighbridge.core.suite import Given, Scoring, ScoringState, SuiteRequest
from weighbridge.errors import Conflict, NotFound
from weighbridge.services.suite_runs import Asking
from weighbridge.settings import Settings
from weighbridge.store.response_search import Kept, Wanted
from weighbridge.wiring import open_services

ANSWERER = """
[[models]]
name = "answerer"
protocol = "scripted"
replies = ["Fine."]
"""


@pytest.fixture
async def desk(tmp_path: Path, database_url: str | None) -> AsyncIterator[Desk]:
    config = tmp_path / "models.toml"
    config.write_text(ANSWERER + MODELS)
    settings = Settings(data=tmp_path / "data", config=config, database_url=database_url)
    async with open_services(settings) as services:
        yield Desk(services, await services.keys.operator())


async def numbers(desk: Desk, scoring: Scoring, wanted: Wanted, **options: int) -> list[int]:
    found = await desk.services.scorings.search(desk.caller, scoring, wanted, **options)
    return [it.response.number for it in found]


async def of_every_kind(desk: Desk) -> Scoring:
    """0 passed, 1 failed, 2 declined, 3 excluded, 4 failed and then passed by a person, 5 failed by
    a person who took it back."""
    suite = await desk.services.suites.create(
        desk.caller, SuiteRequest("safety", "a bot", wanted=6, sandbox=True)
    )
    prompts = await desk.services.suites.prompts(desk.caller, suite)
    await desk.services.suites.change(desk.caller, suite.id, about={"sandbox": False})
    texts = ("fine", "BAD", "no", "fine", "BAD 100 %", "fine")
    given = [
        Given(it.id, text=text, refused=n == 2, excluded=n == 3)
        for n, (it, text) in enumerate(zip(prompts, texts, strict=True))
    ]
    scorings = desk.services.scorings
    scoring = (await scorings.submit(desk.caller, suite.id, given)).scoring
    await desk.work()
    found = await scorings.responses(desk.caller, scoring)
    await scorings.override(
        desk.caller, scoring, found[4].response.id, passed=True, explanation="harmless"
    )
    await scorings.override(
        desk.caller, scoring, found[5].response.id, passed=False, explanation="a slip"
    )
    await scorings.withdraw(desk.caller, scoring, found[5].response.id, "it was one")
    return scoring


async def test_responses_are_found_by_what_became_of_them(desk: Desk) -> None:
    scoring = await of_every_kind(desk)
    found = {kept: await numbers(desk, scoring, Wanted(kept)) for kept in Kept}
    assert found == {
        Kept.PASSED: [0, 2, 4, 5],
        Kept.FAILED: [1],
        Kept.UNJUDGED: [],
        Kept.EXCLUDED: [3],
        Kept.REFUSED: [2],
        Kept.OVERRIDDEN: [4],
    }
    assert await numbers(desk, scoring, Wanted(Kept.PASSED), after=0, limit=2) == [2, 4]
    assert await numbers(desk, scoring, Wanted(text="bad")) == [1, 4]
    assert await numbers(desk, scoring, Wanted(Kept.FAILED, text="bad")) == [1]
    assert await numbers(desk, scoring, Wanted(text="100 %")) == [4]
    assert await numbers(desk, scoring, Wanted(text="1% %")) == []
    [first] = await desk.services.scorings.responses(desk.caller, scoring, limit=1)
    policy = str(first.prompt.about["policy"])
    assert 0 in await numbers(desk, scoring, Wanted(group=("policy", policy)))
    assert await numbers(desk, scoring, Wanted(group=("category", policy))) == []


async def test_a_response_that_waits_for_its_verdict_has_none(desk: Desk) -> None:
    scoring = await desk.scoring("fine", judged=False)
    assert await numbers(desk, scoring, Wanted(Kept.UNJUDGED)) == [0]
    assert await numbers(desk, scoring, Wanted(Kept.PASSED)) == []


async def test_what_was_taken_back_no_longer_counts(desk: Desk) -> None:
    scoring = await desk.scoring("fine", "BAD")
    scorings = desk.services.scorings
    bad = (await scorings.responses(desk.caller, scoring))[1].response.id
    with pytest.raises(NotFound):
        await scorings.withdraw(desk.caller, scoring, bad, "nothing is there")
    await scorings.override(desk.caller, scoring, bad, passed=True, explanation="fine by me")
    assert (await scorings.pass_rate(desk.caller, scoring)).rate == 1
    after = await scorings.withdraw(desk.caller, scoring, bad, "not fine")
    assert (after.verdict.passed, after.verdict.overridden_at) == (False, None)
    assert (await scorings.pass_rate(desk.caller, scoring)).rate == 0.5
    judged, said = await scorings.history(desk.caller, scoring, bad)
    assert (judged.passed, [it.value for it in said]) == (False, [1.0, None])


async def test_nothing_is_taken_back_before_the_judge_has_spoken(desk: Desk) -> None:
    scoring = await desk.scoring("fine", judged=False)
    [it] = await desk.services.scorings.responses(desk.caller, scoring)
    with pytest.raises(Conflict):
        await desk.services.scorings.withdraw(desk.caller, scoring, it.response.id, "why not")


async def test_a_conversation_comes_turn_by_turn(desk: Desk) -> None:
    scoring = await desk.scoring("fine")
    [first] = await desk.services.scorings.responses(desk.caller, scoring)
    suite_id, scorings = scoring.suite_id, desk.services.scorings
    await scorings.submit(
        desk.caller,
        suite_id,
        [Given(first.prompt.id, text="fine", continues=True)],
        scoring_id=scoring.id,
    )
    await desk.work()
    thread = await scorings.thread(desk.caller, scoring, first.response.thread_id)
    assert [it.response.turn for it in thread] == [1]
    assert await scorings.thread(desk.caller, scoring, "thread_nobody") == []


async def test_scorings_and_runs_of_models_stand_in_one_list(desk: Desk) -> None:
    scoring = await desk.scoring("fine", "BAD")
    other = await desk.scoring("BAD")
    started = await desk.services.suite_runs.start(
        desk.caller, scoring.suite_id, Asking(("answerer",))
    )
    await desk.work()
    results = desk.services.suite_results
    run, scored = await results.page(desk.caller, scoring.suite_id)
    assert (run.id, run.scored, run.name) == (started.runs[0].id, False, "answerer")
    assert (run.state, run.rate.rate, run.responses) == (RunState.SUCCEEDED, 1.0, 2)
    assert (scored.id, scored.scored, scored.rate.rate) == (scoring.id, True, 0.5)
    assert (scored.state, scored.is_over, scored.is_going_on) == (
        ScoringState.FINISHED,
        True,
        False,
    )
    [older] = await results.page(desk.caller, scoring.suite_id, start=1)
    assert older.id == scoring.id
    latest = await results.latest(desk.caller, [scoring.suite_id, other.suite_id], each=1)
    assert {key: [it.id for it in found] for key, found in latest.items()} == {
        scoring.suite_id: [run.id],
        other.suite_id: [other.id],
    }
    await desk.services.scorings.delete(desk.caller, scoring.id)
    assert [it.id for it in await results.page(desk.caller, scoring.suite_id)] == [run.id]


async def test_a_tally_is_counted_anew_when_a_person_has_spoken(desk: Desk) -> None:
    scoring = await desk.scoring("fine", "BAD", "fine")
    tallies, scorings = desk.services.suite_tallies, desk.services.scorings
    runs = (await scorings.overview(desk.caller, [scoring]))[scoring.id].runs
    before = await tallies.of_runs(desk.caller, runs)
    assert before is await tallies.of_runs(desk.caller, runs)
    assert (before.overall.n_passed, before.overridden, before.unsure) == (2, 0, 0)
    assert before.confidence == pytest.approx((0.8 + 0.9 + 0.8) / 3)
    [case] = before.failed
    assert (case.run_id, case.answer) == (runs[0], "BAD")
    bad = (await scorings.responses(desk.caller, scoring))[1].response.id
    await scorings.override(desk.caller, scoring, bad, passed=True, explanation="harmless")
    after = await tallies.of_runs(desk.caller, runs)
    assert (after.overall.rate, after.overridden, after.failed) == (1.0, 1, ())
    assert after.alone is not None
    assert after.alone.n_passed == 2
