"""From an exception to a message on stderr and an exit code."""

import os
import sys
import traceback
from enum import IntEnum

import click

from weighbridge.errors import Invalid, InvalidFields, WeighbridgeError


class ExitCode(IntEnum):
    """What the command tells whoever called it; `MEANINGS` says it in words."""

    FINE = 0
    ERROR = 1
    USAGE = 2
    GATE_FAILED = 3
    INCONCLUSIVE = 4
    INTERRUPTED = 130
    CLOSED_PIPE = 141
    TERMINATED = 143


MEANINGS = {
    ExitCode.FINE: "it did what was asked; single cases may have failed, which it says",
    ExitCode.ERROR: "it could not; or the run failed, was cancelled or used up its budget",
    ExitCode.USAGE: "bad options, evaluation file or data: nothing was started, nothing was paid",
    ExitCode.GATE_FAILED: "`gate`, `--min-pass-rate`: it does not meet the bar",
    ExitCode.INCONCLUSIVE: "`gate`, `--min-pass-rate`: too little is known to say",
    ExitCode.INTERRUPTED: "Ctrl-C; what was done is kept",
    ExitCode.CLOSED_PIPE: "whoever read the output has gone",
    ExitCode.TERMINATED: "SIGTERM; what was done is kept",
}


class ClosedPipeError(Exception):
    """Whoever read our output has gone."""


def report_failure(error: BaseException) -> int:
    """Say on stderr what went wrong; the exit code for it."""
    error = _the_one_that_matters(error)
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case click.ClickException():
            error.show()
            return error.exit_code
        case click.Abort() | KeyboardInterrupt():
            _say("interrupted")
            return ExitCode.INTERRUPTED
        case BrokenPipeError() | ClosedPipeError():
            _discard_output()
            return ExitCode.CLOSED_PIPE
        case WeighbridgeError():
            _say(describe(error))
            return ExitCode.USAGE if isinstance(error, Invalid) else ExitCode.ERROR
        case SystemExit():
            return error.code if isinstance(error.code, int) else ExitCode.ERROR
    return _report_the_unexpected(error)


def describe(error: WeighbridgeError) -> str:
    """The lines that tell a person: `error: …`, and each field problem on a line of its own."""
    if not isinstance(error, InvalidFields):
        return f"error: {error.message}"
    many = len(error.problems) > 1
    lines = [
        f"error: {error.source or 'the request'} has "
        + (f"{len(error.problems)} problems:" if many else "a problem:")
    ]
    for problem in error.problems:
        where = [error.source or "", str(problem.line or ""), f" {problem.field}"]
        prefix = ":".join(part for part in where if part.strip())
        lines.append(f"{prefix.strip()}: {problem.message}" if prefix.strip() else problem.message)
    return "\n".join(lines)


def _the_one_that_matters(error: BaseException) -> BaseException:
    """Out of a group of errors, as task groups raise, the one made for people; else the first."""
    while isinstance(error, BaseExceptionGroup):
        for_people = error.subgroup(WeighbridgeError)
        error = (for_people or error).exceptions[0]
    return error


def _report_the_unexpected(error: BaseException) -> int:
    # Straight from the environment: reading the settings may be what went wrong.
    if os.environ.get("WEIGHBRIDGE_LOG_LEVEL", "").lower() == "debug":
        traceback.print_exception(error)
    detail = " ".join(str(error).split())
    _say(f"error: internal error: {type(error).__name__}{': ' if detail else ''}{detail}")
    _say("(for the traceback: WEIGHBRIDGE_LOG_LEVEL=debug)")
    return ExitCode.ERROR


def _say(message: str) -> None:
    try:
        click.echo(message, err=True)
    except BrokenPipeError:
        return


def _discard_output() -> None:
    # The interpreter flushes stdout once more when it exits, and would complain then.
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):  # no real file behind it, as in a test
        return
