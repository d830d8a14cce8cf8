"""The items of one page, out of a list that is there or of pages that come one after the other."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

from weighbridge.web.visit import Visit

LISTED = 50
"""Rows of a list."""
_Item = TypeVar("_Item")


def part_of(visit: Visit, items: Sequence[_Item]) -> tuple[Sequence[_Item], str | None]:
    """The items of the page that the address asks for by `from`, and where the next one begins."""
    start = visit.query.whole("from", 0)
    after = start + LISTED
    return items[start:after], str(after) if after < len(items) else None


async def taken(
    pages: AsyncGenerator[list[_Item], None],
    start: int,
    most: int,
    wanted: Callable[[_Item], bool] = lambda _: True,
) -> tuple[list[_Item], str | None]:
    """As many items as a page has, and where the next one begins; no further is read.

    Args:
        start: how many of those wanted are passed over.
    """
    found: list[_Item] = []
    passed = 0
    async with aclosing(pages):
        async for page in pages:
            for item in filter(wanted, page):
                passed += 1
                if passed > start + most:
                    return found, str(start + most)
                if passed > start:
                    found.append(item)
    return found, None
