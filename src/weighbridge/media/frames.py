"""The frames of a video: a few, evenly spread, as JPEGs.

Videos may be broken or hostile, and what decodes them is large: it runs in a process of its own,
which has so much memory and so much time, and can open nothing (`media.frames_child`).
"""

import asyncio
import contextlib
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from weighbridge.core.json import JsonObject
from weighbridge.errors import Invalid
from weighbridge.media.frames_child import MOST_FRAMES, REFUSED

SECONDS = 120
_CONTAINERS = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
}
"""Media type → FFmpeg's name of the format."""
_MOST_BYTES = 32 << 20
_PIECE = 1 << 16
_PASSED_ON = frozenset({"PYTHONPATH", "LD_LIBRARY_PATH"})
"""Of the environment; none of the server's secrets."""


@dataclass(frozen=True, slots=True)
class Apart:
    """A video, taken apart.

    Attributes:
        about: `seconds`, `frames_per_second`, `width`, `height`; null where the file does not say.
        frames: JPEGs, and where in the video each is, in seconds; 1 to `MOST_FRAMES`.
    """

    about: JsonObject
    frames: tuple[tuple[bytes, float], ...]


def check_installed() -> None:
    """Go on only where videos can be read.

    Raises:
        Invalid: what reads them is not installed; the message says how to install it.
    """
    if importlib.util.find_spec("av") is None:
        raise Invalid(
            "videos are not read by this server: what decodes them is not installed; the operator "
            "can do so with pip install 'weighbridge[video]'"
        )


async def take_apart(path: Path, media_type: str) -> Apart:
    """The frames of the video at `path`.

    Args:
        media_type: as `media.sniff` found it.

    Raises:
        Invalid: it cannot be read; the message says why.
    """
    check_installed()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "weighbridge.media.frames_child"),
        *(_CONTAINERS[media_type], str(path)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name in _PASSED_ON},
    )
    assert process.stdout is not None  # noqa: S101 (it is a pipe)
    assert process.stderr is not None  # noqa: S101 (it is a pipe)
    try:
        async with asyncio.timeout(SECONDS):
            made, said = await asyncio.gather(_read(process.stdout), _read(process.stderr))
            await process.wait()
    except TimeoutError as error:
        raise Invalid(f"the video takes over {SECONDS} s to be read") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if process.returncode == REFUSED:
        reason = said.decode("utf-8", "replace").strip().splitlines()[-1:] or ["it is damaged"]
        raise Invalid(f"the video cannot be read: {reason[0][:200]}")
    if process.returncode != 0:
        raise Invalid("the video is damaged, or beyond what may be used to read it")
    return _parsed(made)


async def _read(stream: asyncio.StreamReader) -> bytes:
    """All that a process says, as long as it is no more than it should."""
    found = bytearray()
    while piece := await stream.read(_PIECE):
        found += piece
        if len(found) > _MOST_BYTES:
            raise Invalid("the video is damaged: its frames are too large")
    return bytes(found)


def _parsed(made: bytes) -> Apart:
    """What the process made. It has read what may be hostile, so it is not believed either."""
    try:
        line, _, data = made.partition(b"\n")
        about: dict[str, Any] = orjson.loads(line)
        sizes = [(int(size), float(second)) for size, second in about.pop("frames")]
        figures: dict[str, Any] = {
            name: None if value is None else float(value) for name, value in about.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Invalid("the video is damaged: nothing came out of it") from error
    frames, place = [], 0
    for size, second in sizes:
        frames.append((data[place : place + size], second))
        place += size
    whole = place == len(data) and all(it.startswith(b"\xff\xd8\xff") for it, _ in frames)
    if not whole or not 1 <= len(frames) <= MOST_FRAMES:
        raise Invalid("the video is damaged: what came out of it are no frames")
    for name in ("width", "height"):
        figures[name] = int(figures.get(name) or 0) or None
    return Apart(figures, tuple(frames))
