"""Progress of a run on stderr: a live bar on a terminal, a line now and then elsewhere.

A display reads a few counters a few times a second, whatever the number of samples: what it costs
does not depend on the speed of the run.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import click

from weighbridge.cli.words import count, duration, money

LINE_EVERY_S = 10.0
_WINDOW_S = 20.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How far a run is at one moment.

    Attributes:
        done, total, failed, ungraded: (case, epoch) pairs.
        tokens: input and output together. cost_usd: None when no price is known.
        in_flight: calls under way; None when that cannot be seen from here.
    """

    done: int
    total: int
    failed: int
    ungraded: int
    tokens: int
    cost_usd: float | None
    in_flight: int | None = None


class Pace:
    """Cases per second over the last 20 seconds, and how long the rest will take.

    Args:
        clock: seconds from any origin.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, done: int) -> None:
        """So many are done now."""
        moment = self._clock()
        self._seen.append((moment, done))
        while len(self._seen) > 2 and self._seen[1][0] <= moment - _WINDOW_S:
            self._seen.popleft()

    @property
    def per_second(self) -> float | None:
        """None until there are two moments to compare."""
        if len(self._seen) < 2:
            return None
        (start, before), (end, after) = self._seen[0], self._seen[-1]
        return (after - before) / (end - start) if end > start else None

    def seconds_left(self, left: int) -> float | None:
        """None while that cannot be told."""
        rate = self.per_second
        return left / rate if rate else None


class Shown(Protocol):
    """One run on a display."""

    def show(self, at: Snapshot) -> None:
        """It has come so far."""
        ...

    def end(self, at: Snapshot) -> None:
        """It has come to its end."""
        ...


class Display(Protocol):
    """Where progress is shown, of several runs at once if need be. `every_s`: how often it wants to
    be shown, in seconds."""

    every_s: float

    def begin(self, label: str, at: Snapshot) -> Shown:
        """A run begins, or is taken up."""
        ...


class Silence:
    """Shows nothing."""

    every_s = 60.0

    def begin(self, label: str, at: Snapshot) -> "Silence":  # noqa: ARG002 - the protocol's
        """Nothing."""
        return self

    def show(self, at: Snapshot) -> None:
        """Nothing."""

    def end(self, at: Snapshot) -> None:
        """Nothing."""


class Lines:
    """A line at the start of a run, one every ten seconds, and one at the end."""

    every_s = LINE_EVERY_S

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock

    def begin(self, label: str, at: Snapshot) -> "LinesOfRun":
        """The first line: how many cases there are, and how many of them are done already."""
        already = f", {count(at.done)} of them done already" if at.done else ""
        click.echo(f"{label}: {count(at.total)} cases{already}", err=True)
        return LinesOfRun(label, at.done, self._clock)


class LinesOfRun:
    """The lines of one run, each with its name."""

    def __init__(self, label: str, done: int, clock: Callable[[], float]) -> None:
        self._label = label
        self._clock = clock
        self._pace = Pace(clock)
        self._pace.note(done)
        self._began = (clock(), done)

    def show(self, at: Snapshot) -> None:
        """A line on the way."""
        self._pace.note(at.done)
        click.echo(f"{self._label}: {counters(at)}{speed(at, self._pace)}", err=True)

    def end(self, at: Snapshot) -> None:
        """The last line: with the rate over the whole time."""
        seconds = self._clock() - self._began[0]
        asked = at.done - self._began[1]
        rate = f", {asked / seconds:,.1f}/s" if asked and seconds > 0 else ""
        line = f"{self._label}: {counters(at)}, {duration(seconds)}{rate}"
        click.echo(line, err=True)


def counters(at: Snapshot) -> str:
    """`120/1,000 done, 2 failed, 64 in flight, 12,345 tokens, $0.12`."""
    parts = [f"{count(at.done)}/{count(at.total)} done"]
    if at.failed:
        parts.append(f"{count(at.failed)} failed")
    if at.ungraded:
        parts.append(f"{count(at.ungraded)} ungraded")
    if at.in_flight is not None and at.done < at.total:
        parts.append(f"{count(at.in_flight)} in flight")
    if at.tokens:
        parts.append(f"{count(at.tokens)} tokens")
    if at.cost_usd is not None:
        parts.append(money(at.cost_usd))
    return ", ".join(parts)


def speed(at: Snapshot, pace: Pace) -> str:
    """`, 52.1/s, 17 s left`, as far as it can be told."""
    rate = pace.per_second
    if not rate:
        return ""
    left = pace.seconds_left(at.total - at.done)
    return f", {rate:,.1f}/s" + (f", {duration(left)} left" if left else "")


@asynccontextmanager
async def shown(display: Display, label: str, read: Callable[[], Snapshot]) -> AsyncIterator[None]:
    """Show a run while the block is at work.

    Args:
        read: the present counters; called a few times a second at most.
    """
    run = display.begin(label, read())
    task = asyncio.create_task(_keep_showing(display.every_s, run, read), name="progress")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        run.end(read())


async def _keep_showing(every_s: float, run: Shown, read: Callable[[], Snapshot]) -> None:
    while True:
        await asyncio.sleep(every_s)
        run.show(read())
