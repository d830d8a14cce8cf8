"""The pictures of pages in README.md, taken in chromium over the data that `make demo` leaves.

make demo test-browser
.venv/bin/python scripts/make_pictures.py
"""

import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
DEMO = ROOT / ".demo-data"
PICTURES = ROOT / "docs" / "images"
_SIZE = {"width": 1200, "height": 900}
_COLOURS = 128
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def main() -> None:
    """Take all three."""
    if not (DEMO / "weighbridge.sqlite").exists():
        sys.exit("there is no demo to take pictures of; run: make demo")
    with served() as address, browser(address) as page:
        page.goto("/")
        runs = runs_on(page)
        shoot(page, f"/compare?run={runs[-1]}&run={runs[0]}", "compare.png")
        shoot(page, f"/runs/{runs[0]}", "run.png")
        shoot(
            page,
            f"/compare?run={runs[-1]}&run={runs[0]}&mode=different#cases",
            "flips.png",
            dark=True,
        )


def runs_on(page: Page) -> list[str]:
    """Ids of the runs that a page leads to, the newest first."""
    links = page.eval_on_selector_all("a[href^='/runs/']", "all => all.map(it => it.pathname)")
    return sorted({it.split("/")[2] for it in links}, reverse=True)


def shoot(page: Page, address: str, name: str, *, dark: bool = False) -> None:
    """One picture, in few colours."""
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)  # figures are drawn once they are in sight
    with Image.open(io.BytesIO(page.screenshot())) as whole:
        whole.convert("RGB").quantize(_COLOURS).save(PICTURES / name, optimize=True)
    print(json.dumps({"picture": name, "bytes": (PICTURES / name).stat().st_size}))


@contextmanager
def browser(address: str) -> Iterator[Page]:
    """A page of chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(_ARGUMENTS)
        )
        yield chromium.new_context(base_url=address, viewport=_SIZE).new_page()
        chromium.close()


@contextmanager
def served() -> Iterator[str]:
    """A server over a copy of the demo's data, so that these stay as they are."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        shutil.copytree(DEMO, data)
        log = Path(folder, "log")
        with log.open("wb") as written:
            options = ("--port", "0", "--no-login", "--data", str(data))
            server = subprocess.Popen(
                [sys.executable, "-m", "weighbridge", "serve", *options],
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        try:
            while (found := re.search(r"listening on (\S+)", log.read_text())) is None:
                if server.poll() is not None:
                    sys.exit(log.read_text())
                time.sleep(0.1)
            yield found[1]
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
