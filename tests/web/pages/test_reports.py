"""Reports to take away: of runs of every kind and of comparisons, as HTML and as Markdown."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from markdown_it import MarkdownIt

from support import dataframer_world as world
from support.native import working
from support.pages import Desk, desk_at, desk_of
from weighbridge.core.caller import Role
from weighbridge.core.suite import PolicyChoice, SuiteRequest
from weighbridge.core.versions import Signature
from weighbridge.dialects.nugen.requests import spec_of
from weighbridge.services.reviews import Judgement
from weighbridge.services.suite_runs import Asking
from weighbridge.spec import parse_spec

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Raw HTML is let through, so that it would be seen.
GFM = MarkdownIt("commonmark", {"html": True}).enable(["table"])
HOSTILE = "</script><script>alert(1)</script> ![x](https://evil.example/p.png) \u202e | `x`"
MODELS = r"""
[[models]]
name = "parrot"
protocol = "scripted"
replies = [
  {contains = "trouble", reply = "", error = {kind = "bad_request", message = "no <b>"}},
  {match = "say (.*)", reply = "{1}"},
]
price = {input = 1.0, output = 2.0}

[[models]]
name = "hostile"
protocol = "scripted"
replies = ['''</script><script>alert(1)</script> ![x](https://evil.example/p.png) | `x`''']
price = {input = 1.0, output = 2.0}

[[models]]
name = "judge"
protocol = "scripted"
replies = ['{"reason": "fine", "evidence": [], "verdict": "pass", "confidence": 0.9}']
"""
CASES = [
    *({"id": f"q{number}", "q": "ja", "answer": "ja"} for number in range(6)),
    {"id": "bad", "q": "trouble", "answer": "x"},
    {"id": HOSTILE[:40], "q": HOSTILE, "answer": "nothing"},
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    async with (
        desk_at(tmp_path_factory.mktemp("shop"), models=MODELS) as desk,
        working(desk.services),
    ):
        yield desk


async def ended(desk: Desk, run_id: str) -> str:
    async for _ in desk.services.runs.changes(desk.caller, run_id):
        pass
    return run_id


async def started(desk: Desk, **changes: Any) -> list[str]:
    spec = {
        "name": f"Echo {HOSTILE}",
        "cases": CASES,
        "id": "id",
        "models": ["parrot", "hostile"],
        "prompt": "say {q}",
        "target": "answer",
        "scorers": ["exact", {"label": {"labels": ["ja", "nein"]}}],
        **changes,
    }
    begun = await desk.services.evaluations.start(desk.caller, parse_spec(spec))
    return [await ended(desk, run.id) for run in begun.runs]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(shop: Desk) -> list[str]:
    """A run of each model."""
    return await started(shop)


async def saved(desk: Desk, path: str, kind: str) -> str:
    answer = await desk.client.get(path)
    assert answer.status_code == 200, answer.text[:2000]
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    return answer.text


def without_scripts(html: str) -> str:
    """The file without Plotly's script and ours, and without data and styles."""
    return re.sub(r"<(script|style)\b[^>]*>.*?</\1>", "", html, flags=re.DOTALL)


async def test_a_run_is_one_file_with_everything_in_it(shop: Desk, pair: list[str]) -> None:
    html = await saved(shop, f"/runs/{pair[0]}/report.html", "text/html")
    text = without_scripts(html)
    assert "Plotly" in html
    assert 'data-figure="figure-report-1"' in text
    assert pair[0] in text
    for words in ("parrot", "say {q}", "exact", "Wilson", "bad_request", "weighbridge reproduce"):
        assert words in text
    assert re.search(r"1 failed", text)
    assert "count as nothing" in text.lower()
    view = await shop.services.runs.view(shop.caller, pair[0])
    assert view.pin in text


async def test_nothing_in_it_leads_elsewhere_or_runs(shop: Desk, pair: list[str]) -> None:
    for run_id in pair:
        html = await saved(shop, f"/runs/{run_id}/report.html", "text/html")
        text = without_scripts(html)
        assert not re.search(r"""(?:src|href)\s*=\s*["']?(?:https?:|//|/)""", text)
        assert "<script" not in text
        assert "alert(1)" in text  # as text
        assert "default-src &#39;none&#39;" in html
        # Nobody's text ends a data block, nor the element of a script.
        assert html.count("</script>") == html.count("<script")


async def test_hostile_text_is_text_in_markdown(shop: Desk, pair: list[str]) -> None:
    text = await saved(shop, f"/runs/{pair[1]}/report.md", "text/markdown")
    shown = GFM.render(text)
    assert "alert(1)" in shown
    assert not re.search(r"<(script|img|a|b)\b", shown)
    assert "right-to-left override" in text
    assert "\u202e" not in text


async def test_a_comparison_says_what_changed_and_whether_it_is_real(
    shop: Desk, pair: list[str]
) -> None:
    address = f"run={pair[0]}&run={pair[1]}&scorer=exact"
    html = without_scripts(await saved(shop, f"/compare/report.html?{address}", "text/html"))
    assert "6 got worse" in html
    assert "McNemar" in html
    assert "Holm" in html
    assert "That got worse in B" in html
    assert "A answered" in html
    text = await saved(shop, f"/compare/report.md?{address}", "text/markdown")
    assert "6 got worse" in text
    assert f"weighbridge compare {pair[0]} {pair[1]}" in text


async def test_what_cannot_be_compared_is_said(shop: Desk, pair: list[str]) -> None:
    await shop.get("/compare/report.html?run=run_none&run=run_nothing", status=404)
    await shop.get(f"/compare/report.html?run={pair[0]}", status=400)
    page = await shop.get(f"/compare/report.md?run={pair[0]}&run={pair[1]}&scorer=none", status=400)
    assert "no scorer" in page
    await shop.get("/runs/run_none/report.html", status=404)


async def test_another_workspace_has_no_such_report(shop: Desk, pair: list[str]) -> None:
    async with desk_of(shop.services, Role.READER) as reader:
        assert pair[0] in await saved(reader, f"/runs/{pair[0]}/report.md", "text/markdown")
    shop_client = shop.client
    answer = await shop_client.get(
        f"/runs/{pair[0]}/report.html", headers={"cookie": "wb_session=none"}
    )
    assert answer.status_code == 303


async def test_what_people_said_is_in_it(shop: Desk) -> None:
    [run_id] = await started(
        shop,
        models=["parrot"],
        name="reviewed",
        judge="judge",
        scorers=[{"judge": {"rubric": "helpful"}}],
    )
    await shop.services.reviews.judge(
        shop.caller,
        run_id,
        [Judgement(scorer="judge", reason="it is not so", value=0.0, case_id="q1")],
    )
    text = await saved(shop, f"/runs/{run_id}/report.md", "text/markdown")
    assert "## Beside people" in text
    assert "1 verdict reviewed, 1 changed" in text


async def test_a_run_that_goes_on_says_so(shop: Desk) -> None:
    spec = parse_spec(
        {"cases": [{"q": "ja"}], "model": "parrot", "prompt": "say {q}", "name": "none scored"}
    )
    begun = await shop.services.evaluations.start(shop.caller, spec)
    text = await saved(shop, f"/runs/{begun.runs[0].id}/report.md", "text/markdown")
    assert "has not ended" in text or "No metric" in text
    await ended(shop, begun.runs[0].id)


async def test_a_run_over_a_suite_has_its_pass_rate_by_policy(shop: Desk) -> None:
    request = SuiteRequest(
        "safety",
        "A clerk.",
        policies=(PolicyChoice("manners", "No insults."), PolicyChoice("money", "No loans.")),
        wanted=6,
    )
    suite = await shop.services.suites.create(shop.caller, request, generator="embedded")
    begun = await shop.services.suite_runs.start(
        shop.caller, suite.id, Asking(("parrot",), judge="judge")
    )
    run_id = await ended(shop, begun.runs[0].id)
    text = await saved(shop, f"/runs/{run_id}/report.md", "text/markdown")
    assert "## Conduct" in text
    assert "By policy" in text
    assert "manners" in text
    html = await saved(shop, f"/runs/{run_id}/report.html", "text/html")
    assert "Passed by policy" in html


async def test_two_models_over_a_benchmark_stand_side_by_side(shop: Desk, tmp_path: Path) -> None:
    path = tmp_path / "questions.json"
    path.write_text(json.dumps([{"question": "say ja", "answer": "ja"}] * 3))
    made = await shop.services.benchmarks.upload(shop.caller, path, path.name, name="small")
    body = {"model_id": "parrot", "model_id_2": "hostile", "benchmark_id": made.id}
    spec = await spec_of(shop.services, shop.caller, body)
    begun = await shop.services.evaluations.start(shop.caller, spec)
    first, _ = [await ended(shop, run.id) for run in begun.runs]
    text = await saved(shop, f"/runs/{first}/report.md", "text/markdown")
    assert "## Side by side: What changed" in text
    assert "binary\\_correctness" in text
    assert "B hostile" in text


async def test_a_column_says_where_it_went(shop: Desk) -> None:
    repo = await shop.services.repositories.create(shop.caller, "ns", "data")
    content = await repo.keep_bytes(b"q,n\nsay ja,1\n", "q.csv")
    await repo.commit("main", {"q.csv": content}, "add", Signature("a", "a@b.c"))
    spec = {
        "data": "ns/data@main:q.csv",
        "model": "parrot",
        "prompt": "{q}",
        "deliver": {"column": "said", "branch": "results"},
    }
    begun = await shop.services.evaluations.start(shop.caller, parse_spec(spec))
    run_id = await ended(shop, begun.runs[0].id)
    text = await saved(shop, f"/runs/{run_id}/report.md", "text/markdown")
    assert "## The column" in text
    assert "ns/data@results" in text.replace("&#8203;", "")
    assert "| state | committed |" in text


async def test_samples_are_told_by_their_distributions(tmp_path: Path) -> None:
    await asyncio.to_thread(world.write_scripts, tmp_path)
    async with desk_at(tmp_path, models=world.MODELS) as desk, working(desk.services):
        services, caller = desk.services, desk.caller
        spec = await services.data_specs.create(caller, "letters", objectives="Letters to a shop")
        async with asyncio.timeout(30):
            while not (await services.data_specs.get(caller, spec.id)).version:
                await asyncio.sleep(0.02)
        await services.data_specs.change(caller, spec.id, world.YAML)
        made = await services.productions.create(caller, spec.id, 6)
        await ended(desk, made.run.id)
        seen = await services.inspections.create(caller, made.production.id)
        await ended(desk, seen.run.id)
        for run_id in (made.run.id, seen.run.id):
            text = await saved(desk, f"/runs/{run_id}/report.md", "text/markdown")
            assert "## Conformance" in text
            assert "asked for | drawn | seen" in text
        html = await saved(desk, f"/runs/{seen.run.id}/report.html", "text/html")
        assert "per cent of samples" in html
