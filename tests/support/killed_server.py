"""A server process that is killed, and started again over the same data."""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEY = "wb_a-key-for-tests-that-is-long-enough"


@dataclass
class KilledServer:
    """A server over the same folder, whatever becomes of its process.

    Attributes:
        folder: with its `data`, and the `models.toml` that it reads.
        address: with its port, as `http://…`; the same one after it was started again.
    """

    folder: Path
    process: "subprocess.Popen[bytes] | None" = None
    address: str = ""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        log = self.folder / "server.log"
        port = self.address.rpartition(":")[2] or "0"
        with log.open("wb") as written:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "weighbridge", "serve", "--port", port],
                env=os.environ
                | {
                    "WEIGHBRIDGE_API_KEY": KEY,
                    "WEIGHBRIDGE_DATA": str(self.data),
                    "WEIGHBRIDGE_CONFIG": str(self.folder / "models.toml"),
                },
                stdout=written,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + 60
        while (found := re.search(r"listening on (http://\S+)", log.read_text())) is None:
            assert time.monotonic() < deadline, log.read_text()
            assert self.process.poll() is None, log.read_text()
            time.sleep(0.02)
        self.address = found[1]

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """What it answers, as JSON; a body is posted."""
        with self._open(path, body) as answer:
            return json.load(answer)

    def read(self, path: str) -> bytes:
        """What it answers, as it is."""
        with self._open(path, None) as answer:
            found: bytes = answer.read()
        return found

    def _open(self, path: str, body: dict[str, Any] | None) -> Any:
        headers = {
            "Authorization": f"Bearer {KEY}",
            "x-api-key": KEY,
            "Content-Type": "application/json",
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers)
        return urllib.request.urlopen(request, timeout=30)
