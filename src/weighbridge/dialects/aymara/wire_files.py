"""Shapes of files, as they come in and go out."""

from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from weighbridge.core.asset import Asset, AssetState
from weighbridge.dialects.aymara import ids
from weighbridge.dialects.aymara.wire import moment

FileType: TypeAlias = Literal["text", "image", "video", "document"]
MOST_FILES = 100


class FileIn(BaseModel):
    """A file that is going to come: its bytes are sent, or fetched from an address."""

    model_config = ConfigDict(extra="ignore")

    local_file_path: str | None = Field(None, max_length=4_000)
    remote_uri: str | None = Field(None, max_length=4_000)
    content_type: str | None = Field(None, max_length=200)


class FilesIn(BaseModel):
    """Files that are going to come."""

    model_config = ConfigDict(extra="ignore")

    files: list[FileIn] = Field(min_length=1, max_length=MOST_FILES)
    workspace_uuid: str | None = Field(None, max_length=200)


FILES = TypeAdapter(FilesIn)


def upload(asset: Asset, url: str | None, asked: FileIn | None = None) -> dict[str, Any]:
    """A file that has just been handed in.

    Args:
        url: where its bytes are to be sent, or can be had.
        asked: what was said about it.
    """
    return {
        "file_uuid": ids.shown(ids.ASSET, asset.id),
        "file_url": url,
        "remote_file_path": path_of(asset),
        "content_type": asset.media_type,
        "processing_status": status_of(asset),
        "local_file_path": asset.name if asked is None else asked.local_file_path,
        "remote_uri": asset.uri,
    }


def detail(asset: Asset, url: str | None) -> dict[str, Any]:
    """All about a file.

    Args:
        url: where it can be had; None: it cannot.
    """
    workspace = ids.shown(ids.WORKSPACE, asset.workspace_id)
    return {
        "file_uuid": ids.shown(ids.ASSET, asset.id),
        "organization_uuid": f"org.{workspace}",
        "workspace_uuid": workspace,
        "file_type": asset.kind.value,
        "content_type": asset.media_type,
        "remote_file_path": path_of(asset),
        "file_size_bytes": asset.size,
        "file_url": url,
        "original_file_url": asset.uri or asset.name,
        "uploaded_by_uuid": None,
        "video_metadata": _about(asset),
        "processing_status": status_of(asset),
        "created_at": moment(asset.created_at),
        "updated_at": moment(asset.updated_at),
    }


def status(asset: Asset) -> dict[str, Any]:
    """How far a file is."""
    done = asset.state is AssetState.COMPLETED
    return {
        "file_uuid": ids.shown(ids.ASSET, asset.id),
        "processing_status": status_of(asset),
        "error_message": asset.problem,
        "remote_file_path": path_of(asset) if done else None,
        "created_at": moment(asset.created_at),
        "updated_at": moment(asset.updated_at),
    }


def frames(asset: Asset, urls: list[str]) -> dict[str, Any]:
    """The frames of a video."""
    return {
        "file_uuid": ids.shown(ids.ASSET, asset.id),
        "frame_count": len(urls),
        "frame_urls": urls,
    }


def path_of(asset: Asset) -> str:
    """The path by which a file can be referred to: its id, and an extension for people."""
    return ids.shown(ids.ASSET, asset.id) + asset.extension


def status_of(asset: Asset) -> str:
    """How far a file is, as the vendor says it: pending until its bytes are here."""
    if asset.state is AssetState.PROCESSING and asset.sha256 is None:
        return AssetState.PENDING.value
    return asset.state.value


def _about(asset: Asset) -> dict[str, Any] | None:
    if asset.about is None:
        return None
    return {
        "duration": asset.about.get("seconds"),
        "fps": asset.about.get("frames_per_second"),
        "width": asset.about.get("width"),
        "height": asset.about.get("height"),
        "frame_count": len(asset.frames),
    }
