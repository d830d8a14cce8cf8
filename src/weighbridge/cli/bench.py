"""`weighbridge bench`: standard benchmarks, run by name, and their leaderboards."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import click
import orjson

from weighbridge.benchmarks.cases import Tally, read_cases
from weighbridge.benchmarks.form import Manner, StandardBenchmark, read_benchmark
from weighbridge.benchmarks.registry import find_benchmark
from weighbridge.benchmarks.sources import find_source
from weighbridge.cli import late
from weighbridge.cli.bench_texts import object_of, page_of, table_of
from weighbridge.cli.console import output
from weighbridge.cli.estimating import say_estimate
from weighbridge.cli.failures import ExitCode
from weighbridge.cli.leaderboard import leaderboard, print_leaderboard
from weighbridge.cli.local import Ended, check, execute, start
from weighbridge.cli.options import Address, flags_of, with_server, with_settings
from weighbridge.cli.order import EvaluationFile, Overrides
from weighbridge.cli.remote import connect
from weighbridge.cli.remote_run import start_and_follow
from weighbridge.cli.results import LocalResults, Results
from weighbridge.cli.session import Session, in_session, open_session
from weighbridge.cli.words import count
from weighbridge.core.evaluation import Budget
from weighbridge.services.standard_benchmarks import (
    StandardBenchmarks,
    Wanted,
    evaluation_of,
    notes_on,
)
from weighbridge.settings import Settings
from weighbridge.spec import parse_spec

_MODES = click.Choice(["likelihood", "generation", "judge"])


@click.group()
def bench() -> None:
    """Run standard benchmarks by name: MMLU, ARC, HellaSwag, GSM8K, TruthfulQA, BoolQ and others.

    Their data are read from copies inside installed packages, or from yours (--source) in the
    format in which they are published. A benchmark of your own is a YAML file of the same form.
    """


@bench.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings()
def list_(*, settings: Settings, as_json: bool) -> None:
    """List the benchmarks: how they are asked, and where their data come from."""

    async def work(session: Session) -> None:
        listed = session.services.standard.list()
        if as_json:
            for one in listed:
                click.echo(orjson.dumps(object_of(one)))
        else:
            output().print(table_of(listed))

    in_session(settings, work)


@bench.command("show")
@click.argument("name")
def show(*, name: str) -> None:
    """Show what a benchmark measures, where its data can be had, and how models are asked.

    NAME is a benchmark's name, or a YAML file of your own.
    """
    benchmark, _ = _benchmark(name)
    click.echo(page_of(benchmark))


@bench.command("run")
@click.argument("name")
@click.option(
    "--model", "models", multiple=True, required=True, metavar="NAME", help="May be given often."
)
@click.option("--mode", type=_MODES, help="How the models are asked; see `bench show`.")
@click.option("--subject", "subjects", multiple=True, help="Only this part; may be given often.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The first N cases only.")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="N cases drawn at random.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Of --sample.")
@click.option(
    "--source",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Your copy of the data: a file, or a folder with a file for each split.",
)
@click.option("--judge", metavar="NAME", help="The model that judges.")
@click.option(
    "--concurrency", type=click.IntRange(1, 4096), metavar="N", help="The most calls in flight."
)
@click.option(
    "--budget-usd",
    type=click.FloatRange(0, min_open=True),
    metavar="USD",
    help="Stop when this much is spent.",
)
@click.option(
    "--budget-tokens", type=click.IntRange(1), metavar="N", help="Stop after so many tokens."
)
@click.option("--dry-run", is_flag=True, help="Check everything; ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Each run as a line of JSON, as `run` does.")
@click.option("--quiet", is_flag=True, help="No progress and no remarks.")
@with_settings()
@with_server
def run(
    *,
    settings: Settings,
    address: Address | None,
    name: str,
    models: tuple[str, ...],
    mode: str | None,
    subjects: tuple[str, ...],
    limit: int | None,
    sample: int | None,
    seed: int,
    source: Path | None,
    judge: str | None,
    concurrency: int | None,
    budget_usd: float | None,
    budget_tokens: int | None,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run a benchmark and print the report, and for several models a leaderboard.

    NAME is a benchmark's name, with subjects where it has some (`mmlu:anatomy`), or a YAML file of
    your own. It becomes an ordinary evaluation: `runs`, `show`, `compare`, `export` and all else
    work on it. Its cases are kept as a data set of that name, once.
    """
    if dry_run and address is not None:
        raise click.UsageError("--dry-run checks with the models declared here: leave out --server")
    benchmark, named = _benchmark(name)
    own = Path(name).parent / benchmark.source if benchmark.source else None
    wanted = Wanted(
        benchmark,
        models,
        cast("Manner | None", mode),
        tuple(dict.fromkeys((*named, *subjects))),
        source or own,
        limit,
        sample,
        seed,
        judge,
    )
    overrides = Overrides(concurrency=concurrency, budget=Budget(budget_usd, budget_tokens))
    if address is not None:
        work = _run_at_server(address, wanted, overrides, as_json=as_json, quiet=quiet)
    elif dry_run:
        return in_session(settings, lambda session: _check_only(session, wanted))
    else:
        work = _run_here(settings, wanted, overrides, as_json=as_json, quiet=quiet)
    return asyncio.run(work)


@bench.command("leaderboard")
@click.argument("name")
@click.option("--mode", type=_MODES, help="Only runs that were asked in this manner.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_settings()
def leaderboard_(*, settings: Settings, name: str, mode: str | None, as_json: bool) -> None:
    """Show the latest run of each model by the benchmark NAME, as far as they did the same work.

    The same work: the same cases, asked and scored in the same way. Of several such groups the one
    with the newest run is shown. NAME may have subjects (`mmlu:anatomy`).
    """

    async def work(session: Session) -> None:
        boards = await session.services.leaderboards.boards(session.caller, name, mode)
        newest = boards[0]
        await _show_leaderboard(
            LocalResults(session), [one.id for one in newest.runs], as_json=as_json
        )
        others = sum(len(board.runs) for board in boards[1:])
        if others and not as_json:
            click.echo(
                f"not shown: {count(others)} of {name} with other cases, prompts or scorers, or "
                "in another mode",
                err=True,
            )

    in_session(settings, work)


def _benchmark(name: str) -> tuple[StandardBenchmark, tuple[str, ...]]:
    """The benchmark that a name or a file means, and the subjects in the name."""
    if name.endswith((".yaml", ".yml")):
        return read_benchmark(Path(name)), ()
    plain, _, subjects = name.partition(":")
    return find_benchmark(plain), tuple(part for part in subjects.split(",") if part)


async def _run_here(
    settings: Settings, wanted: Wanted, overrides: Overrides, *, as_json: bool, quiet: bool
) -> int:
    flags = flags_of(settings)
    async with open_session(settings) as session:
        prepared = await session.services.standard.prepare(session.caller, wanted)
        if not quiet:
            _say(prepared.notes)
        file = EvaluationFile(prepared.spec, wanted.benchmark.name, Path.cwd(), {})
        ended = await execute(
            session,
            start(session, file, quiet=quiet),
            overrides,
            late.choose_display(quiet=quiet),
            lambda run_ids: late.say_how_to_resume(run_ids, flags),
        )
        return await _tell(LocalResults(session), ended, flags, as_json=as_json, quiet=quiet)


async def _run_at_server(
    address: Address, wanted: Wanted, overrides: Overrides, *, as_json: bool, quiet: bool
) -> int:
    manner, why = _manner_at_server(wanted)
    with tempfile.TemporaryDirectory() as folder:
        file, notes = _as_file(wanted, manner, why, Path(folder), overrides)
        if not quiet:
            _say(notes)
        async with connect(address) as server:
            ended = await start_and_follow(server, file, quiet=quiet)
            return await _tell(
                server, ended, ("--server", address.url), as_json=as_json, quiet=quiet
            )


async def _check_only(session: Session, wanted: Wanted) -> int:
    manner, why = session.services.standard.settle(wanted)
    with tempfile.TemporaryDirectory() as folder:
        file, notes = _as_file(wanted, manner, why, Path(folder), Overrides())
        _say(notes)
        found = await check(session, file)
    models = len(wanted.models)
    answers = found.cases * found.epochs * models
    click.echo(
        f"{wanted.name} is in order: {count(found.cases)} cases, {count(models)} "
        f"model{'s' if models > 1 else ''} asked by {manner}, {count(answers)} answers to ask for"
    )
    say_estimate(found)
    return ExitCode.FINE


def _manner_at_server(wanted: Wanted) -> tuple[Manner, str | None]:
    """As `StandardBenchmarks.settle`, where the models are declared elsewhere."""
    benchmark = wanted.benchmark
    if wanted.manner is not None or benchmark.default == "generation":
        return StandardBenchmarks.offered(benchmark, wanted.manner), None
    if "generation" in benchmark.modes and not (benchmark.default == "judge" and wanted.judge):
        return "generation", (
            f"asked for words: --mode {benchmark.default} asks as the benchmark is meant"
        )
    return benchmark.default, None


def _as_file(
    wanted: Wanted, manner: Manner, why: str | None, folder: Path, overrides: Overrides
) -> tuple[EvaluationFile, tuple[str, ...]]:
    """The evaluation with its cases in a file beside it, called as the benchmark is."""
    source = find_source(wanted.benchmark, wanted.source)
    tally = Tally()
    data = folder / wanted.benchmark.name
    with data.open("wb") as file:
        for row in read_cases(wanted.benchmark, source, tally):
            file.write(orjson.dumps(row) + b"\n")
    spec = evaluation_of(wanted, manner, source, tally, data.name)
    spec = parse_spec(overrides.into(spec.as_json()))
    read = EvaluationFile(spec, wanted.benchmark.name, folder, {})
    return read, notes_on(wanted, source, tally, why)


async def _tell(
    results: Results, ended: Ended, flags: Sequence[str], *, as_json: bool, quiet: bool
) -> int:
    code = await late.tell(results, ended, flags, as_json=as_json, quiet=quiet)
    if len(ended.run_ids) > 1:
        await _show_leaderboard(results, ended.run_ids, as_json=as_json)
    return code


async def _show_leaderboard(results: Results, run_ids: Sequence[str], *, as_json: bool) -> None:
    board = await leaderboard(results, run_ids)
    if as_json:
        click.echo(orjson.dumps(board.as_json()))
    else:
        print_leaderboard(output(), board)


def _say(notes: Sequence[str]) -> None:
    for note in notes:
        click.echo(note, err=True)
