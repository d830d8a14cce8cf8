"""The command as a process: what it loads, how signals end it, and when nobody reads it."""

import asyncio
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.command_line import Cli, start, write_files
from weighbridge.cli.options import read_settings
from weighbridge.cli.order import Overrides, read_evaluation
from weighbridge.cli.session import open_session

HEAVY = {
    "alembic",
    "dbos",
    "fastapi",
    "genai_prices",
    "pyarrow",
    "rich",
    "scipy",
    "statsmodels",
    "uvicorn",
    "weighbridge.dialects.native.wire",
}
LOADED_AT_THE_FIRST_CALL = """
import sys
from weighbridge.providers.scripted import ScriptedProvider

real = ScriptedProvider.chat

async def chat(self, request):
    print("LOADED", *sys.modules, file=sys.stderr)
    return await real(self, request)

ScriptedProvider.chat = chat
from weighbridge.cli.main import run_command
sys.exit(run_command(["run", "qa.yaml", "--data", "data", "--config", "models.toml", "--json"]))
"""


@pytest.fixture
def slow(folder: Path) -> Path:
    """A folder whose evaluation takes a second: 80 cases, 8 at once, 0.1 s each."""
    rows = "".join(f"c{n},slow,X\n" for n in range(80))
    (folder / "questions.csv").write_text("id,country,capital\n" + rows)
    with (folder / "qa.yaml").open("a") as file:
        file.write("concurrency: 8\n")
    return folder


def wait_for_calls(process: "subprocess.Popen[str]") -> None:
    """Until the run has begun."""
    assert process.stderr is not None
    assert "cases" in process.stderr.readline()
    time.sleep(0.3)


def resume_command(err: str) -> list[str]:
    """The command that the interrupted one says to go on with."""
    found = re.search(r"^resume with: weighbridge (.*)$", err, re.MULTILINE)
    assert found is not None, err
    return found[1].split()


def test_nothing_heavy_is_loaded_before_the_first_call(tmp_path: Path) -> None:
    write_files(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", LOADED_AT_THE_FIRST_CALL],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = next(line for line in done.stderr.splitlines() if line.startswith("LOADED"))
    assert not HEAVY & set(loaded.split())


def test_ctrl_c_keeps_what_was_answered_and_the_run_goes_on_later(cli: Cli, slow: Path) -> None:
    with start(slow, "run", "qa.yaml", "--json") as process:
        wait_for_calls(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    stopped = json.loads(out)
    assert (stopped["status"], stopped["reason"]) == ("cancelled", "interrupted")
    done = stopped["progress"]["done"]
    assert 0 < done < 80
    assert stopped["usage"]["calls"] == done  # calls in flight were waited for

    said = cli(*resume_command(err), "--json")
    assert said.code == 0
    finished = json.loads(said.out)
    assert finished["progress"]["done"] == 80
    assert finished["usage"]["calls"] == 80  # nothing was paid twice


def test_sigterm_ends_all_runs_of_the_evaluation_cleanly(slow: Path) -> None:
    many = "".join(f"c{n},slow,X\n" for n in range(800))  # not over before the signal comes
    (slow / "questions.csv").write_text("id,country,capital\n" + many)
    with start(slow, "run", "qa.yaml", "--json", "--model", "parrot", "--model", "cat") as process:
        wait_for_calls(process)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 143
    for run in (json.loads(line) for line in out.splitlines()):
        assert (run["status"], run["reason"]) == ("cancelled", "interrupted")
        assert 0 < run["progress"]["done"] < 800  # they take turns, however fast the cat is
        assert run["usage"]["calls"] == run["progress"]["done"]
    assert len(re.findall("^resume with: ", err, re.MULTILINE)) == 2


def test_an_evaluation_not_begun_when_the_signal_comes_is_cancelled(cli: Cli, slow: Path) -> None:
    stopped = [
        json.loads(cli("run", "qa.yaml", "--budget-tokens", "100", "--json").out) for _ in range(2)
    ]
    resumed = [word for run in stopped for word in ("--resume", run["id"])]
    with start(slow, "run", *resumed, "--json", "--budget-tokens", "1000000") as process:
        wait_for_calls(process)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    first, second = (json.loads(line) for line in out.splitlines())
    assert (first["status"], second["status"]) == ("cancelled", "cancelled")
    assert first["progress"]["done"] > stopped[0]["progress"]["done"]
    assert second["progress"]["done"] == stopped[1]["progress"]["done"]


def test_after_kill_9_the_run_goes_on_and_loses_nothing(cli: Cli, slow: Path) -> None:
    with start(slow, "run", "qa.yaml") as process:
        wait_for_calls(process)
        said = cli("run", "--resume", "latest")
        assert said.code == 1
        assert "is being executed by" in said.err
        process.kill()
    said = cli("run", "--resume", "latest", "--json")
    assert said.code == 0
    finished = json.loads(said.out)
    assert finished["progress"]["done"] == 80
    assert finished["usage"]["calls"] == 80  # those in flight when it died left no row


def test_a_run_that_a_worker_executes_is_not_taken_from_it(cli: Cli, slow: Path) -> None:
    with start(slow, "worker") as worker:
        assert worker.stderr is not None
        assert "is at work" in worker.stderr.readline()

        async def queue_it() -> None:
            async with open_session(read_settings({})) as session:
                asked = read_evaluation("qa.yaml", Overrides())
                await session.services.evaluations.start(
                    session.caller, asked.spec, folder=asked.folder
                )

        asyncio.run(queue_it())
        said = cli("run", "--resume", "latest")
        assert said.code == 1
        assert "it goes on by itself" in said.err
        assert cli("cancel", "latest").code == 0
        worker.send_signal(signal.SIGTERM)
        worker.communicate(timeout=20)
    assert worker.returncode == 0


def test_a_second_signal_ends_it_at_once(slow: Path) -> None:
    text = (slow / "models.toml").read_text()
    (slow / "models.toml").write_text(text.replace("latency_ms = 100", "latency_ms = 60000"))
    with start(slow, "run", "qa.yaml") as process:
        wait_for_calls(process)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        while "once more" not in process.stderr.readline():
            pass
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - began < 2


def test_a_reader_that_has_gone_ends_it_quietly(tmp_path: Path) -> None:
    write_files(tmp_path)
    with start(tmp_path, "schema") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141
