"""What the pages on suites share: whose address it is, and files out of it."""

import re
from collections.abc import AsyncIterator

from starlette.responses import Response

from weighbridge.core.suite import Scoring, Suite
from weighbridge.dialects.shared import decode_cursor, encode_cursor
from weighbridge.errors import NotFound
from weighbridge.web.downloads import of_pieces
from weighbridge.web.visit import Visit

_MOST = 2**31 - 1


async def suite_of(visit: Visit) -> Suite:
    """The suite in the address.

    Raises:
        NotFound: there is none.
    """
    return await visit.services.suites.get(visit.caller, visit.path("suite"))


async def scoring_of(visit: Visit) -> tuple[Suite, Scoring]:
    """The suite and the scoring in the address.

    Raises:
        NotFound: there is no such suite, or no such scoring of it.
    """
    suite = await suite_of(visit)
    scoring = await visit.services.scorings.get(visit.caller, visit.path("scoring"))
    if scoring.suite_id != suite.id:
        raise NotFound(f"the suite has no run {scoring.id!r}")
    return suite, scoring


def start_of(visit: Visit, name: str = "cursor") -> int:
    """Where the page of a list begins; 0: at its beginning.

    Raises:
        Invalid: the cursor in the address is none of ours.
    """
    cursor = visit.query.text(name)
    if not cursor:
        return 0
    return max(0, min(int(decode_cursor(cursor, int)[0]), _MOST))


def next_cursor(start: int, shown: int, found: int) -> str | None:
    """The cursor of the next page; None: this is the last.

    Args:
        shown: how many are on this page. found: of one more that were asked for.
    """
    return encode_cursor(start + shown) if found > shown else None


def text_file(text: str, name: str) -> Response:
    """A text that somebody wrote, as a file."""
    data = text.encode("utf-8", "replace")

    async def pieces() -> AsyncIterator[bytes]:
        yield data

    return of_pieces(pieces(), name, "text/plain", len(data))


def file_name(text: str) -> str:
    """A name for a file, out of a name for people."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:60] or "file"
