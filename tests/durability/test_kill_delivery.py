"""kill -9 of the server while it makes and commits a column: one commit, and whole files."""

import asyncio
import hashlib
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmarks.frames import COLUMN, NAME, NAMESPACE, make

from support.killed_server import KilledServer
from weighbridge.core.versions import MAIN

FILE = "rows.parquet"
ROWS = 15_000
MODELS = r"""
[[models]]
name = "scripted"
protocol = "scripted"
replies = [{match = '\[\[(.*)\]\]', reply = "{1}"}]
"""
WANTED = {
    "prompt": "{question}",
    "input_type": "text",
    "output_type": "text",
    "model_id": "scripted",
    "target_column": COLUMN,
    "batch_size": 256,
    "auto_commit": True,
}
EVALUATIONS = f"/api/repos/{NAMESPACE}/{NAME}/evaluations"


class Serving(KilledServer):
    """A server with the file in a repository."""

    def begin(self, branch: str) -> str:
        """An evaluation over the file whose column goes to a new branch; its id."""
        wanted = WANTED | {"target_branch": branch, "commit_message": branch}
        begun = self.ask(f"{EVALUATIONS}/{MAIN}/{FILE}", wanted)
        return str(begun["evaluation"]["id"])

    def until(self, evaluation: str, *statuses: str) -> dict[str, Any]:
        """The evaluation, as soon as it is in one of these states."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            now: dict[str, Any] = self.ask(f"{EVALUATIONS}/{evaluation}")["evaluation"]
            if now["status"] in statuses:
                return now
            assert now["status"] in {"queued", "running", "committing"}, now
            time.sleep(0.01)
        raise AssertionError(f"it is not {' or '.join(statuses)}, but {now}")


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    asyncio.run(make(tmp_path / "here", FILE, ROWS))
    serving = Serving(tmp_path / "here")
    (serving.folder / "models.toml").write_text(MODELS)
    serving.start()
    yield serving
    serving.kill()


def seconds_of_delivering(serving: Serving) -> float:
    """How long it takes from the first `committing` to the end, undisturbed."""
    evaluation = serving.begin("undisturbed")
    assert serving.until(evaluation, "committing", "completed")["status"] == "committing"
    began = time.monotonic()
    assert serving.until(evaluation, "completed", "errored")["status"] == "completed"
    return time.monotonic() - began


def killed(serving: Serving, branch: str, delay_s: float) -> bool:
    """Kill the server so long after it began to deliver, start it again and look at everything.

    Returns:
        Whether it was killed before it had ended.
    """
    evaluation = serving.begin(branch)
    serving.until(evaluation, "committing", "completed")
    time.sleep(delay_s)
    serving.kill()
    unfinished = "delivering" in states(serving.data)
    serving.start()
    ended = serving.until(evaluation, "completed", "errored", "cancelled")
    assert ended["status"] == "completed", ended
    check(serving, branch, ended)
    return unfinished


def states(data: Path) -> set[str]:
    """The states of all runs, as the rows have them."""
    with sqlite3.connect(data / "weighbridge.sqlite") as database:
        found = {state for (state,) in database.execute("select state from runs")}
    database.close()
    return found


def check(serving: Serving, branch: str, ended: dict[str, Any]) -> None:
    """One commit, that the evaluation names; a whole file; nothing left behind."""
    repository = f"/api/repos/{NAMESPACE}/{NAME}"
    commits = serving.ask(f"{repository}/commits/history/{branch}")["commits"]
    assert [commit["message"] for commit in commits] == [branch, "rows"]
    assert commits[0]["id"] == ended["commit_id"]
    found = pq.read_table(pa.BufferReader(serving.read(f"{repository}/file/{branch}/{FILE}")))
    assert found.column_names == ["id", "question", "topic", "difficulty", "easy", COLUMN]
    assert found.column("id").to_pylist() == list(range(ROWS))
    assert found.column(COLUMN).to_pylist() == [f"label-{n:07d}" for n in range(ROWS)]
    hidden = [path.name for path in serving.data.iterdir() if path.name.startswith(".")]
    assert hidden == []
    blobs = [path for path in (serving.data / "blobs" / "versions").rglob("*") if path.is_file()]
    for path in blobs:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert len(blobs) == 2  # the same answers make the same file, however often it was begun


def kill_until(serving: Serving, times: int, seed: int) -> None:
    """Kill at random moments of delivering until so many kills came before its end."""
    seconds = seconds_of_delivering(serving)
    chance = random.Random(seed)
    hits = tries = 0
    while hits < times:
        tries += 1
        assert tries <= 2 * times + 2, f"only {hits} of {tries} kills came in time"
        if killed(serving, f"kill-{tries}", chance.random() * seconds):
            hits += 1
        else:
            seconds *= 0.8  # the first one took longer than the others


def test_a_server_killed_while_it_delivers_commits_once(serving: Serving) -> None:
    kill_until(serving, 1, seed=4)


@pytest.mark.slow
def test_twenty_kills_while_delivering_make_one_commit_each(serving: Serving) -> None:
    kill_until(serving, 20, seed=20_26)
