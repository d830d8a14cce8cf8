"""`weighbridge gate`: may we go on with this run?"""

import asyncio
import importlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import click

from weighbridge.cli.console import output
from weighbridge.cli.failures import ExitCode
from weighbridge.cli.gate_table import print_gate
from weighbridge.cli.gate_texts import markdown
from weighbridge.cli.options import Address, with_server, with_settings
from weighbridge.cli.remote import connect
from weighbridge.cli.results import LocalResults, Results
from weighbridge.cli.session import Session, in_session
from weighbridge.core.policy import Verdict
from weighbridge.dialects.native import wire
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.policy import PolicySpec, load_policy
from weighbridge.settings import Settings
from weighbridge.validation import line_of
from weighbridge.yamltext import MAX_BYTES
from weighbridge.yamltext import Path as FieldPath

CODES = {
    Verdict.PASS: ExitCode.FINE,
    Verdict.FAIL: ExitCode.GATE_FAILED,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}
_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("gate")
@click.argument("name", metavar="[RUN]", default="latest")
@click.option("--policy", "policy_file", type=_FILE, required=True, help="What it must hold, YAML.")
@click.option("--baseline", metavar="RUN", help="The run that drops and rises are against.")
@click.option("--junit", type=_FILE, help="Write the checks as JUnit XML, for CI to show.")
@click.option("--markdown", "markdown_file", type=_FILE, help="Write a summary for a pull request.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@with_settings()
@with_server
def gate(
    *,
    settings: Settings,
    address: Address | None,
    name: str,
    policy_file: Path,
    baseline: str | None,
    junit: Path | None,
    markdown_file: Path | None,
    as_json: bool,
) -> int:
    """Hold a run against a policy. Exit code 0: PASS, 3: FAIL, 4: INCONCLUSIVE.

    RUN is a run's id, or `latest`, which it is when left out. docs/gate.md has the policy's fields.
    """
    policy, lines = _read_policy(policy_file)

    async def work(results: Results) -> wire.Gate:
        run = await results.called(name)
        before = None if baseline is None else await results.called(baseline)
        return await results.gate(policy, run.id, before.id if before else None)

    async def at_server(address: Address) -> wire.Gate:
        async with connect(address) as server:
            return await work(server)

    async def here(session: Session) -> wire.Gate:
        return await work(LocalResults(session))

    try:
        found = asyncio.run(at_server(address)) if address else in_session(settings, here)
    except InvalidFields as error:
        raise _located(error, str(policy_file), lines) from error
    if junit is not None:
        _write(junit, importlib.import_module("weighbridge.cli.junit").junit_xml(found))
    if markdown_file is not None:
        _write(markdown_file, markdown(found).encode())
    if as_json:
        click.echo(found.model_dump_json())
    else:
        print_gate(output(), found)
    return CODES[found.verdict]


def _read_policy(file: Path) -> tuple[PolicySpec, Mapping[FieldPath, int]]:
    try:
        with file.open("rb") as source:
            raw = source.read(MAX_BYTES + 1)
    except OSError as error:
        raise Invalid(f"cannot read {file}: {error.strerror or error}") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise InvalidFields([FieldProblem("", "not UTF-8 text", line)], str(file)) from error
    return load_policy(text, str(file))


def _located(error: InvalidFields, file: str, lines: Mapping[FieldPath, int]) -> InvalidFields:
    """The error with our file and its lines, where it is one of the policy."""
    problems = []
    for problem in error.problems:
        field = problem.field.removeprefix("policy.")
        problems.append(replace(problem, field=field, line=line_of(field, lines)))
    in_file = any(problem.line is not None for problem in problems)
    return InvalidFields(problems, error.source or (file if in_file else None))


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise click.FileError(str(file), error.strerror or str(error)) from error
