"""The page of a run: what came of it, its outcomes as one wants to see them, what can be done."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from support.pages import Desk, desk_of
from support.run_pages import desk_at_work, ended, ran, waiting
from weighbridge.core.caller import Role
from weighbridge.core.run import RunState
from weighbridge.errors import NotFound
from weighbridge.services.reviews import Judgement

pytestmark = pytest.mark.asyncio(loop_scope="module")

ODD = '<b>odd</b> "name" & more'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> AsyncIterator[Desk]:
    async with desk_at_work(tmp_path_factory.mktemp("runs"), empty_database) as desk:
        yield desk


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def run_id(desk: Desk) -> str:
    """A run that has ended, to be looked at only."""
    return await ran(desk, name=ODD)


def listed(page: str) -> list[str]:
    """Ids of the cases in the table, in its order."""
    return re.findall(r'<td class="id"><a href="[^"]*">([^<]*)</a>', page)


async def test_a_run_says_what_came_of_it(desk: Desk, run_id: str) -> None:
    page = await desk.source(f"/runs/{run_id}")
    assert "&lt;b&gt;odd&lt;/b&gt;" in page
    assert "<b>odd" not in page
    text = await desk.get(f"/runs/{run_id}")
    view = await desk.services.runs.view(desk.caller, run_id)
    for said in ("succeeded", "cracked", view.pin[:10], "0.750", "Wilson's interval", "4 of 5"):
        assert said in re.sub(r"</?span[^>]*>", "", text), said
    assert "bad request" in text
    assert "a retry alone changes nothing" in text
    assert "Half within" in text
    assert listed(text) == ["sure", "plain", "under_score", "bad", "last"]


FILTERS = {
    "": ["sure", "plain", "under_score", "bad", "last"],
    "show=passed": ["sure", "under_score", "last"],
    "show=missed": ["plain"],
    "show=failed": ["bad"],
    "show=ungraded": [],
    "failure=bad_request": ["bad"],
    "text=%25": ["sure"],
    "text=SNAKE_CASE": ["under_score"],
    "text=_": ["under_score"],
    "text=pla": ["plain"],
    "least=1": ["sure", "under_score", "last"],
    "most=0.5": ["plain"],
    "overridden=yes": [],
    "sort=position&order=down": ["last", "bad", "under_score", "plain", "sure"],
    "sort=score&scorer=exact": ["plain", "sure", "under_score", "last", "bad"],
    "sort=tokens&order=down&show=passed": ["sure", "under_score", "last"],
}


async def test_outcomes_are_filtered_and_sorted_by_the_address(desk: Desk, run_id: str) -> None:
    for asked, wanted in FILTERS.items():
        page = await desk.get(f"/runs/{run_id}?{asked}")
        assert listed(page) == wanted, asked
        if not wanted:
            assert "No outcome is like that" in page
            assert f'href="/runs/{run_id}#outcomes">Show all' in page
    # The links to cases carry what is looked at, so that next and previous stay within it.
    page = await desk.get(f"/runs/{run_id}?show=passed&text=s")
    assert f'href="/runs/{run_id}/cases/0?show=passed&text=s"' in page


NOBODYS = (
    *("show=all", "sort=colour", "least=many", "scorer=nobody", "cursor=abc", "most=nan"),
    *("text=" + "x" * 501, "overridden=perhaps", "cursor=WzEsMCwieCJd"),
)


async def test_an_address_that_nobody_gave_out_says_what_is_wrong(desk: Desk, run_id: str) -> None:
    for asked in NOBODYS:
        page = await desk.get(f"/runs/{run_id}?{asked}", 400)
        assert "Traceback" not in page
        assert 'class="button" href="/"' in page, asked


async def test_an_unknown_run_leads_back(desk: Desk) -> None:
    for path in ("", "/progress", "/sums", "/export", "/cases/0", "/cases/0/answer/text"):
        page = await desk.get(f"/runs/run_nobody{path}", 404)
        assert "there is no run" in page


async def test_a_long_table_is_paged_and_has_every_case_once(desk: Desk) -> None:
    cases = [{"id": f"c{n:03}", "q": str(n % 7), "answer": "3"} for n in range(230)]
    run_id = await ran(desk, cases=cases, model="parrot")
    for order in ("", "?sort=score", "?sort=score&order=down", "?sort=tokens", "?show=missed"):
        seen: list[str] = []
        path: str | None = f"/runs/{run_id}{order}"
        while path is not None:
            page = await desk.get(path)
            rows = listed(page)
            assert len(rows) <= 100
            seen += rows
            found = re.search(r'<a href="([^"#]*)#outcomes" rel="next"', page)
            path = found[1] if found else None
        whole = 230 if "show" not in order else len([n for n in range(230) if n % 7 != 3])
        assert len(seen) == len(set(seen)) == whole, order


async def test_scores_show_people_beside_scorers(desk: Desk) -> None:
    run_id = await ran(desk)
    said = Judgement("exact", "the same city", case_id="plain", value=1.0)
    await desk.services.reviews.judge(desk.caller, run_id, [said])
    page = await desk.get(f"/runs/{run_id}")
    # 3 of 4 before, and the fourth by a person's verdict.
    assert "1.000 with 1 verdict corrected by people" in page
    assert "the same city" in page
    assert listed(await desk.get(f"/runs/{run_id}?overridden=yes")) == ["plain"]
    assert "Beside people" in page


async def test_labels_are_told_with_what_was_taken_for_what(desk: Desk) -> None:
    run_id = await ran(
        desk,
        model="parrot",
        prompt="say {topic}",
        target="answer",
        cases=[{"topic": t, "answer": a} for t, a in ("aa", "ab", "bb", "bb")],
        scorers=[{"label": {"labels": ["a", "b"]}}],
        id=None,
    )
    page = await desk.get(f"/runs/{run_id}")
    assert "what was expected, and what was given (2 labels)" in page
    assert 'data-figure="figure-confusion-1"' in page
    assert '<td>b</td><td>a</td><td class="number">1</td>' in page
    assert listed(await desk.get(f"/runs/{run_id}?label=a")) == ["0", "1"]
    # What was read out of the answer stands apart from it.
    assert '<b class="read" title="What was read out of the answer">b</b>' in page


async def test_a_run_that_goes_on_shows_how_far_it_is(desk: Desk) -> None:
    run_id = await waiting(desk)
    page = await desk.get(f"/runs/{run_id}")
    assert f'data-live="/runs/{run_id}/progress"' in page
    assert "Waiting for a worker" in page
    assert "No outcome yet" in page
    assert f'action="/runs/{run_id}/cancel" data-confirm' in page
    following = asyncio.create_task(desk.client.get(f"/runs/{run_id}/progress"))
    await asyncio.sleep(0.1)
    await desk.services.runs.cancel(desk.caller, run_id)
    stream = (await following).text
    assert stream.index("Waiting for a worker") < stream.index("It has ended")
    assert "at most 64 calls at once" in stream
    assert stream.rstrip().endswith("event: end\ndata:")
    assert "/progress" not in await desk.source(f"/runs/{run_id}")


async def test_a_run_that_is_gone_while_one_looks_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await waiting(desk)
    kind = type(desk.services.runs)
    look, looks = kind.get, 0

    async def gone(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks > 2:
            raise NotFound(f"there is no run {run_id}")
        return await look(*arguments)

    monkeypatch.setattr(kind, "get", gone)
    monkeypatch.setattr("weighbridge.services.runs.EVENT_EVERY_S", 0.01)
    stream = (await desk.client.get(f"/runs/{run_id}/progress")).text
    assert stream.index("Waiting for a worker") < stream.index("event: gone")
    assert f"data: there is no run {run_id}" in stream


async def test_a_run_is_cancelled_and_resumed(desk: Desk) -> None:
    run_id = await waiting(desk)
    await desk.source(f"/runs/{run_id}")
    answer = await desk.post(f"/runs/{run_id}/cancel")
    assert answer.headers["location"] == f"/runs/{run_id}"
    page = await desk.get(f"/runs/{run_id}")
    assert "What was done is kept." in page
    assert "It was stopped:" in page
    await desk.post(f"/runs/{run_id}/cancel", status=409)
    await desk.post(f"/runs/{run_id}/resume")
    await ended(desk, run_id)
    assert listed(await desk.get(f"/runs/{run_id}"))


async def test_failed_cases_are_done_again(desk: Desk) -> None:
    run_id = await ran(desk, model="shaky")
    assert "Retry 1 failed" in await desk.get(f"/runs/{run_id}")
    await desk.post(f"/runs/{run_id}/retry-failed")
    await ended(desk, run_id)
    page = await desk.get(f"/runs/{run_id}")
    assert "Retry" not in page
    assert "None: every case was answered" in page


async def test_a_run_is_done_again_and_its_answers_scored_again(desk: Desk) -> None:
    run_id = await ran(desk)
    again = (await desk.post(f"/runs/{run_id}/reproduce")).headers["location"]
    assert again != f"/runs/{run_id}"
    assert "the same rows, prompt, model" in await desk.get(again)
    scored = await desk.post(f"/runs/{run_id}/rescore", scorers="[includes, f1]")
    other = scored.headers["location"].rpartition("/")[2]
    await ended(desk, other)
    page = await desk.get(f"/runs/{other}")
    assert "includes" in page
    # Runs over the same rows can be set beside it.
    assert f'<option value="{run_id}">' in page
    assert f'<input type="hidden" name="run" value="{other}">' in page


WRONG: list[tuple[dict[str, str], str]] = [
    ({}, "name another judge, or other scorers"),
    ({"scorers": "[exakt]"}, "there is no scorer `exakt`"),
    ({"scorers": "[exact"}, "line"),
    ({"scorers": "{a: b"}, "line"),
    ({"judge": "nobody", "scorers": "[{judge: {rubric: helpful}}]"}, "nobody"),
]


async def test_what_is_wrong_with_a_rescoring_is_said_beside_its_fields(
    desk: Desk, run_id: str
) -> None:
    before = await desk.services.runs.list(desk.caller, limit=1)
    for fields, said in WRONG:
        answer = await desk.post(f"/runs/{run_id}/rescore", status=422, **fields)
        assert said in answer.text, fields
        assert all(value in answer.text for value in fields.values())
    assert await desk.services.runs.list(desk.caller, limit=1) == before


async def test_outcomes_are_saved_in_every_format(desk: Desk, run_id: str) -> None:
    page = await desk.get(f"/runs/{run_id}")
    for wanted in ("jsonl", "csv", "parquet"):
        assert f"/export?format={wanted}" in page
        answer = await desk.client.get(f"/runs/{run_id}/export?format={wanted}")
        assert answer.status_code == 200
        assert answer.headers["content-disposition"].startswith("attachment")
        assert f"{run_id}.{wanted}" in answer.headers["content-disposition"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        if wanted == "jsonl":
            assert len(answer.text.splitlines()) == 5


async def test_a_reader_changes_nothing(desk: Desk, run_id: str) -> None:
    async with desk_of(desk.services, Role.READER) as reader:
        page = await reader.get(f"/runs/{run_id}")
        assert f'action="/runs/{run_id}/' not in page
        assert "/export?format=csv" in page
        for what in ("cancel", "resume", "retry-failed", "reproduce", "rescore"):
            await reader.post(f"/runs/{run_id}/{what}", status=403, scorers="[exact]")
    assert (await desk.services.runs.get(desk.caller, run_id)).state is RunState.SUCCEEDED


async def test_what_takes_long_to_count_comes_after_the_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.services.reports._QUICK", 2)
    run_id = await ran(desk)
    page = await desk.source(f"/runs/{run_id}")
    assert f'data-live="/runs/{run_id}/sums" data-live-end="stay"' in page
    assert "Half within" not in page
    assert "Half within" in (await desk.client.get(f"/runs/{run_id}/sums")).text
    # It is remembered then.
    assert "Half within" in await desk.source(f"/runs/{run_id}")
