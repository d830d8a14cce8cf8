"""From the bytes of a picture, whoever sent them, to its pixels; or to a reason why not.

What a picture is, is seen by its bytes, and how large it is, by its header: nothing is unpacked
that is too large. Of Pillow's decoders only the four below are ever tried.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import Any

import numpy as np

from weighbridge.providers.wire import media_type_of

MOST_BYTES = 20 << 20
MOST_PIXELS = 50_000_000

# Longest side of what is looked at: more shows neither more words nor more skin.
_LONGEST = 2_048
_SHORTEST = 16
# Behind what is transparent: black letters and white ones can both be seen on it.
_BEHIND = (128, 128, 128, 255)

_FORMATS: Mapping[str, str] = MappingProxyType(
    {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
)


class Unreadable(Exception):
    """A picture cannot be looked at; the message says why."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture's pixels.

    Attributes:
        pixels: of Pillow, in RGB, upright, at most 2,048 points on the longer side.
        animated: there are more frames; these are the first's.
    """

    pixels: Any
    animated: bool


def decode(data: bytes, media_type: str) -> Decoded:
    """The pixels of a PNG, JPEG, GIF or WebP file.

    Args:
        data: the file. media_type: what it is said to be; only for the message.

    Raises:
        Unreadable: it is something else, too large, too small or damaged.
    """
    if len(data) > MOST_BYTES:
        raise Unreadable(f"it has {len(data):,} bytes, and at most {MOST_BYTES:,} are looked at")
    found = media_type_of(data) or "nothing known"
    if found not in _FORMATS:
        raise Unreadable(
            f"it is said to be {media_type[:80]}, and by its bytes it is {found}; PNG, JPEG, GIF "
            "and WebP are looked at"
        )
    image: Any = importlib.import_module("PIL.Image")
    try:
        with image.open(BytesIO(data), formats=[_FORMATS[found]]) as opened:
            width, height = opened.size
            if width * height > MOST_PIXELS:
                raise Unreadable(_too_large(f"{width:,} × {height:,}"))
            # A photo may hold smaller copies of itself, which Pillow counts as frames.
            animated = found != "image/jpeg" and bool(getattr(opened, "is_animated", False))
            opened.draft("RGB", (_LONGEST, _LONGEST))
            pixels = _plain(opened)
    except Unreadable:
        raise
    except (image.DecompressionBombError, image.DecompressionBombWarning) as error:
        raise Unreadable(_too_large("far more")) from error
    except MemoryError as error:
        raise Unreadable("there is not enough memory to unpack it") from error
    except Exception as error:  # (decoders raise whatever they like)
        raise Unreadable(f"it is damaged ({type(error).__name__})") from error
    if min(pixels.size) < _SHORTEST:
        raise Unreadable(f"it is too small or too narrow to see anything in ({width} × {height})")
    return Decoded(pixels, animated)


def _too_large(what: str) -> str:
    return f"it has {what} pixels, and at most {MOST_PIXELS:,} are looked at"


def _plain(opened: Any) -> Any:
    """In RGB, upright and no larger than need be."""
    image: Any = importlib.import_module("PIL.Image")
    operations: Any = importlib.import_module("PIL.ImageOps")
    if opened.mode.startswith(("I", "F")):  # 16 bits a point, or numbers of any size
        numbers = np.asarray(opened, dtype=np.float32)
        pixels = image.fromarray(np.uint8(255 * numbers / max(float(numbers.max()), 1.0)))
    else:
        clear = "transparency" in opened.info or opened.mode in {"RGBA", "RGBa", "LA", "La", "PA"}
        pixels = opened.convert("RGBA" if clear else "RGB")
    pixels.thumbnail((_LONGEST, _LONGEST))
    if pixels.mode == "RGBA":
        pixels = image.alpha_composite(image.new("RGBA", pixels.size, _BEHIND), pixels)
    return operations.exif_transpose(pixels).convert("RGB")
