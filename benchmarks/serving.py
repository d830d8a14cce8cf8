"""A server of our own on our core, for figures that go through its HTTP APIs."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.harness import CONCURRENCY, start

KEY = "wb_a-key-for-figures-that-is-long-enough"
_STARTS_WITHIN_S = 60
_MODEL = """
[[models]]
name = "{name}"
protocol = "openai"
base_url = "{url}"
model = "mock"
max_concurrency = {concurrency}
price = {{ input = 0.0, output = 0.0 }}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs.

    Attributes:
        url: its address, without a path. process_id: of the one process that it is.
    """

    url: str
    process_id: int

    def memory_mb(self, *, peak: bool = False) -> float:
        """Its resident size in MiB, as it is or at its largest."""
        name = "VmHWM" if peak else "VmRSS"
        text = Path(f"/proc/{self.process_id}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
        if found is None:
            raise SystemExit("the server has ended")
        return int(found[1]) / 1024


@contextmanager
def serving(folder: Path, models: str, **environment: str) -> Iterator[Server]:
    """Start a server with a data folder in this one, which is made if it is not there; end it
    afterwards.

    Args:
        models: text of the file that declares models. environment: more of its settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "models.toml"
    config.write_text(models)
    log = folder / "server.log"
    command = [
        sys.executable, "-m", "weighbridge", "serve", "--port", "0",
        "--data", str(folder / "data"), "--config", str(config),
    ]  # fmt: skip
    process = start(command, log=log, WEIGHBRIDGE_API_KEY=KEY, **environment)
    try:
        yield Server(_address(process, log), process.pid)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def declared(url: str, *names: str) -> str:
    """Models of the endpoint at an address, for `serving`."""
    return "".join(_MODEL.format(name=name, url=url, concurrency=CONCURRENCY) for name in names)


def json_of(answer: httpx2.Response) -> dict[str, Any]:
    """The object that a server answered; the figures end where it refused."""
    if answer.is_error:
        raise SystemExit(f"{answer.status_code}: {answer.text[:2_000]}")
    found: dict[str, Any] = answer.json()
    return found


def _address(process: "subprocess.Popen[str]", log: Path) -> str:
    until = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < until and process.poll() is None:
        found = re.search(r"http://127\.0\.0\.1:\d+", log.read_text() if log.exists() else "")
        if found is not None:
            return found[0]
        time.sleep(0.1)
    raise SystemExit(f"the server did not start: {log.read_text()}")
