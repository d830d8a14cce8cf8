"""What every figure needs: cases with known answers, the endpoint on one core, us on the other."""

import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CONCURRENCY = 256
_CORES = sorted(os.sched_getaffinity(0))
OURS, THEIRS = _CORES[0], _CORES[-1]
"""The core that what is measured runs on, and the core of the endpoint."""

_EVALUATION = """\
name: benchmark
data: {data}
id: id
model: mock
prompt: "Repeat: {{question}}"
target: answer
scorers: [exact]
concurrency: {concurrency}
"""

_MODELS = """\
[[models]]
name = "mock"
protocol = "openai"
base_url = "{url}"
model = "mock"
max_concurrency = {concurrency}
price = {{ input = 0.0, output = 0.0 }}
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """A process that ran to its end.

    Attributes:
        wall_s: from start to end. cpu_s: user and system time. peak_mb: largest resident size, MiB.
        exit_code: negative for a signal.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    exit_code: int
    stdout: str


class Endpoint:
    """The counting endpoint, in a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = f"{url}/v1"
        self._root = url

    def configure(self, **options: Any) -> None:
        """Behave like this from now on, and count from zero."""
        body = json.dumps(options).encode()
        urllib.request.urlopen(f"{self._root}/config", data=body, timeout=5).read()

    def stats(self) -> dict[str, Any]:
        """What it counted."""
        with urllib.request.urlopen(f"{self._root}/stats", timeout=5) as answer:
            counted: dict[str, Any] = json.load(answer)
        return counted


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    """Start the endpoint on its own core; end it afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.endpoint"], stdout=subprocess.PIPE, text=True
    )
    try:
        os.sched_setaffinity(process.pid, {THEIRS})
        assert process.stdout is not None
        yield Endpoint(f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.terminate()
        process.communicate()


def write_cases(path: Path, count: int) -> Path:
    """`count` cases whose right answer is the label that the endpoint echoes."""
    with path.open("w") as file:
        for number in range(count):
            label = f"label-{number:07d}"
            row = {"id": f"case-{number}", "question": f"[[{label}]]", "answer": label}
            file.write(json.dumps(row) + "\n")
    return path


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with an evaluation over generated cases."""

    folder: Path
    cases: Path
    evaluation: Path
    models: Path

    def run(self, *arguments: str, data: str = "data") -> list[str]:
        """The command that runs the evaluation."""
        return [
            sys.executable, "-m", "weighbridge", "run", *(arguments or (str(self.evaluation),)),
            "--data", str(self.folder / data), "--config", str(self.models), "--json",
        ]  # fmt: skip

    def bare(self, url: str) -> list[str]:
        """The command that only asks and writes JSON lines."""
        out = str(self.folder / "bare.jsonl")
        return [
            sys.executable, "-m", "benchmarks.bare", url, str(self.cases), out, str(CONCURRENCY),
        ]  # fmt: skip


def project(folder: Path, url: str, count: int) -> Project:
    """Write everything a run needs into a new folder."""
    folder.mkdir(parents=True)
    cases = write_cases(folder / "cases.jsonl", count)
    evaluation = folder / "evaluation.yaml"
    evaluation.write_text(_EVALUATION.format(data=cases.name, concurrency=CONCURRENCY))
    models = folder / "models.toml"
    models.write_text(_MODELS.format(url=url, concurrency=CONCURRENCY))
    return Project(folder, cases, evaluation, models)


def start(
    command: list[str], *, log: Path = Path(os.devnull), **environment: str
) -> subprocess.Popen[str]:
    """Start a command on our core; its progress is thrown away, or written to `log`."""
    with log.open("w") as errors:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **environment},
        )
    os.sched_setaffinity(process.pid, {OURS})
    return process


def measure(command: list[str]) -> Finished:
    """Run a command to its end on our core."""
    began = time.perf_counter()
    process = start(command)
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    code = os.waitstatus_to_exitcode(status)
    process.returncode = code
    process.stdout.close()
    return Finished(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, code, output)


def succeeded(finished: Finished) -> dict[str, Any]:
    """The run object that a successful run printed."""
    if finished.exit_code:
        raise SystemExit(f"the run ended with exit code {finished.exit_code}")
    shown: dict[str, Any] = json.loads(finished.stdout)
    return shown


def spread(values: list[float]) -> str:
    """Median, and the range it is the median of."""
    return f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})"
