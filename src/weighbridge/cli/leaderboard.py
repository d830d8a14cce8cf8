"""Several models by one benchmark: who leads, and who cannot be told apart."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from weighbridge.cli.console import add_row, table
from weighbridge.cli.results import Results
from weighbridge.cli.words import count, number, printable
from weighbridge.dialects.native import wire
from weighbridge.errors import Invalid

LEVEL = 0.95
_MOST_COMPARED = 20


@dataclass(frozen=True, slots=True)
class Place:
    """One model on a leaderboard.

    Attributes:
        value, low, high: of the benchmark's figure; None where nothing was scored.
        group: letters; models that share one cannot be told apart. None: not compared.
    """

    model: str
    run: str
    value: float | None
    low: float | None
    high: float | None
    scored: int
    failed: int
    ungraded: int
    group: str | None


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Models by one benchmark, the best first.

    Attributes:
        benchmark: its name. mode: how they were asked. figure: key of the scorer.
        source: where the cases came from. cases: how many were asked.
        note: why models were not compared.
    """

    benchmark: str
    mode: str
    source: str
    figure: str
    cases: int
    places: tuple[Place, ...]
    note: str | None

    def as_json(self) -> dict[str, Any]:
        """As one object, which says what it is."""
        return {"object": "leaderboard", "level": LEVEL, **asdict(self)}


async def leaderboard(results: Results, run_ids: Sequence[str]) -> Leaderboard:
    """The leaderboard of runs by the same benchmark.

    Args:
        run_ids: one or more, of benchmarks.
    """
    runs = [await results.run(run_id) for run_id in run_ids]
    said = runs[0].evaluation.spec["metadata"]["benchmark"]
    figure = runs[0].metrics[0].scorer if runs[0].metrics else _first_scorer(runs[0])
    ranked = sorted(runs, key=lambda run: -_value(run, figure))
    letters: dict[str, str] = {}
    note = None
    compared = [run.id for run in ranked][:_MOST_COMPARED]
    if len(compared) > 1:
        try:
            comparison = await results.compare(compared, [figure], LEVEL)
        except Invalid as error:
            note = f"not compared: {error.message}"
        else:
            letters = comparison.groups[0].letters if comparison.groups else {}
    if len(ranked) > _MOST_COMPARED:
        note = f"only the first {_MOST_COMPARED} were compared"
    return Leaderboard(
        runs[0].evaluation.name,
        str(said["mode"]),
        str(said["source"]),
        figure,
        max(run.progress.total for run in runs),
        tuple(_place(run, figure, letters.get(run.id)) for run in ranked),
        note,
    )


def print_leaderboard(console: Console, board: Leaderboard) -> None:
    """Print it, and how to read it."""
    columns = ("", "model", board.figure, "interval", "scored", "failed", "ungraded", "group")
    rows = table(
        *columns,
        numbers=("", board.figure, "interval", "scored", "failed", "ungraded"),
        title=f"\n{printable(board.benchmark, 80)} by {board.mode}: {count(board.cases)} cases "
        f"from {printable(board.source, 120)}",
    )
    for rank, place in enumerate(board.places, 1):
        add_row(
            rows,
            rank,
            printable(place.model, 60),
            number(place.value),
            None if place.low is None else f"[{number(place.low)}, {number(place.high)}]",
            count(place.scored),
            count(place.failed),
            count(place.ungraded),
            place.group,
        )
    console.print(rows)
    if any(place.group for place in board.places):
        console.print(
            Text(
                f"{LEVEL:.0%} intervals. Models that share a letter cannot be told apart (paired "
                "tests on the same cases, corrected for their number)."
            )
        )
    if board.note is not None:
        console.print(Text(printable(board.note, 400)))


def _place(run: wire.Run, figure: str, group: str | None) -> Place:
    metric = _metric(run, figure)
    if metric is None:
        progress = run.progress
        return Place(
            run.model, run.id, None, None, None, 0, progress.failed, progress.ungraded, group
        )
    return Place(
        run.model,
        run.id,
        metric.value,
        metric.low,
        metric.high,
        metric.n_scored,
        metric.n_failed,
        metric.n_ungraded,
        group,
    )


def _metric(run: wire.Run, figure: str) -> wire.Metric | None:
    return next((metric for metric in run.metrics if metric.scorer == figure), None)


def _value(run: wire.Run, figure: str) -> float:
    metric = _metric(run, figure)
    return -1.0 if metric is None or metric.value is None else metric.value


def _first_scorer(run: wire.Run) -> str:
    """Key of the first scorer of an evaluation, by which a run without metrics would be ranked."""
    first = run.evaluation.spec["scorers"][0]
    if isinstance(first, str):
        return first
    return str(first.get("as") or next(name for name in first if name != "as"))
