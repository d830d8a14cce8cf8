"""The scores of a run as columns: read out of its rows, and kept as a file once it has ended.

Rows take 18 µs each, the file less than a tenth of one. It is named after the run and how far that
had come, so that a case done later, or again, makes another file.
"""

import asyncio
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weighbridge.core.evaluation import Evaluation
from weighbridge.core.run import FINISHED, Progress
from weighbridge.errors import Unavailable
from weighbridge.store.engine import Store
from weighbridge.store.runs import find_run, read_state
from weighbridge.store.scores import stream_grades

if TYPE_CHECKING:
    from weighbridge.reports.comparison import RunScores

WORTH_KEEPING = 5_000
"""Outcomes of a run whose scores are kept as a file: those of smaller ones are read in a moment."""


async def read_scores(
    store: Store,
    workspace_id: str,
    run_id: str,
    evaluation: Evaluation,
    scorers: Sequence[str],
    after: int = -1,
    until: int | None = None,
) -> "RunScores":
    """The scores of a run out of its rows, as far as it is done.

    Args:
        scorers: keys that the run has.
        after, until: 0-based positions: only cases behind the one and not behind the other.
    """
    # numpy is loaded when it is needed, and not when a process begins.
    comparison: Any = importlib.import_module("weighbridge.reports.comparison")
    builder = comparison.RunScoresBuilder(
        scorers,
        reducer=evaluation.reducer,
        epochs=evaluation.epochs,
        clustered=evaluation.cluster_column is not None,
    )
    add = builder.add
    async for page in stream_grades(store, workspace_id, run_id, scorers, after=after, until=until):
        for row in page:
            add(row.position, row.case_id, row.cluster, row.latency_s, row.grades)
    scores: RunScores = builder.finish()
    return scores


async def ended_scores(
    store: Store,
    workspace_id: str,
    run_id: str,
    evaluation: Evaluation,
    scorers: Sequence[str],
) -> "RunScores | None":
    """All scores of a run that has ended, out of the file that is kept of them, which is made when
    there is none yet; None: the run goes on, or went on while it was read.

    Args:
        scorers: keys of all that give numbers.
    """
    columns: Any = importlib.import_module("weighbridge.reports.columns")
    mark = await standing(store, workspace_id, run_id)
    if mark is None:
        return None
    name = f"scores/{run_id}-{mark}.npz"
    found: RunScores | None = await _kept(store, columns, name, scorers)
    if found is not None:
        return found
    scores = await read_scores(store, workspace_id, run_id, evaluation, scorers)
    if await standing(store, workspace_id, run_id) != mark:
        return None
    if len(scores) >= WORTH_KEEPING:
        await store.blobs.put(name, await asyncio.to_thread(columns.pack, scores))
    return scores


async def standing(store: Store, workspace_id: str, run_id: str) -> str | None:
    """How far a run has come, as a word that changes with every outcome; None: it has not ended."""
    async with store.begin() as connection:
        run = await find_run(connection, workspace_id, run_id)
        if run is None or run.state not in FINISHED:
            return None
        state, round_ = await read_state(connection, run_id)
    return mark_of(round_, run.progress) if state in FINISHED else None


def mark_of(round_: int, progress: Progress) -> str:
    """The word of `standing`."""
    # Answers that were under way when a run was cancelled are still kept after its end.
    return f"{round_}-{progress.done}-{progress.failed}-{progress.ungraded}"


async def _kept(store: Store, columns: Any, name: str, scorers: Sequence[str]) -> Any:
    if not await store.blobs.exists(name):
        return None
    try:
        data = await store.blobs.get(name)
    except Unavailable:
        return None
    found = await asyncio.to_thread(columns.unpack, data)
    return found if found is not None and set(found.values) >= set(scorers) else None
