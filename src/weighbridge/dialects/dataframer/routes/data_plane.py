"""The probe by which the client finds out whether files stay in a cloud of its own: they do not."""

from fastapi import APIRouter
from starlette.responses import Response

from weighbridge.dialects.dataframer.wire import json_answer

router = APIRouter()


@router.api_route("/{rest:path}", methods=["GET", "POST"])
async def refuse(rest: str) -> Response:  # noqa: ARG001 (all of them)
    """An ordinary server."""
    return json_answer({"code": "not_hybrid", "error": "files are kept by this server itself"}, 404)
