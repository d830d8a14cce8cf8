"""The end of a run that looked at samples: how they conform, and what they are like beside seeds.

May be broken off anywhere and begun again: everything is computed from the rows of the two runs,
that of the production and that of the inspection, and kept at once.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from weighbridge.core.json import Json, JsonObject
from weighbridge.core.outcome import Failed, Outcome, Scored, Ungraded
from weighbridge.core.run import RunState
from weighbridge.core.synthesis import Inspection, Production, sample_name
from weighbridge.datasets.frame import SEGMENT
from weighbridge.errors import WeighbridgeError
from weighbridge.jobs.loading import LoadedRun
from weighbridge.jobs.sample_seeds import MOST_SEEDS, seeds_of
from weighbridge.store.datasets import Dataset, read_segment
from weighbridge.store.engine import Store
from weighbridge.store.inspections import end_inspection
from weighbridge.store.outcomes import (
    AnswerRow,
    ScoresRow,
    count_answers,
    stream_answers,
    stream_scores,
)
from weighbridge.store.productions import find_production
from weighbridge.synthesis.conformance import conformance
from weighbridge.synthesis.conformance_json import conformance_to_json
from weighbridge.synthesis.form import read_blueprint
from weighbridge.synthesis.inspecting import Inspecting
from weighbridge.synthesis.reading import SeedSample
from weighbridge.synthesis.sample_form import form_of_production

KEY = "properties"
"""The key of the scorer."""

_MOST_REASONS = 5
_EMBEDDED = (
    "The embedded judge has looked: it reads off columns, counts words and compares words with "
    "values, and tells nothing where it is not sure. Name a judge model for what takes "
    "understanding."
)
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Classified:
    """A sample with what was seen in it.

    Attributes:
        number: 0-based. tags: property → the value that was drawn for it.
        classes: property → the value that was seen, None: that could not be told; None: it could
            not be read.
        why: it could not be read; None: it could.
        untold: property → why its value could not be told.
    """

    number: int
    tags: Mapping[str, str]
    classes: Mapping[str, str | None] | None
    why: str | None = None
    untold: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Compared:
    """What samples are like, beside what they show.

    Attributes:
        like: as `synthesis.inspecting` tells it.
        note: what is to be said of the seeds that they were compared with.
    """

    like: JsonObject
    note: str | None


Comparing: TypeAlias = asyncio.Task[Compared | None]


def begin_comparing(store: Store, loaded: LoadedRun) -> Comparing | None:
    """Find out what the samples of an inspection are like while they are looked at: no verdict
    counts in it. None: the run is none of an inspection."""
    if loaded.inspection is None:
        return None
    comparing = _compared_for(store, loaded.inspection)
    return asyncio.create_task(comparing, name=f"comparing {loaded.run.id}")


async def deliver_inspection(
    store: Store,
    loaded: LoadedRun,
    inspection: Inspection,
    classified: Sequence[Classified],
    comparing: Comparing | None = None,
) -> tuple[RunState, str | None]:
    """Give an inspection its result.

    Args:
        classified: what was seen in the samples, in their order.
        comparing: what `begin_comparing` has begun; None: it was not.

    Returns:
        The state and reason that the run ends with.
    """
    async with store.begin() as connection:
        production = await find_production(
            connection, inspection.workspace_id, inspection.production_id
        )
    if production is None:
        return RunState.FAILED, "the run was deleted while it was evaluated"
    unread = Counter(one.why for one in classified if one.why is not None)
    embedded = all(judge.identity.get("protocol") == "embedded" for judge in loaded.judges.values())
    if unread.total() == len(classified) and not embedded:
        why, _ = unread.most_common(1)[0]
        return RunState.FAILED, f"no sample could be classified: {why}"[:_LONGEST_REASON]
    result = await asyncio.to_thread(_conformance, production, classified)
    compared = await _end_comparing(comparing) or await _compared(store, production)
    told: dict[str, Json] = {
        **result,
        "explanation": _by_whom(str(result["explanation"]), embedded=embedded),
        "judge": loaded.evaluation.judge,
        "judged_by_embedded": embedded,
        "unread": unread.total(),
        "why_unread": _counted(unread),
        "untold": _untold(classified),
        "like": compared.like,
        "seeds_note": compared.note,
    }
    async with store.begin() as connection:
        await end_inspection(connection, inspection, told)
    return RunState.SUCCEEDED, None


async def stream_classified(
    store: Store, workspace_id: str, run_id: str, dataset: Dataset
) -> AsyncGenerator[list[Classified], None]:
    """What was seen in samples, in their order, in pages; places that have no sample are left out.

    Args:
        run_id: of the inspection. dataset: the places of the samples.
    """
    classifying = Classifying(store, dataset)
    async for page in stream_scores(store, workspace_id, run_id):
        found = await classifying.read(page)
        if found:
            yield found


class Classifying:
    """Reads what was seen in samples out of the rows of an inspection's run, page by page.

    Args:
        dataset: the places of the samples.
    """

    def __init__(self, store: Store, dataset: Dataset) -> None:
        self._blobs = store.blobs
        self._frame = dataset.frame
        self._segment = -1
        self._slots: Sequence[JsonObject] = ()

    async def read(self, page: Sequence[ScoresRow]) -> list[Classified]:
        """The samples of a page, which follows on the one before it."""
        found = []
        for row in page:
            if row.outcomes is None:
                continue
            if row.position // SEGMENT != self._segment:
                self._segment = row.position // SEGMENT
                self._slots = await read_segment(self._blobs, self._frame, self._segment)
            slot = self._slots[row.position - self._segment * SEGMENT]
            found.append(_classified(row, row.outcomes, slot))
        return found


def _classified(row: ScoresRow, outcomes: Mapping[str, Outcome], slot: JsonObject) -> Classified:
    tags = slot.get("tags")
    drawn = {name: str(value) for name, value in tags.items()} if isinstance(tags, Mapping) else {}
    match outcomes.get(KEY):
        case Scored(details=details) if details is not None:
            said: Any = details
            classes, untold = said["classifications"], said.get("untold", {})
            return Classified(row.position, drawn, classes, untold=untold)
        case Ungraded(reason=why) | Failed(message=why):
            return Classified(row.position, drawn, None, why)
        case _:
            return Classified(row.position, drawn, None, "it was not looked at")


def _conformance(production: Production, classified: Sequence[Classified]) -> JsonObject:
    blueprint = read_blueprint(str(production.params["content"]))
    found = conformance(
        blueprint, [one.tags for one in classified], [one.classes for one in classified]
    )
    return conformance_to_json(found)


def _by_whom(explanation: str, *, embedded: bool) -> str:
    return f"{explanation}\n{_EMBEDDED}" if embedded else explanation


async def _end_comparing(comparing: Comparing | None) -> Compared | None:
    """What has come of it; None: nothing."""
    try:
        return None if comparing is None else await comparing
    except WeighbridgeError:  # whatever it was, it is tried once more
        return None


async def _compared_for(store: Store, inspection: Inspection) -> Compared | None:
    async with store.begin() as connection:
        production = await find_production(
            connection, inspection.workspace_id, inspection.production_id
        )
    return None if production is None else await _compared(store, production)


async def _compared(store: Store, production: Production) -> Compared:
    seeds, note = await _seeds(store, production)
    return Compared(await _inspected(store, production, seeds), note)


async def _seeds(store: Store, production: Production) -> tuple[list[SeedSample], str | None]:
    """The seeds that samples are compared with, and what is to be said of them."""
    try:
        seeds = await seeds_of(store, production)
    except WeighbridgeError as error:
        return [], f"the samples were not compared with the seeds: {error.message}"
    if len(seeds) == MOST_SEEDS:
        return seeds, f"the samples were compared with the first {MOST_SEEDS:,} seeds"
    return seeds, None


async def _inspected(
    store: Store, production: Production, seeds: Sequence[SeedSample]
) -> JsonObject:
    form = form_of_production(production)
    async with store.begin() as connection:
        count = await count_answers(connection, production.workspace_id, production.run_id)
    inspecting = await asyncio.to_thread(Inspecting, form, seeds, count)

    def add(page: Sequence[AnswerRow]) -> None:
        for row in page:
            if row.answer is not None:
                inspecting.add(sample_name(row.position), row.answer)

    answers = stream_answers(store, production.workspace_id, production.run_id, details=False)
    async for page in answers:
        await asyncio.to_thread(add, page)
    return await asyncio.to_thread(inspecting.finish)


def _untold(classified: Sequence[Classified]) -> JsonObject:
    """Property → in how many of the samples that were read it could not be told, and mostly why."""
    reasons: dict[str, Counter[str]] = {}
    for one in classified:
        for name, why in one.untold.items():
            reasons.setdefault(name, Counter())[why[:_LONGEST_REASON]] += 1
    return {
        name: {"samples": counts.total(), "why": counts.most_common(1)[0][0]}
        for name, counts in reasons.items()
    }


def _counted(reasons: Counter[str]) -> JsonObject:
    return {why[:_LONGEST_REASON]: n for why, n in reasons.most_common(_MOST_REASONS)}
