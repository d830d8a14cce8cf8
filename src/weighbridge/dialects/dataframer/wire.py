"""What the shapes of this dialect have in common."""

from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.responses import Response

from weighbridge.core.run import RunState
from weighbridge.core.synthesis import ProductionState

STATUS: dict[RunState, ProductionState] = {
    RunState.QUEUED: ProductionState.PENDING,
    RunState.RUNNING: ProductionState.PROCESSING,
    RunState.DELIVERING: ProductionState.PROCESSING,
    RunState.SUCCEEDED: ProductionState.SUCCEEDED,
    RunState.FAILED: ProductionState.FAILED,
    RunState.CANCELLED: ProductionState.CANCELED,
}


def moment(when: datetime | None) -> str | None:
    """ISO 8601 in UTC, to the microsecond."""
    if when is None:
        return None
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def json_answer(value: Any, status: int = 200) -> Response:
    """JSON."""
    return Response(orjson.dumps(value), status, media_type="application/json")


def empty_answer() -> Response:
    """204: it is done, and there is nothing to say."""
    return Response(status_code=204)
