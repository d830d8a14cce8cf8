"""The cases whose scores differ between two runs, with what was asked and answered."""

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from weighbridge.core.caller import Caller
from weighbridge.services.comparisons import check_runs
from weighbridge.services.outcomes import Outcomes, OutcomeView
from weighbridge.services.runs import Runs
from weighbridge.services.scores import ScoredRun, Scores, common_scorers
from weighbridge.store.engine import Store

if TYPE_CHECKING:
    from weighbridge.reports.comparison import Flipped

_WINDOW = 10_000


class Direction(StrEnum):
    """Which cases that differ."""

    ALL = "all"
    """every case whose scores differ"""
    UP = "up"
    """those that score higher in the second run"""
    DOWN = "down"
    """those that score lower in the second run"""


@dataclass(frozen=True, slots=True)
class Side:
    """A case in one of the two runs.

    Attributes:
        position: its 0-based place in the run's data set.
        score: its repeats reduced.
        outcomes: by epoch, those that failed included.
    """

    position: int
    score: float
    outcomes: tuple[OutcomeView, ...]


@dataclass(frozen=True, slots=True)
class Flip:
    """A case that scores differently in two runs."""

    case_id: str
    a: Side
    b: Side


class Flips:
    """What flipped between an installation's runs.

    Args:
        store: where the scores are.
        runs: where the runs come from. outcomes: and what was answered.
    """

    def __init__(self, store: Store, runs: Runs, outcomes: Outcomes) -> None:
        self._scores = Scores(store, runs)
        self._outcomes = outcomes

    async def page(
        self,
        caller: Caller,
        run_a: str,
        run_b: str,
        scorer: str,
        *,
        direction: Direction = Direction.ALL,
        after: int = -1,
        limit: int = 50,
    ) -> list[Flip]:
        """The first cases whose scores differ, in the order of the first run's data.

        Two runs over the same data are gone through side by side, no further than the page needs;
        others are read whole, to match their ids.

        Args:
            scorer: key.
            after: 0-based position in the first run's data; only cases behind it.
            limit: the most cases.

        Raises:
            NotFound: the workspace has no such run.
            Invalid: the same run twice, or a scorer that a run does not have.
        """
        check_runs([run_a, run_b])
        a, b = [await self._scores.run(caller, run_id) for run_id in (run_a, run_b)]
        common_scorers([a, b], [scorer])
        # numpy is loaded when it is needed, and not when the services are opened.
        flipped: Any = importlib.import_module("weighbridge.reports.comparison").flipped
        found: list[Flipped] = []
        for since, until in _windows(a, b, after):
            scores_a = await self._scores.read(a, [scorer], since, until)
            scores_b = await self._scores.read(b, [scorer], since, until)
            found += flipped(
                scores_a,
                scores_b,
                scorer,
                up=direction is not Direction.DOWN,
                down=direction is not Direction.UP,
                after=after,
                limit=limit - len(found),
            )
            if len(found) == limit:
                break
        outcomes_a = await self._outcomes.at(a.view.run, [one.a for one in found])
        outcomes_b = await self._outcomes.at(b.view.run, [one.b for one in found])
        return [
            Flip(
                outcomes_a[one.a][0].record.case_id,
                Side(one.a, one.score_a, tuple(outcomes_a[one.a])),
                Side(one.b, one.score_b, tuple(outcomes_b[one.b])),
            )
            for one in found
        ]


def _windows(a: ScoredRun, b: ScoredRun, after: int) -> Iterator[tuple[int, int | None]]:
    """Spans of positions, the first exclusive and the last inclusive, that can be looked at one
    after the other: with the same data, a case stands at the same place in both runs."""
    if a.dataset.frame.sha256 != b.dataset.frame.sha256 or (
        a.evaluation.id_column != b.evaluation.id_column
    ):
        yield -1, None
        return
    for since in range(after, a.dataset.frame.rows - 1, _WINDOW):
        yield since, since + _WINDOW
