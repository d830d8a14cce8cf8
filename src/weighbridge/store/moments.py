"""The present moment, as rows keep it."""

from datetime import UTC, datetime


def now() -> datetime:
    """Now, in UTC, aware."""
    return datetime.now(UTC)
