"""The end of a run that wrote questions: those that may stay become the data set of a benchmark.

May be broken off anywhere and begun again: the data set is found by its content, and the benchmark
is changed once.
"""

import asyncio
import os
import tempfile
from pathlib import Path

from weighbridge.core.benchmark import Benchmark, BenchmarkState
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Scored
from weighbridge.core.run import RunState
from weighbridge.datasets.frame import FrameIndex, write_frame
from weighbridge.generation.questions import KEY, Chooser, clustered
from weighbridge.jobs.loading import LoadedRun
from weighbridge.store import datasets
from weighbridge.store.benchmarks import end_benchmark
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import stream_answers, stream_scores


async def deliver_questions(
    store: Store, loaded: LoadedRun, benchmark: Benchmark
) -> tuple[RunState, str | None]:
    """Make the benchmark of what was written.

    Returns:
        The state and reason that the run ends with.

    Raises:
        OutOfSpace: no room for the data set.
    """
    chooser = Chooser(benchmark.wanted or 0)
    rows = await _chosen(store, loaded, chooser)
    problem = _shortfall(benchmark, chooser, len(rows))
    if not rows:
        async with store.begin() as connection:
            await end_benchmark(connection, benchmark.id, BenchmarkState.FAILED, problem=problem)
        return RunState.FAILED, problem
    frame = await _kept(store, clustered(rows))
    async with store.begin() as connection:
        dataset = await datasets.add_dataset(
            connection, benchmark.workspace_id, benchmark.name, frame
        )
        await end_benchmark(
            connection,
            benchmark.id,
            BenchmarkState.READY,
            dataset_id=dataset.id,
            questions=len(rows),
            problem=problem,
        )
    return RunState.SUCCEEDED, problem


async def _chosen(store: Store, loaded: LoadedRun, chooser: Chooser) -> list[JsonObject]:
    workspace_id, run_id = loaded.run.workspace_id, loaded.run.id
    verdicts: dict[int, bool] = {}
    async for scores in stream_scores(store, workspace_id, run_id):
        for row in scores:
            verdict = (row.outcomes or {}).get(KEY)
            if isinstance(verdict, Scored):
                verdicts[row.position] = verdict.value >= 1
    slots: list[JsonObject] = []
    frame = loaded.dataset.frame
    for segment in range(frame.segments):
        slots += await datasets.read_segment(store.blobs, frame, segment)
    found: list[JsonObject] = []
    async for page in stream_answers(store, workspace_id, run_id, details=False):
        for answer in page:
            verdict_ = verdicts.get(answer.position)
            row_ = chooser.take(slots[answer.position], answer.answer, verdict_)
            if row_ is not None:
                found.append(row_)
    return found


def _shortfall(benchmark: Benchmark, chooser: Chooser, stayed: int) -> str | None:
    """Why there are fewer questions than were wanted; None: there are not."""
    if stayed >= (benchmark.wanted or 0):
        return None
    reasons = sorted(chooser.left_out.items(), key=lambda it: -it[1])
    told = "; ".join(f"{count}: {reason}" for reason, count in reasons[:5])
    return f"{stayed} of {benchmark.wanted} questions may stay" + (f" ({told})" if told else "")


async def _kept(store: Store, rows: list[JsonObject]) -> FrameIndex:
    handle, temporary = await asyncio.to_thread(
        tempfile.mkstemp, dir=store.folder, prefix=".incoming-"
    )
    path = Path(temporary)
    try:
        frame = await asyncio.to_thread(_write, handle, rows)
        key = datasets.blob_key(frame.sha256)
        if not await store.blobs.exists(key):
            await store.blobs.take_file(key, path)
    finally:
        await asyncio.to_thread(path.unlink, missing_ok=True)
    return frame


def _write(handle: int, rows: list[JsonObject]) -> FrameIndex:
    with os.fdopen(handle, "wb") as destination:
        return write_frame(rows, destination)
