"""What the panels of kinds on a run's page need besides: their forms, and parts that go through all
outcomes and so come after the page."""

from collections.abc import AsyncIterator

from starlette.responses import Response

from weighbridge.errors import NotFound
from weighbridge.web.forms import Form
from weighbridge.web.kinds import aymara, nugen
from weighbridge.web.routing import form, stream
from weighbridge.web.streams import follow
from weighbridge.web.visit import Visit


async def follow_run_tally(visit: Visit) -> Response:
    """How many passed by policy or category."""
    view = await visit.services.runs.view(visit.caller, visit.path("run_id"))

    async def parts() -> AsyncIterator[str]:
        part = await aymara.tally_of(visit, view)
        yield visit.render("_suite_tally.html", part=part, excluded=None)

    return follow(parts())


async def follow_models(visit: Visit) -> Response:
    """How two models compare."""
    view = await visit.services.runs.view(visit.caller, visit.path("run_id"))
    asked = await nugen.find_asked(visit, view)
    if asked is None or len(asked.runs) < 2:
        raise NotFound("there are no two models to compare")

    async def parts() -> AsyncIterator[str]:
        compared = await nugen.compared(visit, asked)
        yield visit.render("_models_compared.html", compared=compared)

    return follow(parts())


async def commit_column(visit: Visit, read: Form) -> Response:
    """Put the file with the column of a run onto a branch."""
    run_id = visit.path("run_id")
    done = await visit.services.inferences.commit(
        visit.caller,
        run_id,
        message=read.text("message") or None,
        branch=read.text("branch") or None,
    )
    return visit.go(f"/runs/{run_id}", f"The column is on the branch {done.branch}.")


ROUTES = (
    stream("/runs/{run_id}/tally", follow_run_tally),
    stream("/runs/{run_id}/models", follow_models),
    form("/runs/{run_id}/commit", commit_column),
)
