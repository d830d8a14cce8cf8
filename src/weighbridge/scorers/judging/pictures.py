"""The images of an answer, as a judge is shown them: those it holds, or the frames of its video."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from weighbridge.core.outcome import Answer, Failed, Ungraded
from weighbridge.providers.base import ImagePart
from weighbridge.scorers.judging.rubrics import wording_file
from weighbridge.scorers.panel import Panel

MOST_IMAGES = 8
"""The most images of one answer that a judge is shown."""
MOST_BYTES = 4 << 20
"""The largest image that a judge is shown."""

_ABOUT_IMAGES = re.compile(
    r"image|\bvision\b|multi-?modal|only text|text[- ]only|content must be a string",
    re.IGNORECASE,
)
_REFUSING = frozenset({"bad_request", "unsupported", "not_found"})
_NOT_AT_HAND = Ungraded("the answer's images are not at hand, so nobody looked at them")
_NO_FRAMES = Ungraded("the answer is a video, and there are no frames of it to look at")
_One = TypeVar("_One")


@dataclass(frozen=True, slots=True)
class Pictures:
    """What a judge is shown beside the text.

    Attributes:
        parts: the images. note: what the judge is told about them.
    """

    parts: tuple[ImagePart, ...]
    note: str


def has_pictures(answer: Answer) -> bool:
    """Whether images or a video are part of an answer."""
    return bool(_kept(answer, "images") or _kept(answer, "frames") or _kept(answer, "videos"))


def kept_pictures(answer: Answer) -> tuple[Mapping[str, Any], ...] | Ungraded:
    """Where the images of an answer are kept (`{blob, media_type, sha256, bytes}`), at most
    `MOST_IMAGES` of them, evenly chosen; why they cannot be shown, otherwise."""
    found = evenly((*_kept(answer, "images"), *_kept(answer, "frames")), MOST_IMAGES)
    if not found and _kept(answer, "videos"):
        return _NO_FRAMES
    for one in found:
        if one["bytes"] > MOST_BYTES:
            return Ungraded(
                f"an image of the answer has {one['bytes'] / (1 << 20):.1f} MiB, and judges are "
                f"shown at most {MOST_BYTES >> 20} MiB"
            )
    return found


async def pictures_of(answer: Answer, panel: Panel) -> Pictures | Ungraded | None:
    """The images of an answer, ready to be shown; None: it has none. `Ungraded`: they cannot be.

    Raises:
        Unavailable: one of them is gone from where it was kept.
    """
    if not has_pictures(answer):
        return None
    kept = kept_pictures(answer)
    if isinstance(kept, Ungraded):
        return kept
    parts = [await panel.image(one) for one in kept]
    shown = tuple(part for part in parts if part is not None)
    if len(shown) < len(parts):
        return _NOT_AT_HAND
    kind = "images" if _kept(answer, "images") else "frames"
    note = _texts()[kind].replace("{count}", str(len(shown)))
    return Pictures(shown, note)


def refuses_images(failure: Failed) -> bool:
    """Whether a failure says that the model takes no images."""
    if not _ABOUT_IMAGES.search(failure.message):
        return False
    # Some servers say 500 where they mean that they have no eyes.
    says_so = failure.kind == "server_error" and "support" in failure.message
    return failure.kind in _REFUSING or says_so


def evenly(items: Sequence[_One], most: int) -> tuple[_One, ...]:
    """At most so many (two or more), the first and the last among them, the others evenly spread
    between."""
    if len(items) <= most:
        return tuple(items)
    return tuple(items[round(n * (len(items) - 1) / (most - 1))] for n in range(most))


def _kept(answer: Answer, name: str) -> tuple[Mapping[str, Any], ...]:
    kept: Any = (answer.details or {}).get(name)
    return tuple(kept) if isinstance(kept, list) else ()


@lru_cache(maxsize=1)
def _texts() -> Mapping[str, str]:
    return wording_file("_pictures")
