"""The envelope of every answer of this dialect."""

from typing import Any

import orjson
from starlette.responses import Response

FOUND = "resource_found"
CREATED = "resource_created"
UPDATED = "resource_updated"
DELETED = "resource_deleted"

OXEN_VERSION = "0.65.1"
"""The release of the official client whose server we answer like."""


def success(message: str = FOUND, /, *, status: int = 200, **fields: Any) -> Response:
    """An answer with the envelope around some fields.

    Args:
        message: one of the words above.
    """
    body = {
        "status": "success",
        "status_message": message,
        "oxen_version": OXEN_VERSION,
        **fields,
    }
    return Response(orjson.dumps(body), status, media_type="application/json")
