"""Every page that can be reached by links is readable, named, narrow enough, and makes no error."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Error, Page

from browser.conftest import Site, Watched

AUDIT = (Path(__file__).parent / "audit.js").read_text()
MOST = 120
_FILE = "Download is starting"
"""What Playwright says of an address that is a file and no page."""


@pytest.fixture(scope="module")
def filled(site: Site) -> Site:
    """A site with runs that went well, badly, and were compared."""
    questions = [
        {"id": f"q{n}", "q": f"word{n}" if n % 7 else "trouble", "answer": f"word{n + n % 3 % 2}"}
        for n in range(30)
    ]
    common = {"cases": questions, "id": "id", "prompt": "say {q}", "target": "answer"}
    runs = []
    for model in ("parrot", "shaky"):
        spec = {"name": f"words by {model}", "model": model, "scorers": ["exact", "f1"]}
        runs += site.ask("/evaluations", common | spec)["runs"]
    judged = {"name": "judged", "model": "parrot", "scorers": [{"judge": {"rubric": "correct"}}]}
    runs += site.ask("/evaluations", common | judged | {"judge": "parrot"})["runs"]
    for run in runs:
        site.wait(run["id"])
    return site


def crawl(page: Page, start: str) -> Iterator[str]:
    """Addresses of pages, each of a kind a few times, in the order in which they are met."""
    queue, met, kinds = [start], {start}, dict[str, int]()
    while queue and len(met) < 2_000:
        address = queue.pop(0)
        kind = "/".join(
            part if part.isalpha() else "*" for part in urlsplit(address).path.split("/")
        )
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] > 3:
            continue
        yield address
        for link in page.eval_on_selector_all(
            "a[href^='/']", "all => all.map(it => it.getAttribute('href'))"
        ):
            if link not in met:
                met.add(link)
                queue.append(link)


@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_every_page_can_be_read(page: Page, filled: Site, watched: Watched, look: str) -> None:
    page.emulate_media(color_scheme="dark" if look == "dark" else "light")
    if look == "narrow":
        page.set_viewport_size({"width": 390, "height": 800})
    wrong: dict[str, list[str]] = {}
    visited = 0
    for address in crawl(page, "/"):
        try:
            answer = page.goto(address)
        except Error as error:
            if _FILE in str(error):
                continue
            raise
        assert answer is not None
        visited += 1
        found = [f"status {answer.status}"] if answer.status >= 400 else page.evaluate(AUDIT)
        found += watched.unexpected()
        watched.errors.clear()
        if found:
            wrong[address] = found
        if visited >= MOST:
            break
    assert visited > 15
    assert wrong == {}
