"""Runs executed in this process: no server, no queue, the same rows."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import click

from weighbridge.cli.failures import ExitCode
from weighbridge.cli.interrupts import Interrupts
from weighbridge.cli.order import EvaluationFile, Overrides
from weighbridge.cli.progress import Display, Snapshot, shown
from weighbridge.cli.session import Session
from weighbridge.core.run import FINISHED, Run, RunState
from weighbridge.core.suite import Suite, SuiteRequest
from weighbridge.errors import Conflict, Invalid, InvalidFields, WeighbridgeError
from weighbridge.jobs.execution import Execution
from weighbridge.jobs.foreground import OWNED_FOR_S, run_in_foreground, this_process
from weighbridge.jobs.loading import LoadedRun, load_run
from weighbridge.jobs.stop import Stop
from weighbridge.jobs.turns import Lane, Turns
from weighbridge.services.estimates import Estimate
from weighbridge.services.evaluations import Owner, Reproduction
from weighbridge.services.red_teams import RedTeamView

INTERRUPT_GRACE_S = 5.0
"""How long calls in flight may go on after Ctrl-C: they are paid for, most likely."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the runs of one command ended.

    Attributes:
        run_ids: in the order in which they were executed.
        interrupted: the exit code of the signal that stopped them, if one did.
    """

    run_ids: tuple[str, ...]
    interrupted: ExitCode | None

    def with_first(self, run_id: str) -> "Ended":
        """With another run, to be shown before these."""
        return Ended((run_id, *self.run_ids), self.interrupted)


async def check(session: Session, file: EvaluationFile) -> Estimate:
    """Look at everything that could be wrong, and start nothing.

    Returns:
        What it would take.
    """
    with _located(file):
        say_warnings(await session.services.evaluations.warnings(file.spec))
        return await session.services.estimates.of(session.caller, file.spec, folder=file.folder)


async def start(session: Session, file: EvaluationFile, *, quiet: bool) -> tuple[Run, ...]:
    """Accept the evaluation; its runs are ours to execute."""
    with _located(file):
        warnings = await session.services.evaluations.warnings(file.spec)
        if not quiet:
            say_warnings(warnings)
        started = await session.services.evaluations.start(
            session.caller, file.spec, folder=file.folder, owner=_owner()
        )
    return started.runs


async def start_writing(session: Session, request: SuiteRequest, generator: str | None) -> Suite:
    """Accept a suite of prompts; if a model writes them, that run is ours to execute."""
    return await session.services.suites.create(
        session.caller, request, generator=generator, owner=_owner()
    )


async def start_red_team(
    session: Session, spec_id: str, behaviors: int, prompts: int, model: str | None
) -> RedTeamView:
    """Accept a run that writes the prompts of a red team; it is ours to execute."""
    return await session.services.red_teams.start(
        session.caller,
        spec_id,
        behaviors=behaviors,
        prompts=prompts,
        model=model,
        owner=_owner(),
    )


async def start_again(session: Session, name: str) -> Reproduction:
    """Queue a run that does again what another did; it is ours to execute."""
    original = await session.run(name)
    return await session.services.evaluations.reproduce(session.caller, original.id, owner=_owner())


async def start_rescoring(
    session: Session, name: str, changes: Mapping[str, Any]
) -> tuple[Run, ...]:
    """Queue a run that scores the answers of another again; it is ours to execute."""
    scored = await session.run(name)
    started = await session.services.evaluations.rescore(
        session.caller, scored.id, changes, owner=_owner()
    )
    return started.runs


async def take_up(
    session: Session, names: Sequence[str], *, retry_failed: bool, ungraded: bool = False
) -> tuple[Run, ...]:
    """Go on with runs that were stopped, failed or crashed; they are ours to execute.

    Args:
        names: ids of runs, or `latest`.
        retry_failed: of those that have ended, do the failed cases again, too; with `ungraded` also
            those without a usable verdict.
    """
    runs = session.services.runs
    taken = []
    for run in {run.id: run for run in [await session.run(name) for name in names]}.values():
        missing = run.progress.done < run.progress.total
        again = run.progress.failed or (ungraded and run.progress.ungraded)
        if retry_failed and run.state in FINISHED and (again or not missing):
            taken.append(
                await runs.retry_failed(session.caller, run.id, _owner(), ungraded=ungraded)
            )
        else:
            taken.append(await runs.resume(session.caller, run.id, _owner()))
    return tuple(taken)


async def execute(
    session: Session,
    begin: Coroutine[None, None, tuple[Run, ...]],
    overrides: Overrides,
    display: Display,
    on_trouble: Callable[[Sequence[str]], object],
) -> Ended:
    """Execute runs until all have ended or a signal comes: those of one evaluation side by side,
    evaluations one after the other.

    Args:
        begin: makes or takes up the runs; a signal cancels it.
        on_trouble: handed the runs when an error leaves them where they are, before it is raised.
    """
    with Interrupts() as interrupts:
        runs = await interrupts.unless_stopped(begin) or ()
        run_ids = tuple(run.id for run in runs)
        together: dict[str, list[str]] = {}
        for run in runs:
            together.setdefault(run.evaluation_id, []).append(run.id)
        try:
            for ids in together.values():
                if interrupts.code is None:
                    await _execute(session, ids, overrides, display, interrupts)
                else:
                    await _cancel(session, ids)
        except Conflict:  # somebody else executes it
            raise
        except WeighbridgeError:
            on_trouble(run_ids)
            raise
        return Ended(run_ids, interrupts.code)


async def _execute(
    session: Session,
    run_ids: Sequence[str],
    overrides: Overrides,
    display: Display,
    interrupts: Interrupts,
) -> None:
    """Execute the runs of one evaluation. They share its calls in flight by turns, so that what
    drifts meanwhile hits all of them alike.

    One that meets an error leaves the others alone; it is raised when they have ended.
    """
    loaded = [await _load(session, run_id, overrides) for run_id in run_ids]
    turns = Turns(loaded[0].evaluation.concurrency)
    live: list[Execution] = []

    def stop_all() -> None:
        for execution in live:
            execution.stop(Stop(RunState.CANCELLED, "interrupted"), INTERRUPT_GRACE_S)

    def started(execution: Execution) -> None:
        live.append(execution)
        interrupts.stop_with(stop_all)

    ends = await asyncio.gather(
        *(_execute_one(session, one, display, started, turns.lane()) for one in loaded),
        return_exceptions=True,
    )
    for end in ends:
        if isinstance(end, BaseException):
            raise end


async def _execute_one(
    session: Session,
    loaded: LoadedRun,
    display: Display,
    started: Callable[[Execution], None],
    slots: Lane,
) -> None:
    live: list[Execution] = []

    def begun(execution: Execution) -> None:
        live.append(execution)
        started(execution)

    def read() -> Snapshot:
        return _of_execution(live[0]) if live else snapshot_of(loaded.run)

    async with shown(display, loaded.run.model, read):
        await run_in_foreground(session.services.store, loaded, begun, slots=slots)


async def _cancel(session: Session, run_ids: Sequence[str]) -> None:
    for run_id in run_ids:
        with suppress(Conflict):  # it had ended before
            await session.services.runs.cancel(session.caller, run_id)


async def _load(session: Session, run_id: str, overrides: Overrides) -> LoadedRun:
    services = session.services
    loaded = await load_run(
        services.store,
        services.models,
        run_id,
        cache=overrides.cache,
        telemetry=services.telemetry,
    )
    asked = [loaded.model, *loaded.judges.values()]
    for model in asked if overrides.budget.usd is not None else ():
        if model is not None and not model.has_price:
            raise Invalid(
                f"--budget-usd cannot be kept: the price of {model.name} is not known; declare "
                "it in the models file, or use --budget-tokens"
            )
    return replace(loaded, evaluation=overrides.applied(loaded.evaluation))


def say_warnings(warnings: Iterable[str]) -> None:
    """Print what will not bring what was wanted, though it may start."""
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


def snapshot_of(run: Run) -> Snapshot:
    """The counters of a run as its rows have them."""
    return Snapshot(
        run.progress.done,
        run.progress.total,
        run.progress.failed,
        run.progress.ungraded,
        run.usage.input_tokens + run.usage.output_tokens,
        run.usage.cost_usd,
    )


def _of_execution(execution: Execution) -> Snapshot:
    progress, usage = execution.progress, execution.spending.total
    return Snapshot(
        progress.done,
        progress.total,
        progress.failed,
        progress.ungraded,
        usage.input_tokens + usage.output_tokens,
        usage.cost_usd,
        execution.asking,
    )


@contextmanager
def _located(file: EvaluationFile) -> Iterator[None]:
    try:
        yield
    except InvalidFields as error:
        raise file.locate(error) from error


def _owner() -> Owner:
    return Owner(this_process(), OWNED_FOR_S)
