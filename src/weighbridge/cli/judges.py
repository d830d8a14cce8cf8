"""`weighbridge judges`: judges with several dimensions."""

from pathlib import Path
from typing import Any

import click
import orjson

from weighbridge.cli.console import add_row, output, remarks, table
from weighbridge.cli.options import with_settings
from weighbridge.cli.session import Session, in_session
from weighbridge.cli.words import moment, number, printable
from weighbridge.core.rubric_judge import DimensionalJudge, JudgeEvaluation
from weighbridge.dialects.native.translate_judges import from_rubric_judge
from weighbridge.errors import Invalid, NotFound
from weighbridge.judgefile import MAX_BYTES, load_judge
from weighbridge.services.judge_content import Sent
from weighbridge.settings import Settings

_FILE = click.Path(dir_okay=False, path_type=Path)
_MOST_CONTENT = 32 << 20
_SHOWN = 500


@click.group()
def judges() -> None:
    """Judges with several dimensions: add them, and have them judge.

    A judge looks at content in several dimensions at once (pass or fail, 1 to 5, one of several
    options, a checklist), and has versions. docs/judges.md says how to write one.
    """


@judges.command("add")
@click.argument("file", type=_FILE)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@with_settings()
def add(*, settings: Settings, file: Path, as_json: bool) -> None:
    """Add the judge in FILE (YAML or JSON), or a version to the one of that name."""
    spec = load_judge(_read(file, MAX_BYTES), str(file))

    async def work(session: Session) -> DimensionalJudge:
        service = session.services.judges
        try:
            before = await service.named(session.caller, spec.name)
        except NotFound:
            return await service.create(session.caller, spec)
        return await service.change(session.caller, before.id, spec)

    judge = in_session(settings, work)
    if as_json:
        click.echo(from_rubric_judge(judge).model_dump_json())
        return
    click.echo(judge.id)
    remarks().print(f"{printable(judge.name, 80)}, version {judge.latest.number}")


@judges.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_settings()
def list_(*, settings: Settings, as_json: bool) -> None:
    """List the judges of the default workspace."""

    async def work(session: Session) -> list[DimensionalJudge]:
        found, _ = await session.services.judges.list(session.caller, limit=10_000)
        return found

    found = in_session(settings, work)
    if as_json:
        for judge in found:
            click.echo(from_rubric_judge(judge).model_dump_json())
        return
    rows = table("id", "name", "version", "model", "dimensions", "changed", numbers=["version"])
    for judge in found:
        latest = judge.latest
        add_row(
            rows,
            judge.id,
            printable(judge.name, 60),
            latest.number,
            latest.model,
            ", ".join(it.id for it in latest.dimensions),
            moment(judge.updated_at),
        )
    output().print(rows)


@judges.command("run")
@click.argument("name")
@click.argument("file", type=_FILE)
@click.option("--model", metavar="MODEL", help="Who judges this once.")
@click.option("--json", "as_json", is_flag=True, help="Print the evaluation as JSON.")
@with_settings()
def run(*, settings: Settings, name: str, file: Path, model: str | None, as_json: bool) -> int:
    """Have the judge NAME (or its id) judge the content in FILE.

    FILE is a JSON object with `output`, `input` or `messages`, and perhaps `name`,
    `generation_model` and `metadata`; any other file is the output itself. Exit code 1: there is no
    verdict.
    """
    sent = _content(_read(file, _MOST_CONTENT), file)

    async def work(session: Session) -> JudgeEvaluation:
        service = session.services.judges
        judge = await service.named(session.caller, name)
        return await service.evaluate(session.caller, judge.id, sent, model=model)

    made = in_session(settings, work)
    if as_json:
        plain: dict[str, Any] = {
            "id": made.id,
            "judge_id": made.judge_id,
            "judge_version": made.judge_version,
            "model": made.model,
            "latency_ms": made.latency_ms,
            "verdict": made.verdict,
            "error": made.error,
        }
        click.echo(orjson.dumps(plain).decode())
        return 1 if made.verdict is None else 0
    if made.verdict is None:
        remarks().print(f"no verdict: {printable(made.error or '', _SHOWN)}")
        return 1
    _show(made.verdict)
    return 0


def _show(verdict: Any) -> None:
    rows = table("dimension", "score", "verdict", "notes", numbers=["score"])
    for it in verdict["dimensions"]:
        said = it["label"] or ", ".join(it["labels"]) or None
        add_row(
            rows,
            printable(it["name"], 60),
            number(it["score"]),
            said and printable(said, 60),
            printable(it["notes"], 120),
        )
    output().print(rows)
    output().print(f"overall {number(verdict['overall_score'])}, by {verdict['judge']}")
    output().print(printable(verdict["reasoning"], 2_000))


def _content(text: str, file: Path) -> Sent:
    if file.suffix.lower() != ".json":
        return Sent(output=text)
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{file} is not JSON: {error.msg} (line {error.lineno})") from error
    known = set(Sent.__dataclass_fields__)
    if not isinstance(found, dict) or not set(found) <= known:
        raise Invalid(f"{file}: an object with fields of {', '.join(sorted(known))} was expected")
    return Sent(**{"output": None, **found})


def _read(file: Path, most: int) -> str:
    try:
        with file.open("rb") as source:
            raw = source.read(most + 1)
    except OSError as error:
        raise click.BadParameter(f"cannot read {file}: {error.strerror or error}") from error
    if len(raw) > most:
        raise click.BadParameter(f"{file} has more than {most:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.BadParameter(f"{file} is not UTF-8 text") from error
