"""Seed datasets: handed in as files or as a ZIP archive, looked at, deleted."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.dialects.dataframer import seeds as wire
from weighbridge.dialects.dataframer.access import CallerHere, ServicesHere, read_id
from weighbridge.dialects.dataframer.downloads import download
from weighbridge.dialects.dataframer.wire import empty_answer, json_answer
from weighbridge.dialects.multipart import receive_form
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.services.seeds import MOST_ARCHIVE, Incoming
from weighbridge.store.seeds import seed_key
from weighbridge.synthesis.seed_rules import MOST_FILES

router = APIRouter(prefix="/seed-datasets")

_MOST_PARTS = 4 * MOST_FILES  # so many that too many files are refused as such
_WHAT, _FILE = "Seed dataset", "File"


@router.get("")
async def list_all(services: ServicesHere, caller: CallerHere) -> Response:
    """All of the workspace, newest first."""
    found = await services.seeding.list(caller)
    return json_answer([wire.dataset(seeds, files) for seeds, files in found])


@router.post("/create")
async def create(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Take in files."""
    caller.must_be(Role.WRITER)  # before megabytes come in, and not only after
    most = min(services.settings.max_upload_mb << 20, MOST_ARCHIVE)
    async with receive_form(
        request,
        services.store.folder,
        most_bytes=most,
        most_parts=_MOST_PARTS,
        opening=wire.limit_texts,
    ) as form:
        fields = form.fields
        try:
            made = await services.seeding.create(
                caller,
                name=fields.get("name"),
                description=fields.get("description"),
                shape=fields.get("dataset_type"),
                files=[Incoming(it.path, it.name) for it in wire.files_of(form, "files")],
                folders=wire.texts_of(form, "folder_names"),
            )
        except InvalidFields as error:
            raise wire.in_vendors_words(error) from error
    return json_answer(wire.dataset(made), 201)


@router.post("/create-from-zip")
async def create_from_zip(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Take in the files of a ZIP archive."""
    caller.must_be(Role.WRITER)
    most = min(services.settings.max_upload_mb << 20, MOST_ARCHIVE)
    async with receive_form(
        request,
        services.store.folder,
        most_bytes=most,
        most_parts=_MOST_PARTS,
        opening=wire.limit_texts,
    ) as form:
        archives = wire.files_of(form, "zip_file")
        if len(archives) > 1:
            message = f"Exactly one ZIP file is needed, got {len(archives)}."
            raise InvalidFields([FieldProblem("zip_file", message)])
        fields = form.fields
        try:
            made = await services.seeding.create_from_zip(
                caller,
                name=fields.get("name"),
                description=fields.get("description"),
                archive=archives[0].path if archives else None,
            )
        except InvalidFields as error:
            raise wire.in_vendors_words(error) from error
    return json_answer(wire.dataset(made), 201)


@router.get("/{dataset_id}")
async def get(services: ServicesHere, caller: CallerHere, dataset_id: str) -> Response:
    """One, with its files."""
    seeds = await services.seeding.get(caller, read_id("seeds", dataset_id, _WHAT))
    return json_answer(wire.dataset(seeds))


@router.delete("/{dataset_id}")
async def delete(services: ServicesHere, caller: CallerHere, dataset_id: str) -> Response:
    """Have one gone, unless specs were made from it."""
    await services.seeding.delete(caller, read_id("seeds", dataset_id, _WHAT))
    return empty_answer()


@router.get("/{dataset_id}/files/{file_id}")
async def link_to_file(
    request: Request, services: ServicesHere, caller: CallerHere, dataset_id: str, file_id: str
) -> Response:
    """Where a file can be had for an hour."""
    seeds_id = read_id("seeds", dataset_id, _WHAT)
    file = await services.seeding.file(caller, seeds_id, read_id("sfile", file_id, _FILE))
    name = file.path.rpartition("/")[2]
    link = await download(
        request,
        services,
        caller,
        blob=seed_key(file.sha256),
        filename=name,
        media_type=file.media_type,
    )
    return json_answer(link)
