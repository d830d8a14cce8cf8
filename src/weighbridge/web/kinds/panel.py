"""What a kind of run puts onto its page."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from weighbridge.services.runs import RunView
from weighbridge.web.visit import Visit


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of the page of a run.

    Attributes:
        template: its file's name.
        context: what it shows; in the template, its names stand in `panel`.
    """

    template: str
    context: dict[str, Any] = field(default_factory=dict)


Kind: TypeAlias = Callable[[Visit, RunView], Awaitable[Panel | None]]
