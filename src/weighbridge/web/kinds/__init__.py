"""What the page of a run shows beside what every run has, by the door that the run came through.

The table of kinds: door → a function that says which template is put onto the page, and with what.
It is asked whenever the page of such a run is shown, so it reads no more than a page needs.
"""

from weighbridge.services.runs import RunView
from weighbridge.web.kinds import aymara, dataframer, nugen, ours, oxen
from weighbridge.web.kinds.panel import Kind, Panel
from weighbridge.web.visit import Visit

KINDS: dict[str, Kind] = {
    "oxen": oxen.panel,
    "nugen": nugen.panel,
    "aymara": aymara.panel,
    # What came through a door of our own may be of any of these kinds.
    "native": ours.panel,
    "cli": ours.panel,
    "web": ours.panel,
}


async def panel_of(visit: Visit, view: RunView) -> Panel | None:
    """The part of a run's page that is its kind's own; None: there is none."""
    kind = KINDS.get(view.evaluation.door)
    found = None if kind is None else await kind(visit, view)
    # Samples are made through any door.
    return found or await dataframer.panel(visit, view)


__all__ = ["KINDS", "Kind", "Panel", "panel_of"]
