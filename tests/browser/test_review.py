"""A judge is corrected by keys alone, and the rates and the agreement say so."""

import re

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Site, Watched
from support.reviewing import JUDGED, judged_spec

ODD = "odd <script>window.hit = 1</script> [x](javascript:window.hit=1) \u202egnp.exe"
ANSWERS = ["odd" if at % 3 == 0 else f"right {at}" for at in range(34)] + [ODD]


@pytest.fixture(scope="module")
def models() -> str:
    return JUDGED


@pytest.fixture(scope="module")
def run_id(site: Site) -> str:
    """A run that the judge found to be right in 22 of 35 cases."""
    started = site.ask("/evaluations", judged_spec(ANSWERS))
    run_id: str = started["runs"][0]["id"]
    site.wait(run_id)
    return run_id


@pytest.fixture(scope="module")
def begun(site: Site, run_id: str) -> int:
    """How many cases of the random sample somebody has reviewed already."""
    sample = site.ask(f"/runs/{run_id}/review-sample?n=30&scorer=correctness")["data"]
    said = {"scorer": "correctness", "label": "pass", "reason": "it is right"}
    overrides = [said | {"case_id": it["case_id"]} for it in sample]
    site.ask(f"/runs/{run_id}/overrides", {"overrides": overrides})
    return len(sample)


def test_a_judge_is_corrected_by_keys_alone(page: Page, run_id: str, begun: int) -> None:
    page.goto(f"/review/{run_id}?scorer=correctness")
    said = page.locator("#scorer-said")
    for number in range(begun, 35):
        expect(page.get_by_text(f"{number} of 35 reviewed")).to_be_visible()
        # Blind until one has decided.
        assert said.get_attribute("open") is None
        page.keyboard.press("y")
        expect(said).to_have_attribute("open", "")
        if page.locator("form.differs").count():
            page.keyboard.press("Enter")  # the reason is missing: nothing is sent
            assert page.evaluate("document.activeElement.name") == "reason"
            page.keyboard.press("Escape")
            page.keyboard.press("a")
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All 35 are reviewed")).to_be_visible()
    assert page.evaluate("window.hit") is None
    rates = page.locator(".review-estimates tr")
    expect(rates.filter(has_text="As scored")).to_contain_text("0.629")
    expect(rates.filter(has_text="Corrected")).to_contain_text("1.000")
    expect(rates.filter(has_text="Wilson")).to_contain_text("62.9 %")
    expect(page.locator(".plot .heatmaplayer")).to_be_attached()
    page.goto("/review")
    expect(page.get_by_role("row").filter(has_text="correctness")).to_contain_text("35 by 1")


def test_the_last_one_is_taken_back_and_said_otherwise(page: Page, run_id: str) -> None:
    address = f"/review/{run_id}?scorer=exact"
    page.goto(address)
    case = page.locator(".material > p a").first.inner_text()
    page.keyboard.press("r")
    page.keyboard.type("seen by nobody")
    page.keyboard.press("Escape")
    page.keyboard.press("y")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text(f"Saved for {case}")
    page.keyboard.press("u")
    expect(page.get_by_role("status")).to_contain_text("Taken back")
    expect(page.locator(".material > p a").first).to_have_text(case)
    page.keyboard.press("s")
    page.wait_for_url(re.compile("skip=1"))
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("skip this case")
    expect(dialog).not_to_contain_text("Start an evaluation")


def test_who_judged_meanwhile_is_shown(
    page: Page, site: Site, run_id: str, watched: Watched
) -> None:
    watched.expected.append("409")
    page.goto(f"/review/{run_id}?scorer=exact&at=5.0")
    said = {"scorer": "exact", "value": 1, "reason": "I was first", "author": "ann"}
    site.ask(f"/runs/{run_id}/outcomes/5/override", said, "PUT")
    page.keyboard.press("n")
    page.get_by_label("Why").fill("it is not")
    page.get_by_role("button", name="Save and go on").click()
    expect(page.get_by_role("alert")).to_contain_text("ann judged this case meanwhile")
    expect(page.get_by_role("alert")).to_contain_text("I was first")
    page.get_by_role("button", name="Save and go on").click()
    expect(page.get_by_role("status")).to_contain_text("Saved for c5")
