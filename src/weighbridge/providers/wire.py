"""What the protocols over HTTP share: headers, addresses, and reading what may be anything."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from typing import Any

from multidict import CIMultiDict
from yarl import URL

from weighbridge import __version__
from weighbridge.core.json import JsonObject
from weighbridge.providers.base import CallFailed, ChatRequest, Image, Part, Video
from weighbridge.providers.failures import (
    call_failed,
    endpoint_message,
    status_failed,
    unsupported,
)

# A stream or several choices would be paid for and not read.
_READ_ONE = {"stream": (None, False), "n": (None, 1), "best_of": (None, 1)}

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


_PARTS = {
    "str": "texts",
    "ImagePart": "images",
    "VideoPart": "videos",
    "ToolCall": "calls of tools",
    "ToolResult": "results of tools",
}


class Address:
    """Where an endpoint's methods are.

    Args:
        base_url: up to and including the version; a query (`?api-version=…`) is kept.
    """

    def __init__(self, base_url: str) -> None:
        root, _, query = base_url.partition("?")
        self._root = root.rstrip("/")
        self._tail = f"?{query}" if query else ""

    def at(self, path: str) -> URL:
        """The address of a method, `path` without a leading slash."""
        return URL(f"{self._root}/{path}{self._tail}")


def headers(**more: str) -> CIMultiDict[str]:
    """What every request carries, and more (`x_api_key` for `x-api-key`)."""
    found = CIMultiDict(
        {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "User-Agent": f"weighbridge/{__version__}",
        }
    )
    for name, value in more.items():
        found[name.replace("_", "-")] = value
    return found


def bearer_headers(api_key: str | None) -> CIMultiDict[str]:
    """What every request carries, and the key as `Authorization: Bearer`; None: no key."""
    return headers(Authorization=f"Bearer {api_key}") if api_key else headers()


def kind_of(part: Part) -> str:
    """What a part of a message is, in a word, for messages to people."""
    return _PARTS[type(part).__name__]


def refuse_unread(params: JsonObject) -> None:
    """Refuse parameters whose answer would be paid for and not read.

    Raises:
        CallFailed: `unsupported`, naming the parameter.
    """
    for name, allowed in _READ_ONE.items():
        if name in params and params[name] not in allowed:
            raise unsupported(f"the parameter {name!r} is not supported; leave it out")


def prompt_of(request: ChatRequest, protocol: str) -> str:
    """The prompt of a protocol that takes text and makes none: the texts of the messages, with an
    empty line between them.

    Args:
        protocol: its name, for the message.

    Raises:
        CallFailed: `unsupported`, if there is more to the request than text and parameters.
    """
    refuse_unread(request.params)
    if request.schema is not None or request.top_logprobs is not None:
        raise unsupported(f"the protocol {protocol} makes no text, so none by a schema")
    texts: list[str] = []
    for message in request.messages:
        parts = (message.content,) if isinstance(message.content, str) else message.content
        for part in parts:
            if not isinstance(part, str):
                raise unsupported(f"the protocol {protocol} takes only text")
            texts.append(part)
    return "\n\n".join(texts)


def refuse_disguised_error(
    data: Any, expected: str, status_of: Mapping[str, int] | None = None
) -> None:
    """Some gateways answer 200 with an error inside.

    Args:
        data: the answer. expected: the field that tells a real one.
        status_of: HTTP status by the endpoint's word for the error, where the body has none.

    Raises:
        CallFailed: it is an error.
    """
    if isinstance(data, dict) and expected not in data and data.get("error"):
        raise error_in(data["error"], status_of)


def error_in(error: Any, status_of: Mapping[str, int] | None = None) -> CallFailed:
    """The failure that an error object in an answer stands for."""
    said, code = endpoint_message({"error": error})
    status = error.get("code") if isinstance(error, dict) else None
    if not (isinstance(status, int) and 400 <= status < 600):
        status = (status_of or {}).get(code, 502)
    return status_failed(status, said, code=code)


def count(value: Any) -> int:
    """A number of tokens; 0 where there is none."""
    return value if isinstance(value, int) and value > 0 else 0


def text_or_none(value: Any) -> str | None:
    """The value, if it is text."""
    return value if isinstance(value, str) else None


def split_data_uri(url: str) -> tuple[str, str] | None:
    """Media type and base64 text of a `data:…;base64,…` URI; None for any other address."""
    if not url.startswith("data:"):
        return None
    head, comma, data = url[5:].partition(",")
    media_type, semicolon, encoding = head.partition(";")
    if not comma or not semicolon or not encoding.endswith("base64"):
        return None
    return media_type or "application/octet-stream", data


def read_image(encoded: object) -> Image:
    """An image out of base64 text.

    Raises:
        CallFailed: `malformed`, if it is not base64 or not an image.
    """
    if not isinstance(encoded, str):
        raise _no_image("is not text in base64")
    try:
        data = b64decode(encoded, validate=True)
    except (Base64Error, ValueError):
        raise _no_image("is not base64") from None
    media_type = media_type_of(data)
    if media_type is None or not media_type.startswith("image/"):
        raise _no_image("is neither PNG, JPEG, GIF, WebP nor SVG")
    return Image(data, media_type)


def read_video(encoded: str) -> Video:
    """A video out of base64 text. Raises as `read_image`."""
    try:
        return video_of(b64decode(encoded, validate=True))
    except (Base64Error, ValueError):
        raise _no_image("is not base64") from None


def video_of(data: bytes) -> Video:
    """Some bytes as a video.

    Raises:
        CallFailed: `malformed`, if they are none.
    """
    media_type = media_type_of(data)
    if media_type is None or not media_type.startswith("video/"):
        message = "the video of the answer is neither MP4, QuickTime nor WebM"
        raise call_failed("malformed", message, retry=False, status=200)
    return Video(data, media_type)


def _no_image(problem: str) -> CallFailed:
    """Not to be tried again: it was paid for, and would be no other the next time."""
    message = f"an image of the answer {problem}"
    return call_failed("malformed", message, retry=False, status=200)


def media_type_of(data: bytes) -> str | None:
    """What an image or video is, by its first bytes; None: none that is known."""
    for magic, media_type in _MAGIC:
        if data.startswith(magic):
            return media_type
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:8] == b"ftyp":
        return "video/quicktime" if data[8:10] == b"qt" else "video/mp4"
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return "video/webm"
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"<svg") or (start.startswith(b"<?xml") and b"<svg" in data[:1024]):
        return "image/svg+xml"
    return None
