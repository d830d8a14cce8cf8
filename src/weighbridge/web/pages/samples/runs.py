"""Samples that are made by a spec: how far that is, one by one, as files, and to be evaluated."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from weighbridge.core.production import ProductionView, making_of
from weighbridge.core.run import FINISHED, RunState
from weighbridge.errors import Conflict, InvalidFields, WeighbridgeError
from weighbridge.services.production_archives import MEDIA_TYPE
from weighbridge.store.productions import made_key
from weighbridge.synthesis.form import read_blueprint
from weighbridge.web import downloads
from weighbridge.web.forms import Form, Problems, problems_of
from weighbridge.web.pages.samples.paging import taken
from weighbridge.web.pages.samples.progress import follow_run
from weighbridge.web.routing import form, page, stream
from weighbridge.web.visit import Visit

PAGE = 25
_FILES = 100


async def show_production(visit: Visit) -> Response:
    """One production with its samples."""
    view = await visit.services.productions.get(visit.caller, visit.path("id"))
    return await _shown(visit, view)


async def follow_production(visit: Visit) -> Response:
    """How far it is."""
    view = await visit.services.productions.get(visit.caller, visit.path("id"))
    return await follow_run(visit, view.run.id, "samples")


async def evaluate_samples(visit: Visit, form: Form) -> Response:
    """Have its samples looked at."""
    production_id = visit.path("id")
    try:
        made = await visit.services.inspections.create(
            visit.caller, production_id, form.text("model") or None
        )
    except InvalidFields as error:
        view = await visit.services.productions.get(visit.caller, production_id)
        return await _shown(visit, view, form, problems_of(error, ("model",)), status=400)
    return visit.go(f"/samples/evaluations/{made.inspection.id}")


async def cancel_production(visit: Visit, _form: Form) -> Response:
    """Stop making samples."""
    await visit.services.productions.cancel(visit.caller, visit.path("id"))
    return visit.go(f"/samples/runs/{visit.path('id')}", "It stops; what was made is kept.")


async def resume_production(visit: Visit, _form: Form) -> Response:
    """Go on where it stopped."""
    view = await visit.services.productions.get(visit.caller, visit.path("id"))
    await visit.services.runs.resume(visit.caller, view.run.id)
    return visit.go(f"/samples/runs/{view.production.id}")


async def delete_production(visit: Visit, _form: Form) -> Response:
    """Take it out of sight, with its files."""
    await visit.services.productions.delete(visit.caller, visit.path("id"))
    return visit.go("/samples", "The samples are gone.")


async def save_all(visit: Visit) -> Response:
    """All files in a ZIP, once it is put together."""
    services = visit.services
    archive = await services.productions.archive(visit.caller, visit.path("id"))
    if archive.problem is not None:
        raise Conflict(f"the files could not be put together: {archive.problem}")
    if archive.sha256 is None:
        back = f"/samples/runs/{visit.path('id')}"
        return visit.go(back, "The ZIP is being put together; save it again in a moment.")
    name = f"samples-{visit.path('id')}.zip"
    return await downloads.of_blob(services.store.blobs, made_key(archive.sha256), name, MEDIA_TYPE)


async def save_made(visit: Visit) -> Response:
    """One file."""
    services = visit.services
    file = await services.productions.file(visit.caller, visit.path("id"), visit.path("file"))
    name = file.path.replace("/", "_")
    return await downloads.of_blob(
        services.store.blobs, made_key(file.sha256), name, file.media_type
    )


async def _shown(
    visit: Visit,
    view: ProductionView,
    form: Form | None = None,
    problems: Problems | None = None,
    status: int = 200,
) -> Response:
    services, production = visit.services, view.production
    start = visit.query.whole("from", 0)
    pages = services.productions.samples(visit.caller, production.id)
    samples, after = await taken(pages, start, PAGE)
    files = await services.productions.files(visit.caller, production)
    blueprint = read_blueprint(str(production.params["content"]))
    return visit.page(
        "sample_run.html",
        status=status,
        view=view,
        production=production,
        making=making_of(production),
        going_on=view.run.state not in FINISHED,
        done=view.run.state is RunState.SUCCEEDED,
        properties=[it.name for it in blueprint.properties],
        samples=samples,
        next=after,
        files=files[:_FILES],
        more_files=len(files) - _FILES,
        inspections=await _inspections(visit, production.id),
        models=[it.name for it in services.catalog.list() if it.usable],
        form=form or Form(),
        problems=problems or Problems(),
    )


async def _inspections(visit: Visit, production_id: str) -> list[Mapping[str, Any]]:
    """Its evaluations, newest first, with the score of each as far as it has one."""
    services = visit.services
    listed: list[Mapping[str, Any]] = []
    for view in (await services.inspections.list_of(visit.caller, production_id))[:20]:
        result = None
        if view.run.state is RunState.SUCCEEDED:
            try:
                result = (await services.inspections.get(visit.caller, view.inspection.id)).result
            except WeighbridgeError:  # it was deleted meanwhile
                continue
        listed.append({"view": view, "result": result})
    return listed


ROUTES = (
    page("/samples/runs/{id}", show_production),
    stream("/samples/runs/{id}/events", follow_production),
    page("/samples/runs/{id}/archive", save_all),
    page("/samples/runs/{id}/files/{file}", save_made),
    form("/samples/runs/{id}/evaluate", evaluate_samples),
    form("/samples/runs/{id}/cancel", cancel_production),
    form("/samples/runs/{id}/resume", resume_production),
    form("/samples/runs/{id}/delete", delete_production),
)
