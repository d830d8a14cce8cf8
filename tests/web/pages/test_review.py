"""Review: one case a screen; what a person says is kept and counted, what others said is told."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.pages import Desk, desk_at, desk_of
from support.reviewing import JUDGED, judged
from weighbridge.core.caller import Role
from weighbridge.services.reviews import Judgement

HOSTILE = 'odd <script>alert(1)</script> "><img src=x onerror=alert(2)> \u202egnp.exe'
CORRECT = [{"judge": {"rubric": "correct"}}]
ANSWERS = ["right 0", "wrong", HOSTILE, "odd", "right 4", "mute"]


@pytest.fixture(scope="module")
def judged_data(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> tuple[Path, str]:
    """A folder of data with a judged run, and the run's id: made once, and copied for each test."""
    folder = tmp_path_factory.mktemp("judged")
    (folder / "data").mkdir()
    shutil.copy(empty_database, folder / "data")

    async def make() -> str:
        async with desk_at(folder, models=JUDGED) as desk:
            return await judged(desk.services, desk.caller, ANSWERS)

    return folder / "data", asyncio.run(make())


@pytest.fixture
def run_id(judged_data: tuple[Path, str]) -> str:
    return judged_data[1]


@pytest.fixture
async def desk(tmp_path: Path, judged_data: tuple[Path, str]) -> AsyncIterator[Desk]:
    """An administrator who has logged in, and whom nobody shares the run with."""
    await asyncio.to_thread(shutil.copytree, judged_data[0], tmp_path / "data")
    async with desk_at(tmp_path, models=JUDGED) as desk:
        yield desk


def place_of(page: str) -> str:
    """Which case is on the screen, as the form names it."""
    found = re.search(r'name="at" value="([^"]+)"', page)
    assert found, page[:3000]
    return found[1]


async def say(desk: Desk, run_id: str, at: str, word: str, **fields: Any) -> Any:
    """A verdict of the judge's rubric sent: `pass` is its first, `fail` its second."""
    verdict = {"pass": "0", "fail": "1"}[word]
    address = f"/review/{run_id}/judge?scorer=correctness"
    sent = {"at": at, "verdict": verdict, "seen": 0} | fields
    status = sent.pop("status", 303)
    return await desk.post(address, status=status, **sent)


async def counting(desk: Desk, run_id: str) -> dict[int, tuple[float, str]]:
    """What counts about the judge's verdicts: position → value and reason."""
    run = await desk.services.runs.get(desk.caller, run_id)
    views = await desk.services.outcomes.page(desk.caller, run)
    return {
        view.record.position: (said.value or 0.0, said.reason)
        for view in views
        if (said := view.overrides.get("correctness"))
    }


async def test_runs_are_listed_with_their_judges_first(desk: Desk, run_id: str) -> None:
    page = await desk.get("/review")
    judge, exact = (page.index(f"/review/{run_id}?scorer={it}") for it in ("correctness", "exact"))
    assert judge < exact
    assert "Begun" not in page
    await say(desk, run_id, "0.0", "pass")
    page = await desk.get("/review")
    assert "Begun" in page
    assert f"/review/{run_id}/summary?scorer=correctness" in page


async def test_a_case_is_shown_with_question_expected_answer_and_blind(
    desk: Desk, run_id: str
) -> None:
    page = await desk.get(f"/review/{run_id}?at=1.0")
    for said in ("question 1?", "right 1", "wrong", "0 of 5 reviewed"):
        assert said in page
    assert re.search(r'<details id="scorer-said" class="panel">', page)
    assert "It is something else." in page
    seeing = await desk.get(f"/review/{run_id}?at=1.0&blind=no")
    assert re.search(r'<details id="scorer-said" class="panel" open>', seeing)


async def test_the_next_case_is_the_next_of_the_random_sample(desk: Desk, run_id: str) -> None:
    sample = await desk.services.reviews.sample(desk.caller, run_id, scorer="correctness")
    places = [f"{it.record.position}.{it.record.epoch}" for it in sample.views]
    assert place_of(await desk.source(f"/review/{run_id}")) == places[0]
    assert place_of(await desk.source(f"/review/{run_id}?skip=1")) == places[1]
    await say(desk, run_id, places[0], "pass", reason="so it is")
    page = await desk.source(f"/review/{run_id}")
    assert place_of(page) == places[1]
    assert "drawn at random" in page


async def test_agreeing_needs_no_reason_and_counts_as_a_review(desk: Desk, run_id: str) -> None:
    answer = await say(desk, run_id, "1.0", "fail")
    assert answer.headers["location"] == f"/review/{run_id}?scorer=correctness"
    assert await counting(desk, run_id) == {1: (0.0, "the same verdict as the scorer")}


async def test_contradicting_needs_a_reason_which_is_asked_for_beside_the_field(
    desk: Desk, run_id: str
) -> None:
    answer = await say(desk, run_id, "1.0", "pass", status=422, confidence="0.8")
    assert 'id="error-reason"' in answer.text
    assert 'value="0.8" selected' in answer.text
    assert re.search(r'name="verdict" value="0"[^>]* checked', answer.text)
    assert re.search(r'<details id="scorer-said" class="panel" open>', answer.text)
    assert await counting(desk, run_id) == {}
    await say(desk, run_id, "1.0", "pass", reason="a slip of the judge", confidence="0.8")
    assert await counting(desk, run_id) == {1: (1.0, "a slip of the judge")}
    [said] = await desk.services.reviews.history(desk.caller, run_id, 1)
    assert said.confidence == 0.8


@pytest.mark.parametrize(
    "fields",
    [
        {"verdict": ""},
        {"verdict": "7"},
        {"reason": "x" * 10_001},
        {"author": "x" * 201},
    ],
)
async def test_what_is_no_verdict_is_said_and_nothing_is_kept(
    desk: Desk, run_id: str, fields: dict[str, str]
) -> None:
    answer = await say(desk, run_id, "0.0", "pass", status=422, **fields)
    assert 'class="error"' in answer.text or 'class="problems"' in answer.text
    assert await counting(desk, run_id) == {}


async def test_a_case_without_an_answer_of_that_place_is_not_there(desk: Desk, run_id: str) -> None:
    await say(desk, run_id, "77.0", "pass", status=404)
    await say(desk, run_id, "-1.0", "pass", status=400)
    assert "no case" in await desk.get(f"/review/{run_id}?at=x", 400)
    assert "no outcome at position 77" in await desk.get(f"/review/{run_id}?at=77.0", 404)
    await desk.get("/review/run_nobody", 404)
    await desk.get("/review/run_nobody/summary", 404)
    assert "no scorer `nobody`" in await desk.get(f"/review/{run_id}?scorer=nobody", 404)
    await desk.get(f"/review/{run_id}?n=0", 400)
    await desk.get(f"/review/{run_id}?order=best", 400)
    await desk.get(f"/review/{run_id}?seed={2**63}", 400)


async def test_who_judged_meanwhile_is_said_and_not_spoken_over(desk: Desk, run_id: str) -> None:
    other = Judgement("correctness", "I <b>know</b>", position=3, value=1.0, author="ann")
    await desk.services.reviews.judge(desk.caller, run_id, [other])
    answer = await say(desk, run_id, "3.0", "fail", status=409, seen=0)
    assert "<strong>ann</strong> judged this case meanwhile" in answer.text
    assert "I &lt;b&gt;know&lt;/b&gt;" in answer.text
    assert 'name="seen" value="1"' in answer.text
    assert await counting(desk, run_id) == {3: (1.0, "I <b>know</b>")}
    await say(desk, run_id, "3.0", "fail", seen=1)
    assert (await counting(desk, run_id))[3][0] == 0.0
    page = await desk.get(f"/review/{run_id}?at=3.0")
    assert "What was said about this score (2)" in page


async def test_the_name_that_was_given_is_remembered_and_the_last_is_taken_back(
    desk: Desk, run_id: str
) -> None:
    await say(desk, run_id, "1.0", "fail", author="Zoë <i>")
    page = await desk.source(f"/review/{run_id}?at=2.0")
    assert "Zoë &lt;i&gt;" in page
    assert "Take back the last: c1" in page
    answer = await desk.post(
        f"/review/{run_id}/withdraw?scorer=correctness", at="1.0", seen=1, author="Zoë <i>"
    )
    assert answer.headers["location"].endswith("at=1.0")
    assert await counting(desk, run_id) == {}
    assert "Take back the last" not in await desk.get(f"/review/{run_id}?at=2.0")
    history = await desk.services.reviews.history(desk.caller, run_id, 1)
    assert [it.author for it in history] == ["Zoë <i>"] * 2


async def test_nobody_takes_back_what_somebody_else_said_since(desk: Desk, run_id: str) -> None:
    await say(desk, run_id, "1.0", "fail")
    other = Judgement("correctness", "no", position=1, value=1.0, author="ann")
    await desk.services.reviews.judge(desk.caller, run_id, [other])
    address = f"/review/{run_id}/withdraw?scorer=correctness"
    await desk.post(address, status=409, at="1.0", seen=1)
    assert (await counting(desk, run_id))[1] == (1.0, "no")


async def test_after_the_last_one_the_summary_says_what_it_tells(desk: Desk, run_id: str) -> None:
    for position, word in ((0, "pass"), (1, "fail"), (2, "pass"), (3, "pass"), (4, "pass")):
        page = await desk.source(f"/review/{run_id}?scorer=correctness&at={position}.0")
        await say(desk, run_id, place_of(page), word, reason="read it")
    answer = await desk.client.get(f"/review/{run_id}?scorer=correctness")
    assert answer.headers["location"] == f"/review/{run_id}/summary?scorer=correctness"
    page = await desk.get(answer.headers["location"])
    assert "All 5 are reviewed" in page
    assert "60.0 %" in page  # three of five as the judge had it
    assert "it takes 30" in page
    assert "0.400" in page  # the judge's own
    chart = re.search(r'id="figure-confusion">(.*?)</script>', page, re.S)
    assert chart
    assert "differs" in page
    assert page.count(">Withdraw</button>") == 5


async def test_a_corrected_rate_stands_beside_the_raw_one(desk: Desk) -> None:
    answers = ["odd" if at % 2 else f"right {at}" for at in range(40)]
    run_id = await judged(desk.services, desk.caller, answers, scorers=CORRECT)
    said = [
        Judgement("judge", "the same in other words", position=at, value=1.0) for at in range(36)
    ]
    await desk.services.reviews.judge(desk.caller, run_id, said)
    [people] = await desk.services.agreements.of_run(desk.caller, run_id)
    assert people.rate.corrected is not None
    assert people.rate.corrected.estimate is not None
    page = await desk.get(f"/review/{run_id}/summary")
    assert f"<strong>{people.rate.corrected.estimate:.3f}</strong>" in page
    assert "<strong>0.500</strong>" in page
    for warning in people.rate.warnings:
        assert warning in page


async def test_what_is_large_tells_its_agreement_by_a_stream(
    desk: Desk, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await say(desk, run_id, "0.0", "pass")
    monkeypatch.setattr("weighbridge.services.agreement._QUICK", 1)
    page = await desk.get(f"/review/{run_id}?at=1.0")
    address = re.search(r'data-live="([^"]+)" data-live-end="stay"', page)
    assert address
    assert "Agreement</th>" not in page
    part = (await desk.client.get(address[1])).text
    assert "event: part" in part
    assert "100.0 %" in part
    assert "event: end" in part
    assert "Agreement</th>" in await desk.get(f"/review/{run_id}?at=1.0")


async def test_where_the_judge_was_unsure_comes_first_and_is_said_to_be_no_sample(
    desk: Desk, run_id: str
) -> None:
    page = await desk.get(f"/review/{run_id}?order=unsure")
    assert place_of(page) == "2.0"
    assert "taken where the scorer was least sure" in page
    await say(desk, run_id, "2.0", "fail")
    page = await desk.get(f"/review/{run_id}?order=unsure")
    assert place_of(page) == "3.0"
    assert "they correct no rate" in page
    page = await desk.get(f"/review/{run_id}/summary?scorer=exact&order=unsure")
    assert "does not say how sure it is" in page


async def test_hostile_answers_do_nothing(desk: Desk, run_id: str) -> None:
    page = await desk.source(f"/review/{run_id}?at=2.0")
    assert "<script>alert" not in page
    assert "<img" not in page.partition("<main")[2]
    assert "\u202e" not in page
    assert "U+202E" in page


async def test_readers_look_and_do_not_judge(desk: Desk, run_id: str) -> None:
    async with desk_of(desk.services, Role.READER) as reader:
        page = await reader.source(f"/review/{run_id}?at=1.0")
        assert "may look, not judge" in page
        assert 'name="verdict"' not in page
        await reader.source("/")
        await say(reader, run_id, "1.0", "fail", status=403)
        address = f"/review/{run_id}/withdraw?scorer=correctness"
        await reader.post(address, status=403, at="1.0", seen=1)
        assert "Withdraw</button>" not in await reader.get(f"/review/{run_id}/summary")
    assert await counting(desk, run_id) == {}


async def test_a_scorer_of_right_and_wrong_is_answered_by_yes_and_no(
    desk: Desk, run_id: str
) -> None:
    page = await desk.get(f"/review/{run_id}?scorer=exact&at=1.0")
    assert 'data-key="y" data-key-help="right"' in page
    assert 'data-key="n" data-key-help="wrong"' in page
    address = f"/review/{run_id}/judge?scorer=exact"
    await desk.post(address, at="1.0", verdict="0", reason="it is right", seen=0)
    [said] = await desk.services.reviews.history(desk.caller, run_id, 1)
    assert (said.scorer, said.value) == ("exact", 1.0)


async def test_a_scorer_with_numbers_takes_a_number(desk: Desk) -> None:
    run_id = await judged(desk.services, desk.caller, ANSWERS[:2], scorers=["rouge"])
    address = f"/review/{run_id}/judge?scorer=rouge"
    page = await desk.get(f"/review/{run_id}?at=1.0")
    assert 'name="value"' in page
    for value in ("", "much", "nan"):
        sent = {"at": "1.0", "value": value, "reason": "half", "seen": 0}
        answer = await desk.post(address, status=422, **sent)
        assert 'id="error-value"' in answer.text
    await desk.post(address, at="1.0", value="0,5", reason="half", seen=0)
    [said] = await desk.services.reviews.history(desk.caller, run_id, 1)
    assert said.value == 0.5


async def test_judges_are_told_over_all_runs(desk: Desk, run_id: str) -> None:
    assert "No judge has been reviewed yet" in await desk.get("/review/judges")
    await say(desk, run_id, "0.0", "pass")
    await say(desk, run_id, "3.0", "pass", reason="in other words")
    page = await desk.get("/review/judges")
    assert "house-judge" in page
    assert "50.0 %" in page


async def test_with_nothing_to_review_there_is_a_way_on(tmp_path: Path) -> None:
    async with desk_at(tmp_path) as desk:
        await nothing_to_review(desk)


async def nothing_to_review(desk: Desk) -> None:
    page = await desk.get("/review")
    assert "Nothing to review here" in page
    assert 'href="/start"' in page
    await desk.get("/review?cursor=rubbish", 400)
