"""`weighbridge demo`: the main job on real questions, with no key and no network."""

import asyncio
from pathlib import Path

import click
import orjson

from weighbridge.cli import ending
from weighbridge.cli.logs import set_up_logs
from weighbridge.cli.results import LocalResults
from weighbridge.cli.session import Session, in_session
from weighbridge.demo.evaluations import QUESTIONS
from weighbridge.demo.story import Ending, play
from weighbridge.settings import Settings


@click.command("demo")
@click.option(
    "--data",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".demo-data"),
    show_default=True,
    help="Folder of the demo; an earlier demo in it is removed.",
)
@click.option(
    "--questions",
    type=click.IntRange(10, 500),
    default=QUESTIONS,
    show_default=True,
    help="How many questions of OpenBookQA.",
)
@click.option("--json", "as_json", is_flag=True, help="The ending as one JSON object.")
def demo(*, folder: Path, questions: int, as_json: bool) -> None:
    """Ask a small model that needs no key 100 real questions with two prompts.

    The second run is killed (kill -9) in the middle and resumed. At the end both are shown side by
    side, with what was lost and what was paid twice.
    """
    set_up_logs("warning")
    came_to = asyncio.run(play(folder, questions))
    if as_json:
        click.echo(orjson.dumps(came_to))
        return
    settings = Settings(data=folder)

    async def work(session: Session) -> None:
        await ending.show(LocalResults(session), [came_to.plain, came_to.guided], as_json=False)

    click.echo("", err=True)
    in_session(settings, work)
    _say_what_it_came_to(came_to, folder)


def _say_what_it_came_to(came_to: Ending, folder: Path) -> None:
    click.echo(
        f"\nkill -9 with {came_to.durable_at_kill} outcomes stored, then resumed: "
        f"{came_to.lost} lost, {came_to.paid_twice} paid twice"
    )
    click.echo(
        f"\nlook closer:  weighbridge show {came_to.guided} --data {folder}\n"
        f"outcomes:     weighbridge export {came_to.guided} --format csv --data {folder}\n"
        f"pages:        make serve   (the same data on http://127.0.0.1:8080)",
        err=True,
    )
