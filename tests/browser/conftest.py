"""A real server process, and the system's chromium driven by Playwright."""

import json
import shutil
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from support.killed_server import KEY, KilledServer
from support.native import MODELS

_ARGUMENTS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_OVER = ("succeeded", "failed", "cancelled")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Site:
    """A server with its pages.

    Attributes:
        address: `http://127.0.0.1:…`.
        key: an administrator's.
    """

    address: str
    key: str = KEY

    def ask(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """What the native API answers: `path` begins behind `/api/v1`."""
        return self.at(f"/api/v1{path}", body, method)

    def wait(self, run_id: str, seconds: float = 60.0) -> Any:
        """The run, once it has ended."""
        deadline = time.monotonic() + seconds
        while (run := self.ask(f"/runs/{run_id}"))["status"] not in _OVER:
            assert time.monotonic() < deadline, run
            time.sleep(0.05)
        return run

    def at(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """What any of the APIs answers, as JSON; a body is posted."""
        headers = {"Authorization": f"Bearer {self.key}", "x-api-key": self.key}
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = "application/json"
        asked = urllib.request.Request(self.address + path, data, headers, method=method)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            text = answer.read()
        return json.loads(text) if text else None


@dataclass
class Watched:
    """What went wrong in a browser's page.

    Attributes:
        errors: of scripts and of the console. elsewhere: requests to other hosts.
        expected: parts of messages that are no error in this test, such as that of a 404.
    """

    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def unexpected(self) -> list[str]:
        return [it for it in self.errors if not any(part in it for part in self.expected)]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = shutil.which("chromium")
    assert executable, "these tests need Debian's chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def models() -> str:
    """The models file; modules that ask others have a fixture of this name."""
    return MODELS


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, models: str) -> Iterator[Site]:
    """A server for the tests of a module."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "models.toml").write_text(models)
    server = KilledServer(folder)
    server.start()
    try:
        yield Site(server.address)
    finally:
        server.kill()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def stranger(browser: Browser, site: Site, watched: Watched) -> Iterator[Page]:
    """A page of somebody who has not logged in. What went wrong in it fails the test."""
    context = browser.new_context(base_url=site.address, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.on("console", lambda it: watched.errors.append(it.text) if it.type == "error" else None)
    page.on("pageerror", lambda it: watched.errors.append(str(it)))
    page.on(
        "request",
        lambda it: (
            None
            if it.url.startswith((site.address, "data:", "blob:"))
            else watched.elsewhere.append(it.url)
        ),
    )
    yield page
    context.close()
    assert watched.elsewhere == []
    assert watched.unexpected() == []


@pytest.fixture
def page(stranger: Page, site: Site) -> Page:
    """A page of an administrator who has logged in."""
    stranger.goto("/login")
    stranger.get_by_label("API key").fill(site.key)
    stranger.get_by_role("button", name="Log in").click()
    stranger.wait_for_url("**/")
    return stranger
