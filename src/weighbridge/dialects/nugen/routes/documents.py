"""Documents: taken in, looked at."""

from typing import Any

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from weighbridge.core.caller import Role
from weighbridge.dialects.multipart import Form, receive_form
from weighbridge.dialects.nugen import wire
from weighbridge.dialects.nugen.access import CallerHere, Page, ServicesHere
from weighbridge.errors import FieldProblem, InvalidFields
from weighbridge.services.documents import Incoming

router = APIRouter(prefix="/documents")

_MOST_FILES = 100


@router.post("")
@router.post("/create")
async def add_documents(request: Request, services: ServicesHere, caller: CallerHere) -> Response:
    """Take in documents, all of them or none."""
    caller.must_be(Role.WRITER)  # before gigabytes come in, and not only after
    most = services.settings.max_upload_mb << 20
    async with receive_form(request, services.store.folder, most_bytes=most) as form:
        made = await services.documents.add(caller, _incoming(form))
    shown = [wire.document(it) for it in made]
    answer: dict[str, Any] = {
        "documents": shown,
        "document_ids": [it.id for it in made],
        "message": "Documents uploaded successfully",
    }
    if len(shown) == 1:
        answer |= shown[0]
    return Response(orjson.dumps(answer), media_type="application/json")


@router.get("")
@router.get("/list")
async def list_documents(services: ServicesHere, caller: CallerHere, paging: Page) -> Response:
    """The documents of the workspace, newest first."""
    found = await services.documents.list(caller, start=paging.offset, limit=paging.limit)
    answer = {
        "documents": [wire.document(it) for it in found],
        "total": await services.documents.count(caller),
        "limit": paging.limit,
        "offset": paging.offset,
    }
    return Response(orjson.dumps(answer), media_type="application/json")


@router.get("/{document_id}")
@router.get("/{document_id}/status")
async def get_document(services: ServicesHere, caller: CallerHere, document_id: str) -> Response:
    """One document."""
    found = await services.documents.get(caller, document_id)
    return Response(orjson.dumps(wire.document(found)), media_type="application/json")


def _incoming(form: Form) -> list[Incoming]:
    if not form.files:
        raise InvalidFields([FieldProblem("files", "at least one file is needed, as `files`")])
    if len(form.files) > _MOST_FILES:
        raise InvalidFields([FieldProblem("files", f"at most {_MOST_FILES} files at a time")])
    categories = _words(form.fields.get("categories", ""))
    titles = _words(form.fields.get("names", ""))
    found = []
    for place, file in enumerate(form.files):
        name = file.name.replace("\\", "/").rpartition("/")[2]
        title = titles[place] if place < len(titles) else None
        found.append(Incoming(file.path, name, title, categories))
    return found


def _words(text: str) -> tuple[str, ...]:
    """Words of a form's field: a JSON array of them, or separated by commas."""
    try:
        value = orjson.loads(text) if text.lstrip().startswith("[") else text.split(",")
    except orjson.JSONDecodeError:
        value = text.split(",")
    if not isinstance(value, list):
        value = [value]
    return tuple(str(word).strip()[:200] for word in value if str(word).strip())[:100]
