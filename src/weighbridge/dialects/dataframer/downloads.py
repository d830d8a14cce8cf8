"""Links at which files can be had for an hour without a key."""

from typing import Any

from starlette.requests import Request

from weighbridge.core.caller import Caller
from weighbridge.wiring import Services

PURPOSE = "dataframer"
LINK_S = 3_600
"""Seconds for which a link is good."""


async def download_url(
    request: Request,
    services: Services,
    caller: Caller,
    *,
    blob: str,
    filename: str,
    media_type: str,
) -> str:
    """Where a file can be had for `LINK_S`, at the address by which the client reaches us.

    Args:
        blob: the key of its bytes, which the caller has a right to.
        filename: under which it is to be saved.
    """
    payload = {
        "blob": blob,
        "filename": filename,
        "media_type": media_type,
        "workspace": caller.workspace_id,
    }
    token = await services.links.sign(PURPOSE, payload, LINK_S)
    url = request.url
    base = f"{url.scheme}://{url.netloc}{request.scope.get('root_path', '')}"
    return f"{base}/content/{token}/"


async def download(
    request: Request,
    services: Services,
    caller: Caller,
    *,
    blob: str,
    filename: str,
    media_type: str,
) -> dict[str, Any]:
    """How the vendor tells of a file that can be downloaded; as `download_url`."""
    url = await download_url(
        request, services, caller, blob=blob, filename=filename, media_type=media_type
    )
    return {"download_url": url, "filename": filename, "content_type": media_type}
