"""The command `weighbridge`: a table of commands, each loaded only when it is called."""

import gc
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any, NoReturn

import click

from weighbridge import __version__
from weighbridge.cli.failures import ClosedPipeError, ExitCode, report_failure
from weighbridge.core.suggest import did_you_mean

# name -> (module, what it does in one line). The module has a command under the same name, with
# `_` for `-`. `weighbridge --help` is made from this table alone, so that it loads nothing else.
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "See the main job on real questions, with no key."),
    "run": ("run", "Run an evaluation file, or go on with a run."),
    "show": ("runs", "Show the report of one run, or of several side by side."),
    "runs": ("runs", "List runs, newest first."),
    "compare": ("compare", "Compare runs: differences, tests, and what flipped."),
    "report": ("reporting", "Write the report of runs as HTML or Markdown."),
    "gate": ("gate", "Hold a run against a policy: PASS, FAIL or INCONCLUSIVE."),
    "export": ("export", "Write the outcomes of a run as jsonl, csv or parquet."),
    "cancel": ("runs", "Stop a run; what was done is kept."),
    "retry-failed": ("run", "Do the failed cases of a run again."),
    "rescore": ("rescore", "Score the stored answers of a run again."),
    "review-sample": ("people", "Draw cases at random for people to review."),
    "override": ("people", "Say what a score should be, and why."),
    "overrides": ("people", "List what people said about the scores of a run."),
    "reproduce": ("reproduce", "Do again exactly what a run did, and compare."),
    "bench": ("bench", "Run standard benchmarks by name, and rank models by them."),
    "safety": ("safety", "Test a model's conduct: prompts, answers, verdicts, report."),
    "judges": ("judges", "Judges with several dimensions: add them, have them judge."),
    "redteam": ("redteam", "Write attacks on an application, and fire them at models."),
    "datasets": ("datasets", "List data sets and their versions; add, look at and tag them."),
    "repos": ("repos", "Versioned data: repositories, files, branches, commits."),
    "infer": ("infer", "Put a model's answers into a column of a file, and commit it."),
    "serve": ("server", "Serve the APIs and work on runs."),
    "worker": ("worker", "Work on the runs of an installation, without serving."),
    "models": ("models", "List the models that evaluations can name."),
    "embedded": ("embedded", "List and add models that need no key."),
    "keys": ("keys", "Make, list, revoke and rotate API keys."),
    "webhooks": ("webhooks", "Tell others when runs begin and end."),
    "cache": ("cache", "Look at the cache of replies, or empty it."),
    "schema": ("schema", "Print the JSON schema of the evaluation file."),
}

_COLLECT_AFTER = (50_000, 20, 20)


class CommandTable(click.Group):
    """The group of all commands; imports a command's module when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 (click's signature)
        """In the order of the table: what is used most comes first."""
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 (click's signature)
        cmd_name: str,
    ) -> click.Command | None:
        """The command of that name, from its module."""
        if cmd_name not in COMMANDS:
            return None
        module = _load(f"weighbridge.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a hint for a misspelt name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command `{args[0]}`{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """As click does, but for a closed pipe, of which click would make exit code 1."""
        # Its own threads wait for each other in loops: where cores are busy or few, a product of
        # small matrices takes a hundred times as long by two as by one. Read when numpy is loaded.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ClosedPipeError from error

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 (click's signature)
        formatter: click.HelpFormatter,
    ) -> None:
        """The table, without loading what it names."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(
    cls=CommandTable,
    epilog="Exit codes: 0 fine, 1 error, 2 usage (bad options, evaluation file or data), "
    "3 gate failed, 4 inconclusive; 130, 143 and 141 when ended by Ctrl-C, SIGTERM or a closed "
    "pipe. Every option that says [WEIGHBRIDGE_…] can be set by that variable.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", message="%(prog)s %(version)s")
def commands() -> None:
    """Evaluate AI systems: from a data file to a report with error bars."""


def _load(module: str) -> ModuleType:
    # What an import makes, stays: looking through it for garbage, then and at every collection
    # later, is a tenth of the time to the first call.
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        # With hundreds of calls in flight the default (every 700 allocations) looks through the
        # same living objects over and over: a tenth of the time of a run.
        gc.set_threshold(*_COLLECT_AFTER)
        gc.enable()


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and tell its exit code; never raises.

    Args:
        arguments: without the program's name; None for those of this process.
    """
    try:
        result: Any = commands.main(arguments, prog_name="weighbridge", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 (the outermost line: each becomes an exit code)
        return report_failure(error)
    return result if isinstance(result, int) else ExitCode.FINE


def main() -> NoReturn:
    """The entry point of the console script."""
    sys.exit(run_command())
