"""Evaluations: found by filters that the address holds, chosen to be compared, run again."""

import asyncio
import html
import re
from typing import Any
from urllib.parse import quote

import pytest

from support.native import SPEC, working
from support.pages import Desk, desk_of
from weighbridge.core.caller import Role
from weighbridge.core.run import FINISHED
from weighbridge.services.evaluations import Started
from weighbridge.spec import parse_spec
from weighbridge.specfile import load_spec
from weighbridge.web.pages import evaluations


async def start(desk: Desk, **changes: Any) -> Started:
    spec = {name: value for name, value in (SPEC | changes).items() if value is not None}
    return await desk.services.evaluations.start(desk.caller, parse_spec(spec))


async def finish(desk: Desk, *started: Started) -> None:
    ids = [run.id for one in started for run in one.runs]
    async with working(desk.services), asyncio.timeout(30):
        for run_id in ids:
            while (await desk.services.runs.get(desk.caller, run_id)).state not in FINISHED:
                await asyncio.sleep(0.02)


def names(page: str) -> list[str]:
    return re.findall(r'rowspan="\d+"><a href="/evaluations/eval_[^"]*">([^<]*)</a>', page)


def text(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def test_the_list_shows_each_evaluation_with_the_results_of_its_models(desk: Desk) -> None:
    both = await start(desk, name="two <i>models</i>", model=None, models=["parrot", "shaky"])
    await finish(desk, both)
    await start(desk, name="waits")
    page = await desk.source("/evaluations")
    assert names(page) == ["waits", "two &lt;i&gt;models&lt;/i&gt;"]
    assert "plain · pages · 2 runs" in text(page)
    assert page.count("0.667") == 2 * 2, "value, and value read out, of both models"
    assert "exact, n = 3" in text(page)
    assert "0 of 3" in text(page)
    for run in both.runs:
        assert f'href="/runs/{run.id}"' in page
        assert f'value="{run.id}" form="compare"' in page


async def test_filters_narrow_the_list_and_stand_in_the_form(desk: Desk) -> None:
    named = {"Alpha 100%": "parrot", "beta": "shaky", "gamma": "parrot"}
    made = [await start(desk, name=name, model=model) for name, model in named.items()]
    await finish(desk, *made)
    cases = {
        "search=ALPHA": ["Alpha 100%"],
        "search=0%25": ["Alpha 100%"],
        "model=SHA": ["beta"],
        "doing=succeeded": ["gamma", "beta", "Alpha 100%"],
        "doing=failed": [],
        "kind=plain": ["gamma", "beta", "Alpha 100%"],
        "kind=column": [],
        "door=oxen": [],
        "door=web&search=a&model=parrot": ["gamma", "Alpha 100%"],
        "from=2020-01-01": ["gamma", "beta", "Alpha 100%"],
        "to=2020-01-01": [],
    }
    for query, expected in cases.items():
        page = await desk.source(f"/evaluations?{query}")
        assert names(page) == expected, query
        if not expected:
            assert "No evaluation is like that" in page
            assert 'href="/evaluations">Clear' in page
    page = await desk.source("/evaluations?search=a%22b&kind=judged&doing=failed&from=2026-01-02")
    assert 'value="a&#34;b"' in page
    assert '<option value="judged" selected>' in page
    assert '<option value="failed" selected>' in page
    assert 'value="2026-01-02"' in page


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("kind=nonsense", "it can be one of: column"),
        ("doing=x", "going-on"),
        ("from=31.1.2026", "a day was expected"),
        ("to=2026-02-30", "a day was expected"),
        ("cursor=zzz", "the cursor is not one that this list gave out"),
        ("search=" + "x" * 501, "longer than 500 characters"),
    ],
)
async def test_an_address_that_makes_no_sense_is_told_so(desk: Desk, query: str, said: str) -> None:
    assert said in await desk.get(f"/evaluations?{query}", 400)


async def test_pages_follow_by_cursor_and_keep_filters_and_choice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluations, "PER_PAGE", 2)
    made = [await start(desk, name=f"e{number}") for number in range(3)]
    chosen = made[0].runs[0].id
    page = await desk.source(f"/evaluations?search=e&run={chosen}")
    assert names(page) == ["e2", "e1"]
    assert "1 of them is not on this page" in text(page)
    assert page.count(f'type="hidden" name="run" value="{chosen}"') == 2  # filter, and compare
    following = re.search(r'href="([^"]+)" rel="next"', page)
    assert following
    page = await desk.source(html.unescape(following[1]))
    assert names(page) == ["e0"]
    assert f'value="{chosen}" form="compare" checked' in page
    assert "the end" in page
    assert "First page" in page


async def test_runs_are_chosen_with_nothing_but_a_form(desk: Desk) -> None:
    await start(desk)
    page = await desk.source("/evaluations")
    assert 'id="compare"' in page
    assert 'method="get" action="/compare"' in page
    assert "tick 2 to 20 runs" in page
    assert "disabled" not in page, "without the script nothing would enable it"


async def test_there_is_nothing_yet(desk: Desk) -> None:
    assert "There are no evaluations yet" in await desk.get("/evaluations")
    async with desk_of(desk.services, Role.READER) as reader:
        assert "/start" not in await reader.get("/evaluations")


async def test_an_evaluation_says_what_it_is(desk: Desk) -> None:
    messages = [
        {"role": "system", "content": "Be <b>kind</b>.\n\u202eNever"},
        {"role": "user", "content": "say {q}" + "x" * 9_000},
    ]
    started = await start(
        desk,
        name="whole",
        prompt=None,
        messages=messages,
        epochs=2,
        id="q",
        params={"temperature": 0.5},
        budget={"usd": 3.0, "tokens": 99_999},
        scorers=["exact", {"regex": {"pattern": "^<a>"}, "as": "shape"}],
    )
    await finish(desk, started)
    address = f"/evaluations/{started.evaluation.id}"
    page = await desk.source(address)
    assert "Be &lt;b&gt;kind&lt;/b&gt;." in page
    assert "U+202E" in page
    said = text(page)
    for part in (
        *("whole", "say {q}", "temperature: 0.5", "shape", "pattern ^<a>", "2 of each case, mean"),
        *("$3.00", "99,999 tokens", "3 rows", "plain, pages", "Run again", "succeeded"),
        "The first 8,000 of 9,007 characters",
    ):
        assert part in said, part
    assert f'href="/data/sets/{started.evaluation.dataset_id}"' in page
    answer = await desk.client.get(f"{address}/spec.yaml")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert load_spec(answer.text, "x").as_json() == parse_spec(started.evaluation.spec).as_json()


async def test_run_again_says_whether_it_is_the_same_work(desk: Desk) -> None:
    started = await start(desk, name="again", params={"temperature": 0})
    await finish(desk, started)
    address = f"/evaluations/{started.evaluation.id}"
    await desk.source(address)
    answer = await desk.post(f"{address}/again", run=started.runs[0].id)
    assert "everything that determines the result is as it was" in await desk.get("/")
    again = answer.headers["location"].rpartition("/")[2]
    view = await desk.services.runs.view(desk.caller, again)
    assert view.evaluation.id != started.evaluation.id
    assert view.pin == (await desk.services.runs.view(desk.caller, started.runs[0].id)).pin
    await finish(desk, Started(view.evaluation, (view.run,)))
    changed = await start(desk, name="again", params={"temperature": 1})
    await finish(desk, changed)
    page = await desk.source(f"/evaluations/{changed.evaluation.id}")
    assert page.count('class="spark"') == 1
    over_time = text(page.partition("<h2>Over time</h2>")[2].partition("<h2>")[0])
    assert over_time.count("0.667 [0.208, 0.939]") == 3
    assert over_time.count("params") == 1
    assert "this one" in over_time
    assert f'href="/compare?run={again}&amp;run={changed.runs[0].id}"' in page


async def test_what_is_wrong_with_run_again_is_told(desk: Desk) -> None:
    one, other = await start(desk), await start(desk, name="other")
    address = f"/evaluations/{one.evaluation.id}/again"
    answer = await desk.post(address, status=404, run=other.runs[0].id)
    assert "has no run" in answer.text
    await desk.post(address, status=404, run="run_x")
    await desk.post("/evaluations/eval_x/again", status=404, run=one.runs[0].id)
    async with desk_of(desk.services, Role.READER) as reader:
        assert "Run again" not in await reader.get(f"/evaluations/{one.evaluation.id}")
        await reader.post(address, status=403, run=one.runs[0].id)
    assert len(await desk.services.runs.list(desk.caller)) == 2


@pytest.mark.parametrize("path", ["eval_nobody", quote("<script>", safe=""), "eval_x/spec.yaml"])
async def test_an_unknown_evaluation_is_a_page_with_a_way_back(desk: Desk, path: str) -> None:
    page = await desk.source(f"/evaluations/{path}", 404)
    assert "there is no" in page
    assert "<script>" not in page.replace('<script type="module"', "")
