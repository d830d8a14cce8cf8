"""Outcomes of a run, joined with the rows they are about: by page, and as a stream."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller
from weighbridge.core.json import Json
from weighbridge.core.outcome import Record, Status
from weighbridge.core.review import Override
from weighbridge.core.run import Run
from weighbridge.datasets.frame import SEGMENT
from weighbridge.errors import NotFound
from weighbridge.store.datasets import Dataset, find_dataset, read_segment
from weighbridge.store.engine import Store
from weighbridge.store.evaluations import find_evaluation
from weighbridge.store.outcome_search import (
    Found,
    Search,
    count_outcomes,
    find_outcomes,
    place_in_order,
    records_at,
)
from weighbridge.store.outcomes import PAGE, outcomes_at, page_of_outcomes, stream_outcomes
from weighbridge.store.overrides import (
    Place,
    is_overridden,
    overrides_between,
    page_of_overrides,
    scorers_overridden,
)
from weighbridge.store.scores import GradesRow, stream_grades

LONGEST_LISTED = 2_000
"""Characters of an answer that a list of outcomes has."""

Said: TypeAlias = Mapping[Place, Mapping[str, Override]]
"""What people said that counts: by outcome and scorer."""
Kept: TypeAlias = Literal["images", "videos", "frames"]
"""What of an answer is kept as files; `frames` are those of its videos."""


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """An outcome with the row of the data set it is about, and what people said about its scores
    (by the scorer's key)."""

    record: Record
    inputs: dict[str, Any]
    overrides: Mapping[str, Override] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Outcomes that were looked for.

    Attributes:
        views: in the order wanted.
        next: behind which the next page begins; None: this was the last.
    """

    views: list[OutcomeView]
    next: Found | None


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image (or video) that a model made, and what it is."""

    data: bytes
    media_type: str
    sha256: str


class Outcomes:
    """The outcomes of an installation's runs.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(
        self,
        caller: Caller,
        run: Run,
        *,
        after: tuple[int, int] | None = None,
        limit: int = 100,
        status: Status | None = None,
        case_id: str | None = None,
        epoch: int | None = None,
        overridden: bool | None = None,
    ) -> list[OutcomeView]:
        """Outcomes in the order (position, epoch), after the given pair; `overridden`: only those
        about which a person's saying counts, or only the others."""
        such = None
        if overridden is not None:
            such = is_overridden(caller.workspace_id, run.id)
            such = such if overridden else ~such
        async with self._store.begin() as connection:
            records = await page_of_outcomes(
                connection,
                caller.workspace_id,
                run.id,
                after=after,
                limit=limit,
                status=status,
                case_id=case_id,
                epoch=epoch,
                such=such,
            )
            said = await self._said(connection, run, records)
        rows = _RowReader(self._store, await self._dataset(run))
        return [await _view(record, rows, said) for record in records]

    async def search(
        self,
        caller: Caller,
        run: Run,
        search: Search,
        *,
        after: Found | None = None,
        limit: int = 100,
    ) -> FoundPage:
        """A page of the outcomes that are looked for, behind the place `after`: of answers no more
        than their beginning."""
        async with self._store.begin() as connection:
            places = await find_outcomes(
                connection, caller.workspace_id, run.id, search, after=after, limit=limit + 1
            )
            more, places = len(places) > limit, places[:limit]
            records = await records_at(
                connection, caller.workspace_id, run.id, places, shortened=LONGEST_LISTED
            )
            positions = {record.position for record in records}
            said = await self._said_of(connection, run, positions) if positions else {}
        rows = _RowReader(self._store, await self._dataset(run))
        inputs = {position: await rows.at(position) for position in sorted(positions)}
        views = [
            OutcomeView(
                record, inputs[record.position], said.get((record.position, record.epoch), {})
            )
            for record in records
        ]
        return FoundPage(views, places[-1] if more else None)

    async def count(self, caller: Caller, run: Run, search: Search, most: int) -> int:
        """How many outcomes there are of those looked for; of more than `most`, so many."""
        async with self._store.begin() as connection:
            return await count_outcomes(connection, caller.workspace_id, run.id, search, most)

    async def neighbours(
        self, caller: Caller, run: Run, search: Search, place: Place
    ) -> tuple[Found | None, Found | None]:
        """The outcomes looked for before and behind one, which need not be among them itself."""
        where = (caller.workspace_id, run.id, search)
        async with self._store.begin() as connection:
            here = await place_in_order(connection, *where, place)
            if here is None:
                return None, None
            before = await find_outcomes(connection, *where, after=here, limit=1, backwards=True)
            behind = await find_outcomes(connection, *where, after=here, limit=1)
        return next(iter(before), None), next(iter(behind), None)

    async def image(
        self,
        caller: Caller,
        run: Run,
        position: int,
        epoch: int,
        number: int,
        kind: Kept = "images",
    ) -> StoredImage:
        """An image that the model made for a case, or a video, or a frame of one.

        Args:
            position: of the case. epoch: which repeat. number: which of its kind, from 0.

        Raises:
            NotFound: there is none.
        """
        async with self._store.begin() as connection:
            found = await page_of_outcomes(
                connection, caller.workspace_id, run.id, after=(position, epoch - 1), limit=1
            )
        images: Json = None
        for record in found:
            if (record.position, record.epoch) == (position, epoch) and record.answer:
                images = (record.answer.details or {}).get(kind)
        if not isinstance(images, list) or not 0 <= number < len(images):
            one = kind.removesuffix("s")
            raise NotFound(f"the outcome {position} (epoch {epoch}) has no {one} {number}")
        kept = cast("dict[str, str]", images[number])
        data = await self._store.blobs.get(kept["blob"])
        return StoredImage(data, kept["media_type"], kept["sha256"])

    async def at(self, run: Run, positions: Iterable[int]) -> dict[int, list[OutcomeView]]:
        """The outcomes of some cases, by position, each in the order of its epochs."""
        found: dict[int, list[OutcomeView]] = {}
        async with self._store.begin() as connection:
            records = await outcomes_at(connection, run.workspace_id, run.id, positions)
            said = await self._said(connection, run, records)
        rows = _RowReader(self._store, await self._dataset(run))
        for record in records:
            view = await _view(record, rows, said)
            found.setdefault(record.position, []).append(view)
        return found

    async def stream(self, run: Run) -> AsyncIterator[OutcomeView]:
        """All outcomes of a run in order, with constant memory."""
        rows = _RowReader(self._store, await self._dataset(run))
        reviewed = bool(await self.scorers_overridden(run))
        async for records in _pages(stream_outcomes(self._store, run.workspace_id, run.id)):
            said: Said = {}
            if reviewed:
                async with self._store.begin() as connection:
                    said = await self._said(connection, run, records)
            for record in records:
                yield await _view(record, rows, said)

    def grades(self, run: Run, scorers: Sequence[str]) -> AsyncIterator[list[GradesRow]]:
        """The scores of a run by some scorers, in pages, with constant memory."""
        return stream_grades(self._store, run.workspace_id, run.id, scorers)

    async def scorers_overridden(self, run: Run) -> set[str]:
        """Keys of the scorers about whose scores people have said something."""
        async with self._store.begin() as connection:
            return await scorers_overridden(connection, run.workspace_id, run.id)

    async def newest_override(self, run: Run) -> str | None:
        """The id of what was said last about any score of a run; None: nothing was."""
        async with self._store.begin() as connection:
            said = await page_of_overrides(
                connection, run.workspace_id, run.id, after=None, limit=1
            )
        return said[0].id if said else None

    async def columns(self, run: Run) -> tuple[str, ...]:
        """The columns of the run's data set, in order."""
        return (await self._dataset(run)).frame.columns

    async def _said(self, connection: AsyncConnection, run: Run, records: Sequence[Record]) -> Said:
        if not records:
            return {}
        positions = [record.position for record in records]
        return await self._said_of(connection, run, positions)

    async def _said_of(
        self, connection: AsyncConnection, run: Run, positions: Iterable[int]
    ) -> Said:
        wanted = list(positions)
        return await overrides_between(
            connection, run.workspace_id, run.id, min(wanted), max(wanted)
        )

    async def _dataset(self, run: Run) -> Dataset:
        async with self._store.begin() as connection:
            evaluation = await find_evaluation(connection, run.workspace_id, run.evaluation_id)
            dataset = evaluation and await find_dataset(
                connection, run.workspace_id, evaluation.dataset_id
            )
        if not dataset:
            raise NotFound(f"the data set of the run {run.id} is gone")
        return dataset


async def _view(record: Record, rows: "_RowReader", said: Said) -> OutcomeView:
    overrides = said.get((record.position, record.epoch), {})
    return OutcomeView(record, await rows.at(record.position), overrides)


async def _pages(records: AsyncIterator[Record]) -> AsyncIterator[list[Record]]:
    page: list[Record] = []
    async for record in records:
        page.append(record)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


class _RowReader:
    """Rows by position, remembering the segment that was read last."""

    def __init__(self, store: Store, dataset: Dataset) -> None:
        self._store = store
        self._dataset = dataset
        self._segment = -1
        self._rows: list[dict[str, Any]] = []

    async def at(self, position: int) -> dict[str, Any]:
        segment, offset = divmod(position, SEGMENT)
        if segment != self._segment:
            self._rows = await read_segment(self._store.blobs, self._dataset.frame, segment)
            self._segment = segment
        return self._rows[offset]
