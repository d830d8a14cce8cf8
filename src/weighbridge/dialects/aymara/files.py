"""Where files can be had, and where their bytes are sent: links of ours that need no key."""

from starlette.requests import Request

from weighbridge.core.asset import Asset
from weighbridge.dialects.aymara import wire_files
from weighbridge.wiring import Services

CONTENT = "/files/-/content"


def base_of(request: Request) -> str:
    """The address of this dialect, as the client of a request reaches it."""
    url = request.url
    return f"{url.scheme}://{url.netloc}{request.scope.get('root_path', '')}"


async def link_to_send(services: Services, base: str, asset: Asset) -> str:
    """Where the bytes of a file are to be sent by PUT."""
    return f"{base}{CONTENT}/{await services.assets.link_to_send(asset)}"


async def link_to_get(services: Services, base: str, asset: Asset, frame: int | None = None) -> str:
    """Where a file, or one of its frames (0-based), can be had for a while. The link names the
    file, so that it can be handed in again as a reference to it."""
    token = await services.assets.link_to_get(asset, frame)
    return f"{base}{CONTENT}/{token}?file={wire_files.path_of(asset)}"
