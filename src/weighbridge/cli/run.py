"""`weighbridge run`: an evaluation file, from its first case to its report."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import click

from weighbridge.cli import late
from weighbridge.cli.estimating import say_estimate
from weighbridge.cli.failures import ExitCode
from weighbridge.cli.local import check, execute, start, take_up
from weighbridge.cli.options import Address, flags_of, with_server, with_settings
from weighbridge.cli.order import EvaluationFile, Overrides, read_evaluation
from weighbridge.cli.session import Session, in_session, open_session
from weighbridge.cli.words import count
from weighbridge.core.evaluation import Budget
from weighbridge.services.estimates import Estimate
from weighbridge.settings import Settings


def _options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def decorate(command: Any) -> Any:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


_overrides = _options(
    click.option(
        "--model",
        "models",
        multiple=True,
        metavar="NAME",
        help="Ask this model instead; may be given several times.",
    ),
    click.option(
        "--limit", type=click.IntRange(1), metavar="N", help="Take the first N cases only."
    ),
    click.option(
        "--concurrency",
        type=click.IntRange(1, 4096),
        metavar="N",
        help="The most calls in flight at once.",
    ),
    click.option(
        "--budget-usd",
        type=click.FloatRange(0, min_open=True),
        metavar="USD",
        help="Stop when this much is spent.",
    ),
    click.option(
        "--budget-tokens",
        type=click.IntRange(1),
        metavar="N",
        help="Stop after so many tokens, in and out together.",
    ),
    click.option(
        "--cache/--no-cache",
        default=None,
        help="Whether what was asked and answered before is taken from the cache.",
    ),
)
_what_to_show = _options(
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print each run as one JSON object a line: what GET /api/v1/runs/{id} returns.",
    ),
    click.option(
        "--quiet", is_flag=True, help="No progress and no remarks: the result and errors only."
    ),
)


@click.command("run")
@click.argument("file", required=False)
@_overrides
@click.option(
    "--resume",
    multiple=True,
    metavar="RUN",
    help="Go on with this run: only missing cases are asked. May be given several times.",
)
@click.option(
    "--retry-failed", is_flag=True, help="With --resume: ask the failed cases again, too."
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Check everything and say how many calls it would take; ask nothing.",
)
@_what_to_show
@with_settings()
@with_server
def run(
    *,
    settings: Settings,
    file: str | None,
    models: tuple[str, ...],
    limit: int | None,
    concurrency: int | None,
    budget_usd: float | None,
    budget_tokens: int | None,
    cache: bool | None,
    resume: tuple[str, ...],
    retry_failed: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    address: Address | None,
) -> int:
    """Run an evaluation file, or go on with a run, and print the report.

    FILE is YAML (or JSON); `-` reads it from standard input. Relative data files are looked for in
    the folder of FILE. No server is needed: the runs are executed here, and leave the same rows.
    Ctrl-C stops cleanly: what was answered is kept, and the way to go on is printed.
    """
    overrides = Overrides(models, limit, concurrency, Budget(budget_usd, budget_tokens), cache)
    _check_usage(
        file, resume, overrides, retry_failed=retry_failed, dry_run=dry_run, address=address
    )
    asked = read_evaluation(file, overrides) if file is not None else None
    if asked is not None and dry_run:
        return _check_only(settings, asked)
    if address is not None:
        return asyncio.run(
            late.run_at_server(
                address,
                asked,
                resume,
                retry_failed=retry_failed,
                as_json=as_json,
                quiet=quiet,
            )
        )
    return asyncio.run(
        _run_here(
            settings,
            asked,
            resume,
            overrides,
            retry_failed=retry_failed,
            as_json=as_json,
            quiet=quiet,
        )
    )


@click.command("retry-failed")
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 4096),
    metavar="N",
    help="The most calls in flight at once.",
)
@click.option(
    "--ungraded", is_flag=True, help="Have answers without a usable verdict scored again, too."
)
@_what_to_show
@with_settings()
def retry_failed(
    *,
    settings: Settings,
    run_ids: tuple[str, ...],
    concurrency: int | None,
    ungraded: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Do the failed cases of a run again, and print the report.

    The same as `weighbridge run --resume RUN --retry-failed`. All other outcomes stay as they are,
    and so do answers: where only a judge failed, only the judge is asked again.
    """
    return asyncio.run(
        _run_here(
            settings,
            None,
            run_ids,
            Overrides(concurrency=concurrency),
            retry_failed=True,
            ungraded=ungraded,
            as_json=as_json,
            quiet=quiet,
        )
    )


def _check_usage(
    file: str | None,
    resume: Sequence[str],
    overrides: Overrides,
    address: Address | None,
    *,
    retry_failed: bool,
    dry_run: bool,
) -> None:
    if (file is None) == (not resume):
        raise click.UsageError("give either an evaluation FILE (`-`: standard input), or --resume")
    if retry_failed and not resume:
        raise click.UsageError("--retry-failed goes with --resume RUN")
    if resume and overrides.change_the_result:
        flags = " and ".join(overrides.change_the_result)
        raise click.UsageError(f"a run that has begun cannot be changed by {flags}")
    if dry_run and (resume or address):
        raise click.UsageError(
            "--dry-run checks a FILE with the models declared here, so it goes neither with "
            "--resume nor with --server"
        )
    if resume and address and overrides.given:
        raise click.UsageError("a server resumes a run as it is: leave the other options out")


def _check_only(settings: Settings, asked: EvaluationFile) -> int:
    async def work(session: Session) -> Estimate:
        return await check(session, asked)

    found = in_session(settings, work)
    evaluation = asked.spec.to_evaluation()
    models = len(evaluation.models)
    answers = 0 if evaluation.answers else found.cases * found.epochs * models
    click.echo(
        f"{asked.source} is in order: {count(found.cases)} cases, {count(models)} "
        f"model{'s' if models > 1 else ''}, {count(answers)} answers to ask for"
    )
    say_estimate(found)
    return ExitCode.FINE


async def _run_here(
    settings: Settings,
    asked: EvaluationFile | None,
    resume: Sequence[str],
    overrides: Overrides,
    *,
    retry_failed: bool,
    as_json: bool,
    quiet: bool,
    ungraded: bool = False,
) -> int:
    flags = flags_of(settings)
    async with open_session(settings) as session:
        begin = (
            start(session, asked, quiet=quiet)
            if asked is not None
            else take_up(session, resume, retry_failed=retry_failed, ungraded=ungraded)
        )
        ended = await execute(
            session,
            begin,
            overrides,
            late.choose_display(quiet=quiet),
            lambda run_ids: late.say_how_to_resume(run_ids, flags),
        )
        return await late.tell(
            late.local_results(session), ended, flags, as_json=as_json, quiet=quiet
        )
