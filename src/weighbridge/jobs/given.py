"""What there is of the cases of a shard before they are done: answers that were handed in, and what
is kept of an earlier try."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weighbridge.core.asset import Asset, AssetKind, AssetState
from weighbridge.core.evaluation import AnswerColumn, AnswersOfRun, GivenAnswers
from weighbridge.core.json import Json
from weighbridge.core.outcome import Answer, Failed, Given
from weighbridge.core.prompt import as_text
from weighbridge.core.shard import Shard
from weighbridge.jobs.keeping import kept_at
from weighbridge.jobs.loading import LoadedRun
from weighbridge.scorers import against_runs
from weighbridge.store.assets import find_assets
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
    files: dict[str, Asset] = {}
    ids = _ids_in(rows, source)
    if loaded.round > 1 or isinstance(source, AnswersOfRun) or ids:
        async with store.begin() as connection:
            if loaded.round > 1:  # nothing was tried before the first
                kept = await kept_of_shard(connection, run.workspace_id, run.id, shard)
            if isinstance(source, AnswersOfRun):
                answers = await answers_of_shard(connection, run.workspace_id, source.run_id, shard)
            if ids:
                files = await find_assets(connection, run.workspace_id, ids)
    if source is None:
        return kept
    found = {}
    for position, row in zip(range(shard.start, shard.stop), rows, strict=False):
        before = kept.get(position, NOTHING)
        if before.answer is not None:
            found[position] = before
            continue
        if isinstance(source, AnswerColumn):
            there = _handed_in(row, source, files)
        else:
            there = answers.get(position) or _missing(f"the run {source.run_id} has no answer")
        if before is not NOTHING:
            there = replace(there, spent=before.spent, retried=before.retried)
        found[position] = there
    return found


def _handed_in(row: Mapping[str, Json], source: AnswerColumn, files: Mapping[str, Asset]) -> Given:
    value = row[source.column]
    named = None if source.files is None else row[source.files]
    if named is None or named == []:
        if value is None:
            return _missing(f"the column `{source.column}` is null")
        return Given(Answer(as_text(value)))
    if not isinstance(named, list | tuple) or not all(isinstance(one, str) for one in named):
        return _missing(f"the column `{source.files}` holds no list of ids of files")
    details: dict[str, list[Json]] = {}
    for one in named:
        problem = _add_file(details, files.get(one), as_text(one))
        if problem is not None:
            return _missing(problem)
    return Given(Answer(as_text(value), details=details))


def _add_file(details: dict[str, list[Json]], asset: Asset | None, named: str) -> str | None:
    """Put a file into the details of an answer, as `keeping.keep` has the images of a reply.

    Returns:
        Why it cannot be part of an answer; None: it is.
    """
    if asset is None:
        return f"there is no file {named[:80]!r}"
    if asset.state is AssetState.FAILED:
        return f"the file {asset.id} could not be used: {asset.problem or 'it is broken'}"
    if asset.state is not AssetState.COMPLETED or asset.sha256 is None or asset.size is None:
        return f"the file {asset.id} is not there yet: it is {asset.state.value}"
    if asset.kind is AssetKind.IMAGE:
        details.setdefault("images", []).append(kept_at(asset.sha256, asset.media_type, asset.size))
        return None
    if asset.kind is not AssetKind.VIDEO:
        return f"the file {asset.id} is neither an image nor a video: it is a {asset.kind.value}"
    if not asset.frames:
        return f"the video {asset.id} has no frames that could be looked at"
    details.setdefault("videos", []).append(kept_at(asset.sha256, asset.media_type, asset.size))
    frames = details.setdefault("frames", [])
    frames.extend(kept_at(frame.sha256, "image/jpeg", frame.size) for frame in asset.frames)
    return None


def _ids_in(rows: Sequence[Mapping[str, Json]], source: GivenAnswers | None) -> list[str]:
    """The ids of all files that are part of answers."""
    if not isinstance(source, AnswerColumn) or source.files is None:
        return []
    columns = (row[source.files] for row in rows)
    lists = (value for value in columns if isinstance(value, list | tuple))
    return [one for value in lists for one in value if isinstance(one, str)]


def _missing(why: str) -> Given:
    return Given(failure=Failed(UNANSWERED, why, calls=0))
