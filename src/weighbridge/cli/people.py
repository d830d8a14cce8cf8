"""`weighbridge override`, `overrides` and `review-sample`: people beside the scorers."""

import asyncio
import csv
import getpass
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import click
from pydantic import ValidationError

from weighbridge.cli.console import add_row, output, table
from weighbridge.cli.options import Address, with_server, with_settings
from weighbridge.cli.remote import connect
from weighbridge.cli.reviewing import LocalReviewing, Reviewing
from weighbridge.cli.session import Session, in_session
from weighbridge.cli.words import count, moment, printable
from weighbridge.dialects.native import wire
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.settings import Settings

Result = TypeVar("Result")
_MOST_ROWS = 10_000
_MOST_BYTES = 64 << 20
_FIELDS = ("case_id", "epoch", "scorer", "value", "label", "reason")
_FORMULA = frozenset("=+-@\t\r")
_PLACE = re.compile(r"overrides\.(\d+)\.?(.*)")


@click.command("override")
@click.argument("run_id", metavar="RUN")
@click.argument("case_id", metavar="[CASE", required=False)
@click.argument("scorer", metavar="SCORER", required=False)
@click.argument("value", metavar="VALUE]", required=False)
@click.option("--reason", metavar="TEXT", help="Why; needed.")
@click.option("--label", metavar="LABEL", help="The word behind the value.")
@click.option(
    "--epoch", type=click.IntRange(0), default=0, metavar="N", help="The repeat, 0-based."
)
@click.option("--author", metavar="NAME", help="Who says so; by default who you are logged in as.")
@click.option("--withdraw", is_flag=True, help="Take back what was said; give no VALUE then.")
@click.option(
    "--from",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Read many from a spreadsheet, with the columns case_id, scorer, value or label, reason, "
    "and perhaps epoch. Rows with neither value nor label are left out; --reason stands for an "
    "empty one. All are kept, or none.",
)
@with_settings()
@with_server
def override(
    *,
    settings: Settings,
    address: Address | None,
    run_id: str,
    case_id: str | None,
    scorer: str | None,
    value: str | None,
    reason: str | None,
    label: str | None,
    epoch: int,
    author: str | None,
    withdraw: bool,
    file: Path | None,
) -> None:
    """Say what a score should be, and why. The scorer's own verdict stays beside it.

    CASE is the id of a case, SCORER the key of the scorer, VALUE the score or, where the scorer has
    labels, one of them. To say what the scorer says is to confirm it. What was said before stays in
    the history.
    """
    author = author or _who()
    if file is not None:
        if case_id is not None or label is not None or withdraw:
            raise click.UsageError("with --from, the file says which cases, scorers and values")
        judgements, lines = _from_file(file, reason, author)
        said = _do(settings, address, lambda it: _judge(it, run_id, judgements, lines, str(file)))
        click.echo(f"kept what was said about {count(len(said))} scores", err=True)
        return
    if case_id is None or scorer is None or (value is None) != (withdraw or label is not None):
        raise click.UsageError(
            "give CASE SCORER VALUE (or --label LABEL, or --withdraw, instead of VALUE), or --from"
        )
    if not reason:
        raise click.UsageError("say why, with --reason TEXT")
    if withdraw:
        _do(
            settings,
            address,
            lambda it: it.withdraw(run_id, case_id, epoch, scorer, reason, author),
        )
        click.echo(f"withdrawn: {scorer} of {printable(case_id, 60)}", err=True)
        return
    number = None if value is None else _number(value)
    judgement = _judgement(
        case_id=case_id,
        epoch=epoch,
        scorer=scorer,
        value=number,
        label=value if number is None and value is not None else label,
        reason=reason,
        author=author,
    )
    [kept] = _do(settings, address, lambda it: _judge(it, run_id, [judgement]))
    click.echo(f"{kept.scorer} of {printable(kept.case_id, 60)}: {_said(kept)}", err=True)


@click.command("overrides")
@click.argument("run_id", metavar="RUN")
@click.option("--scorer", metavar="KEY", help="Only of this scorer.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, history included.")
@click.option(
    "--csv",
    "as_csv",
    is_flag=True,
    help="What counts now, in the columns that `override --from` reads.",
)
@with_settings()
@with_server
def overrides(
    *,
    settings: Settings,
    address: Address | None,
    run_id: str,
    scorer: str | None,
    as_json: bool,
    as_csv: bool,
) -> None:
    """List everything that people said about the scores of a run, newest first.

    RUN is a run's id, or `latest`.
    """
    if as_json and as_csv:
        raise click.UsageError("either --json or --csv, not both")
    found = _do(settings, address, lambda it: it.overrides(run_id, scorer))
    if as_json:
        for said in found:
            click.echo(said.model_dump_json())
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, _FIELDS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(said.model_dump() for said in _standing(found))
    elif found:
        rows = table("case", "scorer", "value", "reason", "by", "at", "")
        newest = {said.id for said in _standing(found)}
        for said in found:
            case = printable(said.case_id, 40) + (f" #{said.epoch}" if said.epoch else "")
            add_row(
                rows,
                case,
                said.scorer,
                _said(said),
                printable(said.reason, 80),
                printable(said.author, 30),
                moment(said.created_at),
                "counts" if said.id in newest else "",
            )
        output().print(rows)
    else:
        click.echo("nobody has said anything about the scores of this run yet", err=True)


@click.command("review-sample")
@click.argument("run_id", metavar="RUN")
@click.option(
    "-n", "n", type=click.IntRange(1, 500), default=50, show_default=True, help="How many at most."
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**63 - 1),
    default=0,
    show_default=True,
    help="The same seed draws the same cases.",
)
@click.option("--scorer", metavar="KEY", help="Draw from what this scorer graded.")
@click.option("--unreviewed", is_flag=True, help="Leave out what people have reviewed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, scores included.")
@with_settings()
@with_server
def review_sample(
    *,
    settings: Settings,
    address: Address | None,
    run_id: str,
    n: int,
    seed: int,
    scorer: str | None,
    unreviewed: bool,
    as_json: bool,
) -> None:
    """Draw cases at random for people to review, as a csv to fill in.

    Only a random sample lets the rate of a judge be corrected. Fill in `value` or `label`, and
    `reason`, then: weighbridge override RUN --from FILE.csv. What the scorer said is left out, so
    that it sways nobody.
    """
    sample = _do(settings, address, lambda it: it.sample(run_id, n, seed, scorer, unreviewed))
    if as_json:
        for outcome in sample.data:
            click.echo(outcome.model_dump_json())
    else:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        columns = list(dict.fromkeys(name for it in sample.data for name in it.inputs))
        writer.writerow([*_FIELDS, "answer", *(f"input.{name}" for name in columns)])
        for outcome in sample.data:
            for key in [scorer] if scorer else outcome.scores:
                inputs = [_cell(outcome.inputs.get(name)) for name in columns]
                blank = [outcome.case_id, outcome.epoch, key, "", "", ""]
                writer.writerow([*blank, _cell(outcome.answer), *inputs])
    click.echo(
        f"{count(len(sample.data))} drawn of {count(sample.eligible)}, of which "
        f"{count(sample.reviewed)} are reviewed (seed {seed})",
        err=True,
    )


def _do(
    settings: Settings,
    address: Address | None,
    work: Callable[[Reviewing], Awaitable[Result]],
) -> Result:
    if address is None:

        async def here(session: Session) -> Result:
            return await work(LocalReviewing(session))

        return in_session(settings, here)

    async def there() -> Result:
        async with connect(address) as server:
            return await work(server)

    return asyncio.run(there())


async def _judge(
    reviewing: Reviewing,
    run_id: str,
    judgements: Sequence[wire.JudgementOfCase],
    lines: Sequence[int] = (),
    source: str | None = None,
) -> list[wire.Override]:
    try:
        return await reviewing.judge(run_id, judgements)
    except InvalidFields as error:
        raise InvalidFields(
            [_located(problem, lines) for problem in error.problems], source or "the override"
        ) from error


def _located(problem: FieldProblem, lines: Sequence[int]) -> FieldProblem:
    """The problem with the column instead of the place in the list, and the line of its row."""
    found = _PLACE.fullmatch(problem.field)
    if found is None:
        return problem
    number = int(found[1])
    line = lines[number] if number < len(lines) else None
    return replace(problem, field=found[2], line=line)


def _from_file(
    path: Path, reason: str | None, author: str
) -> tuple[list[wire.JudgementOfCase], list[int]]:
    """What a spreadsheet says, and the line of each row."""
    judgements: list[wire.JudgementOfCase] = []
    lines: list[int] = []
    problems: list[FieldProblem] = []
    for line, row in _rows(path):
        if not (row.get("value") or row.get("label")):
            continue
        cells = {name: row[name] for name in _FIELDS if row.get(name)}
        try:
            number = _number(cells["value"]) if "value" in cells else None
            if "value" in cells and number is None:
                raise InvalidFields([FieldProblem("value", f"`{cells['value']}` is no number")])
            judgements.append(
                _judgement(**{"reason": reason, "author": author, **cells, "value": number})
            )
            lines.append(line)
        except InvalidFields as error:
            problems += [replace(problem, line=line) for problem in error.problems]
    if problems:
        raise InvalidFields(problems[:20], str(path))
    if not judgements:
        raise Invalid(f"{path} has no row with a value or a label")
    if len(judgements) > _MOST_ROWS:
        raise Invalid(
            f"{path} says something about {len(judgements):,} scores; 10,000 are the most"
        )
    return judgements, lines


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and cells of each row, by the column's name."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise Invalid(f"{path} is over {_MOST_BYTES >> 20} MiB")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise Invalid(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidFields([FieldProblem("", "not UTF-8 text", 1)], str(path)) from error
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)  # spreadsheets of many countries write semicolons
    reader = csv.DictReader(text.splitlines(keepends=True), delimiter=separator)
    csv.field_size_limit(_MOST_BYTES)
    try:
        missing = {"case_id", "scorer"} - set(reader.fieldnames or ())
        if missing:
            listed = ", ".join(f"`{name}`" for name in sorted(missing))
            raise InvalidFields([FieldProblem("", f"no column {listed}", 1)], str(path))
        for row in reader:
            yield reader.line_num, {k: v.strip() for k, v in row.items() if k and v is not None}
    except csv.Error as error:
        problem = FieldProblem("", f"not a csv: {error}", reader.line_num)
        raise InvalidFields([problem], str(path)) from error


def _judgement(**fields: object) -> wire.JudgementOfCase:
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        return wire.JudgementOfCase.model_validate(given)
    except ValidationError as error:
        raise InvalidFields(
            [
                FieldProblem(
                    ".".join(map(str, detail["loc"])), detail["msg"].removeprefix("Value error, ")
                )
                for detail in error.errors(include_url=False, include_input=False)
            ],
            "the override",
        ) from error


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _standing(said: Sequence[wire.Override]) -> list[wire.Override]:
    """Of each score what counts; nothing where it was withdrawn."""
    newest: dict[tuple[int, int, str], wire.Override] = {}
    for one in said:
        key = (one.position, one.epoch, one.scorer)
        if key not in newest or one.revision > newest[key].revision:
            newest[key] = one
    return [one for one in newest.values() if one.value is not None]


def _said(said: wire.Override) -> str:
    if said.value is None:
        return "withdrawn"
    return f"{said.value:g}" + (f" ({printable(said.label, 30)})" if said.label else "")


def _cell(value: object) -> object:
    """A value to be looked at in a spreadsheet, which must not take what a model said for a
    formula. Nothing reads it back."""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
    return f"'{text}" if isinstance(text, str) and text[:1] in _FORMULA else text


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return os.environ.get("HOSTNAME", "operator")
