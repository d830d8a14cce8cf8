"""What else came with an answer (thoughts, images, why it was stopped), made fit to be kept."""

import hashlib

from weighbridge.core.json import Json, JsonObject
from weighbridge.providers.base import Image, Reply, Video
from weighbridge.store.blobs import Blobs

MOST_THINKING = 20_000
"""Characters of a model's thoughts that are kept: they can be many times longer than its answer."""


def image_key(sha256: str) -> str:
    """Where the image with this hash is kept: identical images are stored once."""
    return f"images/{sha256[:2]}/{sha256}"


def kept_at(sha256: str, media_type: str, size: int) -> JsonObject:
    """How the details of an answer say where an image or video is.

    Args:
        size: in bytes.
    """
    return {
        "blob": image_key(sha256),
        "media_type": media_type,
        "sha256": sha256,
        "bytes": size,
    }


async def keep(blobs: Blobs, reply: Reply) -> JsonObject | None:
    """Store the images of a reply; the details that its answer is to carry, None where it has none.

    Returns:
        `thinking` (text), `images` and `videos` (lists of `{blob, media_type, sha256, bytes}`),
        `refusal` (why a filter stopped it) and `cached` (true: it came out of the cache), each only
        where there is such a thing.

    Raises:
        OutOfSpace, Unavailable: an image could not be stored.
    """
    details: dict[str, Json] = {}
    if reply.thinking:
        details["thinking"] = _bounded(reply.thinking)
    if reply.images:
        details["images"] = [await _keep_image(blobs, image) for image in reply.images]
    if reply.videos:
        details["videos"] = [await _keep_image(blobs, video) for video in reply.videos]
    if reply.refusal:
        details["refusal"] = reply.refusal
    if reply.usage.cached:
        details["cached"] = True
    return details or None


async def _keep_image(blobs: Blobs, image: Image | Video) -> JsonObject:
    sha256 = hashlib.sha256(image.data).hexdigest()
    await blobs.put(image_key(sha256), image.data)
    return kept_at(sha256, image.media_type, len(image.data))


def _bounded(text: str) -> str:
    return text if len(text) <= MOST_THINKING else text[: MOST_THINKING - 1] + "…"
