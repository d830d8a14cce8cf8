"""Seeds: uploaded, looked at, removed."""

from collections.abc import Mapping

from starlette.responses import Response

from weighbridge.core.synthesis import SeedFile
from weighbridge.dialects.multipart import Form as ReceivedForm
from weighbridge.errors import InvalidFields, Unavailable
from weighbridge.services.seeds import Incoming
from weighbridge.store.seeds import seed_key
from weighbridge.web import downloads
from weighbridge.web.forms import Form, Problems, problems_of
from weighbridge.web.hostile import LONGEST_SHOWN
from weighbridge.web.routing import form, page, upload_form
from weighbridge.web.visit import Visit

_FIELDS = ("name", "description", "shape", "files", "archive")
_FILES = 100
"""Files on one page."""


async def new_seeds(visit: Visit) -> Response:
    """The form for new seeds."""
    return _form(visit, {}, Problems())


async def upload_seeds(visit: Visit, form: ReceivedForm) -> Response:
    """Take in the files of the form, or those of a ZIP."""
    seeding, fields = visit.services.seeding, form.fields
    files = [it for it in form.files if it.name]
    name, about = (fields.get(it, "").strip() or None for it in ("name", "description"))
    try:
        if len(files) == 1 and files[0].name.lower().endswith(".zip"):
            made = await seeding.create_from_zip(
                visit.caller, name=name, description=about, archive=files[0].path
            )
        else:
            incoming = [Incoming(it.path, it.name) for it in files]
            made = await seeding.create(
                visit.caller,
                name=name,
                description=about,
                shape=fields.get("shape"),
                files=incoming,
            )
    except InvalidFields as error:
        return _form(visit, fields, problems_of(error, _FIELDS), status=400)
    return visit.go(f"/samples/seeds/{made.id}", f"{len(made.files)} files were taken in.")


async def show_one(visit: Visit) -> Response:
    """What seeds consist of, and the beginning of one file."""
    seeds = await visit.services.seeding.get(visit.caller, visit.path("id"))
    start = visit.query.whole("from", 0)
    chosen = next((it for it in seeds.files if it.id == visit.query.text("file")), None)
    chosen = chosen or (seeds.files[0] if seeds.files else None)
    specs = await visit.services.data_specs.list(visit.caller)
    more = start + _FILES < len(seeds.files)
    return visit.page(
        "sample_seeds.html",
        seeds=seeds,
        files=seeds.files[start : start + _FILES],
        next=str(start + _FILES) if more else None,
        chosen=chosen,
        text=await _beginning(visit, chosen) if chosen else "",
        specs=[it for it in specs if it.seeds_id == seeds.id][:_FILES],
    )


async def save_file(visit: Visit) -> Response:
    """One file, as it came in."""
    file = await visit.services.seeding.file(visit.caller, visit.path("id"), visit.path("file"))
    name = file.path.rpartition("/")[2]
    blobs = visit.services.store.blobs
    return await downloads.of_blob(blobs, seed_key(file.sha256), name, file.media_type)


async def delete_seeds(visit: Visit, _form: Form) -> Response:
    """Have seeds gone, unless specs were made from them."""
    await visit.services.seeding.delete(visit.caller, visit.path("id"))
    return visit.go("/samples/seeds", "The seeds are gone.")


async def _beginning(visit: Visit, file: SeedFile) -> str:
    end = min(file.size, LONGEST_SHOWN * 4)
    try:
        data = await visit.services.store.blobs.get_range(seed_key(file.sha256), 0, end)
    except Unavailable:
        return ""
    return data.decode("utf-8", "replace")


def _form(
    visit: Visit, typed: Mapping[str, str], problems: Problems, status: int = 200
) -> Response:
    return visit.page("sample_seeds_new.html", status=status, typed=typed, problems=problems)


ROUTES = (
    page("/samples/seeds/new", new_seeds),
    upload_form("/samples/seeds/upload", upload_seeds),
    page("/samples/seeds/{id}", show_one),
    page("/samples/seeds/{id}/files/{file}", save_file),
    form("/samples/seeds/{id}/delete", delete_seeds),
)
