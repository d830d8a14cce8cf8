"""Runs to be looked at on pages: five cases, one answered wrongly and one not at all."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.native import MODELS, SPEC, working
from support.pages import Desk, desk_at
from weighbridge.core.run import FINISHED
from weighbridge.services.evaluations import Owner
from weighbridge.spec import parse_spec

CASES = [
    {"id": "sure", "q": "100 % sure", "answer": "100 % sure", "topic": "a"},
    {"id": "plain", "q": "100 sure", "answer": "other", "topic": "b"},
    {"id": "under_score", "q": "snake_case", "answer": "snake_case", "topic": "a"},
    {"id": "bad", "q": "trouble", "answer": "trouble", "topic": "b"},
    {"id": "last", "q": "<i>last</i>", "answer": "<i>last</i>", "topic": "a"},
]

_CRACKED = r"""
[[models]]
name = "cracked"
protocol = "scripted"
replies = [
  {contains = "trouble", error = {kind = "bad_request", message = "no"}},
  {match = "say (.*)", reply = "{1}"},
]

[[models]]
name = "referee"
protocol = "scripted"
replies = [
  {contains = "question 0", reply = '''
    {"reason": "It <i>says</i> so.", "evidence": ["is  in PARIS"], "verdict": "pass",
     "confidence": 0.9}'''},
  {reply = "I would rather not."},
]

[[models]]
name = "painter"
protocol = "scripted"
replies = [{reply = "Here it is.", image = "dot", first_token = {A = 0.25, B = 0.5}}]

[[models]]
name = "lenient"
protocol = "scripted"
replies = [{reply = '{"reason": "Why not.", "evidence": [], "verdict": "pass", "confidence": 0.6}'}]
"""


@asynccontextmanager
async def desk_at_work(folder: Path, empty_database: Path) -> AsyncIterator[Desk]:
    """An administrator who has logged in, and a worker that executes what is queued."""
    (folder / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, folder / "data")
    async with (
        desk_at(folder, models=MODELS + _CRACKED) as desk,
        working(desk.services),
    ):
        yield desk


async def waiting(desk: Desk, **changes: Any) -> str:
    """A run that stays queued, as its executor is elsewhere; its id."""
    owner = Owner("somebody who is busy", 600.0)
    spec = parse_spec({**SPEC, "cases": CASES, "id": "id", "model": "cracked", **changes})
    started = await desk.services.evaluations.start(desk.caller, spec, owner=owner)
    return started.runs[0].id


async def ran(desk: Desk, **changes: Any) -> str:
    """An evaluation that was executed; the id of its run."""
    spec = parse_spec({**SPEC, "cases": CASES, "id": "id", "model": "cracked", **changes})
    started = await desk.services.evaluations.start(desk.caller, spec)
    await ended(desk, started.runs[0].id)
    return started.runs[0].id


async def ended(desk: Desk, run_id: str) -> None:
    """Wait until a run has."""
    async with asyncio.timeout(60):
        while (await desk.services.runs.get(desk.caller, run_id)).state not in FINISHED:
            await asyncio.sleep(0.02)
