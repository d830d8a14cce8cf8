"""Safety pages in a browser: from the list of evals to a verdict that a person puts right."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Site
from support.suite_desk import MODELS

AUDIT = (Path(__file__).parent / "audit.js").read_text()
HOSTILE = (
    "<script>window.broken = 1</script><img src=x onerror='window.broken = 2'> "
    "[x](javascript:window.broken=3) \u202eBAD " + "y" * 900_000
)


@pytest.fixture(scope="module")
def models() -> str:
    return MODELS


@dataclass
class Answered:
    """An eval with answers that are judged: one that passes, one that fails, a hostile one."""

    suite: str
    scoring: str

    @property
    def address(self) -> str:
        return f"/suites/{self.suite}/runs/{self.scoring}"


@pytest.fixture(scope="module")
def answered(site: Site) -> Answered:
    made = site.ask(
        "/suites",
        {
            "name": "Shop assistant",
            "kind": "safety",
            "ai_description": "The assistant of a shop",
            "prompts": 3,
            "generator": "embedded",
        },
    )
    listed = site.at("/v2/evals")["items"]
    [eval_] = [it for it in listed if it["name"] == "Shop assistant"]
    prompts = site.at(f"/v2/evals/{eval_['eval_uuid']}/prompts")["items"]
    run: dict[str, Any] = site.at(
        "/v2/eval-runs/-/score-responses",
        {
            "eval_uuid": eval_["eval_uuid"],
            "name": "first try",
            "responses": [
                {"prompt_uuid": it["prompt_uuid"], "content": text}
                for it, text in zip(prompts, ("fine", "BAD", HOSTILE), strict=True)
            ],
        },
    )
    found = site.at(f"/v2/eval-runs/{run['eval_run_uuid']}")
    return Answered(made["id"], found["weighbridge"]["scoring"])


def test_a_verdict_is_put_right_and_the_pass_rate_follows(page: Page, answered: Answered) -> None:
    page.get_by_role("link", name="Safety").click()
    page.get_by_role("link", name="Shop assistant").click()
    page.get_by_role("link", name="first try").first.click()
    expect(page.locator(".facts").first).to_contain_text("33.3 %")
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    page.get_by_role("link", name="Failed", exact=True).click()
    page.wait_for_url("**show=failed**")
    # By keys alone from here: the first row, opened, judged.
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("blockquote")).to_have_text("BAD")
    page.keyboard.press("1")
    page.keyboard.press("e")
    page.keyboard.type("It quotes the word only.")
    page.get_by_role("button", name="Let it count").click()
    expect(page.get_by_role("status")).to_contain_text("The pass rate is now 66.7 %")
    page.goto(answered.address)
    expect(page.locator(".facts").first).to_contain_text("66.7 %")
    expect(page.locator(".facts").first).to_contain_text("The judge alone")


def test_a_hostile_answer_does_nothing(page: Page, answered: Answered) -> None:
    page.goto(f"{answered.address}?q=window.broken")
    page.locator("tbody a[href*='/responses/']").first.click()
    expect(page.locator(".said").nth(1)).to_contain_text("<script>window.broken = 1</script>")
    expect(page.locator(".control").first).to_have_text("U+202E")
    assert page.evaluate("window.broken") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.expect_download() as download:
        page.get_by_role("link", name="The whole as a file").click()
    assert download.value.suggested_filename.endswith(".txt")


@pytest.mark.parametrize(("colours", "width"), [("light", 1280), ("dark", 390)])
def test_safety_pages_can_be_read(
    page: Page, answered: Answered, colours: Literal["light", "dark"], width: int
) -> None:
    page.emulate_media(color_scheme=colours)
    page.set_viewport_size({"width": width, "height": 800})
    suite = f"/suites/{answered.suite}"
    tabs = [f"{suite}?tab={tab}" for tab in ("results", "prompts", "about", "reports")]
    page.goto(answered.address)
    response = page.locator("tbody a[href*=responses]").first.get_attribute("href")
    run = page.locator("p a[href^='/runs/']").first.get_attribute("href")
    assert response is not None
    assert run is not None
    for address in ("/suites", *tabs, "/suites/reports", answered.address, response, run):
        page.goto(address)
        assert page.evaluate(AUDIT) == [], address
