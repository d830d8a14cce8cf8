"""`weighbridge redteam`: attacks on an application, from what it is to what models make of them."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import click
import orjson

from weighbridge.cli import late
from weighbridge.cli.failures import ExitCode
from weighbridge.cli.hints import Hints
from weighbridge.cli.local import execute, start_red_team, take_up
from weighbridge.cli.options import flags_of, with_settings
from weighbridge.cli.order import Overrides
from weighbridge.cli.safety_firing import fire
from weighbridge.cli.safety_order import text_of
from weighbridge.cli.session import Session, open_session
from weighbridge.cli.words import count, printable
from weighbridge.core.red_team import MOST_PROMPTS, Target
from weighbridge.core.run import Run
from weighbridge.core.suite import PolicyChoice, Suite, SuiteRequest
from weighbridge.errors import InvalidFields
from weighbridge.services.red_teams import RedTeamView
from weighbridge.services.suite_runs import Asking
from weighbridge.settings import Settings

_FLAGS = {"models": "--model", "params.max_tokens": "--max-tokens"}
# Suites of red teams are like this one.
_SAMPLE = SuiteRequest("safety", "An AI.", policies=(PolicyChoice("1", "It must not do this."),))
# What says how prompts are written, and so does not go with a run that has them.
_OF_WRITING = ("domain", "application", "concerns", "behaviors", "prompts", "generator")


@click.command("redteam")
@click.option("--domain", metavar="TEXT", help="The field that the application is used in.")
@click.option(
    "--application", metavar="TEXT|@FILE", help="What the application is, and what it does."
)
@click.option(
    "--concerns",
    metavar="TEXT|@FILE",
    help="What it must not do above all; each line or sentence is a concern of its own.",
)
@click.option(
    "--behaviors",
    type=click.IntRange(1, MOST_PROMPTS),
    default=5,
    show_default=True,
    metavar="N",
    help="How many things that it must not do are gone for.",
)
@click.option(
    "--prompts",
    type=click.IntRange(1, MOST_PROMPTS),
    default=4,
    show_default=True,
    metavar="N",
    help=f"How many attacks for each of them; at most {MOST_PROMPTS} in all.",
)
@click.option(
    "--generator",
    metavar="NAME",
    help="The model that writes; `embedded`: the bank of texts, as without any.",
)
@click.option(
    "--run", "red_team_id", metavar="RTRUN", help="Go on with this red team instead of a new one."
)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="NAME",
    help="A model to fire them at; may be given several times. Without: they are only written.",
)
@click.option("--system-prompt", metavar="TEXT|@FILE", help="Sent to the model before each attack.")
@click.option("--judge", metavar="NAME", help="The model that judges the answers.")
@click.option(
    "--min-pass-rate",
    "least",
    type=click.FloatRange(0, 1),
    metavar="RATE",
    help="The pass rate that is asked for, 0 to 1. Exit code 0: it is met, 3: it is not, 4: these "
    "cases cannot tell; of several models the worst.",
)
@click.option(
    "--max-tokens", type=click.IntRange(1), metavar="N", help="The longest answer of the model."
)
@click.option(
    "--concurrency", type=click.IntRange(1, 4096), metavar="N", help="The most calls in flight."
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print JSON, an object a line: the attacks, then the report of each model.",
)
@click.option("--quiet", is_flag=True, help="No progress and no remarks.")
@with_settings()
def redteam(*, settings: Settings, **given: Any) -> int:
    """Attack an application: write what it must not do and prompts that tempt it to, by named
    techniques, and fire them at models.

    The attacks are kept as a suite, so that `weighbridge safety --suite` fires them again. An
    answer passes if it does not show the behaviour that its prompt is after.
    """
    if given["red_team_id"] is not None:
        _refuse_writing(given["red_team_id"])
    elif not given["domain"] or not given["application"]:
        raise click.UsageError("say what is attacked: --domain TEXT and --application TEXT")
    if given["least"] is not None and not given["models"]:
        raise click.UsageError("--min-pass-rate needs a model: --model NAME")
    return asyncio.run(_run(settings, given))


async def _run(settings: Settings, given: dict[str, Any]) -> int:
    flags, quiet, as_json = flags_of(settings), given["quiet"], given["as_json"]
    async with open_session(settings) as session:
        asking = _asking(given)
        if asking.models:  # before anything is paid
            with _by_flags():
                await session.services.suite_runs.check(session.caller, _SAMPLE, asking)
        with _by_flags(model="--generator"):
            view, interrupted = await _written(session, given, flags)
        if view.result is None or interrupted is not None:
            return interrupted or _say_why_not(view, flags)
        suite = await session.services.red_teams.suite(session.caller, view.red_team.id)
        _show(view, suite, flags, as_json=as_json, quiet=quiet, fired=bool(asking.models))
        if not asking.models:
            return ExitCode.FINE
        with _by_flags():
            return await fire(
                session, suite, asking, given["least"], flags, as_json=as_json, quiet=quiet
            )


def _asking(given: dict[str, Any]) -> Asking:
    return Asking(
        models=tuple(dict.fromkeys(given["models"])),
        system_prompt=given["system_prompt"] and text_of(given["system_prompt"]),
        judge=given["judge"],
        params={"max_tokens": given["max_tokens"]} if given["max_tokens"] else {},
        concurrency=given["concurrency"],
    )


def _refuse_writing(red_team_id: str) -> None:
    """Refuse options that say how prompts are written, where that is said already."""
    context = click.get_current_context()
    for name in _OF_WRITING:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            flag = next(it.opts[0] for it in context.command.params if it.name == name)
            raise click.UsageError(f"{flag} does not go with --run: {red_team_id} has its own")


async def _written(
    session: Session, given: dict[str, Any], flags: Sequence[str]
) -> tuple[RedTeamView, ExitCode | None]:
    """The red team, with its prompts if nothing came between; and the exit code of the signal that
    stopped the writing, if one did."""
    red_teams, caller = session.services.red_teams, session.caller
    if given["red_team_id"] is not None:
        view = await red_teams.run(caller, given["red_team_id"])
        if view.result is not None:
            return view, None
        begin = take_up(session, [view.run.id], retry_failed=True)
    else:
        concerns = given["concerns"] and text_of(given["concerns"])
        target = Target(given["domain"], text_of(given["application"]), concerns)
        spec = await red_teams.create_unless_there(caller, target)
        sizes = given["behaviors"], given["prompts"]
        view = await start_red_team(session, spec.id, *sizes, given["generator"])
        begin = _begun(view)
    ended = await execute(
        session,
        begin,
        Overrides(concurrency=given["concurrency"]),
        late.choose_display(quiet=given["quiet"]),
        lambda run_ids: late.say_how_to_resume(run_ids, flags),
    )
    view = await red_teams.run(caller, view.red_team.id)
    if ended.interrupted is not None:
        _say_why_not(view, flags)
    return view, ended.interrupted


async def _begun(view: RedTeamView) -> tuple[Run, ...]:
    return (view.run,)


def _say_why_not(view: RedTeamView, flags: Sequence[str]) -> ExitCode:
    """Say why it did not come to its end, and how to go on."""
    reason = f": {printable(view.run.reason, 400)}" if view.run.reason else ""
    click.echo(f"error: the attacks are not written{reason}", err=True)
    again = Hints(tuple(flags)).command("redteam", "--run", view.red_team.id)
    click.echo(f"go on with: {again}", err=True)
    return ExitCode.ERROR


def _show(
    view: RedTeamView,
    suite: Suite,
    flags: Sequence[str],
    *,
    as_json: bool,
    quiet: bool,
    fired: bool,
) -> None:
    """Print the attacks; for people only where no report of a model follows."""
    red_team, result = view.red_team, view.result
    assert result is not None  # noqa: S101 (the caller has looked)
    if as_json:
        usage = view.run.usage
        shown = {
            "object": "red_team",
            "id": red_team.id,
            "spec": {"id": red_team.spec_id, "name": red_team.spec_name},
            "suite": suite.id,
            "model": red_team.model,
            "note": view.note,
            "usage": {"calls": usage.calls, "cost_usd": usage.cost_usd},
            **result.as_json(),
        }
        click.echo(orjson.dumps(shown))
    elif not fired:
        for one in result.behaviors:
            click.echo(printable(one.text, 400))
            for number, attack in enumerate(one.attacks, start=1):
                click.echo(f"  {number}. [{attack.technique}] {printable(attack.prompt, 2_000)}")
    if quiet:
        return
    total = count(red_team.behaviors * red_team.prompts)
    click.echo(f"red team {red_team.id}: {total} attacks, kept as {suite.id}", err=True)
    if view.note:
        click.echo(f"warning: {printable(view.note, 1_000)}", err=True)
    if not fired:
        words = ("redteam", "--run", red_team.id, "--model", "NAME")
        click.echo(f"fire them with: {Hints(tuple(flags)).command(*words)}", err=True)


@contextmanager
def _by_flags(**others: str) -> Iterator[None]:
    """Have mistakes within told of our options, in the place of the fields they fill."""
    try:
        yield
    except InvalidFields as error:
        flags = {**_FLAGS, **others}
        raise InvalidFields(
            [replace(it, field=flags.get(it.field, f"--{it.field}")) for it in error.problems],
            error.source,
        ) from error
