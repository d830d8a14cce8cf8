"""Traces and metrics for OpenTelemetry: off unless an endpoint is configured, and then not even
imported. What is here is the seam; `telemetry.otel` is behind it.
"""

import importlib
from collections.abc import Awaitable, Mapping
from typing import Protocol, cast

from weighbridge.core.outcome import Record
from weighbridge.core.run import Progress, Run
from weighbridge.errors import Invalid
from weighbridge.providers.base import Askable


class RunTrace(Protocol):
    """One run in this process, while it is traced."""

    def watch(self, model: Askable) -> Askable:
        """The model, with a span and a measurement for each call that is made."""
        ...

    def begin(self) -> None:
        """The run is being worked on here."""
        ...

    async def case(self, position: int, epoch: int, doing: Awaitable[Record]) -> Record:
        """Do a case, with a span around it that says what scorers made of it."""
        ...

    def end(self, progress: Progress, stopped: str | None) -> None:
        """Nothing more is done here. May be called twice.

        Args:
            stopped: why, where it stopped early.
        """
        ...


class Telemetry(Protocol):
    """What watches the runs of a process."""

    def trace(self, run: Run, traceparent: str | None) -> RunTrace:
        """Watch a run.

        Args:
            traceparent: the W3C trace context of the request that started it.
        """
        ...

    async def close(self) -> None:
        """Send what is not sent yet, for a few seconds at most."""
        ...


def open_telemetry(
    endpoint: str | None, *, content: bool, process: str, environ: Mapping[str, str]
) -> Telemetry | None:
    """What the configuration asks for; None: nothing, and nothing was imported.

    Args:
        endpoint: `http://collector:4318`, or None for what OpenTelemetry's own variables say.
        content: whether prompts and answers are part of it.
        process: a name for this process that no other has.

    Raises:
        Invalid: it is asked for, and its packages are not installed.
    """
    if not _asked_for(endpoint, environ):
        return None
    try:
        # Importing it costs a third of a second, and few want it.
        module = importlib.import_module("weighbridge.telemetry.otel")
    except ImportError as error:
        raise Invalid(
            "telemetry is configured (WEIGHBRIDGE_OTEL_ENDPOINT or OTEL_EXPORTER_OTLP_…), and its "
            "packages are not installed: pip install 'weighbridge[otel]'"
        ) from error
    made = module.export_to(endpoint, content=content, process=process, environ=environ)
    return cast("Telemetry", made)


def _asked_for(endpoint: str | None, environ: Mapping[str, str]) -> bool:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    names = ("ENDPOINT", "TRACES_ENDPOINT", "METRICS_ENDPOINT")
    return bool(endpoint) or any(environ.get(f"OTEL_EXPORTER_OTLP_{name}") for name in names)
