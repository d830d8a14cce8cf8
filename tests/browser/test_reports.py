"""A report that was saved is opened from the disk, with no network: the figures are drawn."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.conftest import Site

MISCHIEF = "<script>alert(1)</script><img src=x onerror=alert(1)> ![x](https://evil.example/x.png)"


@pytest.fixture(scope="module")
def runs(site: Site) -> list[str]:
    cases = [{"id": f"q{n}", "q": f"word{n}", "answer": f"word{n}"} for n in range(9)]
    cases.append({"id": "mischief", "q": MISCHIEF, "answer": "no"})
    found = []
    for prompt in ("say {q}", "say not {q}"):
        made = site.ask("/evaluations", {
            "name": f"Words {MISCHIEF}", "cases": cases, "id": "id", "model": "parrot",
            "prompt": prompt, "target": "answer", "scorers": ["exact", "f1"],
        })  # fmt: skip
        found.append(made["runs"][0]["id"])
    for run_id in found:
        site.wait(run_id)
    return found


@pytest.fixture
def offline(browser: Browser) -> Iterator[tuple[Page, list[str], list[str]]]:
    """A page without a network, what it asked for, and what it complained of."""
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda it: asked.append(it.url))
    page.on("console", lambda it: errors.append(it.text) if it.type != "log" else None)
    page.on("pageerror", lambda it: errors.append(str(it)))
    page.on("dialog", lambda it: (errors.append(it.message), it.dismiss()))
    yield page, asked, errors
    context.close()


def saved(page: Page, link: str, folder: Path) -> Path:
    """The file behind a link, saved as a browser does."""
    with page.expect_download() as waiting:
        page.evaluate("address => { location.href = address }", link)
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


@pytest.mark.parametrize("what", ["run", "comparison"])
def test_a_saved_report_needs_nothing_else(
    page: Page,
    runs: list[str],
    tmp_path: Path,
    offline: tuple[Page, list[str], list[str]],
    what: str,
) -> None:
    link = f"/runs/{runs[0]}/report.html"
    if what == "comparison":
        link = f"/compare/report.html?run={runs[0]}&run={runs[1]}"
    path = saved(page, link, tmp_path)
    assert path.suffix == ".html"
    reader, asked, errors = offline
    reader.goto(path.as_uri())
    plots = reader.locator(".plot")
    assert plots.count() >= 1
    for place in range(plots.count()):
        plots.nth(place).scroll_into_view_if_needed()
        expect(plots.nth(place).locator("svg.main-svg").first).to_be_visible()
    expect(reader.get_by_text("alert(1)").first).to_be_visible()
    reader.get_by_text("The numbers").first.click()
    expect(reader.get_by_role("columnheader", name="scorer").first).to_be_visible()
    assert [it for it in asked if not it.startswith(("file:", "blob:", "data:"))] == []
    assert [it for it in asked if it.startswith("file:")] == [path.as_uri()]
    assert errors == []
    reader.set_viewport_size({"width": 390, "height": 800})
    deadline = time.monotonic() + 10  # figures follow the window a little later
    while reader.evaluate("document.documentElement.scrollWidth") > 390:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_page_of_a_run_has_its_reports(page: Page, runs: list[str], tmp_path: Path) -> None:
    page.goto(f"/runs/{runs[0]}")
    page.get_by_text("Export", exact=True).click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Report as Markdown").click()
    path = tmp_path / "r.md"
    waiting.value.save_as(path)
    assert waiting.value.suggested_filename == f"report-{runs[0]}.md"
    assert path.read_text().startswith("# Words")
