"""Progress on a terminal. Apart from `progress`, as rich costs a tenth of a second to import."""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.text import Text

from weighbridge.cli.console import remarks
from weighbridge.cli.progress import Pace, Snapshot, counters, speed
from weighbridge.cli.words import printable


class _Lines(Progress):
    """The bar, and the counters on a line of their own: beside it they would not fit."""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        for task in self.tasks:
            yield Text(task.fields["counters"])


class Bar:
    """A bar with the counters below it, drawn anew three times a second."""

    every_s = 0.33

    def __init__(self) -> None:
        self._progress: _Lines | None = None
        self._task = TaskID(0)
        self._pace = Pace()

    def begin(self, label: str, at: Snapshot) -> None:
        """Draw the bar."""
        # No thread of its own for refreshing: it would fight for the interpreter with the run.
        self._progress = _Lines(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            expand=True,
            console=remarks(),
            auto_refresh=False,
        )
        self._pace = Pace()
        self._pace.note(at.done)
        self._progress.start()
        self._task = self._progress.add_task(
            printable(label, 40), completed=at.done, total=at.total, counters=counters(at)
        )
        self._progress.refresh()

    def show(self, at: Snapshot) -> None:
        """Draw it anew."""
        self._pace.note(at.done)
        self._draw(at, counters(at) + speed(at, self._pace))

    def end(self, at: Snapshot) -> None:
        """Draw it for the last time, and leave it standing."""
        self._draw(at, counters(at))
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _draw(self, at: Snapshot, text: str) -> None:
        if self._progress is not None:
            self._progress.update(
                self._task, completed=at.done, total=at.total, counters=text, refresh=True
            )
