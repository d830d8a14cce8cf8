"""A real server process with scripted models, and the official `dataframer` client against it."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.oxen_client import KEY, run_in_clients
from support.oxen_client import serving as serving_models

MODELS = """
[[models]]
name = "writer"
protocol = "scripted"
replies = ["{}"]

[[models]]
name = "judge"
protocol = "scripted"
replies = ["{}"]

[defaults]
generator = "writer"
judge = "judge"
"""

_PREAMBLE = """
import asyncio, io, json, os, pathlib, sys, time, zipfile
import httpx
import dataframer
from dataframer import AsyncDataframer, Dataframer
HOST, KEY = os.environ["HOST"], os.environ["DATAFRAMER_API_KEY"]
HERE = pathlib.Path.cwd()
client = Dataframer()
def api(method, path, **more):
    headers = {"Authorization": "Bearer " + KEY, **more.pop("headers", {})}
    return httpx.request(method, f"http://{HOST}{path}", headers=headers, timeout=60, **more)
def ended(retrieve, *ids, timeout=60, **more):
    until = time.monotonic() + timeout
    while True:
        found = retrieve(*ids, **more)
        if found.status in ("SUCCEEDED", "FAILED", "CANCELED"): return found
        assert time.monotonic() < until, found
        time.sleep(0.1)
def seeds(name="letters", count=3, text="Dear Mr {0}, please call {0} back."):
    files = [(f"letter_{it}.txt", text.format(it).encode()) for it in range(count)]
    return client.dataframer.seed_datasets.create_with_files(
        name=name, dataset_type="MULTI_FILE", files=files)
def zipped(files):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return written.getvalue()
def told(**values): print("TOLD " + json.dumps(values, default=str), flush=True)
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

        Has at hand `client` (with the administrator's key), the classes `Dataframer` and
        `AsyncDataframer`, `ended(retrieve, id)` (what a method retrieves, once it has ended),
        `seeds(name, count)` (a seed dataset of letters), `zipped({"folder/a.txt": "…"})` (a
        ZIP archive), `api(method, path)` and `HERE` (an empty folder).
        """
        return run_in_clients(
            _PREAMBLE + textwrap.dedent(script),
            {
                "HOST": self.host,
                "DATAFRAMER_API_KEY": KEY,
                "DATAFRAMER_BASE_URL": f"http://{self.host}",
                **environment,
            },
        )


@contextmanager
def serving(
    folder: Path, database_url: str | None = None, *, models: str = MODELS, **settings: str
) -> Iterator[Server]:
    """A server on a free port of this machine; ended at the end.

    Args:
        models: the models file. settings: by their names, as `allowed_networks`.
    """
    with serving_models(folder, database_url, models=models, **settings) as server:
        yield Server(server.host, server.data)
