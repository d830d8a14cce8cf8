"""Home while runs come and go; evaluations chosen to be compared; the pages' names on a phone."""

import re
import time
from typing import Any

from playwright.sync_api import Page, expect

from browser.conftest import Site
from support.native import SPEC


def start(site: Site, **changes: Any) -> str:
    """An evaluation is started; the id of its first run."""
    run_id: str = site.ask("/evaluations", SPEC | changes)["runs"][0]["id"]
    return run_id


def finish(site: Site, run_id: str) -> None:
    while site.ask(f"/runs/{run_id}")["status"] in {"queued", "running", "delivering"}:
        time.sleep(0.1)


def test_a_run_is_followed_from_its_start_to_its_result_and_nobody_reloads(
    page: Page, site: Site
) -> None:
    page.evaluate("window.stays = true")
    cases = [{"q": f"{number}", "answer": f"{number}"} for number in range(24)]
    run_id = start(site, name="goes on", model="slow", cases=cases, concurrency=4)
    latest = page.locator("#latest")
    row = page.locator(".going").get_by_role("row", name="goes on")
    expect(row.get_by_role("progressbar")).to_be_visible()
    expect(row).to_contain_text("running")
    expect(row).to_contain_text(re.compile(r"[1-9]\d* of 24"))
    link = row.get_by_role("link", name="goes on")
    link.focus()
    was = str(row.get_by_role("progressbar").get_attribute("value"))
    expect(row.get_by_role("progressbar")).not_to_have_attribute("value", was)
    expect(link).to_be_focused()
    expect(latest.get_by_role("link", name="slow")).to_have_attribute("href", f"/runs/{run_id}")
    expect(latest).to_contain_text("1.000")
    expect(page.get_by_text("Nothing is running.")).to_be_visible()
    assert page.evaluate("window.stays") is True


def test_runs_are_chosen_and_the_button_waits_for_two(page: Page, site: Site) -> None:
    for name in ("first <b>of</b> two", "second of two"):
        finish(site, start(site, name=name))
    page.goto("/evaluations?search=of")
    button = page.get_by_role("button", name="Compare")
    expect(button).to_be_disabled()
    boxes = page.get_by_role("checkbox")
    boxes.nth(0).check()
    expect(page.get_by_text("1 chosen")).to_be_visible()
    expect(button).to_be_disabled()
    boxes.nth(1).check()
    expect(page.get_by_text("2 chosen")).to_be_visible()
    expect(button).to_be_enabled()
    chosen = [box.get_attribute("value") for box in boxes.all()]
    with page.expect_navigation(wait_until="commit"):
        page.keyboard.press("c")
    assert page.url.endswith(f"/compare?run={chosen[0]}&run={chosen[1]}")
    page.go_back()
    expect(page.get_by_text("2 chosen")).to_be_visible()


def test_filters_are_in_the_address_and_are_cleared(page: Page, site: Site) -> None:
    start(site, name="to be found")
    page.goto("/evaluations")
    page.keyboard.press("/")
    page.keyboard.type("to be found")
    page.get_by_label("Kind").select_option("plain")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**/evaluations?search=to+be+found&kind=plain*")
    expect(page.get_by_role("link", name="to be found")).to_be_visible()
    page.get_by_label("Kind").select_option("safety suite")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("heading", name="No evaluation is like that")).to_be_visible()
    page.get_by_role("link", name="Clear them").click()
    expect(page.get_by_role("link", name="to be found")).to_be_visible()


def test_on_a_phone_the_names_of_the_pages_are_one_line_and_nothing_sticks_out(
    page: Page, site: Site
) -> None:
    evaluation = site.ask("/evaluations", SPEC | {"name": "small"})["id"]
    page.set_viewport_size({"width": 390, "height": 800})
    for address in ("/", "/evaluations", f"/evaluations/{evaluation}", "/keys"):
        page.goto(address)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, (address, width)
        assert page.locator(".top").bounding_box()["height"] < 110  # type: ignore[index]
        last = page.get_by_role("navigation", name="Pages").get_by_role("link").last
        last.focus()
        expect(last).to_be_in_viewport()
    page.goto("/webhooks")
    expect(page.locator(".top [aria-current=page]")).to_be_in_viewport()
