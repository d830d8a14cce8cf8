"""Whether the server is there; needs no key."""

from fastapi import APIRouter
from starlette.responses import Response

router = APIRouter()


@router.get("/")
async def check() -> Response:
    """It is."""
    return Response(b'{"status":"ok"}', media_type="application/json")
