"""The end of a command about runs: the result on stdout, what to know of it on stderr."""

from collections.abc import Sequence

import click

from weighbridge.cli import late
from weighbridge.cli.failures import ExitCode
from weighbridge.cli.hints import Hints
from weighbridge.cli.local import Ended
from weighbridge.cli.results import Results
from weighbridge.core.run import RunState


async def tell(
    results: Results, ended: Ended, flags: Sequence[str], *, as_json: bool, quiet: bool
) -> int:
    """Print what runs came to.

    Args:
        flags: options that lead other commands to the same installation.
        quiet: leave out what is not an error.

    Returns:
        The exit code: that of the signal which stopped them, or 1 unless all have succeeded.
    """
    if not ended.run_ids:
        click.echo("interrupted: no run was begun, nothing was asked", err=True)
        return ended.interrupted or ExitCode.ERROR
    await show(results, ended.run_ids, as_json=as_json)
    hints = Hints(tuple(flags))
    runs = [await results.run(run_id) for run_id in ended.run_ids]
    for run in runs:
        lines = hints.after(run)
        if not quiet and run.status is RunState.SUCCEEDED and not as_json:
            lines.append(f"export with: {hints.command('export', run.id, '--format', 'csv')}")
        lines += hints.after_delivery(await results.delivery(run.id))
        for line in lines:
            if not quiet or run.status is not RunState.SUCCEEDED:
                click.echo(line, err=True)
    if ended.interrupted is not None:
        return ended.interrupted
    succeeded = all(run.status is RunState.SUCCEEDED for run in runs)
    return ExitCode.FINE if succeeded else ExitCode.ERROR


async def show(results: Results, run_ids: Sequence[str], *, as_json: bool) -> None:
    """Print runs: each as a line of JSON, or one in full, or several side by side."""
    if not as_json:
        await late.print_report(results, run_ids)
        return
    for run_id in run_ids:
        click.echo((await results.run(run_id)).model_dump_json())


def say_how_to_resume(run_ids: Sequence[str], flags: Sequence[str]) -> None:
    """Print the command that goes on with these runs."""
    click.echo(f"resume with: {Hints(tuple(flags)).go_on(run_ids)}", err=True)
