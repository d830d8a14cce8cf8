"""Ctrl-C and SIGTERM while a run is at work: the first asks it to stop, the second ends it."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import TypeVar

import click

from weighbridge.cli.failures import ExitCode

_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}
Result = TypeVar("Result")
_SHOW_CURSOR = "\x1b[?25h"


class Interrupts:
    """Takes both signals from the event loop while the `with` block lasts.

    Attributes:
        code: the exit code for the signal that came; None while none did.
    """

    def __init__(self) -> None:
        self.code: ExitCode | None = None
        self._stop: Callable[[], object] | None = None

    def __enter__(self) -> "Interrupts":
        loop = asyncio.get_running_loop()
        for name, code in _CODES.items():
            loop.add_signal_handler(name, self._received, code)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        loop = asyncio.get_running_loop()
        for name in _CODES:
            loop.remove_signal_handler(name)

    def stop_with(self, stop: Callable[[], object]) -> None:
        """Call `stop` when a signal comes, instead of what was said before; at once if one has."""
        self._stop = stop
        if self.code is not None:
            stop()

    async def unless_stopped(self, work: Coroutine[None, None, Result]) -> Result | None:
        """What the work comes to; None when a signal came and cancelled it."""
        task = asyncio.create_task(work)
        self.stop_with(task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            if self.code is None:
                raise
            return None
        finally:
            self._stop = None

    def _received(self, code: ExitCode) -> None:
        if self.code is not None:
            if sys.stderr.isatty():
                click.echo(_SHOW_CURSOR, err=True, nl=False)
            os._exit(code)
        self.code = code
        click.echo("\nstopping: calls in flight may finish; once more to end at once", err=True)
        if self._stop is not None:
            self._stop()
