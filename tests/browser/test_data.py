"""Data: a file becomes a data set, a repository is looked through, and nothing hostile happens."""

import json
import urllib.request
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import Site, Watched

HOSTILE = '<script>document.title = "mine"</script> javascript:alert(1) \u202egpj.exe'
QUESTIONS = "id,q,answer\n" + "".join(f"{n},say {n},{n % 7}\n" for n in range(120))


def put(site: Site, path: str, text: str, branch: str = "main") -> Any:
    query = urlencode({"path": path, "branch": branch})
    request = urllib.request.Request(
        f"{site.address}/api/v1/repositories/ns/one/content?{query}",
        text.encode(),
        {"Authorization": f"Bearer {site.key}", "Content-Type": "application/octet-stream"},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


@pytest.fixture(scope="module")
def repository(site: Site) -> str:
    """A repository with a file of rows, a text, a branch, and hostile names and values."""
    site.ask("/repositories", {"namespace": "ns", "name": "one"})
    put(site, "README.md", f"# About\n{HOSTILE} ![x](https://evil.example/x.png)")
    put(site, "data/q #1.csv", QUESTIONS)
    put(site, "data/hostile.jsonl", json.dumps({HOSTILE: HOSTILE, "long": "A" * 1_000_000}))
    put(site, "lines.txt", "line\n" * 10_000)
    site.ask("/repositories/ns/one/branches", {"name": "exp/two", "revision": "main"})
    put(site, "data/q #1.csv", QUESTIONS.replace("say 5,", "tell 5,"), "exp/two")
    return "/data/repos/ns/one"


def test_a_file_becomes_a_data_set_with_versions_that_are_compared(page: Page) -> None:
    for text in ("id,q\n1,ja\n2,nein\n", "id,q\n1,ja\n2,doch\n3,oui\n"):
        page.goto("/data")
        page.get_by_role("link", name="Upload a data set").click()
        page.locator("input[name=name]").fill("capitals")
        page.locator("input[type=file]").set_input_files(
            {"name": "a.csv", "mimeType": "text/csv", "buffer": text.encode()}
        )
        page.get_by_role("button", name="Upload").click()
        expect(page.get_by_role("status")).to_contain_text("rows taken in")
    page.get_by_role("link", name="Versions and tags").click()
    page.get_by_label("Tag for version 2").fill("prod")
    page.get_by_role("button", name="Set, or move here").click()
    expect(page.locator("tbody .chip", has_text="prod")).to_be_visible()
    page.get_by_role("link", name="differences").click()
    page.get_by_label("Rows belong together").select_option("id")
    expect(page.locator("del")).to_have_text("nein")
    expect(page.locator("ins")).to_have_text("doch")


def test_a_wrong_file_is_said_with_its_line(page: Page, watched: Watched) -> None:
    watched.expected.append("400")
    page.goto("/data/sets/upload")
    page.locator("input[name=name]").fill("ragged")
    page.locator("input[type=file]").set_input_files(
        {"name": "a.csv", "mimeType": "text/csv", "buffer": b"a,b\n1\n"}
    )
    page.get_by_role("button", name="Upload").click()
    expect(page.locator("#error-file")).to_contain_text("line 2")
    expect(page.locator("input[name=name]")).to_have_value("ragged")


def test_a_frame_is_looked_at_sorted_asked_and_seen_at_another_branch(
    page: Page, repository: str
) -> None:
    page.goto("/data")
    page.get_by_role("link", name="Repositories").click()
    page.get_by_role("link", name="ns/one").click()
    page.get_by_role("link", name="data/", exact=True).click()
    page.get_by_role("link", name="q #1.csv", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("q #1.csv")
    page.keyboard.press("]")
    expect(page.locator("tbody tr")).to_have_count(50)
    expect(page.get_by_text("say 50", exact=True)).to_be_visible()
    page.get_by_role("link", name="id", exact=True).click()
    expect(page.locator("tbody tr").first).to_contain_text("say 119")
    page.get_by_role("link", name="Ask by SQL").click()
    page.get_by_label("One SELECT statement").fill(
        "SELECT count(*) AS n FROM df WHERE q LIKE 'tell%'"
    )
    page.get_by_role("button", name="Run it").click()
    expect(page.locator("tbody td").last).to_have_text("0")
    page.get_by_role("link", name="Rows", exact=True).click()
    page.get_by_label("Branch or commit").select_option("exp/two")
    page.wait_for_url("**at=exp%2Ftwo*")
    page.get_by_label("has").fill("tell")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(1)


def test_hostile_files_do_nothing_and_pages_fit_a_phone(page: Page, repository: str) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    for path in ("", "/files/data/hostile.jsonl", "/files/lines.txt", "/branches", "/commits"):
        page.goto(repository + path)
        assert page.title().endswith("weighbridge")
        wide = page.evaluate("document.documentElement.scrollWidth > innerWidth")
        assert not wide, path
    page.goto(repository + "/rows/data/hostile.jsonl")
    expect(page.get_by_text("The first 20,000 of 1,000,000 characters")).to_be_visible()
    assert page.evaluate("document.querySelectorAll('main script, main img').length") == 0
