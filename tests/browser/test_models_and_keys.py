"""A model answers a short call; a key is made, copied and lets one in."""

import re

from playwright.sync_api import Page, expect

from browser.conftest import Site, Watched


def test_a_model_is_asked(page: Page) -> None:
    page.goto("/models")
    page.get_by_role("row").filter(has_text="parrot").get_by_role("link", name="Test").click()
    expect(page.get_by_text("The call costs at most about")).to_be_visible()
    page.get_by_label("What it is asked").fill("say hello")
    page.get_by_role("button", name="Ask it").click()
    result = page.get_by_role("status")
    expect(result).to_contain_text("it answers")
    expect(result).to_contain_text("hello")


def test_a_key_is_made_lets_one_in_and_is_revoked(page: Page, site: Site) -> None:
    page.goto("/keys")
    page.get_by_text("New key").click()
    page.get_by_label("What it is for").fill("a second admin")
    page.get_by_label("What it may do").select_option("admin")
    page.get_by_role("button", name="Make the key").click()
    secret = page.locator("#copy-secret").inner_text()
    assert re.fullmatch(r"wb_[\w-]{43}", secret)
    assert secret not in page.url
    page.get_by_role("button", name="Log out").click()
    page.get_by_label("API key").fill(secret)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")
    page.goto("/keys")
    row = page.get_by_role("row").filter(has_text="yours, now")
    row.get_by_text("Rotate or revoke").click()
    expect(row).to_contain_text("ends this session")
    row.get_by_role("button", name="Revoke for good").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("is revoked")


def test_a_webhook_in_a_private_network_is_refused_beside_its_field(
    page: Page, watched: Watched
) -> None:
    watched.expected.append("422")
    page.goto("/webhooks")
    page.get_by_label("Address").fill("http://192.168.7.5/hook")
    page.get_by_role("button", name="Make the webhook").click()
    expect(page.get_by_role("alert").last).to_contain_text("192.168.7.5")
    expect(page.get_by_label("Address")).to_have_value("http://192.168.7.5/hook")
