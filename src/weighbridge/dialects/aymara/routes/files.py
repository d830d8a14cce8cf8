"""Files: handed in, looked at, and their bytes."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from weighbridge.core.asset import Asset, AssetKind, AssetState
from weighbridge.core.caller import Role
from weighbridge.dialects.aymara import ids, wire, wire_files
from weighbridge.dialects.aymara.access import CallerHere, Page, ServicesHere, check_workspace
from weighbridge.dialects.aymara.errors import parsed
from weighbridge.dialects.aymara.files import base_of, link_to_get, link_to_send
from weighbridge.dialects.aymara.wire_files import FileIn, FileType
from weighbridge.dialects.multipart import receive_form
from weighbridge.dialects.shared import read_json
from weighbridge.errors import FieldProblem, Invalid, InvalidFields
from weighbridge.services.asset_work import MOST_BYTES
from weighbridge.services.assets import Wanted
from weighbridge.wiring import Services

router = APIRouter(prefix="/files")

_SHOWN_INLINE = frozenset({AssetKind.IMAGE, AssetKind.VIDEO})
_MOST_BYTES = max(MOST_BYTES.values())
_MOST_PARTS = 20


@router.post("")
async def create(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Say which files are going to come: their bytes are sent by PUT, or fetched by us."""
    asked = parsed(wire_files.FILES, (await read_json(request))[0])
    check_workspace(caller, asked.workspace_uuid)
    caller.must_be(Role.WRITER)
    wanted, problems = [], []
    for place, file in enumerate(asked.files):
        try:
            one = _wanted(file)
            services.assets.check(one)
            wanted.append(one)
        except Invalid as error:
            problems.append(FieldProblem(f"files.{place}", error.message))
    if problems:
        raise InvalidFields(problems)
    made = await services.assets.add(caller, wanted)
    base = base_of(request)
    shown = []
    for asset, file in zip(made, asked.files, strict=True):
        link = link_to_send if asset.uri is None else link_to_get
        shown.append(wire_files.upload(asset, await link(services, base, asset), file))
    return _json({"files": shown, "workspace_uuid": asked.workspace_uuid})


@router.get("")
async def list_all(
    request: Request,
    services: ServicesHere,
    caller: CallerHere,
    page: Page,
    file_type: Annotated[FileType | None, Query()] = None,
) -> Response:
    """The files of the workspace, newest first."""
    kind = AssetKind(file_type) if file_type else None
    found = await services.assets.list(caller, kind=kind, start=page.offset, limit=page.limit)
    shown = [await _detail(request, services, it) for it in found]
    return _json(wire.page(shown, await services.assets.count(caller, kind=kind)))


@router.post("/-/uploads")
async def upload(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Take in a file that is sent along."""
    caller.must_be(Role.WRITER)  # before megabytes come in, and not only after
    async with receive_form(
        request, services.store.folder, most_bytes=_MOST_BYTES, most_parts=_MOST_PARTS
    ) as form:
        check_workspace(caller, form.fields.get("workspace_uuid"))
        files = [it for it in form.files if it.field == "file"]
        if len(files) != 1:
            raise InvalidFields([FieldProblem("file", "exactly one file is needed, as `file`")])
        asset = await services.assets.upload(caller, files[0].path, files[0].name)
    return _json(wire_files.upload(asset, await link_to_get(services, base_of(request), asset)))


@router.put("/-/content/{token}")
async def receive(request: Request, services: ServicesHere, token: str) -> Response:
    """The bytes of a file that was said to come. The link is what permits it."""
    said = request.headers.get("content-type")
    await services.assets.receive_by_link(token, request.stream(), said)
    return Response(status_code=200)


@router.get("/-/content/{token}")
async def give(services: ServicesHere, token: str) -> Response:
    """The bytes of a file, or of a frame of it. The link is what permits it."""
    asset, frame = await services.assets.by_link(token)
    stem = asset.name.rpartition(".")[0] or asset.name
    media_type, name = asset.media_type, stem + asset.extension
    if frame is not None:
        media_type, name = "image/jpeg", f"{stem}-{frame.second:g}s.jpg"
    elif asset.kind is AssetKind.TEXT:
        media_type += "; charset=utf-8"
    shown = "inline" if asset.kind in _SHOWN_INLINE else "attachment"
    pieces: AsyncIterator[bytes] = services.assets.open(frame or asset)
    return StreamingResponse(
        pieces,
        headers={
            "Content-Type": media_type,
            "Content-Length": str((frame or asset).size),
            "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(name, safe='')}",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
            # Pages of others may show it: who has the link may see it.
            "Cross-Origin-Resource-Policy": "cross-origin",
        },
    )


@router.get("/{file_uuid}")
async def get(
    request: Request, services: ServicesHere, caller: CallerHere, file_uuid: str
) -> Response:
    """One file."""
    asset = await services.assets.get(caller, ids.read(ids.ASSET, file_uuid))
    return _json(await _detail(request, services, asset))


@router.delete("/{file_uuid}")
async def delete(services: ServicesHere, caller: CallerHere, file_uuid: str) -> Response:
    """Take a file out of sight."""
    await services.assets.delete(caller, ids.read(ids.ASSET, file_uuid))
    return Response(status_code=204)


@router.get("/{file_uuid}/status")
async def get_status(services: ServicesHere, caller: CallerHere, file_uuid: str) -> Response:
    """How far a file is."""
    asset = await services.assets.get(caller, ids.read(ids.ASSET, file_uuid))
    return _json(wire_files.status(asset))


@router.get("/{file_uuid}/frames")
async def get_frames(
    request: Request, services: ServicesHere, caller: CallerHere, file_uuid: str
) -> Response:
    """Where the frames of a video can be had."""
    asset = await services.assets.get(caller, ids.read(ids.ASSET, file_uuid))
    if asset.state is AssetState.FAILED:
        raise Invalid(f"the file has no frames: {asset.problem}")
    if asset.kind is not AssetKind.VIDEO:
        raise Invalid(f"only videos have frames, and this file is of the type {asset.kind}")
    if asset.state is not AssetState.COMPLETED:
        raise Invalid(
            f"the video is not taken apart yet (it is {wire_files.status_of(asset)}); ask for its "
            "status until it is completed"
        )
    base = base_of(request)
    urls = [await link_to_get(services, base, asset, it) for it in range(len(asset.frames))]
    return _json(wire_files.frames(asset, urls))


async def _detail(request: Request, services: Services, asset: Asset) -> dict[str, Any]:
    here = asset.sha256 is not None and asset.state is not AssetState.FAILED
    url = await link_to_get(services, base_of(request), asset) if here else None
    return wire_files.detail(asset, url)


def _wanted(file: FileIn) -> Wanted:
    if bool(file.local_file_path) == bool(file.remote_uri):
        raise Invalid("a file has either a local_file_path or a remote_uri")
    if file.remote_uri:
        return Wanted.at(file.remote_uri, file.content_type)
    return Wanted(file.local_file_path or "", file.content_type)


def _json(value: dict[str, Any]) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
