"""Two prompts, one small model, real questions, and a kill -9 in the middle of the second run."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from weighbridge.core.caller import Caller
from weighbridge.core.run import FINISHED, Run
from weighbridge.demo import evaluations
from weighbridge.demo.counting import CountingEndpoint
from weighbridge.demo.evaluations import QUESTIONS
from weighbridge.demo.questions import write_questions
from weighbridge.errors import NotFound, WeighbridgeError
from weighbridge.settings import Settings
from weighbridge.specfile import write_spec
from weighbridge.wiring import Services, open_services

KILL_AT = 0.4
_LONGEST_WAIT_S = 600.0
_MODEL = "smollm2-135m"

_MODELS = """\
# The embedded model (SmolLM2-135M-Instruct), behind an address that counts what it is asked.
[[models]]
name = "{name}"
protocol = "openai"
base_url = "{url}"
model = "embedded"
max_concurrency = 16
price = {{ input = 0.0, output = 0.0 }}
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """What the demo came to.

    Attributes:
        plain, guided: ids of the two runs.
        durable_at_kill: rows of the second run in the store when its process was killed.
        lost: of those, gone afterwards, and cases without an outcome at the end.
        paid_twice: requests that reached the model a second time.
    """

    plain: str
    guided: str
    durable_at_kill: int
    lost: int
    paid_twice: int


async def play(folder: Path, questions: int = QUESTIONS) -> Ending:
    """Run the demo in `folder`, which is emptied first.

    Raises:
        WeighbridgeError: the embedded model or the questions are not installed, or a run failed.
    """
    _empty(folder)
    settings = Settings(data=folder)
    async with open_services(settings) as services:
        count = write_questions(folder / "openbookqa.jsonl", questions)
        for file, evaluation in (("plain", evaluations.plain), ("guided", evaluations.guided)):
            written = write_spec(evaluation("openbookqa.jsonl", _MODEL))
            (folder / f"{file}.yaml").write_text(written)
        _say(f"{count} questions of OpenBookQA; loading the embedded model (no key, no network)")
        endpoint = CountingEndpoint(await services.models.get("embedded"))
        (folder / "models.toml").write_text(_MODELS.format(name=_MODEL, url=await endpoint.start()))
        try:
            caller = await services.keys.operator()
            _say("\n1. a plain prompt")
            plain = await _run(services, caller, folder, "plain.yaml")
            _say("\n2. a prompt with an example, and a kill -9 in the middle")
            guided, durable = await _run_and_kill(services, caller, folder, "guided.yaml")
            _say(f"   killed with {durable} of {count} outcomes stored; resuming")
            await _to_the_end(folder, "run", "--resume", guided)
            after = await services.runs.get(caller, guided)
            return Ending(
                plain,
                guided,
                durable,
                after.progress.total - after.progress.done,
                endpoint.asked_twice,
            )
        finally:
            await endpoint.stop()


def _empty(folder: Path) -> None:
    """Remove an earlier demo; never anything else that happens to have this name."""
    if folder.exists():
        if any(folder.iterdir()) and not (folder / "openbookqa.jsonl").exists():
            raise WeighbridgeError(f"{folder} is not a folder of an earlier demo: give another one")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


async def _run(services: Services, caller: Caller, folder: Path, file: str) -> str:
    await _to_the_end(folder, "run", str(folder / file))
    return (await services.runs.latest(caller)).id


async def _run_and_kill(
    services: Services, caller: Caller, folder: Path, file: str
) -> tuple[str, int]:
    before = await services.runs.latest(caller)
    process = await _weighbridge(folder, "run", str(folder / file))
    async with asyncio.timeout(_LONGEST_WAIT_S):
        run = await _far_enough(services, caller, before.id, process)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    durable = (await services.runs.get(caller, run.id)).progress.done
    return run.id, durable


async def _far_enough(
    services: Services, caller: Caller, before: str, process: asyncio.subprocess.Process
) -> Run:
    while True:
        with contextlib.suppress(NotFound):
            run = await services.runs.latest(caller)
            if run.id != before and (
                run.progress.done >= KILL_AT * run.progress.total or run.state in FINISHED
            ):
                return run
        if process.returncode is not None:
            raise WeighbridgeError(f"the second run ended by itself (exit {process.returncode})")
        await asyncio.sleep(0.1)


async def _weighbridge(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "weighbridge",
        *arguments,
        "--data",
        str(folder),
        "--config",
        str(folder / "models.toml"),
        stdout=asyncio.subprocess.DEVNULL,
    )


async def _to_the_end(folder: Path, *arguments: str) -> None:
    process = await _weighbridge(folder, *arguments)
    code = await process.wait()
    if code:
        raise WeighbridgeError(f"a run of the demo ended with exit code {code}")


def _say(text: str) -> None:
    click.echo(text, err=True)
