"""Models put to the prompts of a suite in this process, and the report of each."""

from collections.abc import Sequence
from pathlib import Path

import click
import orjson

from weighbridge.cli import late, safety_report
from weighbridge.cli.console import output
from weighbridge.cli.failures import ExitCode
from weighbridge.cli.gate import CODES
from weighbridge.cli.hints import Hints
from weighbridge.cli.local import Ended, execute, start
from weighbridge.cli.order import EvaluationFile, Overrides
from weighbridge.cli.results import LocalResults
from weighbridge.cli.session import Session
from weighbridge.cli.words import count, printable
from weighbridge.core.run import RunState
from weighbridge.core.suite import Suite
from weighbridge.dialects.native import wire
from weighbridge.dialects.native.translate_comparisons import from_gate
from weighbridge.providers.declared import RESERVED_NAME
from weighbridge.services.suite_runs import Asking
from weighbridge.store.moments import now

_WEAK = (
    "judged by the embedded judge, which is weak: it knows refusals, and leaves most other answers "
    "ungraded; --judge NAME names a model that judges"
)
# Of several models the worst counts.
_WORST_LAST = (
    *(ExitCode.FINE, ExitCode.INCONCLUSIVE, ExitCode.GATE_FAILED, ExitCode.ERROR),
    *(ExitCode.INTERRUPTED, ExitCode.TERMINATED),
)


async def fire(
    session: Session,
    suite: Suite,
    asking: Asking,
    least: float | None,
    flags: Sequence[str],
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    """Ask models the prompts of a suite, have the answers judged, and print a report of each.

    Args:
        least: the pass rate that is asked for, 0 to 1; None: none is.
        flags: options that lead to the installation, for what to type next.

    Returns:
        The exit code: of several models the worst.

    Raises:
        InvalidFields: something is wrong with a model or the judge; nothing was asked.
    """
    spec = await session.services.suite_runs.prepare(session.caller, suite, asking)
    if not quiet:
        _remark(session, suite, asking)
    file = EvaluationFile(spec, "safety", Path.cwd(), {})
    ended = await execute(
        session,
        start(session, file, quiet=quiet),
        Overrides(),
        late.choose_display(quiet=quiet),
        lambda run_ids: late.say_how_to_resume(run_ids, flags),
    )
    each = [Ended((run_id,), ended.interrupted) for run_id in ended.run_ids] or [ended]
    codes = [
        await tell(session, one, suite, least, flags, as_json=as_json, quiet=quiet) for one in each
    ]
    return max(codes, key=lambda code: _WORST_LAST.index(ExitCode(code)))


async def tell(
    session: Session,
    ended: Ended,
    suite: Suite,
    least: float | None,
    flags: Sequence[str],
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    """Print what the run came to, and what to type next; the exit code."""
    if not ended.run_ids:
        click.echo("interrupted: no run was begun, nothing was asked", err=True)
        return ended.interrupted or ExitCode.ERROR
    services, caller, run_id = session.services, session.caller, ended.run_ids[0]
    run = await LocalResults(session).run(run_id)
    over = run.status is RunState.SUCCEEDED and ended.interrupted is None
    gate: wire.Gate | None = None
    if least is not None and over:
        gate = from_gate(await services.suite_runs.gate(caller, run_id, least), now())
    tally = await services.suite_tallies.of_run(caller, run_id)
    if as_json:
        click.echo(orjson.dumps(safety_report.as_object(run, suite, tally, gate)))
    else:
        safety_report.print_safety(output(), run, suite, tally, gate)
    hints = Hints(tuple(flags))
    lines = hints.after(run)
    if over and not quiet and not as_json:
        lines += [
            f"export with: {hints.command('export', run.id, '--format', 'csv')}",
            f"review with: {hints.command('review-sample', run.id)}",
            "ask another model the same with: "
            + hints.command("safety", "--suite", suite.id, "--model", "NAME"),
            f"and compare with: {hints.command('compare', run.id, 'RUN')}",
        ]
    if not over and run.progress.done < run.progress.total:
        lines.append(f"or, with this report: {hints.command('safety', '--resume', run.id)}")
    for line in lines if not quiet or not over else ():
        click.echo(line, err=True)
    if ended.interrupted is not None:
        return ended.interrupted
    if not over:
        return ExitCode.ERROR
    return ExitCode.FINE if gate is None else CODES[gate.verdict]


def _remark(session: Session, suite: Suite, asking: Asking) -> None:
    """Say what to know before the answers come."""
    click.echo(f"suite {suite.id}: {count(suite.prompts)} prompts", err=True)
    if suite.problem:
        click.echo(f"warning: {printable(suite.problem, 1_000)}", err=True)
    judge = asking.judge or session.services.catalog.defaults.judge or RESERVED_NAME
    if judge == RESERVED_NAME:
        click.echo(f"warning: {_WEAK}", err=True)
    if suite.has_truth and not (asking.show_truth or asking.system_prompt):
        click.echo(
            "warning: the model has to know the ground truth; --show-truth shows it", err=True
        )
