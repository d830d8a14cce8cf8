"""The story of a comparison: chosen, opened from its address, gone through by keyboard."""

import time
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Site

HOSTILE = "<script>document.title = 'mine'</script> [x](javascript:alert(1)) \u202egnp"


def row(number: int) -> dict[str, str]:
    right = f"the answer to {number} is this"
    return {
        "id": f"case-{number:02d}",
        "q": f"Question {number}",
        "a": right,
        "one": right if number % 2 else f"the answer to {number}",
        "other": HOSTILE if number == 1 else right,
    }


@pytest.fixture(scope="module")
def runs(site: Site) -> list[str]:
    """Two runs over the same data, the second better, and in one case worse."""
    return compared(site, [row(number) for number in range(30)])


def compared(site: Site, rows: list[dict[str, str]]) -> list[str]:
    """Two runs over these rows that have ended."""
    made = []
    for column in ("one", "other"):
        started: Any = site.ask(
            "/evaluations",
            {
                "name": f"answers {column}",
                "cases": rows,
                "id": "id",
                "target": "a",
                "answers": {"column": column},
                "model": f"model-{column}",
                "scorers": ["exact", "f1"],
            },
        )
        made.append(started["runs"][0]["id"])
    until = time.monotonic() + 30
    while any(site.ask(f"/runs/{it}")["status"] != "succeeded" for it in made):
        assert time.monotonic() < until
        time.sleep(0.1)
    return made


def test_two_runs_are_chosen_and_compared(page: Page, runs: list[str]) -> None:
    page.goto("/compare")
    page.get_by_label("model-one").check()
    page.get_by_label("model-other").check()
    page.get_by_role("button", name="Compare the chosen").click()
    page.wait_for_url(f"**/compare?run={runs[0]}&run={runs[1]}")
    expect(page.get_by_text("B is better").first).to_be_visible()
    expect(page.get_by_text("15 improved, 1 got worse, 14 the same").first).to_be_visible()


def test_a_comparison_is_opened_from_its_address_and_gone_through_by_keyboard(
    page: Page, runs: list[str]
) -> None:
    page.goto(f"/compare?run={runs[0]}&run={runs[1]}&scorer=f1&mode=different")
    expect(page.locator(".plot .main-svg").first).to_be_visible()
    page.keyboard.press("m")
    page.wait_for_url("**mode=regressions**")
    expect(page.locator("table.cases tbody tr")).to_have_count(1)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/compare/case?**case=1**")
    expect(page.get_by_role("heading", name="Case case-01")).to_be_visible()
    assert page.locator("ins").count() > 1
    assert page.locator("del").count() > 1
    assert "mine" not in page.title()
    page.keyboard.press("u")
    page.wait_for_url("**/compare?**mode=regressions**")
    page.keyboard.press("s")
    page.wait_for_url(f"**/compare?run={runs[1]}&run={runs[0]}**")
    expect(page.get_by_text("B is worse").first).to_be_visible()


def test_many_graded_cases_are_a_map_of_squares(page: Page, site: Site) -> None:
    ids = compared(site, [row(number) for number in range(2_100)])
    page.goto(f"/compare?run={ids[0]}&run={ids[1]}&scorer=f1")
    expect(page.get_by_text("the darker, the more cases")).to_be_visible()
    expect(page.locator(".plot .main-svg .points path").first).to_be_visible()


def test_the_pages_fit_a_phone(page: Page, runs: list[str]) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    both = f"run={runs[0]}&run={runs[1]}"
    for path in ("/compare", f"/compare?{both}", f"/compare/case?{both}&case=1"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
