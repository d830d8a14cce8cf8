"""Generation runs: started, looked at, cancelled, and their files."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from weighbridge.dialects.dataframer import runs as translate
from weighbridge.dialects.dataframer.access import CallerHere, ServicesHere, read_id, shown_id
from weighbridge.dialects.dataframer.downloads import download, download_url
from weighbridge.dialects.dataframer.errors import parsed
from weighbridge.dialects.dataframer.wire import empty_answer, json_answer
from weighbridge.dialects.shared import read_json
from weighbridge.errors import Conflict, InvalidFields
from weighbridge.services.production_archives import MEDIA_TYPE
from weighbridge.store.productions import made_key

router = APIRouter(prefix="/runs")


@router.post("")
async def create(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Have samples made."""
    body = parsed(translate.RUN, (await read_json(request))[0])
    spec_id = translate.named_spec(body.spec_id)
    try:
        seeded = await services.productions.seeded(caller, spec_id)
        view = await services.productions.create(
            caller,
            spec_id,
            body.number_of_samples,
            version=body.spec_version,
            making=body.making(seeded=seeded),
        )
    except InvalidFields as error:
        raise translate.in_vendors_words(error) from error
    return json_answer(translate.run(view, []), 202)


@router.get("")
async def list_all(services: ServicesHere, caller: CallerHere) -> Response:
    """All runs, newest first."""
    return json_answer([translate.run(it) for it in await services.productions.list(caller)])


@router.get("/{run_id}")
async def get(services: ServicesHere, caller: CallerHere, run_id: str) -> Response:
    """One run, with its files once it has succeeded."""
    view = await services.productions.get(caller, _id(run_id))
    files = await services.productions.files(caller, view.production)
    return json_answer(translate.run(view, files))


@router.delete("/{run_id}")
async def delete(services: ServicesHere, caller: CallerHere, run_id: str) -> Response:
    """Take a run out of sight, with its files."""
    await services.productions.delete(caller, _id(run_id))
    return empty_answer()


@router.post("/{run_id}/cancel")
async def cancel(services: ServicesHere, caller: CallerHere, run_id: str) -> Response:
    """Stop a run that is PENDING or PROCESSING."""
    try:
        view = await services.productions.cancel(caller, _id(run_id))
    except Conflict as error:
        message = "Can only cancel runs that are PENDING or PROCESSING"
        raise Conflict(message) from error
    return json_answer(translate.run(view, []))


@router.get("/{run_id}/files/download")
async def download_all(
    request: Request, services: ServicesHere, caller: CallerHere, run_id: str
) -> Response:
    """All files in a ZIP: 202 until it is put together."""
    production_id = _id(run_id)
    archive = await services.productions.archive(caller, production_id)
    if archive.problem is not None:
        raise Conflict(f"The files could not be put together: {archive.problem}")
    if archive.sha256 is None:
        return json_answer({"status": "generating", "download_url": None, "size_bytes": None}, 202)
    url = await download_url(
        request,
        services,
        caller,
        blob=made_key(archive.sha256),
        filename=f"run_{shown_id(production_id)}.zip",
        media_type=MEDIA_TYPE,
    )
    told = {"status": "ready", "download_url": url, "size_bytes": archive.size}
    return json_answer(told)


@router.get("/{run_id}/files/{file_id}/download")
async def download_one(
    request: Request, services: ServicesHere, caller: CallerHere, run_id: str, file_id: str
) -> Response:
    """A link to one file."""
    named = read_id("mfile", file_id, "File")
    file = await services.productions.file(caller, _id(run_id), named)
    return json_answer(
        await download(
            request,
            services,
            caller,
            blob=made_key(file.sha256),
            filename=file.path.rpartition("/")[2],
            media_type=file.media_type,
        )
    )


def _id(text: str) -> str:
    return read_id("prod", text, "Run")
