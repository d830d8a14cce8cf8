"""What there is of the cases of a shard before they are done: answers that were handed in, and what
is kept of an earlier try."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weighbridge.core.evaluation import AnswerColumn, AnswersOfRun
from weighbridge.core.json import Json
from weighbridge.core.outcome import Answer, Failed, Given
from weighbridge.core.prompt import as_text
from weighbridge.core.shard import Shard
from weighbridge.jobs.loading import LoadedRun
from weighbridge.scorers import against_runs
from weighbridge.store.engine import Store
from weighbridge.store.outcomes import answers_of_shard, kept_of_shard

NOTHING = Given()
UNANSWERED = "unanswered"
"""The kind of failure where an answer should have been handed in, and was not."""


async def find_given(
    store: Store, loaded: LoadedRun, shard: Shard, rows: Sequence[Mapping[str, Json]]
) -> dict[int, Given]:
    """What there is of the cases of a shard, by position; those missing are to be asked.

    Args:
        rows: of the data set, from the shard's first position on.
    """
    found = await _find_answers(store, loaded, shard, rows)
    others: dict[int, dict[str, str]] = {}
    for run_id in against_runs(loaded.scorers.values()):
        async with store.begin() as connection:
            theirs = await answers_of_shard(connection, loaded.run.workspace_id, run_id, shard)
        for position, given in theirs.items():
            if given.answer is not None:
                others.setdefault(position, {})[run_id] = given.answer.text
    for position, answers in others.items():
        found[position] = replace(found.get(position, NOTHING), others=answers)
    return found


async def _find_answers(
    store: Store, loaded: LoadedRun, shard: Shard, rows: Sequence[Mapping[str, Json]]
) -> dict[int, Given]:
    run, source = loaded.run, loaded.evaluation.answers
    kept: dict[int, Given] = {}
    answers: dict[int, Given] = {}
    if loaded.round > 1 or isinstance(source, AnswersOfRun):
        async with store.begin() as connection:
            if loaded.round > 1:  # nothing was tried before the first
                kept = await kept_of_shard(connection, run.workspace_id, run.id, shard)
            if isinstance(source, AnswersOfRun):
                answers = await answers_of_shard(connection, run.workspace_id, source.run_id, shard)
    if source is None:
        return kept
    found = {}
    for position, row in zip(range(shard.start, shard.stop), rows, strict=False):
        before = kept.get(position, NOTHING)
        if before.answer is not None:
            found[position] = before
            continue
        if isinstance(source, AnswerColumn):
            there = _handed_in(row[source.column], source.column)
        else:
            there = answers.get(position) or _missing(f"the run {source.run_id} has no answer")
        found[position] = replace(there, spent=before.spent, retried=before.retried)
    return found


def _handed_in(value: Json, column: str) -> Given:
    if value is None:
        return _missing(f"the column `{column}` is null")
    return Given(Answer(as_text(value)))


def _missing(why: str) -> Given:
    return Given(failure=Failed(UNANSWERED, why, calls=0))
