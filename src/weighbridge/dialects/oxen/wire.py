"""Shapes of this dialect, as the official client sends and accepts them (contract: release 0.65.1).

`MetadataEntry` of the client refuses fields that it does not know: entries have exactly these.
"""

import mimetypes
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from weighbridge.core.versions import Branch, Commit, Entry, Kind, Located, Repository
from weighbridge.datasets.shapes import format_of

MIN_VERSION = "0.36.0"


def moment(when: datetime) -> str:
    """RFC 3339, in UTC."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def commit(it: Commit) -> dict[str, Any]:
    """A commit."""
    return {
        "id": it.id,
        "parent_ids": list(it.parents),
        "message": it.message,
        "author": it.author.name,
        "email": it.author.email,
        "timestamp": moment(it.created_at),
    }


def branch(it: Branch) -> dict[str, Any]:
    """A branch."""
    return {"name": it.name, "commit_id": it.commit_id}


def repository(it: Repository) -> dict[str, Any]:
    """A repository."""
    return {
        "namespace": it.namespace,
        "name": it.name,
        "min_version": MIN_VERSION,
        "is_empty": it.is_empty,
        "storage_kind": "local",
    }


def resource(at: Located, path: str) -> dict[str, Any]:
    """Where something is."""
    return {
        "commit": commit(at.commit),
        "branch": branch(at.branch) if at.branch else None,
        "workspace": None,
        "path": path,
        "version": at.revision,
        "resource": f"{at.revision}/{path}",
    }


def entry(it: Entry, latest: Commit | None, at: Located | None) -> dict[str, Any]:
    """A file or folder; exactly these fields."""
    is_dir = it.kind is Kind.FOLDER
    return {
        "filename": it.name,
        "hash": it.hash,
        "is_dir": is_dir,
        "latest_commit": commit(latest) if latest else None,
        "resource": resource(at, it.path) if at else None,
        "size": it.size,
        "data_type": "dir" if is_dir else data_type(it.path),
        "mime_type": "inode/directory" if is_dir else mime_type(it.path),
        "extension": "" if is_dir else extension(it.path),
        "metadata": None,
        "is_queryable": None,
    }


def page(page_number: int, page_size: int, total: int) -> dict[str, int]:
    """Where a page is in its list; pages count from 1."""
    return {
        "page_number": page_number,
        "page_size": page_size,
        "total_pages": max(1, -(-total // page_size)),
        "total_entries": total,
    }


def extension(path: str) -> str:
    """Without the dot, in small letters."""
    return PurePosixPath(path).suffix.removeprefix(".").lower()


def mime_type(path: str) -> str:
    """By the extension."""
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def data_type(path: str) -> str:
    """`tabular`, `text`, `image`, `video`, `audio` or `binary`, by the extension."""
    if format_of(path) is not None:
        return "tabular"
    kind = mime_type(path).partition("/")[0]
    if kind in {"image", "video", "audio"}:
        return kind
    return "text" if kind == "text" or extension(path) in _TEXTS else "binary"


_TEXTS = frozenset(
    {"md", "txt", "py", "rs", "js", "ts", "html", "css", "xml", "yaml", "yml", "toml", "ini", "sh"}
)
