"""The page of a case: what was sent and said, what was made of it, and what people say."""

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from support.pages import Desk, desk_of
from support.run_pages import desk_at_work, ran
from weighbridge.core.caller import Role

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "<script>alert('caught')</script>"
HOSTILE = f"{SCRIPT} [click](javascript:alert(1)) \u202eevil\u202c **bold** ![x](https://evil.example/x.png)"
DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJ"
    "RU5ErkJggg=="
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> AsyncIterator[Desk]:
    async with desk_at_work(tmp_path_factory.mktemp("cases"), empty_database) as desk:
        yield desk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run_id(desk: Desk) -> str:
    """A run that has ended, to be looked at only."""
    return await ran(desk)


async def handed_in(desk: Desk, *answers: str, **changes: Any) -> str:
    """A run over answers that were handed in; its id."""
    cases = [{"id": f"c{n}", "q": f"question {n}", "said": it} for n, it in enumerate(answers)]
    spec = {
        "cases": cases,
        "prompt": "{q}",
        "answers": {"column": "said"},
        "target": "q",
        "scorers": ["includes"],
    }
    return await ran(desk, **{**spec, **changes})


async def test_a_case_shows_what_was_sent_and_what_came_of_it(desk: Desk) -> None:
    run_id = await ran(
        desk,
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "say {q}"},
        ],
        prompt=None,
    )
    page = await desk.get(f"/runs/{run_id}/cases/1")
    for said in ("Be brief.", "say 100 sure", "Expected", "other", "✗ 0", "position 1"):
        assert said in page, said
    assert f'href="/runs/{run_id}/cases/2" rel="next"' in page
    assert f'href="/runs/{run_id}/cases/0" rel="prev"' in page
    failed = await desk.get(f"/runs/{run_id}/cases/3")
    assert "bad request" in failed
    assert "It is no wrong answer" in failed
    assert "Correct it" not in failed


async def test_next_and_previous_stay_within_what_is_looked_at(desk: Desk, run_id: str) -> None:
    page = await desk.get(f"/runs/{run_id}/cases/2?show=passed&sort=position&order=down")
    assert f'href="/runs/{run_id}/cases/4?show=passed&sort=position&order=down" rel="prev"' in page
    assert f'href="/runs/{run_id}/cases/0?show=passed&sort=position&order=down" rel="next"' in page
    assert "within the filter" in page
    last = await desk.get(f"/runs/{run_id}/cases/4?show=passed")
    assert 'rel="next"' not in last
    assert f'href="/runs/{run_id}?show=passed#outcomes"' in last


NOWHERE = (
    *("5", "0?epoch=1", "99999999999", "1/answer/text?epoch=7", "0/sent/0", "0/images/0"),
    "0/frames/0",
)


async def test_a_case_that_is_not_there_says_so(desk: Desk, run_id: str) -> None:
    for path in NOWHERE:
        page = await desk.get(f"/runs/{run_id}/cases/{path}", 404)
        assert 'class="button"' in page, path
    for path in ("x", "-1", "1e3", "0/else/0", "0/sent/x", "1" * 30):
        await desk.get(f"/runs/{run_id}/cases/{path}", 404)
    assert "a whole number" in await desk.get(f"/runs/{run_id}/cases/0?epoch=x", 400)


async def test_repeats_stand_side_by_side(desk: Desk) -> None:
    run_id = await ran(desk, epochs=3, model="parrot")
    page = await desk.get(f"/runs/{run_id}/cases/0?epoch=1")
    assert "repeat 2 of 3" in page
    assert "Its repeats" in page
    assert f'href="/runs/{run_id}/cases/0?epoch=2"' in page
    assert page.count("aria-current") >= 1


async def test_a_hostile_answer_does_nothing(desk: Desk) -> None:
    run_id = await handed_in(
        desk,
        HOSTILE,
        "x" * 1_000_000,
        "\n".join(f"line {n}" for n in range(10_000)),
        "\u202e\u2066" * 50_000,
    )
    page = await desk.source(f"/runs/{run_id}/cases/0")
    assert SCRIPT not in page
    assert "&lt;script&gt;" in page
    assert 'title="right-to-left override">U+202E</span>' in page
    rendered = await desk.source(f"/runs/{run_id}/cases/0?view=rendered")
    body = rendered[rendered.index('class="said rendered"') :]
    assert "<strong>bold</strong>" in body
    assert 'href="javascript' not in body
    assert "<img" not in body
    assert SCRIPT not in rendered
    for position in range(4):
        for view in ("", "?view=rendered"):
            page = await desk.source(f"/runs/{run_id}/cases/{position}{view}")
            assert len(page) < 200_000, (position, view)
    assert len(await desk.source(f"/runs/{run_id}")) < 100_000
    whole = await desk.client.get(f"/runs/{run_id}/cases/1/answer/text")
    assert whole.text == "x" * 1_000_000
    assert whole.headers["content-type"].startswith("text/plain")
    assert whole.headers["content-disposition"].startswith("attachment")
    assert whole.headers["x-content-type-options"] == "nosniff"


async def test_a_long_prompt_is_cut_and_had_as_a_file(desk: Desk) -> None:
    run_id = await handed_in(desk, "a", prompt="{q} " + "long " * 5_000)
    page = await desk.source(f"/runs/{run_id}/cases/0")
    assert "The first 8,000 of 25," in page
    assert len(page) < 60_000
    whole = await desk.client.get(f"/runs/{run_id}/cases/0/prompt/text")
    assert whole.text.startswith("user:\nquestion 0 long long")
    assert len(whole.text) > 25_000


async def test_a_person_says_what_a_score_should_be_and_takes_it_back(desk: Desk) -> None:
    run_id = await ran(desk)
    where = f"/runs/{run_id}/cases/1"
    page = await desk.get(f"{where}?show=missed")
    assert f'action="{where}/judge?show=missed"' in page
    answer = await desk.post(
        f"{where}/judge?show=missed", scorer="exact", value="1", reason="it is", seen="0"
    )
    assert answer.headers["location"] == f"{where}?show=missed"
    page = await desk.get(where)
    assert "it is" in page
    assert "✎" in page
    # Who looked before that is told, instead of overruling what they have not seen.
    late = await desk.post(
        f"{where}/judge", status=409, scorer="exact", value="0", reason="no <b>", seen="0"
    )
    assert "no &lt;b&gt;" in late.text
    await desk.post(f"{where}/withdraw", scorer="exact")
    page = await desk.get(where)
    assert "taken back" in page
    assert page.count("it is") >= 1
    await desk.post(f"{where}/withdraw", status=404, scorer="exact")


async def test_what_is_wrong_with_an_override_is_said_beside_its_fields(
    desk: Desk, run_id: str
) -> None:
    where = f"/runs/{run_id}/cases/1/judge"
    wrong = [
        ({"scorer": "exact", "value": "1"}, "say why"),
        ({"scorer": "exact", "value": "0.5", "reason": "x"}, "are 0 or 1"),
        ({"scorer": "exact", "value": "many", "reason": "x"}, "a number was expected"),
        ({"scorer": "exact", "reason": "x"}, "say which score"),
        ({"scorer": "exact", "value": "nan", "reason": "x"}, "finite"),
    ]
    for fields, said in wrong:
        answer = await desk.post(where, status=422, **fields)
        assert said in answer.text, fields
    failed = await desk.post(
        f"/runs/{run_id}/cases/3/judge", status=422, scorer="exact", value="1", reason="x"
    )
    assert "Traceback" not in failed.text
    unknown = await desk.post(where, status=422, scorer="nobody", value="1", reason="x")
    assert "Correct it" in unknown.text


async def test_a_reader_judges_nothing(desk: Desk, run_id: str) -> None:
    async with desk_of(desk.services, Role.READER) as reader:
        page = await reader.get(f"/runs/{run_id}/cases/1")
        assert "Correct it" not in page
        where = f"/runs/{run_id}/cases/1"
        await reader.post(f"{where}/judge", status=403, scorer="exact", value="1", reason="x")
        await reader.post(f"{where}/withdraw", status=403, scorer="exact")


async def test_images_of_the_prompt_come_from_here_and_nowhere_else(desk: Desk) -> None:
    elsewhere = "https://evil.example/picture.png?<b>"
    svg = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>").decode()
    run_id = await handed_in(
        desk,
        "a",
        "b",
        "c",
        cases=[
            {"q": "one", "said": "a", "picture": f"data:image/png;base64,{DOT}"},
            {"q": "two", "said": "b", "picture": elsewhere},
            {"q": "three", "said": "c", "picture": f"data:image/svg+xml;base64,{svg}"},
        ],
        id=None,
        prompt=None,
        messages=[{"role": "user", "content": "{q}", "images": ["{picture}"]}],
    )
    page = await desk.source(f"/runs/{run_id}/cases/0")
    assert f'<img src="/runs/{run_id}/cases/0/sent/0"' in page
    picture = await desk.client.get(f"/runs/{run_id}/cases/0/sent/0")
    assert picture.headers["content-type"] == "image/png"
    assert picture.content == base64.b64decode(DOT)
    assert "sandbox" in picture.headers["content-security-policy"]
    page = await desk.source(f"/runs/{run_id}/cases/1")
    assert "evil.example" in page
    assert not re.search(r'(src|href)="[^"]*evil\.example', page)
    assert "not loaded from there" in page
    await desk.get(f"/runs/{run_id}/cases/1/sent/0", 404)
    drawn = await desk.client.get(f"/runs/{run_id}/cases/2/sent/0")
    assert drawn.headers["content-type"] == "application/octet-stream"
    assert drawn.headers["content-disposition"].startswith("attachment")


async def test_a_judges_evidence_is_marked_in_the_answer(desk: Desk) -> None:
    answers = ("The tower is in Paris, of course.", "No.")
    by_judge = {"scorers": [{"judge": {"rubric": "correct"}}], "judge": "referee"}
    run_id = await handed_in(desk, *answers, **by_judge)
    page = await desk.source(f"/runs/{run_id}/cases/0")
    assert "The tower <mark>is in Paris</mark>, of course." in page
    assert "It &lt;i&gt;says&lt;/i&gt; so." in page
    for said in ("confidence 90 %", "<code>referee</code>", "✓ pass"):
        assert said in page, said
    # Its labels are what a person can say.
    assert '<option value="fail">' in page
    ungraded = await desk.source(f"/runs/{run_id}/cases/1")
    assert "I would rather not." in ungraded
    assert "What the judge said instead" in ungraded
    answer = await desk.post(
        f"/runs/{run_id}/cases/1/judge", scorer="judge", label="fail", reason="wrong", seen="0"
    )
    assert answer.headers["location"] == f"/runs/{run_id}/cases/1"
    assert "✗ fail" in await desk.source(f"/runs/{run_id}/cases/1")


async def test_an_image_that_a_model_made_is_shown(desk: Desk) -> None:
    run_id = await ran(desk, model="painter")
    page = await desk.source(f"/runs/{run_id}/cases/2")
    assert f'<img src="/runs/{run_id}/cases/2/images/0?epoch=0"' in page
    picture = await desk.client.get(f"/runs/{run_id}/cases/2/images/0?epoch=0")
    assert picture.headers["content-type"] == "image/png"
    assert picture.headers["x-content-type-options"] == "nosniff"
    assert picture.content == base64.b64decode(DOT)


async def test_options_are_told_with_their_likelihoods(desk: Desk) -> None:
    run_id = await ran(
        desk,
        model="painter",
        choose={"options": "options", "ask": "chat"},
        cases=[{"id": "o", "q": "which?", "options": ["<i>one", "two"], "answer": "B"}],
        scorers=["likelihood"],
    )
    page = await desk.source(f"/runs/{run_id}/cases/0")
    assert "What it could choose among" in page
    assert "&lt;i&gt;one" in page
    assert page.index(">B <span") < page.index("&lt;i&gt;one")  # the likeliest first


async def test_the_votes_of_a_jury_are_told_one_by_one(desk: Desk) -> None:
    jury = {"jury": {"rubric": "correct", "models": ["referee", "lenient"]}}
    run_id = await handed_in(desk, "The tower is in Paris.", scorers=[jury])
    page = await desk.source(f"/runs/{run_id}/cases/0")
    assert "<h3>Votes</h3>" in page
    for said in ("referee", "lenient", "Why not.", "60 % sure", "90 % sure"):
        assert said in page, said
