"""A folder with models, questions and an evaluation of them; the command line in this process."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

KEY = "the-operators-own-key"
MODELS = """
[[models]]
name = "parrot"
protocol = "scripted"
replies = [
    { contains = "France", reply = "Paris" },
    { contains = "Italy", reply = "Rome" },
    { contains = "broken", error = { status = 400, message = "no such thing" } },
    { contains = "slow", reply = "late", latency_ms = 100 },
    "I do not know",
]

[[models]]
name = "cat"
protocol = "scripted"
replies = ["miaow"]

[[models]]
name = "locked"
protocol = "openai"
base_url = "http://127.0.0.1:9/v1"
api_key_env = "NOBODY_SETS_THIS_KEY"
"""
QUESTIONS = """id,country,capital
fr,France,Paris
it,Italy,Rome
es,Spain,Madrid
"""
EVALUATION = """name: capitals
data: questions.csv
id: id
model: parrot
prompt: "What is the capital of {country}?"
target: capital
scorers: [exact]
"""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str


Cli = Callable[..., Said]


def write_files(folder: Path) -> None:
    """Put the three files into a folder."""
    (folder / "models.toml").write_text(MODELS)
    (folder / "questions.csv").write_text(QUESTIONS)
    (folder / "qa.yaml").write_text(EVALUATION)


def start(folder: Path, *arguments: str, api_key: str | None = None) -> subprocess.Popen[str]:
    """The command in a process of its own, in that folder."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WEIGHBRIDGE_")}
    environment |= {"WEIGHBRIDGE_DATA": "data", "WEIGHBRIDGE_CONFIG": "models.toml"}
    if api_key is not None:
        environment["WEIGHBRIDGE_API_KEY"] = api_key
    return subprocess.Popen(
        [sys.executable, "-m", "weighbridge", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A server of the key `KEY` in a process of its own, with the models of a folder: its address.
    At the end it is told to stop, and has to do so cleanly."""
    write_files(folder)
    process = start(folder, "serve", "--port", "0", api_key=KEY)
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("listening on http://127.0.0.1:")
    yield line.split()[-1]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0
