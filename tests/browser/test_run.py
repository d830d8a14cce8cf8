"""A run from its first case to a person's word: watched, looked through, read and corrected."""

import time
from typing import Any

from playwright.sync_api import Dialog, Page, expect

from browser.conftest import Site

CASES = [
    {"id": f"c{n}", "q": f"word {n}", "answer": f"word {n}" if n % 3 else "another"}
    for n in range(12)
]
SPEC: dict[str, Any] = {
    "name": "echo",
    "cases": CASES,
    "id": "id",
    "model": "parrot",
    "prompt": "say {q}",
    "target": "answer",
    "scorers": ["exact"],
}


def started(site: Site, **changes: Any) -> str:
    """An evaluation that was accepted; the id of its run."""
    answer = site.ask("/evaluations", SPEC | changes)
    run_id: str = answer["runs"][0]["id"]
    return run_id


def ended(site: Site, run_id: str) -> str:
    """Wait until a run has; its id."""
    for _ in range(600):
        if site.ask(f"/runs/{run_id}")["status"] in {"succeeded", "failed", "cancelled"}:
            return run_id
        time.sleep(0.1)
    raise AssertionError(f"{run_id} does not end")


def test_a_run_is_watched_until_its_result_is_there(page: Page, site: Site) -> None:
    run_id = started(site, model="slow", concurrency=2)
    page.goto(f"/runs/{run_id}")
    expect(page.get_by_role("progressbar")).to_be_visible()
    # It moves without anybody doing anything, and the page is loaded anew at the end.
    expect(page.locator("[data-live] .facts dd").first).to_contain_text("of 12 · 50 %")
    expect(page.get_by_role("heading", name="Result")).to_be_visible()
    expect(page.locator("table.outcomes tbody tr")).to_have_count(12)
    expect(page.locator("[data-live]")).to_have_count(0)


def test_a_run_is_cancelled_only_when_one_means_it(page: Page, site: Site) -> None:
    run_id = started(site, model="slow", concurrency=1)
    page.goto(f"/runs/{run_id}")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Cancel").click()
    assert site.ask(f"/runs/{run_id}")["status"] in {"queued", "running"}
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status").first).to_contain_text("was cancelled")
    expect(page.get_by_role("button", name="Resume")).to_be_visible()


def test_cases_are_looked_through_by_keyboard(page: Page, site: Site) -> None:
    run_id = ended(site, started(site))
    page.goto(f"/runs/{run_id}")
    page.get_by_role("link", name="Not passed").click()
    expect(page.locator("table.outcomes tbody tr")).to_have_count(4)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/3?show=missed")
    expect(page.get_by_role("heading", name="Case c3")).to_be_visible()
    page.keyboard.press("j")
    page.wait_for_url("**/cases/6?show=missed")
    page.keyboard.press("k")
    page.wait_for_url("**/cases/3?show=missed")
    page.keyboard.press("u")
    page.wait_for_url(f"**/runs/{run_id}?show=missed#outcomes")
    page.keyboard.press("/")
    page.keyboard.type("word 9")
    page.keyboard.press("Enter")
    expect(page.locator("table.outcomes tbody tr")).to_have_count(1)


def test_an_override_is_made_and_seen_beside_the_result(page: Page, site: Site) -> None:
    run_id = ended(site, started(site))
    page.goto(f"/runs/{run_id}/cases/0")
    page.get_by_text("Correct it").click()
    page.get_by_label("It should be").select_option("1")
    page.get_by_label("Why").fill("the same word, spelt otherwise")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("status")).to_contain_text("Kept")
    expect(page.locator(".person")).to_contain_text("spelt otherwise")
    page.goto(f"/runs/{run_id}")
    # 8 of 12 by the scorer, 9 of 12 by people.
    expect(page.get_by_text("0.750 with 1 verdict corrected by people")).to_be_visible()
    page.goto(f"/runs/{run_id}/cases/0")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Take back").click()
    expect(page.locator(".person")).to_have_count(0)
    expect(page.get_by_text("taken back").first).to_be_visible()


MISCHIEF = (
    "<script>alert('caught')</script><img src=x onerror=alert(1)> [click](javascript:alert(1)) "
    "\u202eevil\u202c ![x](https://evil.example/x.png) **bold**"
)
HOSTILE = (
    MISCHIEF,
    "x" * 1_000_000,
    "\n".join(f"line {n}" for n in range(10_000)),
    "\u202e\u2066" * 20_000,
)


def test_a_hostile_answer_does_nothing(page: Page, site: Site) -> None:
    dialogs: list[Dialog] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog))
    cases = [{"id": f"<b>{n}", "q": "?", "said": text} for n, text in enumerate(HOSTILE)]
    run_id = ended(
        site,
        started(
            site, cases=cases, prompt="{q}", target="q", answers={"column": "said"},
            name="<script>alert(2)</script>", scorers=["includes"],
        ),
    )  # fmt: skip
    page.goto(f"/runs/{run_id}")
    expect(page.locator("table.outcomes tbody tr")).to_have_count(4)
    width = "document.documentElement.scrollWidth <= innerWidth"
    assert page.evaluate(width)
    for position in range(4):
        page.goto(f"/runs/{run_id}/cases/{position}")
        expect(page.get_by_role("heading", name="Answer")).to_be_visible()
        page.get_by_role("link", name="Rendered").click()
        expect(page.locator(".said.rendered")).to_be_visible()
        assert page.locator(".said.rendered img, .said.rendered script").count() == 0
        assert page.evaluate(width), position
        assert len(page.content()) < 300_000
        assert page.locator(".said.rendered").evaluate("it => it.offsetHeight") < 700
    page.goto(f"/runs/{run_id}/cases/0?view=rendered")
    assert page.locator('.said.rendered a[href^="javascript"]').count() == 0
    expect(page.locator(".said.rendered strong")).to_have_text("bold")
    assert dialogs == []
