"""A real server process, and the vendor's official client in another environment against it.

The client holds the interpreter lock while it talks, so both are processes of their own.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-clients" / "bin" / "python"
KEY = "wb_a-key-for-tests-that-is-long-enough"
MODELS = """
[[models]]
name = "parrot"
protocol = "scripted"
replies = [
  {contains = "fail", error = {kind = "bad_request", message = "no"}},
  {match = "(?s)say (.*)", reply = "{1}"},
  {reply = "a dot", image = "dot"},
]
price = {input = 1000.0, output = 2000.0}

[[models]]
name = "slow"
protocol = "scripted"
replies = [{match = "say (.*)", reply = "{1}", latency_ms = 300}]
max_concurrency = 1

[[models]]
name = "blind"
protocol = "scripted"
replies = ["yes"]
input = ["text"]
output = ["text"]
"""
_PREAMBLE = """
import json, os, pathlib, sys, time
import oxen, requests
from oxen import RemoteRepo
from oxen.auth import config_auth
from oxen.remote_repo import create_repo
from oxen.user import config_user
HOST, KEY = os.environ["HOST"], os.environ["KEY"]
HERE = pathlib.Path.cwd()
config_user("Ann", "ann@example.com")
config_auth(KEY, host=HOST)
def repo(name): return RemoteRepo(name, host=HOST, scheme="http")
def made(name, **files):
    listed = [(path.replace("__", "."), text) for path, text in files.items()]
    create_repo(name, host=HOST, scheme="http", files=listed or [("README.md", "# hi")])
    return repo(name)
def api(method, path, **more):
    headers = {"Authorization": "Bearer " + KEY}
    return requests.request(method, f"http://{HOST}/api{path}", headers=headers, timeout=30, **more)
def told(**values): print("TOLD " + json.dumps(values), flush=True)
"""


@dataclass(frozen=True)
class Server:
    """A serving process.

    Attributes:
        host: with its port.
    """

    host: str
    data: Path

    def run_client(self, script: str, **environment: str) -> dict[str, Any]:
        """Run a script with the official client; what it told by `told(…)`.

        Has at hand `repo(name)`, `made(name, file__txt="…")`, `api(method, path)`, `HERE` (an empty
        folder) and the client's modules.
        """
        return run_in_clients(
            _PREAMBLE + textwrap.dedent(script), {"HOST": self.host, "KEY": KEY, **environment}
        )


def run_in_clients(script: str, environment: dict[str, str]) -> dict[str, Any]:
    """Run a script where the official clients are; what it printed as `TOLD {…}`, put together.

    Args:
        environment: of its process, which has an empty folder as its home.
    """
    assert PYTHON.exists(), f"{PYTHON} is missing: run `make clients`"
    with tempfile.TemporaryDirectory() as folder:
        ended = subprocess.run(
            [str(PYTHON), "-W", "ignore", "-c", script],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": folder, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    lines = [line for line in ended.stdout.splitlines() if line.startswith("TOLD ")]
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
    found: dict[str, Any] = {}
    for line in lines:
        found |= json.loads(line.removeprefix("TOLD "))
    return found


@contextmanager
def serving(
    folder: Path, database_url: str | None = None, *, models: str = MODELS, **settings: str
) -> Iterator[Server]:
    """A server on a free port of this machine; ended at the end.

    Args:
        settings: by their names, as `allowed_networks`.
    """
    (folder / "models.toml").write_text(models)
    environment = {
        **{name: value for name, value in os.environ.items() if "WEIGHBRIDGE" not in name},
        "WEIGHBRIDGE_API_KEY": KEY,
        "WEIGHBRIDGE_DATA": str(folder / "data"),
        "WEIGHBRIDGE_CONFIG": str(folder / "models.toml"),
        **{f"WEIGHBRIDGE_{name.upper()}": value for name, value in settings.items()},
    }
    if database_url is not None:
        environment["WEIGHBRIDGE_DATABASE_URL"] = database_url
    log = folder / "server.log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "weighbridge", "serve", "--port", "0"],
            env=environment,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Server(_address(log, process), folder / "data")
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _address(log: Path, process: "subprocess.Popen[bytes]") -> str:
    """Host and port that the server says it listens on."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"listening on http://(\S+)", log.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"the server did not start: {log.read_text()}")
