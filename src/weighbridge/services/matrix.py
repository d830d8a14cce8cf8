"""Cases × runs of a comparison: which cases differ, what each run said to them, and how well."""

import asyncio
import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from weighbridge.core.evaluation import AnswerColumn, Evaluation
from weighbridge.core.json import JsonObject
from weighbridge.core.prompt import Template
from weighbridge.core.review import Override
from weighbridge.core.scale import ZERO_TO_ONE
from weighbridge.datasets.frame import SEGMENT
from weighbridge.errors import NotFound
from weighbridge.services.comparisons import ComparedRun, ComparisonView
from weighbridge.services.outcomes import Outcomes, OutcomeView
from weighbridge.services.scores import ScoredRun
from weighbridge.store.datasets import Dataset, read_segment
from weighbridge.store.engine import Store
from weighbridge.store.glances import Glance, glances_at, positions_called
from weighbridge.store.overrides import overrides_at

if TYPE_CHECKING:
    from weighbridge.reports.matrix import Picked, Sieve, Spot, Together

MOST_FOUND = 1_000
"""Cases that a part of an id finds."""
_PASSED = 0.5


class Mode(StrEnum):
    """Which cases are shown."""

    ALL = "all"
    """every case of the baseline"""
    DIFFERENT = "different"
    """those that do not score the same in every run"""
    REGRESSIONS = "regressions"
    """those that score worse than in the baseline in any other run"""
    FAILURES = "failures"
    """those without a score, or without a passing one, in any run"""


class Order(StrEnum):
    """Which cases come first."""

    DATA = "data"
    """as in the baseline's data"""
    LARGEST = "largest"
    """those that got worse by most"""


@dataclass(frozen=True, slots=True)
class Cell:
    """A case in one run.

    Attributes:
        spot: its place and its score.
        repeats: its outcomes, by epoch; empty where the run does not know the case.
        overrides: what people say that its scores should be, by epoch.
        change: -1 worse than the baseline, 1 better, 0 the same; None: nothing to compare.
    """

    spot: "Spot"
    repeats: tuple[Glance, ...]
    overrides: Mapping[int, Override]
    change: int | None


@dataclass(frozen=True, slots=True)
class Row:
    """A case in all runs.

    Attributes:
        asked: how what was asked begins.
    """

    position: int
    case_id: str
    asked: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class MatrixPage:
    """A page of the cases.

    Attributes:
        counts: cases by mode, of those that the search finds.
        after: position of the last case, when others follow.
        passing: from which score on a case has passed; None: no score is a failure.
        cut: whether the search found more cases than are looked at.
    """

    rows: tuple[Row, ...]
    counts: Mapping[str, int]
    after: int | None
    passing: float | None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class CaseSide:
    """A case in one run, in full.

    Attributes:
        outcomes: by epoch; empty where the run does not know the case.
    """

    spot: "Spot"
    outcomes: tuple[OutcomeView, ...]
    change: int | None


@dataclass(frozen=True, slots=True)
class ComparedCase:
    """A case in all runs, in full.

    Attributes:
        inputs: the row that the baseline asked about.
        target: what was expected, if the baseline's evaluation says.
        before, after: positions of the cases beside it, in the mode and order that was asked for.
    """

    position: int
    case_id: str
    inputs: JsonObject
    target: Any
    sides: tuple[CaseSide, ...]
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class View:
    """How the cases are looked at.

    Attributes:
        scorer: by which of the scorers compared.
        search: an id, or a part of ids; empty: all cases.
    """

    scorer: str
    mode: Mode = Mode.ALL
    order: Order = Order.DATA
    search: str = ""


class Matrix:
    """The cases of an installation's comparisons.

    Args:
        store: where outcomes are.
        outcomes: and how they are read in full.
    """

    def __init__(self, store: Store, outcomes: Outcomes) -> None:
        self._store = store
        self._outcomes = outcomes

    async def page(
        self, compared: ComparisonView, view: View, *, after: int | None = None, limit: int = 50
    ) -> MatrixPage:
        """The next cases.

        Args:
            compared: by `Comparisons.compare`, which has looked who asks.
            after: position in the baseline's data of the case before the first one.
            limit: the most cases.
        """
        among = await self._found(compared, view.search)
        matrix: Any = importlib.import_module("weighbridge.reports.matrix")
        sieve = _sieve(matrix, compared, view, among)
        scores = [run.scores for run in compared.runs]
        picked: Picked = await asyncio.to_thread(
            partial(matrix.pick, scores, sieve, after=after, limit=limit)
        )
        rows = await self._rows(compared, view.scorer, picked)
        return MatrixPage(
            rows=rows,
            counts=picked.counts,
            after=rows[-1].position if rows and picked.more else None,
            passing=passing(compared, view.scorer),
            cut=among is not None and len(among) == MOST_FOUND,
        )

    async def case(self, compared: ComparisonView, view: View, position: int) -> ComparedCase:
        """One case in full.

        Args:
            position: in the baseline's data.

        Raises:
            NotFound: the baseline has no outcome there.
        """
        matrix: Any = importlib.import_module("weighbridge.reports.matrix")
        scores = [run.scores for run in compared.runs]
        spots = matrix.spots_at(scores, view.scorer, position)
        if spots is None:
            raise NotFound(f"{compared.runs[0].run.id} has no case at position {position}")
        found = []
        for run, spot in zip(compared.runs, spots, strict=True):
            at = {} if spot.position is None else await self._at(run.run, spot.position)
            found.append(tuple(at.get(spot.position, ())))
        if not found[0]:
            raise NotFound(f"{compared.runs[0].run.id} has no case at position {position}")
        first = found[0][0]
        low = _lower_is_better(compared, view.scorer)
        before, after = await self._beside(compared, view, position)
        target = compared.runs[0].run.evaluation.target_column
        return ComparedCase(
            position=position,
            case_id=first.record.case_id,
            inputs=first.inputs,
            target=None if target is None else first.inputs.get(target),
            sides=tuple(
                CaseSide(spot, outcomes, _change(spots[0], spot, low) if number else None)
                for number, (spot, outcomes) in enumerate(zip(spots, found, strict=True))
            ),
            before=before,
            after=after,
        )

    async def together(self, compared: ComparisonView, scorer: str, other: int) -> "Together":
        """How the scores of the baseline and another run lie together.

        Args:
            other: place of the run among those compared.
        """
        matrix: Any = importlib.import_module("weighbridge.reports.matrix")
        a, b = compared.runs[0].scores, compared.runs[other].scores
        found: Together = await asyncio.to_thread(matrix.together, a, b, scorer)
        return found

    async def _found(self, compared: ComparisonView, search: str) -> list[int] | None:
        """Positions of the cases that are looked for; None: all."""
        if not search:
            return None
        matrix: Any = importlib.import_module("weighbridge.reports.matrix")
        base = compared.runs[0]
        exact = matrix.position_of(base.scores, search)
        if exact is not None:
            return [exact]
        stored = base.run.view.run
        async with self._store.begin() as connection:
            return await positions_called(
                connection, stored.workspace_id, stored.id, search, MOST_FOUND
            )

    async def _beside(
        self, compared: ComparisonView, view: View, position: int
    ) -> tuple[int | None, int | None]:
        matrix: Any = importlib.import_module("weighbridge.reports.matrix")
        sieve = _sieve(matrix, compared, view, await self._found(compared, view.search))
        scores = [run.scores for run in compared.runs]
        found: tuple[int | None, int | None] = await asyncio.to_thread(
            matrix.beside, scores, sieve, position
        )
        return found

    async def _rows(
        self, compared: ComparisonView, scorer: str, picked: "Picked"
    ) -> tuple[Row, ...]:
        if not picked.rows:
            return ()
        low = _lower_is_better(compared, scorer)
        glances = []
        for number, run in enumerate(compared.runs):
            spots = [row[number] for row in picked.rows]
            glances.append(await self._glances(run, scorer, spots))
        positions = [spots[0].position or 0 for spots in picked.rows]
        asked = await self._asked(compared.runs[0].run, positions)
        rows = []
        for place, across in enumerate(picked.rows):
            cells = tuple(
                Cell(
                    spot,
                    *glances[number][place],
                    _change(across[0], spot, low) if number else None,
                )
                for number, spot in enumerate(across)
            )
            at = positions[place]
            case_id = cells[0].repeats[0].case_id if cells[0].repeats else str(at)
            rows.append(Row(at, case_id, asked[at], cells))
        return tuple(rows)

    async def _glances(
        self, run: ComparedRun, scorer: str, spots: Sequence["Spot"]
    ) -> list[tuple[tuple[Glance, ...], dict[int, Override]]]:
        positions = [spot.position for spot in spots if spot.position is not None]
        stored = run.run.view.run
        async with self._store.begin() as connection:
            found = await glances_at(connection, stored.workspace_id, stored.id, scorer, positions)
            said = await overrides_at(connection, stored.workspace_id, stored.id, positions)
        made = []
        for spot in spots:
            repeats = tuple(found.get(spot.position, ())) if spot.position is not None else ()
            overrides = {
                it.epoch: said[it.position, it.epoch][scorer]
                for it in repeats
                if scorer in said.get((it.position, it.epoch), {})
            }
            made.append((repeats, overrides))
        return made

    async def _asked(self, run: ScoredRun, positions: Sequence[int]) -> dict[int, str]:
        """What was asked in each of these cases: its last message."""
        evaluation = run.evaluation
        template = Template(evaluation.messages[-1].content) if evaluation.messages else None
        inputs = await _rows_of(self._store, run.dataset, positions)
        return {at: _filled(template, row, _not_asked(evaluation)) for at, row in inputs.items()}

    async def _at(self, run: ScoredRun, position: int) -> dict[int, list[OutcomeView]]:
        return await self._outcomes.at(run.view.run, [position])


def passing(compared: ComparisonView, scorer: str) -> float | None:
    """From which score on a case has passed: the middle of what there can be; None: there is no
    such middle."""
    bounds = [run.run.bounds.get(scorer, ZERO_TO_ONE) for run in compared.runs]
    low, high = min(it[0] for it in bounds), max(it[1] for it in bounds)
    if not math.isfinite(low) or not math.isfinite(high):
        return None
    return _PASSED if (low, high) == ZERO_TO_ONE else (low + high) / 2


def _sieve(matrix: Any, compared: ComparisonView, view: View, among: list[int] | None) -> "Sieve":
    sieve: Sieve = matrix.Sieve(
        scorer=view.scorer,
        mode=view.mode.value,
        passing=passing(compared, view.scorer),
        lower_is_better=_lower_is_better(compared, view.scorer),
        among=among,
        largest_first=view.order is Order.LARGEST,
    )
    return sieve


def _lower_is_better(compared: ComparisonView, scorer: str) -> bool:
    return scorer in compared.runs[0].run.lower_is_better


def _change(base: "Spot", spot: "Spot", low: bool) -> int | None:
    if base.value is None or spot.value is None:
        return None
    moved = (spot.value > base.value) - (spot.value < base.value)
    return -moved if low else moved


async def _rows_of(
    store: Store, dataset: Dataset, positions: Sequence[int]
) -> dict[int, JsonObject]:
    """Rows of a data set by position; each of its segments is read once."""
    found: dict[int, JsonObject] = {}
    rows: list[dict[str, Any]] = []
    read = -1
    for position in sorted(positions):
        segment, offset = divmod(position, SEGMENT)
        if segment != read:
            rows, read = await read_segment(store.blobs, dataset.frame, segment), segment
        found[position] = rows[offset]
    return found


def _not_asked(evaluation: Evaluation) -> set[str | None]:
    """Columns that are no part of the question where there is no prompt."""
    given = evaluation.answers
    answers = given.column if isinstance(given, AnswerColumn) else None
    return {evaluation.id_column, evaluation.target_column, evaluation.cluster_column, answers}


def _filled(template: Template | None, inputs: JsonObject, others: set[str | None]) -> str:
    if template is not None:
        try:
            return template.render(inputs)
        except KeyError:
            pass  # answers that were handed in need no prompt
    # The first text of the row: what else there is may be the answers of others.
    asked = (value for name, value in inputs.items() if name not in others)
    return next((value for value in asked if isinstance(value, str) and value.strip()), "")
