"""`weighbridge runs`, `show` and `cancel`: looking at runs, and stopping them."""

import click

from weighbridge.cli import ending
from weighbridge.cli.console import add_row, output, table
from weighbridge.cli.hints import Hints
from weighbridge.cli.options import flags_of, with_settings
from weighbridge.cli.results import LocalResults
from weighbridge.cli.session import Session, in_session
from weighbridge.cli.words import count, duration, moment, money, number, printable
from weighbridge.core.run import Run, RunState
from weighbridge.dialects.native import translate, wire
from weighbridge.errors import NotFound
from weighbridge.services.runs import RunView
from weighbridge.settings import Settings
from weighbridge.store.moments import now

_MOST_MODELS = 64


@click.command("runs")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    help="At most so many.",
)
@click.option(
    "--status",
    type=click.Choice([state.value for state in RunState]),
    help="Only those in this state.",
)
@click.option("--evaluation", metavar="ID", help="Only those of this evaluation (eval_…).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings()
def runs(
    *, settings: Settings, limit: int, status: str | None, evaluation: str | None, as_json: bool
) -> None:
    """List runs, newest first."""

    async def work(session: Session) -> list[RunView]:
        return await session.services.runs.views(
            session.caller,
            limit=limit,
            evaluation_id=evaluation,
            state=RunState(status) if status else None,
        )

    found = [translate.from_run(view, now()) for view in in_session(settings, work)]
    if as_json:
        for run in found:
            click.echo(run.model_dump_json())
    elif found:
        _print_table(found)
    else:
        click.echo(f"no such run yet in {settings.data}", err=True)


@click.command("show")
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings()
def show(*, settings: Settings, names: tuple[str, ...], as_json: bool) -> None:
    """Show the report of one run, or of several side by side.

    RUN is a run's id, `latest`, or the id of an evaluation (eval_…), which stands for its runs.
    """
    hints = Hints(tuple(flags_of(settings)))

    async def work(session: Session) -> None:
        run_ids = [run.id for name in names for run in await _runs_called(session, name)]
        results = LocalResults(session)
        await ending.show(results, run_ids, as_json=as_json)
        if len(run_ids) == 1 and not as_json:
            found = await results.run(run_ids[0])
            lines = [*hints.after(found)]
            lines.append(f"export with: {hints.command('export', found.id, '--format', 'csv')}")
            for line in lines:
                click.echo(line.removeprefix("error: "), err=True)

    in_session(settings, work)


@click.command("cancel")
@click.argument("run_id", metavar="RUN")
@with_settings()
def cancel(*, settings: Settings, run_id: str) -> None:
    """Stop a run, whoever executes it; what was done is kept, and the run can be resumed."""
    hints = Hints(tuple(flags_of(settings)))

    async def work(session: Session) -> Run:
        run = await session.run(run_id)
        return await session.services.runs.cancel(session.caller, run.id)

    run = in_session(settings, work)
    click.echo(f"cancelled {run.id}; resume with: {hints.go_on([run.id])}", err=True)


async def _runs_called(session: Session, name: str) -> list[Run]:
    if not name.startswith("eval_"):
        return [await session.run(name)]
    found = await session.services.runs.list(session.caller, evaluation_id=name, limit=_MOST_MODELS)
    if not found:
        raise NotFound(f"there is no evaluation {name} with runs")
    return found[::-1]


def _print_table(found: list[wire.Run]) -> None:
    rows = table(
        "run",
        "evaluation",
        "model",
        "state",
        "done",
        "failed",
        "result",
        "cost",
        "time",
        "made",
        numbers=("done", "failed", "cost", "time"),
    )
    for run in found:
        add_row(
            rows,
            run.id,
            printable(run.evaluation.name, 32),
            printable(run.model, 32),
            run.status.value,
            f"{count(run.progress.done)}/{count(run.progress.total)}",
            count(run.progress.failed),
            _first_metric(run),
            money(run.usage.cost_usd),
            duration(run.duration_s),
            moment(run.created_at),
        )
    output().print(rows)


def _first_metric(run: wire.Run) -> str | None:
    if not run.metrics:
        return None
    metric = run.metrics[0]
    more = f" +{len(run.metrics) - 1}" if len(run.metrics) > 1 else ""
    interval = f" [{number(metric.low)}, {number(metric.high)}]" if metric.low is not None else ""
    return f"{metric.scorer} {number(metric.value)}{interval}{more}"
