"""`weighbridge safety`: a model's conduct, from prompts to a report, in one command."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson

from weighbridge.cli import late
from weighbridge.cli.console import add_row, output, table
from weighbridge.cli.failures import ExitCode
from weighbridge.cli.hints import Hints
from weighbridge.cli.local import Ended, execute, start_writing, take_up
from weighbridge.cli.options import flags_of, with_settings
from weighbridge.cli.order import Overrides
from weighbridge.cli.safety_firing import fire, tell
from weighbridge.cli.safety_order import Order, policies_of, read_text, text_of, with_flags
from weighbridge.cli.session import Session, open_session
from weighbridge.cli.words import count, printable
from weighbridge.core.evaluation import Budget
from weighbridge.core.run import Run, RunState
from weighbridge.core.suite import LANGUAGES, MOST_PROMPTS, Prompt, Suite, SuiteRequest, SuiteState
from weighbridge.errors import Conflict, FieldProblem, Invalid, InvalidFields
from weighbridge.services.suite_runs import Asking
from weighbridge.settings import Settings
from weighbridge.suites.catalog import eval_types, instructions

_KINDS = [kind.slug for kind in eval_types()]
_FILE = click.Path(dir_okay=False, path_type=Path)
# What says how prompts are written, and so does not go with a suite that is there.
_OF_WRITING = (
    *("kind", "policies", "prompts", "language", "ai", "ground_truth", "jailbreak"),
    *("generator", "seed"),
)


def _list_policies(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    rows = table("policy", "name", "kinds")
    about = [kind for kind in eval_types() if kind.policies]
    named = {it.slug: it.name for kind in about for it in reversed(instructions(kind.slug))}
    for slug in dict.fromkeys(slug for kind in about for slug in kind.policies):
        kinds = ", ".join(kind.slug for kind in about if slug in kind.policies)
        add_row(rows, slug, named.get(slug), kinds)
    output().print(rows)
    ctx.exit()


@click.command("safety")
@click.option("--model", metavar="NAME", help="The model to test.")
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    default="safety",
    show_default=True,
    help="What is tested.",
)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    metavar="POLICY",
    help="What the answers must keep to: a stock policy's name, @FILE, or a text; may be given "
    "several times, and the prompts are spread over them. Without: all stock policies.",
)
@click.option(
    "--list-policies",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_policies,
    help="List the stock policies.",
)
@click.option(
    "--prompts",
    type=click.IntRange(1, MOST_PROMPTS),
    default=100,
    show_default=True,
    metavar="N",
    help="How many.",
)
@click.option(
    "--language",
    type=click.Choice(list(LANGUAGES)),
    default="en",
    show_default=True,
    help="Of the prompts.",
)
@click.option(
    "--ai",
    default="A helpful assistant.",
    show_default=True,
    metavar="TEXT",
    help="Who the AI is, for whoever writes the prompts and for the judge.",
)
@click.option(
    "--system-prompt",
    metavar="TEXT|@FILE",
    help="Sent to the model before each prompt; of jailbreak and agent, what must be obeyed.",
)
@click.option("--ground-truth", type=_FILE, help="The text that questions are about (accuracy).")
@click.option(
    "--show-truth", is_flag=True, help="Show the model that text, too: it need not know it."
)
@click.option("--jailbreak", is_flag=True, help="Wrap each prompt into an attack.")
@click.option(
    "--generator",
    metavar="NAME",
    help="The model that writes the prompts; `embedded`: the bank of prompts. Without: the default "
    "generator, or the bank.",
)
@click.option(
    "--judge",
    metavar="NAME",
    help="The model that judges. Without: the default judge, or `embedded`, which is weak.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="The same seed, the same prompts out of the bank.",
)
@click.option("--suite", "suite_id", metavar="SUITE", help="Ask the prompts of this suite again.")
@click.option(
    "--resume", metavar="RUN", help="Go on with this run, or, where it has ended, report on it."
)
@click.option(
    "--min-pass-rate",
    "least",
    type=click.FloatRange(0, 1),
    metavar="RATE",
    help="The pass rate that is asked for, 0 to 1. Exit code 0: it is met, 3: it is not, 4: these "
    "cases cannot tell.",
)
@click.option(
    "--max-tokens", type=click.IntRange(1), metavar="N", help="The longest answer of the model."
)
@click.option(
    "--temperature", type=click.FloatRange(0, 2), metavar="T", help="Sent to the model; 0 to 2."
)
@click.option(
    "--concurrency", type=click.IntRange(1, 4096), metavar="N", help="The most calls in flight."
)
@click.option(
    "--budget-usd",
    type=click.FloatRange(0, min_open=True),
    metavar="USD",
    help="Stop when this much is spent.",
)
@click.option("--show-prompts", is_flag=True, help="Write the prompts and print them; ask nobody.")
@click.option("--dry-run", is_flag=True, help="Check everything; write and ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--quiet", is_flag=True, help="No progress and no remarks.")
@with_settings()
def safety(
    *,
    settings: Settings,
    resume: str | None,
    show_prompts: bool,
    dry_run: bool,
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> int:
    """Test how a model behaves: write prompts, ask them, judge the answers, print the report.

    It is an ordinary evaluation: `show`, `export`, `compare`, `review-sample` and all else work on
    it. The prompts are kept as a suite, so that other models can be asked the same (--suite).
    """
    if resume is not None:
        return asyncio.run(_resume(settings, resume, given["least"], as_json=as_json, quiet=quiet))
    order = _order(given, needs_model=not show_prompts)
    if dry_run:
        return asyncio.run(_check_only(settings, order))
    if show_prompts:
        return asyncio.run(_show_prompts(settings, order, as_json=as_json, quiet=quiet))
    return asyncio.run(_run(settings, order, as_json=as_json, quiet=quiet))


def _order(given: dict[str, Any], *, needs_model: bool) -> Order:
    if needs_model and given["model"] is None:
        raise click.UsageError("say which model is tested: --model NAME")
    system_prompt = given["system_prompt"] and text_of(given["system_prompt"])
    params = {name: given[name] for name in ("max_tokens", "temperature")}
    asking = Asking(
        models=(given["model"],) if given["model"] else (),
        system_prompt=system_prompt,
        show_truth=given["show_truth"],
        judge=given["judge"],
        params={name: value for name, value in params.items() if value is not None},
        concurrency=given["concurrency"],
        budget=Budget(given["budget_usd"]),
    )
    request = None
    if given["suite_id"] is not None:
        _refuse_writing(given["suite_id"])
    else:
        request = _request(given, system_prompt)
    return Order(request, given["suite_id"], given["generator"], asking, given["least"])


def _request(given: dict[str, Any], system_prompt: str | None) -> SuiteRequest:
    kind, truth = given["kind"], given["ground_truth"]
    if kind in {"jailbreak", "agent"} and not (system_prompt or "").strip():
        raise click.UsageError(f"--kind {kind} needs --system-prompt: what the AI must obey")
    if (kind == "accuracy") != (truth is not None):
        raise click.UsageError("--kind accuracy and --ground-truth FILE go together")
    if given["show_truth"] and kind != "accuracy":
        raise click.UsageError("--show-truth goes with --kind accuracy")
    return SuiteRequest(
        kind=kind,
        ai_description=given["ai"],
        instructions=system_prompt if kind in {"jailbreak", "agent"} else None,
        policies=policies_of(kind, given["policies"]),
        language=given["language"],
        modality="image" if kind == "image_safety" else "text",
        ground_truth=read_text(truth) if truth is not None else None,
        wanted=given["prompts"],
        jailbreak=given["jailbreak"],
        seed=given["seed"],
    )


def _refuse_writing(suite_id: str) -> None:
    """Refuse options that say how prompts are written, where they are there already."""
    context = click.get_current_context()
    for name in _OF_WRITING:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            flag = next(it.opts[0] for it in context.command.params if it.name == name)
            raise click.UsageError(f"{flag} does not go with --suite: {suite_id} has its prompts")


async def _run(settings: Settings, order: Order, *, as_json: bool, quiet: bool) -> int:
    flags = flags_of(settings)
    async with open_session(settings) as session:
        services = session.services
        try:
            if order.request is not None:
                await services.suite_runs.check(session.caller, order.request, order.asking)
            suite, spent, code = await _suite(session, order, flags, quiet=quiet)
            if suite is None:
                return code
            asking = replace(order.asking, budget=_left(order.asking.budget, spent))
            return await fire(
                session, suite, asking, order.least, flags, as_json=as_json, quiet=quiet
            )
        except InvalidFields as error:
            raise with_flags(error) from error


async def _resume(
    settings: Settings, name: str, least: float | None, *, as_json: bool, quiet: bool
) -> int:
    flags = flags_of(settings)
    async with open_session(settings) as session:
        run = await session.run(name)
        view = await session.services.runs.view(session.caller, run.id)
        told = view.evaluation.spec.get("metadata", {})
        if "kind" not in told or "suite" not in told:
            raise click.UsageError(f"{run.id} is no run over a suite: use `weighbridge run`")
        suite = await session.services.suites.get(session.caller, told["suite"])
        ended = Ended((run.id,), None)
        if run.state is not RunState.SUCCEEDED:
            ended = await execute(
                session,
                take_up(session, [run.id], retry_failed=False),
                Overrides(),
                late.choose_display(quiet=quiet),
                lambda run_ids: late.say_how_to_resume(run_ids, flags),
            )
        return await tell(session, ended, suite, least, flags, as_json=as_json, quiet=quiet)


async def _check_only(settings: Settings, order: Order) -> int:
    async with open_session(settings) as session:
        services = session.services
        try:
            if order.request is not None:
                await services.suite_runs.check(session.caller, order.request, order.asking)
                wanted = order.request.wanted
                writer = await _check_writer(session, order)
                source = f"written by {writer}" if writer else "out of the bank"
            else:
                suite = await services.suites.get(session.caller, order.suite_id or "")
                spec = await services.suite_runs.prepare(session.caller, suite, order.asking)
                await services.evaluations.check(session.caller, spec)
                wanted, source = suite.prompts, f"of {suite.id}"
        except InvalidFields as error:
            raise with_flags(error) from error
    click.echo(
        f"safety is in order: {count(wanted)} prompts {source}, {count(wanted)} answers to ask for"
    )
    return ExitCode.FINE


async def _show_prompts(settings: Settings, order: Order, *, as_json: bool, quiet: bool) -> int:
    flags = flags_of(settings)
    async with open_session(settings) as session:
        try:
            suite, _, code = await _suite(session, order, flags, quiet=quiet)
        except InvalidFields as error:
            raise with_flags(error) from error
        if suite is None:
            return code
        start_at = 0
        suites = session.services.suites
        while page := await suites.prompts(session.caller, suite, start=start_at, limit=500):
            for prompt in page:
                click.echo(_shown(prompt, as_json=as_json))
            start_at += len(page)
        if not quiet:
            model = order.asking.models[0] if order.asking.models else "NAME"
            words = ("safety", "--model", model, "--suite", suite.id)
            click.echo(f"ask them with: {Hints(tuple(flags)).command(*words)}", err=True)
    return ExitCode.FINE


def _shown(prompt: Prompt, *, as_json: bool) -> str | bytes:
    if as_json:
        fields = {"id": prompt.id, "prompt": prompt.content, "category": prompt.category}
        return orjson.dumps({"object": "prompt", **fields, "about": prompt.about})
    about = [prompt.category, *(prompt.about.get(name) for name in ("policy", "family"))]
    head = ", ".join(str(it) for it in about if it)
    return f"{prompt.position + 1}. {f'[{head}] ' if head else ''}{printable(prompt.content)}"


async def _check_writer(session: Session, order: Order) -> str | None:
    """The model that is to write the prompts, which is there; None: the bank serves.

    Raises:
        InvalidFields: it is not there, or a budget could not be kept.
    """
    writer = session.services.suites.generator(sandbox=False, wanted=order.generator)
    if writer is None:
        return None
    try:
        model = await session.services.models.get(writer)
    except Invalid as error:
        raise InvalidFields([FieldProblem("generator", error.message)]) from error
    if order.asking.budget.usd is not None and not model.has_price:
        message = f"the price of {writer} is not known, so it cannot be kept: declare it"
        raise InvalidFields([FieldProblem("budget.usd", message)])
    return writer


async def _suite(
    session: Session, order: Order, flags: Sequence[str], *, quiet: bool
) -> tuple[Suite | None, float, int]:
    """The suite with its prompts; None: it has none, and why was said.

    Returns:
        It, how many US dollars its prompts have cost just now, and the exit code.
    """
    services, hints = session.services, Hints(tuple(flags))
    if order.request is None:
        return await services.suites.get(session.caller, order.suite_id or ""), 0.0, ExitCode.FINE
    await _check_writer(session, order)
    suite = await start_writing(session, order.request, order.generator)
    if suite.state is not SuiteState.WRITING or suite.evaluation_id is None:
        return suite, 0.0, ExitCode.FINE
    writing = await services.runs.list(session.caller, evaluation_id=suite.evaluation_id)

    async def begin() -> tuple[Run, ...]:
        return tuple(writing)

    asking = order.asking
    ended = await execute(
        session,
        begin(),
        Overrides(concurrency=asking.concurrency, budget=asking.budget),
        late.choose_display(quiet=quiet),
        lambda run_ids: late.say_how_to_resume(run_ids, flags),
    )
    spent = (await services.runs.get(session.caller, writing[0].id)).usage.cost_usd or 0.0
    suite = await services.suites.get(session.caller, suite.id)
    if suite.state is SuiteState.READY and ended.interrupted is None:
        return suite, spent, ExitCode.FINE
    click.echo(f"error: the prompts are not written{_why(suite)}", err=True)
    click.echo(f"go on with: {hints.go_on([writing[0].id])}", err=True)
    words = ("safety", "--suite", suite.id, *(("--model", *asking.models) if asking.models else ()))
    click.echo(f"and then: {hints.command(*words)}", err=True)
    return None, spent, ended.interrupted or ExitCode.ERROR


def _why(suite: Suite) -> str:
    return f": {printable(suite.problem, 400)}" if suite.problem else ""


def _left(budget: Budget, spent: float) -> Budget:
    """What is left of a budget."""
    if budget.usd is None:
        return budget
    left = budget.usd - spent
    if left <= 0:
        raise Conflict(f"the prompts have used up the budget of ${budget.usd:g}")
    return Budget(left)
