"""Leaderboards: which runs of a standard benchmark can stand beside each other."""

from dataclasses import dataclass, field
from typing import Any

from weighbridge.core.caller import Caller
from weighbridge.core.run import Run, RunState
from weighbridge.errors import NotFound
from weighbridge.store import evaluations, runs
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
                    parts = await runs.read_pin_parts(connection, run.id)
                    parts.pop("model", None)
                    key = tuple(sorted(parts.items()))
                    board = boards.setdefault(
                        key, Board(str(said["mode"]), str(said["source"]), evaluation)
                    )
                    if all(run.model != other.model for other in board.runs):
                        board.runs.append(run)
        if not boards:
            asked = f" in the mode {mode}" if mode else ""
            raise NotFound(
                f"no run of {name}{asked} has succeeded yet; begin one with: "
                f"weighbridge bench run {name} --model MODEL"
            )
        return list(boards.values())


def _benchmark_of(evaluation: StoredEvaluation) -> dict[str, Any] | None:
    """What an evaluation says of the benchmark that it is; None where it is none, or only scores
    the answers of another run."""
    said = evaluation.spec.get("metadata", {}).get("benchmark")
    ours = isinstance(said, dict) and {"name", "mode", "source"} <= said.keys()
    return said if ours and not evaluation.spec.get("answers") else None
