"""What came of suites, whichever way they were answered: by answers that were handed in, or by
models that were put to their prompts here."""

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from weighbridge.core.caller import Caller
from weighbridge.core.run import FINISHED, Run, RunState
from weighbridge.core.suite import PassRate, Scoring, ScoringState
from weighbridge.services.pass_rates import pass_rates, rates_of_runs
from weighbridge.services.scorings import state_of
from weighbridge.store.engine import Store
from weighbridge.store.runs import find_runs
from weighbridge.store.scorings import Standing, find_scorings, standings
from weighbridge.store.suite_results import ResultOf, latest_results, results_of


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What came of a suite once.

    Attributes:
        id: of the scoring, or else of the run.
        scored: whether it is a scoring.
        name: of the scoring, or of the model.
        runs: ids of the runs with the verdicts.
        responses: how many answers there are, or are to be.
        reason: why it broke off, where it did.
        author: who handed the answers in; None: they were asked for here.
    """

    id: str
    suite_id: str
    scored: bool
    name: str
    state: ScoringState | RunState
    rate: PassRate
    runs: tuple[str, ...]
    responses: int
    reason: str | None
    author: str | None
    created_at: datetime

    @property
    def is_over(self) -> bool:
        """Whether its pass rate is that of all it should be of."""
        return self.state in {ScoringState.FINISHED, RunState.SUCCEEDED}

    @property
    def is_going_on(self) -> bool:
        """Whether there is more to come."""
        return not self.is_over and self.state not in {ScoringState.FAILED, *FINISHED}


class SuiteResults:
    """The results of an installation's suites.

    Args:
        store: where they are kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def latest(
        self, caller: Caller, suite_ids: Sequence[str], *, each: int = 12
    ) -> Mapping[str, builtins.list[SuiteResult]]:
        """The newest results of some suites (a few hundred at most), by the suite's id, newest
        first; suites without one are missing.

        Args:
            each: the most of each.
        """
        async with self._store.begin() as connection:
            found = await latest_results(connection, caller.workspace_id, suite_ids, each=each)
            every = [it for of_suite in found.values() for it in of_suite]
            made = await _results(connection, caller.workspace_id, every)
        return {
            suite_id: [made[it.id] for it in of_suite if it.id in made]
            for suite_id, of_suite in found.items()
        }

    async def page(
        self, caller: Caller, suite_id: str, *, start: int = 0, limit: int = 50
    ) -> builtins.list[SuiteResult]:
        """The results of a suite, newest first, from the 0-based place `start` on."""
        async with self._store.begin() as connection:
            found = await results_of(
                connection, caller.workspace_id, suite_id, start=start, limit=limit
            )
            made = await _results(connection, caller.workspace_id, found)
        return [made[it.id] for it in found if it.id in made]


async def _results(
    connection: AsyncConnection, workspace_id: str, found: Sequence[ResultOf]
) -> dict[str, SuiteResult]:
    suite_of = {it.id: it.suite_id for it in found}
    scored = [it.id for it in found if it.scored]
    there = await find_scorings(connection, workspace_id, scored)
    standing = await standings(connection, workspace_id, scored)
    rates = await pass_rates(connection, workspace_id, scored, standing)
    made = {it.id: _of_scoring(it, standing.get(it.id, ()), rates[it.id]) for it in there}
    asked = await find_runs(connection, workspace_id, [it.id for it in found if not it.scored])
    asked_of = await rates_of_runs(connection, workspace_id, list(asked.values()))
    return made | {id_: _of_run(run, suite_of[id_], asked_of[id_]) for id_, run in asked.items()}


def _of_scoring(it: Scoring, standing: Sequence[Standing], rate: PassRate) -> SuiteResult:
    return SuiteResult(
        id=it.id,
        suite_id=it.suite_id,
        scored=True,
        name=it.name,
        state=state_of(standing),
        rate=rate,
        runs=tuple(one.batch.run_id for one in standing if one.batch.run_id is not None),
        responses=it.responses,
        reason=next((one.reason for one in standing if one.reason), None),
        author=it.author,
        created_at=it.created_at,
    )


def _of_run(run: Run, suite_id: str, rate: PassRate) -> SuiteResult:
    return SuiteResult(
        id=run.id,
        suite_id=suite_id,
        scored=False,
        name=run.model,
        state=run.state,
        rate=rate,
        runs=(run.id,),
        responses=run.progress.total,
        reason=run.reason,
        author=None,
        created_at=run.created_at,
    )
