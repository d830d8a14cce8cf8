"""The demo's two evaluations on a server that is running already, worked on as any others."""

import asyncio
import tempfile
from pathlib import Path

from weighbridge.core.caller import Caller, Role
from weighbridge.demo import evaluations
from weighbridge.demo.evaluations import QUESTIONS
from weighbridge.demo.questions import check_questions, write_questions
from weighbridge.errors import Invalid
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.providers.embedded import weights_path
from weighbridge.services.evaluations import Started
from weighbridge.spec import parse_spec
from weighbridge.wiring import Services

_FILE = "openbookqa.jsonl"


def missing() -> tuple[str, ...]:
    """What has to be installed before, a sentence each; empty when nothing is missing."""
    found = []
    for look in (weights_path, check_questions):
        try:
            look()
        except Invalid as error:
            found.append(error.message)
    return tuple(found)


async def begin(services: Services, caller: Caller) -> tuple[Started, ...]:
    """Take in the questions, and queue both evaluations on the embedded model.

    Raises:
        Forbidden: the caller may not start runs.
        Invalid: the model or the questions are not installed.
    """
    caller.must_be(Role.WRITER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, _FILE)
        await asyncio.to_thread(write_questions, path, QUESTIONS)
        data = await services.datasets.import_file(caller, path)
    specs = [
        parse_spec(one(data.id, RESERVED_NAME)) for one in (evaluations.plain, evaluations.guided)
    ]
    return tuple([await services.evaluations.start(caller, spec) for spec in specs])
