"""How far something is that a run works on, as it goes on."""

from collections.abc import AsyncIterator

from starlette.responses import Response

from weighbridge.web.streams import follow
from weighbridge.web.visit import Visit


async def follow_run(visit: Visit, run_id: str, noun: str) -> Response:
    """The progress of a run as parts of a page, until it has ended.

    Args:
        noun: what it works through, in the plural.

    Raises:
        NotFound: the workspace has no such run.
    """
    await visit.services.runs.get(visit.caller, run_id)

    async def parts() -> AsyncIterator[str]:
        async for run in visit.services.runs.changes(visit.caller, run_id):
            yield visit.render("_sample_progress.html", run=run, noun=noun)

    return follow(parts())
