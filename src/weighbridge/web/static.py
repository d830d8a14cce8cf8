"""Files that pages load: our own, and the script that draws Plotly's figures.

That script is served out of the installed package. The address of each carries what it is a version
of, so that browsers keep it for good.
"""

import asyncio
import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

_FOLDER = Path(__file__).parent / "static"
_PLOTLY = "plotly.min.js"
_KEPT = "public, max-age=31536000, immutable"
_STYLE_IDS = re.compile(r'document\.getElementById\("([0-9a-f]{64})"\)')
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class File:
    """A file, and the same packed."""

    data: bytes
    packed: bytes
    media_type: str


@cache
def release() -> str:
    """What our own files are a version of: it changes with any of them."""
    digest = hashlib.sha256()
    for path in sorted(_FOLDER.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


@cache
def plotly_release() -> str:
    """The version of the installed package."""
    return version("plotly")


@cache
def styles_left_out() -> tuple[str, ...]:
    """Ids of the style sheets that Plotly's script would put into a page, against its policy,
    unless it finds something of that id there: those of maps, which no figure of ours is."""
    path = _path_of(_PLOTLY)
    text = path.read_text("utf-8") if path is not None else ""
    return tuple(dict.fromkeys(_STYLE_IDS.findall(text)))


def address(name: str) -> str:
    """Where a file is had."""
    return f"/static/{plotly_release() if name == _PLOTLY else release()}/{name}"


async def serve(request: Request) -> Response:
    """One file, whatever version of it was asked for."""
    name = request.path_params["name"]
    path = _path_of(name)
    if path is None:
        return Response("there is no such file", 404, media_type="text/plain")
    file = await asyncio.to_thread(_load, path)
    takes = request.headers.get("accept-encoding", "")
    packed = "gzip" in takes
    headers = {"Cache-Control": _KEPT, "Vary": "Accept-Encoding"}
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Response(file.packed if packed else file.data, 200, headers, file.media_type)


def text_of(name: str) -> str:
    """A file as text, for a document that holds all it needs.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    path = _path_of(name)
    if path is None:
        raise FileNotFoundError(name)
    return path.read_text(encoding="utf-8")


def _path_of(name: str) -> Path | None:
    if name == _PLOTLY:
        spec = find_spec("plotly")
        for folder in (spec.submodule_search_locations if spec else None) or ():
            return Path(folder) / "package_data" / _PLOTLY
        return None
    ours = {path.name: path for path in _FOLDER.iterdir()}
    return ours.get(name)


@cache
def _load(path: Path) -> File:
    data = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return File(data, gzip.compress(data, 6), kind or "application/octet-stream")
