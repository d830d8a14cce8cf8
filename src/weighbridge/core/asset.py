"""Files that callers hand in: images and videos that are answers, texts that are ground truth."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from weighbridge.core.json import JsonObject

EXTENSIONS: Mapping[str, str] = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/bmp": ".bmp",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
    "video/x-msvideo": ".avi",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/json": ".json",
}
"""Media type → the extension that names of such files end in."""


class AssetKind(StrEnum):
    """What a file is, by its content."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    DOCUMENT = "document"
    """a text that has to be taken out of a file (pdf, docx, html)"""


class AssetState(StrEnum):
    """How far a file is."""

    PENDING = "pending"
    """its bytes have not come yet"""
    PROCESSING = "processing"
    """it is being fetched, or taken apart into frames"""
    COMPLETED = "completed"
    FAILED = "failed"
    """its `problem` says why"""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a video: a JPEG.

    Attributes:
        second: where in the video it is.
        size: in bytes.
    """

    sha256: str
    size: int
    second: float


@dataclass(frozen=True, slots=True)
class Asset:
    """A file.

    Attributes:
        id: `asset_…`.
        name: as its caller calls it; only its extension means anything.
        media_type: by its content, once it has come.
        size, sha256: None before it has come. The bytes are at `jobs.keeping.image_key(sha256)`.
        uri: where it was fetched from, or None.
        frames: of a video.
        about: of a video: `seconds`, `frames_per_second`, `width`, `height`.
        author: who handed it in, for people.
    """

    id: str
    workspace_id: str
    name: str
    kind: AssetKind
    media_type: str
    size: int | None
    sha256: str | None
    state: AssetState
    uri: str | None
    problem: str | None
    frames: tuple[Frame, ...]
    about: JsonObject | None
    author: str
    created_at: datetime
    updated_at: datetime

    @property
    def extension(self) -> str:
        """What its name should end in, such as `.png`; `.bin` where nobody knows."""
        return EXTENSIONS.get(self.media_type, ".bin")
