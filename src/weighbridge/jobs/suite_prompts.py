"""The end of a run that wrote prompts: those that may stay get a place in their suite.

May be broken off anywhere and begun again: the prompts and the state of the suite are written in
one transaction, once.
"""

import asyncio
from dataclasses import replace

from weighbridge.core.json import JsonObject
from weighbridge.core.run import RunState
from weighbridge.core.suite import Suite, SuiteState, WrittenPrompt
from weighbridge.generation.prompts import PromptChooser
from weighbridge.jobs.loading import LoadedRun
from weighbridge.store.datasets import read_segment
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import stream_answers
from weighbridge.store.suites import add_prompts, end_suite, find_suite, truth_key


async def deliver_prompts(
    store: Store, loaded: LoadedRun, suite: Suite
) -> tuple[RunState, str | None]:
    """Give the suite its prompts.

    Returns:
        The state and reason that the run ends with.
    """
    slots = await slots_of(store, loaded)
    replies = await replies_of(store, loaded)
    async with store.begin() as connection:
        found = await find_suite(connection, suite.workspace_id, suite.id)
    truth = found[1] if found else None
    request = suite.request
    if truth is not None:
        text = (await store.blobs.get(truth_key(truth))).decode()
        request = replace(request, ground_truth=text)
    chooser = PromptChooser(request)

    def choose() -> list[WrittenPrompt]:
        for position, slot in enumerate(slots):
            chooser.take(slot, replies.get(position))
        return chooser.finish()

    written = await asyncio.to_thread(choose)
    async with store.begin() as connection:
        ended = await end_suite(
            connection,
            suite.id,
            SuiteState.READY,
            spread=chooser.spread,
            problem=chooser.problem,
        )
        if ended:
            await add_prompts(connection, suite, written)
    return RunState.SUCCEEDED, chooser.problem


async def slots_of(store: Store, loaded: LoadedRun) -> list[JsonObject]:
    """The rows of a run, each of which something was to be written for."""
    rows: list[JsonObject] = []
    frame = loaded.dataset.frame
    for segment in range(frame.segments):
        rows += await read_segment(store.blobs, frame, segment)
    return rows


async def replies_of(store: Store, loaded: LoadedRun) -> dict[int, str | None]:
    """Position → what the model wrote; None: it wrote nothing."""
    found: dict[int, str | None] = {}
    run = loaded.run
    async for page in stream_answers(store, run.workspace_id, run.id, details=False):
        found |= {it.position: it.answer for it in page}
    return found
