"""Shapes of this dialect, as the official client sends and accepts them (contract: release 0.65.1).

`MetadataEntry` of the client refuses fields that it does not know: entries have exactly these.
"""

from datetime import UTC, datetime
from typing import Any

from weighbridge.core.versions import Branch, Commit, Repository

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
