"""Progress on a terminal. Apart from `progress`, as rich costs a tenth of a second to import."""

from collections.abc import Callable, Iterable

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from weighbridge.cli.console import remarks
from weighbridge.cli.progress import Pace, Snapshot, counters, speed
from weighbridge.cli.words import printable


class _Lines(Progress):
    """The bars, and the counters on lines of their own: beside them they would not fit."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            whose = f"{task.description}: " if len(self.tasks) > 1 else ""
            yield Text(whose + task.fields["counters"])


class Bar:
    """A bar for each run, with the counters of all below, drawn anew three times a second."""

    every_s = 0.33

    def __init__(self) -> None:
        self._progress: _Lines | None = None
        self._going_on = 0

    def begin(self, label: str, at: Snapshot) -> "BarOfRun":
        """Draw the bar of a run, beside those that are at work."""
        if self._progress is None:
            # No thread of its own for refreshing: it would fight for the interpreter with the run.
            self._progress = _Lines(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None),
                TaskProgressColumn(),
                expand=True,
                console=remarks(),
                auto_refresh=False,
            )
            self._progress.start()
        self._going_on += 1
        return BarOfRun(self._progress, printable(label, 40), at, self._ended)

    def _ended(self) -> None:
        """One has: when all have, leave them standing."""
        self._going_on -= 1
        if self._progress is not None and not self._going_on:
            self._progress.stop()
            self._progress = None


class BarOfRun:
    """The bar of one run.

    Args:
        ended: called when it is drawn for the last time.
    """

    def __init__(
        self, progress: Progress, label: str, at: Snapshot, ended: Callable[[], None]
    ) -> None:
        self._progress = progress
        self._ended = ended
        self._pace = Pace()
        self._pace.note(at.done)
        self._task = progress.add_task(
            label, completed=at.done, total=at.total, counters=counters(at)
        )
        progress.refresh()

    def show(self, at: Snapshot) -> None:
        """Draw it anew."""
        self._pace.note(at.done)
        self._draw(at, counters(at) + speed(at, self._pace))

    def end(self, at: Snapshot) -> None:
        """Draw it for the last time."""
        self._draw(at, counters(at))
        self._ended()

    def _draw(self, at: Snapshot, text: str) -> None:
        self._progress.update(
            self._task, completed=at.done, total=at.total, counters=text, refresh=True
        )
