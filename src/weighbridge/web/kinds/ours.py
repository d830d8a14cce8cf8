"""A run through a door of our own: it may be over a suite or a benchmark, or make a column."""

from weighbridge.services.runs import RunView
from weighbridge.web.kinds import aymara, nugen, oxen
from weighbridge.web.kinds.panel import Panel
from weighbridge.web.visit import Visit


async def panel(visit: Visit, view: RunView) -> Panel | None:
    """That of the kind that it is; None: of none."""
    found = await aymara.panel(visit, view) or await nugen.panel(visit, view)
    return found or await oxen.panel(visit, view)
