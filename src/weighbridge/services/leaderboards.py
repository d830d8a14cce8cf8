"""Leaderboards: which runs of a standard benchmark can stand beside each other."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller
from weighbridge.core.run import Run, RunState
from weighbridge.errors import NotFound
from weighbridge.store import data_uses, evaluations, runs
from weighbridge.store.engine import Store
from weighbridge.store.evaluations import StoredEvaluation

_PAGE = 200


@dataclass(slots=True)
class Board:
    """Runs that did the same work with different models.

    Attributes:
        mode: how the models were asked.
        source: where the cases came from.
        evaluation: the newest of theirs.
        runs: the latest of each model, newest first.
    """

    mode: str
    source: str
    evaluation: StoredEvaluation
    runs: list[Run] = field(default_factory=list)


class Leaderboards:
    """The leaderboards of an installation.

    Args:
        store: where the runs are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def boards(self, caller: Caller, name: str, mode: str | None = None) -> list[Board]:
        """The leaderboards of a benchmark: one for each set of cases and way of asking, the one
        with the newest run first.

        Args:
            name: of the benchmark, with its subjects: `boolq`, `mmlu:anatomy`.
            mode: only runs that were asked in this manner.

        Raises:
            NotFound: no run of it has succeeded yet.
        """
        boards: dict[Any, Board] = {}
        async with self._store.begin() as connection:
            found = await evaluations.evaluations_called(connection, caller.workspace_id, name)
            for evaluation in found:
                said = _benchmark_of(evaluation)
                if said is None or (mode is not None and said["mode"] != mode):
                    continue
                theirs = await runs.list_runs(
                    connection,
                    caller.workspace_id,
                    after=None,
                    limit=_PAGE,
                    evaluation_id=evaluation.id,
                    state=RunState.SUCCEEDED,
                )
                for run in theirs:
                    board = Board(str(said["mode"]), str(said["source"]), evaluation)
                    await _place(connection, boards, board, run)
        if not boards:
            asked = f" in the mode {mode}" if mode else ""
            raise NotFound(
                f"no run of {name}{asked} has succeeded yet; begin one with: "
                f"weighbridge bench run {name} --model MODEL"
            )
        return list(boards.values())

    async def of_data(self, caller: Caller, dataset_ids: Collection[str]) -> list[Board]:
        """The leaderboards of whoever was evaluated over these data sets, or rows selected from
        them: one for each set of rows and way of asking and scoring, the one with the newest run
        first. The latest `_PAGE` runs are looked at.

        Returns:
            Boards without `mode` and `source`; none where no run has succeeded yet.
        """
        boards: dict[Any, Board] = {}
        async with self._store.begin() as connection:
            reading = await data_uses.runs_reading(
                connection, caller.workspace_id, dataset_ids, after=None, limit=_PAGE
            )
            found = await runs.find_runs(connection, caller.workspace_id, reading)
            theirs = await evaluations.find_evaluations(
                connection, caller.workspace_id, {run.evaluation_id for run in found.values()}
            )
            for run_id in sorted(found, reverse=True):
                run = found[run_id]
                evaluation = theirs.get(run.evaluation_id)
                if run.state is not RunState.SUCCEEDED or evaluation is None:
                    continue
                if not evaluation.spec.get("answers"):
                    await _place(connection, boards, Board("", "", evaluation), run)
        return list(boards.values())


async def _place(
    connection: AsyncConnection, boards: dict[Any, Board], board: Board, run: Run
) -> None:
    """Put a run onto the board of the work that it did, which is this one where there is none."""
    parts = await runs.read_pin_parts(connection, run.id)
    parts.pop("model", None)
    board = boards.setdefault(tuple(sorted(parts.items())), board)
    if all(run.model != other.model for other in board.runs):
        board.runs.append(run)


def _benchmark_of(evaluation: StoredEvaluation) -> dict[str, Any] | None:
    """What an evaluation says of the benchmark that it is; None where it is none, or only scores
    the answers of another run."""
    said = evaluation.spec.get("metadata", {}).get("benchmark")
    ours = isinstance(said, dict) and {"name", "mode", "source"} <= said.keys()
    return said if ours and not evaluation.spec.get("answers") else None
