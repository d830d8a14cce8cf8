"""What the page of a run shows beside what every run has, by the door that the run came through.

The table of kinds: door → a function that says which template is put onto the page, and with what.
It is asked whenever the page of such a run is shown, so it reads no more than a page needs.
"""

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

KINDS: dict[str, Kind] = {}


async def panel_of(visit: Visit, view: RunView) -> Panel | None:
    """The part of a run's page that is its kind's own; None: there is none."""
    kind = KINDS.get(view.evaluation.door)
    return None if kind is None else await kind(visit, view)
