"""A column that a run delivers, in words."""

from weighbridge.cli.words import count, printable
from weighbridge.core.inference import InferenceState
from weighbridge.dialects.native.wire_repositories import ColumnDelivery


def column_line(delivery: ColumnDelivery) -> str:
    """Where the answers of a run went: `said of ns/r@main:q.csv, commit 1f…, 3 rows`."""
    place = f"{delivery.repository or '(deleted)'}@{delivery.branch}:{delivery.path}"
    parts = [f"{printable(delivery.column, 60)} of {printable(place, 200)}", _state(delivery)]
    if delivery.rows is not None:
        parts.append(f"{count(delivery.rows)} rows")
    if delivery.rows_failed:
        parts.append(f"{count(delivery.rows_failed)} without an answer")
    return ", ".join(parts)


def _state(delivery: ColumnDelivery) -> str:
    match delivery.state:
        case InferenceState.COMMITTED:
            return f"commit {delivery.commit_id}"
        case InferenceState.HELD:
            return "held, not committed yet"
        case InferenceState.CONFLICT:
            return f"not committed: {printable(delivery.problem or 'conflict', 300)}"
    return "not made yet"
