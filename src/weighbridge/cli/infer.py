"""`weighbridge infer`: a model over the rows of a file in a repository, its answers as a column."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import BaseModel

from weighbridge.cli import late
from weighbridge.cli.ending import tell
from weighbridge.cli.estimating import say_estimate
from weighbridge.cli.failures import ExitCode
from weighbridge.cli.local import Ended, check, execute, start
from weighbridge.cli.options import Address, flags_of, with_server, with_settings
from weighbridge.cli.order import EvaluationFile, Overrides
from weighbridge.cli.places import FILE, Place
from weighbridge.cli.remote import connect
from weighbridge.cli.remote_run import start_and_follow
from weighbridge.cli.results import LocalResults, Results
from weighbridge.cli.session import Session, in_session, open_session
from weighbridge.cli.words import count
from weighbridge.core.run import RunState
from weighbridge.dialects.native import wire, wire_repositories
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.services.estimates import Estimate
from weighbridge.settings import Settings
from weighbridge.spec import parse_spec
from weighbridge.specfile import parse_yaml

Command = TypeVar("Command", bound=Callable[..., Any])

# Field of the evaluation → the option that it came from.
_OPTIONS = {
    "data": "PLACE",
    "model": "--model",
    "prompt": "--prompt",
    "messages.0.content": "--prompt",
    "messages.0.images": "--image-column",
    "messages.0.videos": "--video-column",
    "output": "--output",
    "deliver.column": "--column",
    "deliver.branch": "--branch",
    "deliver.path": "--path",
    "deliver.message": "--message",
    "target": "--target",
    "scorers": "--scorer",
    "judge": "--judge",
    "params": "--param",
    "limit": "--sample",
    "concurrency": "--concurrency",
    "budget.usd": "--budget-usd",
}


class Inferred(BaseModel):
    """What `--json` prints."""

    run: wire.Run
    delivery: wire_repositories.ColumnDelivery | None


@dataclass(frozen=True, slots=True)
class Order(EvaluationFile):
    """An evaluation that options came to."""

    def locate(self, error: InvalidFields) -> InvalidFields:
        """The error, said of the options."""
        return _of_options(error)


def _columns_of(medium: str) -> Callable[[Command], Command]:
    return click.option(
        f"--{medium}-column",
        f"{medium}_columns",
        multiple=True,
        metavar="COLUMN",
        help=f"Show the model the {medium} that this column names: an address, or a path in the "
        "repository. May be given several times.",
    )


@click.command("infer")
@click.argument("place", metavar="PLACE", type=FILE)
@click.option(
    "--prompt",
    required=True,
    metavar="TEXT",
    help="What is asked of each row: `{column}` stands for its value.",
)
@click.option("--model", required=True, metavar="NAME", help="The model to ask.")
@click.option("--column", required=True, metavar="NAME", help="Where the answers go.")
@click.option(
    "--branch", metavar="NAME", help="Commit to this one; made if needed. That of PLACE otherwise."
)
@click.option(
    "--path", metavar="PATH", help="Commit this file, in its format. That of PLACE otherwise."
)
@click.option("--no-commit", is_flag=True, help="Hold the file for `repos commit-result`.")
@click.option("-m", "--message", metavar="TEXT", help="Of the commit.")
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Ask only the first N rows.")
@click.option(
    "--output",
    type=click.Choice(["text", "embeddings", "image", "video"]),
    default="text",
    show_default=True,
    help="What the model is asked to make.",
)
@_columns_of("image")
@_columns_of("video")
@click.option("--target", metavar="COLUMN", help="The reference that scorers grade against.")
@click.option(
    "--scorer",
    "scorers",
    multiple=True,
    metavar="NAME",
    help="Grade the answers, too: a scorer's name, or `{name: {option: value}}`. May be given "
    "several times.",
)
@click.option("--judge", metavar="NAME", help="The model that judges where a scorer names none.")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="Sent to the model, as `temperature=0`. May be given several times.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1, 4096),
    metavar="N",
    help="The most calls in flight at once.",
)
@click.option(
    "--budget-usd",
    type=click.FloatRange(0, min_open=True),
    metavar="USD",
    help="Stop when this much is spent.",
)
@click.option("--dry-run", is_flag=True, help="Check everything; ask nothing.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object: `{run: …, delivery: …}`."
)
@click.option(
    "--quiet", is_flag=True, help="No progress and no remarks: the result and errors only."
)
@with_settings()
@with_server
def infer(
    *,
    settings: Settings,
    address: Address | None,
    place: Place,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> int:
    """Ask a model about every row of a file, and commit its answers as a column of that file.

    PLACE is NAMESPACE/REPOSITORY[@REVISION]:PATH, a file of rows. With --scorer and --target the
    answers are graded against a column that is there, too. All that can be wrong is found before
    the model is asked. `weighbridge run` does the same for an evaluation file with `deliver`.
    """
    order = _order(place, options)
    if dry_run:
        if address is not None:
            raise click.UsageError("--dry-run checks what is here: leave out --server")
        return _check_only(settings, order)
    if address is not None:
        return asyncio.run(_at_server(address, order, as_json=as_json, quiet=quiet))
    return asyncio.run(_here(settings, order, as_json=as_json, quiet=quiet))


def _order(place: Place, options: Mapping[str, Any]) -> Order:
    """The evaluation that the options come to.

    Raises:
        InvalidFields: something is wrong with them.
    """
    prompt = options["prompt"]
    media = {
        f"{medium}s": [f"{{{column}}}" for column in options[f"{medium}_columns"]]
        for medium in ("image", "video")
    }
    asked = (
        {"messages": [{"role": "user", "content": prompt, **media}]}
        if any(media.values())
        else {"prompt": prompt}
    )
    deliver = {
        "column": options["column"],
        "branch": options["branch"],
        "path": options["path"],
        "commit": not options["no_commit"],
        "message": options["message"],
    }
    spec = {
        "name": f"infer by {options['model']}"[:200],
        "data": str(place),
        **asked,
        "model": options["model"],
        "output": options["output"],
        "deliver": {name: value for name, value in deliver.items() if value is not None},
        "target": options["target"],
        "scorers": [_scorer(text) for text in options["scorers"]],
        "judge": options["judge"],
        "params": dict(_param(text) for text in options["params"]),
        "limit": options["sample"],
        "concurrency": options["concurrency"],
        "budget": None if options["budget_usd"] is None else {"usd": options["budget_usd"]},
    }
    given = {name: value for name, value in spec.items() if value is not None}
    try:
        return Order(parse_spec(given), "", Path.cwd(), {})
    except InvalidFields as error:
        raise _of_options(error) from error


def _scorer(text: str) -> Any:
    """A name as it is; what begins with a brace as YAML."""
    return _value("--scorer", text) if text.lstrip().startswith("{") else text


def _param(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InvalidFields([FieldProblem("--param", f"{text[:100]!r} is no NAME=VALUE")])
    return name, _value("--param", value)


def _value(option: str, text: str) -> Any:
    try:
        return parse_yaml(text, option)[0]
    except InvalidFields as error:
        problems = [replace(problem, field=option, line=None) for problem in error.problems]
        raise InvalidFields(problems) from error


def _of_options(error: InvalidFields) -> InvalidFields:
    return InvalidFields(
        [replace(problem, field=_option_of(problem.field)) for problem in error.problems]
    )


def _option_of(field: str) -> str:
    """The option of a field, or of what it is in; the field itself where there is none."""
    parts = field.split(".")
    for size in range(len(parts), 0, -1):
        option = _OPTIONS.get(".".join(parts[:size]))
        if option is not None:
            rest = [part for part in parts[size:] if not part.isdigit()]
            return " ".join([option, ".".join(rest)]) if rest else option
    return field


def _check_only(settings: Settings, order: Order) -> int:
    async def work(session: Session) -> Estimate:
        return await check(session, order)

    found = in_session(settings, work)
    answers = found.cases * found.epochs  # by one model
    click.echo(f"all in order: {count(found.cases)} rows, {count(answers)} answers to ask for")
    say_estimate(found)
    return ExitCode.FINE


async def _here(settings: Settings, order: Order, *, as_json: bool, quiet: bool) -> int:
    flags = flags_of(settings)
    async with open_session(settings) as session:
        ended = await execute(
            session,
            start(session, order, quiet=quiet),
            Overrides(),
            late.choose_display(quiet=quiet),
            partial(late.say_how_to_resume, flags=flags),
        )
        return await _finish(LocalResults(session), ended, flags, as_json=as_json, quiet=quiet)


async def _at_server(address: Address, order: Order, *, as_json: bool, quiet: bool) -> int:
    async with connect(address) as server:
        ended = await start_and_follow(server, order, quiet=quiet)
        flags = ["--server", address.url]
        return await _finish(server, ended, flags, as_json=as_json, quiet=quiet)


async def _finish(
    results: Results, ended: Ended, flags: list[str], *, as_json: bool, quiet: bool
) -> int:
    if not as_json or not ended.run_ids:
        return await tell(results, ended, flags, as_json=as_json, quiet=quiet)
    [run_id] = ended.run_ids
    run = await results.run(run_id)
    found = Inferred(run=run, delivery=await results.delivery(run_id))
    click.echo(found.model_dump_json())
    if ended.interrupted is not None:
        return ended.interrupted
    return ExitCode.FINE if run.status is RunState.SUCCEEDED else ExitCode.ERROR
