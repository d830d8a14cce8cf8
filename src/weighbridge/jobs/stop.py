"""Why a run stops before its cases are done."""

from dataclasses import dataclass

from weighbridge.core.run import RunState


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run stops before its cases are done.

    Attributes:
        state: what becomes of the run; None when it goes on elsewhere or later by itself (this
            process shuts down).
        reason: for people.
    """

    state: RunState | None
    reason: str
