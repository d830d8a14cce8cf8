"""The same evaluation over time, and what "the same" means.

Two runs are points of one line when they measured the same thing by the same ruler: evaluations of
the same name, the same rows, columns, repeats and scorers (options and versions included), the same
judges with the same wording, and the same model by name. What people change between runs to get
better may differ: the prompt, the parameters, the endpoint behind the model's name. Each point says
which of these are not what they were at the point before. A change of the ruler begins a new line,
as its numbers cannot be held against those before.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from weighbridge.core.outcome import Metric
from weighbridge.store.recent import PastRun

_RULER = ("dataset", "columns", "epochs", "reducer", "limit", "stop", "scorers", "judging")

Ruler: TypeAlias = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """A run on the line.

    Attributes:
        changed: parts of the pin (`messages`, `params`…) that the run before had otherwise.
    """

    run: PastRun
    changed: tuple[str, ...]

    def metric(self, scorer: str) -> Metric | None:
        """What came of it by one scorer."""
        return next((it for it in self.run.metrics if it.scorer == scorer), None)


@dataclass(frozen=True, slots=True)
class Series:
    """The runs of a model in the same evaluation, oldest first."""

    model: str
    points: tuple[Point, ...]

    @property
    def newest(self) -> PastRun:
        """The last of them."""
        return self.points[-1].run

    def values(self, scorer: str) -> list[tuple[float | None, float | None, float | None]]:
        """Value and interval of one scorer, run by run."""
        found = (point.metric(scorer) for point in self.points)
        return [(it.value, it.low, it.high) for it in found if it is not None]


@dataclass(frozen=True, slots=True)
class Course:
    """An evaluation over time.

    Attributes:
        series: one for each model, in the order of the models' newest runs.
    """

    name: str
    series: tuple[Series, ...]

    @property
    def newest(self) -> PastRun:
        """The last of all its runs."""
        return max((one.newest for one in self.series), key=lambda run: run.id)


def ruler_of(run: PastRun) -> Ruler:
    """What must be the same so that two numbers can be held against each other."""
    if not run.pin_parts:  # it was made before these were kept
        return (run.evaluation_id,)
    return tuple(run.pin_parts.get(part) for part in _RULER)


def courses_of(runs: Iterable[PastRun]) -> list[Course]:
    """Runs put into lines.

    Args:
        runs: newest first.

    Returns:
        That with the newest run first.
    """
    theirs: dict[tuple[str, Ruler], dict[str, list[PastRun]]] = defaultdict(dict)
    for run in runs:
        theirs[run.name, ruler_of(run)].setdefault(run.model, []).append(run)
    return [
        Course(name, tuple(_series(model, of_model) for model, of_model in by_model.items()))
        for (name, _), by_model in theirs.items()
    ]


def _series(model: str, newest_first: list[PastRun]) -> Series:
    points: list[Point] = []
    for run in reversed(newest_first):
        before = points[-1].run.pin_parts if points else run.pin_parts
        parts = before.keys() | run.pin_parts.keys()
        changed = sorted(it for it in parts if before.get(it) != run.pin_parts.get(it))
        points.append(Point(run, tuple(changed)))
    return Series(model, tuple(points))
