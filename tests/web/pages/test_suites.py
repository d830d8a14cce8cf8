"""Safety pages: which evals there are, what was answered to them, and a person's word on it."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.pages import Desk, desk_at, desk_of
from support.suite_desk import MODELS, WITH_WRITER
from support.suite_desk import Desk as Suites
from support.suite_requests import TRUTH
from support.videos import png, video
from weighbridge.core.asset import AssetState
from weighbridge.core.caller import Role
from weighbridge.core.suite import Given, Scoring, SuiteRequest
from weighbridge.services.suite_runs import Asking
from weighbridge.web.pages.suites import scoring as scoring_pages

HOSTILE = "<script>alert(1)</script> \u202eBAD"
ANSWERER = """
[[models]]
name = "answerer"
protocol = "scripted"
replies = ["Fine."]
"""


@pytest.fixture
def models() -> str:
    """The models file; a test may have another."""
    return ANSWERER + MODELS


@pytest.fixture
async def desk(tmp_path: Path, empty_database: Path, models: str) -> AsyncIterator[Desk]:
    (tmp_path / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path / "data")
    async with desk_at(tmp_path, models=models) as desk:
        yield desk


@pytest.fixture
def suites(desk: Desk) -> Suites:
    return Suites(desk.services, desk.caller)


def at(scoring: Scoring) -> str:
    return f"/suites/{scoring.suite_id}/runs/{scoring.id}"


async def response_at(desk: Desk, scoring: Scoring, number: int) -> str:
    found = await desk.services.scorings.responses(desk.caller, scoring, start=number, limit=1)
    return f"{at(scoring)}/responses/{found[0].response.id}"


async def test_without_evals_the_page_says_what_they_are(desk: Desk) -> None:
    assert "No safety evals yet" in await desk.get("/suites")
    assert "No reports" in await desk.get("/suites/reports")


async def test_evals_are_listed_with_their_last_pass_rate_and_found_by_filters(
    desk: Desk, suites: Suites
) -> None:
    scoring = await suites.scoring("fine", "BAD")
    await suites.scoring("fine", kind="over_refusal", sandbox=True, judged=False)
    page = await desk.get("/suites")
    assert "2 evals" in page
    assert "50.0 %" in page
    assert f'href="{at(scoring)}"' in page
    assert "1 run going on" in page
    safety = await desk.get("/suites?type=safety&status=finished&q=SAFETY")
    assert "1 eval" in safety
    assert scoring.suite_id in safety
    nothing = await desk.get("/suites?q=nobody")
    assert "No eval is such" in nothing
    assert 'href="/suites"' in nothing
    for sort in ("name", "pass_rate", "last_scored_at", "created_at", "scorings"):
        assert "2 evals" in await desk.get(f"/suites?sort={sort}&order=up")


@pytest.mark.parametrize("query", ["status=odd", "sort=size", "cursor=%C3%A9", "order=sideways"])
async def test_an_address_that_cannot_be_is_refused_in_words(desk: Desk, query: str) -> None:
    assert "That cannot be done as it stands" in await desk.get(f"/suites?{query}", 400)


async def test_pages_of_evals_follow_each_other(
    desk: Desk, suites: Suites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.web.pages.suites.listing.PAGE", 1)
    older = (await suites.scoring("fine", judged=False)).suite_id
    newer = (await suites.scoring("fine", judged=False)).suite_id
    first = await desk.get("/suites")
    assert newer in first
    assert older not in first
    link = first.split('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    second = await desk.get(link)
    assert older in second
    assert newer not in second


async def test_an_eval_shows_what_it_tests_its_prompts_and_its_runs(
    desk: Desk, suites: Suites
) -> None:
    suite = await desk.services.suites.create(
        desk.caller,
        SuiteRequest(
            "accuracy",
            f"A guide to the town. {HOSTILE}",
            ground_truth=TRUTH,
            wanted=3,
            sandbox=True,
        ),
        name="<script>alert(1)</script>",
    )
    about = await desk.source(f"/suites/{suite.id}?tab=about")
    assert "A guide to the town." in about
    assert "<script>alert" not in about
    assert "U+202E" in about
    assert "Nobody has answered yet" in await desk.get(f"/suites/{suite.id}")
    prompts = await desk.services.suites.prompts(desk.caller, suite)
    shown = await desk.get(f"/suites/{suite.id}?tab=prompts")
    assert all(it.category in shown for it in prompts if it.category)
    assert "No reports yet" in await desk.get(f"/suites/{suite.id}?tab=reports")
    truth = await desk.client.get(f"/suites/{suite.id}/truth/text")
    assert truth.text == TRUTH
    assert truth.headers["content-disposition"].startswith("attachment")
    assert truth.headers["x-content-type-options"] == "nosniff"
    one = await desk.client.get(f"/suites/{suite.id}/prompts/1/text")
    assert one.text == prompts[1].content
    await desk.get(f"/suites/{suite.id}/prompts/99/text", 404)


async def test_models_that_were_put_to_an_eval_stand_beside_answers_that_were_handed_in(
    desk: Desk, suites: Suites
) -> None:
    scoring = await suites.scoring("fine", "BAD")
    started = await desk.services.suite_runs.start(
        desk.caller, scoring.suite_id, Asking(("answerer",))
    )
    await suites.work()
    page = await desk.get(f"/suites/{scoring.suite_id}")
    assert page.index("answerer") < page.index("answers handed in by")
    assert "100.0 %" in page
    answer = await desk.client.get(f"/suites/{scoring.suite_id}/runs/{started.runs[0].id}")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/runs/{started.runs[0].id}",
    )


async def test_a_run_is_broken_down_and_its_responses_are_found(desk: Desk, suites: Suites) -> None:
    scoring = await suites.scoring("fine", HOSTILE, "BAD 2")
    source = await desk.source(at(scoring))
    assert "<script>alert" not in source
    page = await desk.get(at(scoring))
    assert "33.3 %" in page
    assert "1 of 3 verdicts" in page
    assert "By policy" in page
    assert "The judge's confidence" in page
    [first] = await desk.services.scorings.responses(desk.caller, scoring, limit=1)
    assert f"about=policy%3A{first.prompt.about['policy']}" in source
    failed = await desk.get(f"{at(scoring)}?show=failed")
    assert failed.count("✗ failed") == 2
    assert "✓ passed" not in failed
    found = await desk.get(f"{at(scoring)}?q=BAD+2")
    assert found.count("/responses/response_") == 1
    none = await desk.get(f"{at(scoring)}?show=excluded")
    assert "No response is such" in none
    about = await desk.get(f"{at(scoring)}?about=policy:{first.prompt.about['policy']}")
    assert "✓ passed" in about
    await desk.get(f"{at(scoring)}?about=secrets:x", 400)


async def test_many_responses_come_page_by_page_and_are_counted_after_the_page(
    desk: Desk, suites: Suites, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring_pages, "_PAGE", 2)
    monkeypatch.setattr(scoring_pages, "AT_ONCE", 2)
    scoring = await suites.scoring("fine", "BAD", "fine", "fine", "BAD")
    page = await desk.get(at(scoring))
    assert page.count("/responses/response_") == 2
    assert "By policy" not in page
    assert f'data-live="{at(scoring)}/tally"' in page
    told = await desk.get(f"{at(scoring)}/tally")
    assert "event: part" in told
    assert "By policy" in told
    link = page.split('rel="next"')[0].rpartition('href="')[2].partition('"')[0]
    second = await desk.get(link)
    assert ">3</a>" in second
    assert ">1</a>" not in second
    last = await desk.get(f"{at(scoring)}?show=failed")
    assert "/tally" in last
    assert ">5</a>" in last


async def test_an_override_is_seen_in_the_pass_rate_and_can_be_taken_back(
    desk: Desk, suites: Suites
) -> None:
    scoring = await suites.scoring("fine", "BAD")
    bad = await response_at(desk, scoring, 1)
    page = await desk.get(bad)
    assert "It says it." in page
    assert "<blockquote>BAD</blockquote>" in page
    answer = await desk.post(
        f"{bad}/override", verdict="pass", explanation="It quotes the word only.", confidence="0.7"
    )
    assert answer.headers["location"] == bad
    after = await desk.get(bad)
    assert "The pass rate is now 100.0 %; it was 50.0 %." in after
    assert "What the judge said" in after
    assert "It quotes the word only." in after
    whole = await desk.get(at(scoring))
    assert "The judge alone" in whole
    assert "1 verdict by people" in whole
    assert "100.0 %" in await desk.get(f"/suites/{scoring.suite_id}")
    await desk.post(f"{bad}/withdraw")
    again = await desk.get(bad)
    assert "The judge's verdict counts again. The pass rate is now 50.0 %." in again
    assert "taken back" in again
    # As the Aymara API has it: the history is one and the same.
    _, said = await desk.services.scorings.history(desk.caller, scoring, bad.rpartition("/")[2])
    assert [(it.label, it.confidence) for it in said] == [("pass", 0.7), (None, None)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"verdict": "pass"}, "say why"),
        ({"explanation": "so"}, "say whether it passes or fails"),
        ({"verdict": "pass", "explanation": "so", "confidence": "very"}, "a number of 0 to 1"),
        ({"verdict": "pass", "explanation": "so", "confidence": "7"}, "0 to 1 is needed"),
        ({"verdict": "pass", "explanation": "so", "confidence": "nan"}, "0 to 1 is needed"),
    ],
)
async def test_what_is_wrong_with_an_override_is_said_beside_the_field(
    desk: Desk, suites: Suites, fields: dict[str, str], message: str
) -> None:
    scoring = await suites.scoring("BAD")
    bad = await response_at(desk, scoring, 0)
    await desk.get(bad)
    answer = await desk.post(f"{bad}/override", status=422, **fields)
    assert message in answer.text
    assert fields.get("explanation", "") in answer.text
    assert (await desk.services.scorings.pass_rate(desk.caller, scoring)).rate == 0


async def test_a_conversation_is_shown_turn_by_turn_with_what_is_said_next(
    desk: Desk, suites: Suites
) -> None:
    suite = await desk.services.suites.create(
        desk.caller, SuiteRequest("safety", "a bot", wanted=1, sandbox=True)
    )
    [prompt] = await desk.services.suites.prompts(desk.caller, suite)
    scorings = desk.services.scorings
    sent = await scorings.submit(
        desk.caller, suite.id, [Given(prompt.id, text="I cannot help.", continues=True)]
    )
    await suites.work()
    [first] = await scorings.responses(desk.caller, sent.scoring)
    assert first.next_prompt is not None
    await scorings.submit(
        desk.caller,
        suite.id,
        [Given(first.next_prompt.id, text="Still not.")],
        scoring_id=sent.scoring.id,
    )
    await suites.work()
    page = await desk.get(await response_at(desk, sent.scoring, 1))
    assert page.index("turn 1") < page.index("I cannot help.") < page.index("turn 2")
    assert "Still not." in page
    opened = await desk.get(at(sent.scoring))
    assert "run 1" in opened
    assert "run 2" in opened


async def test_long_answers_are_cut_and_can_be_had_whole(desk: Desk, suites: Suites) -> None:
    long = "x" * 1_000_000
    scoring = await suites.scoring(long)
    page = await desk.get(await response_at(desk, scoring, 0))
    assert len(page) < 100_000
    assert "1,000,000 characters, of which 20,000 are shown" in page
    file = await desk.client.get(f"{await response_at(desk, scoring, 0)}/text")
    assert file.text == long
    assert file.headers["content-type"].startswith("text/plain")
    assert file.headers["content-disposition"].startswith("attachment")


async def test_images_and_frames_come_from_here_and_can_do_nothing(
    desk: Desk, tmp_path: Path
) -> None:
    services, caller = desk.services, desk.caller
    suite = await services.suites.create(
        caller,
        SuiteRequest("image_safety", "a painter", modality="image", wanted=2, sandbox=True),
    )
    (tmp_path / "a.png").write_bytes(png())
    await asyncio.to_thread(video, tmp_path / "v.mp4", frames=20)
    picture = await services.assets.upload(caller, tmp_path / "a.png", "<b>.png")
    film = await services.assets.upload(caller, tmp_path / "v.mp4", "film.mp4")
    async with asyncio.timeout(20):
        while film.state is AssetState.PROCESSING:
            await asyncio.sleep(0.05)
            film = await services.assets.get(caller, film.id)
    prompts = await services.suites.prompts(caller, suite)
    given = [
        Given(prompts[0].id, file_id=picture.id, medium="image"),
        Given(prompts[1].id, file_id=film.id, medium="video"),
    ]
    scoring = (await services.scorings.submit(caller, suite.id, given)).scoring
    drawn = await response_at(desk, scoring, 0)
    assert f'src="{drawn}/content"' in await desk.source(drawn)
    file = await desk.client.get(f"{drawn}/content")
    assert (file.content, file.headers["content-type"]) == (png(), "image/png")
    assert "sandbox" in file.headers["content-security-policy"]
    assert file.headers["x-content-type-options"] == "nosniff"
    filmed = await response_at(desk, scoring, 1)
    page = await desk.source(filmed)
    assert f'src="{filmed}/content/0"' in page
    frame = await desk.client.get(f"{filmed}/content/0")
    assert frame.headers["content-type"] == "image/jpeg"
    await desk.get(f"{filmed}/content/999", 404)
    await services.assets.delete(caller, picture.id)
    assert "is deleted" in await desk.get(drawn)
    await desk.get(f"{drawn}/content", 404)


@pytest.mark.parametrize("models", [WITH_WRITER])
async def test_a_report_is_asked_for_and_read(desk: Desk, suites: Suites) -> None:
    scoring = await suites.scoring("fine", "BAD")
    await desk.get(f"/suites/{scoring.suite_id}")
    asked = await desk.post(f"/suites/{scoring.suite_id}/report", scoring=scoring.id)
    report = asked.headers["location"]
    assert f'data-live="{report}/live"' in await desk.get(report)
    await suites.work()
    page = await desk.get(report)
    assert "What to do about it" in page
    assert "They all hold the same word." in page
    assert report in await desk.get("/suites/reports")
    assert report in await desk.get(f"/suites/{scoring.suite_id}?tab=reports")
    assert "event: end" in await desk.get(f"{report}/live")
    await desk.post(f"{report}/delete")
    await desk.get(report, 404)
    await desk.post(f"/suites/{scoring.suite_id}/report", status=400)


async def test_an_eval_and_its_run_are_deleted(desk: Desk, suites: Suites) -> None:
    scoring = await suites.scoring("fine")
    other = await suites.scoring("fine")
    await desk.get(at(scoring))
    gone = await desk.post(f"{at(scoring)}/delete")
    assert gone.headers["location"] == f"/suites/{scoring.suite_id}"
    await desk.get(at(scoring), 404)
    gone = await desk.post(f"/suites/{scoring.suite_id}/delete")
    assert gone.headers["location"] == "/suites"
    assert "There is nothing here" in await desk.get(f"/suites/{scoring.suite_id}", 404)
    # Of another suite than the address says.
    await desk.get(f"/suites/{scoring.suite_id}/runs/{other.id}", 404)


async def test_what_goes_on_is_followed_to_its_end(desk: Desk, suites: Suites) -> None:
    scoring = await suites.scoring("fine", judged=False)
    assert f'data-live="{at(scoring)}/live"' in await desk.get(at(scoring))
    following = asyncio.create_task(desk.get(f"{at(scoring)}/live"))
    await asyncio.sleep(0.1)
    await suites.work()
    told = await asyncio.wait_for(following, 20)
    assert "being judged: 0 of 1" in told
    assert "event: end" in told
    deleted = await suites.scoring("fine", judged=False)
    following = asyncio.create_task(desk.get(f"{at(deleted)}/live"))
    await asyncio.sleep(0.1)
    await desk.services.scorings.delete(desk.caller, deleted.id)
    assert "event: gone" in await asyncio.wait_for(following, 20)


async def test_readers_see_no_buttons_and_change_nothing(desk: Desk, suites: Suites) -> None:
    scoring = await suites.scoring("BAD")
    bad = await response_at(desk, scoring, 0)
    async with desk_of(desk.services, Role.READER) as reader:
        for page in ("/suites", f"/suites/{scoring.suite_id}", at(scoring), bad):
            shown = await reader.get(page)
            assert "Delete" not in shown
            assert "Let it count" not in shown
            assert "Write a report" not in shown
        await reader.post(
            f"{bad}/override", status=403, verdict="pass", explanation="because I say so"
        )
        await reader.post(f"/suites/{scoring.suite_id}/delete", status=403)
    assert (await desk.services.scorings.pass_rate(desk.caller, scoring)).rate == 0


@pytest.mark.parametrize(
    "path",
    [
        *("/suites/suite_x", "/suites/reports/report_x", "/suites/suite_x/runs/scoring_x"),
        "/suites/suite_x/runs/scoring_x/responses/response_x",
    ],
)
async def test_ids_that_nobody_knows_lead_to_a_page_with_a_way_back(desk: Desk, path: str) -> None:
    page = await desk.get(path, 404)
    assert "There is nothing here" in page
    assert "Home" in page
