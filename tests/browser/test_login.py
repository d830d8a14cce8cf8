"""Logging in, coming back to where one was, light and dark."""

from playwright.sync_api import Page, expect

from browser.conftest import Site, Watched


def test_after_the_login_one_is_where_one_wanted_to_be(stranger: Page, site: Site) -> None:
    stranger.goto("/?from=a-link")
    expect(stranger.get_by_role("heading", name="Log in")).to_be_visible()
    stranger.get_by_label("API key").fill(site.key)
    stranger.keyboard.press("Enter")
    stranger.wait_for_url("**/?from=a-link")


def test_a_wrong_key_is_said_beside_the_field(stranger: Page, watched: Watched) -> None:
    watched.expected.append("401")
    stranger.goto("/login")
    stranger.get_by_label("API key").fill("wb_nobody")
    stranger.keyboard.press("Enter")
    expect(stranger.get_by_role("alert").last).to_contain_text("not known here")


def test_dark_stays_dark_from_page_to_page(page: Page) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(background) == "rgb(255, 255, 255)"
    page.get_by_role("button", name="Colours").click()
    page.wait_for_selector("html[data-theme=dark]")
    page.goto("/?again=1")
    assert page.evaluate(background) == "rgb(20, 23, 26)"


def test_one_logs_out(page: Page) -> None:
    page.get_by_role("button", name="Log out").click()
    page.goto("/")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
