"""Data sets on their way in."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from weighbridge.services.datasets import Datasets
from weighbridge.services.keys import Keys
from weighbridge.store.engine import Store


async def test_an_import_that_is_cancelled_ends_its_thread_and_leaves_nothing(store: Store) -> None:
    produced = itertools.count()
    last = 0

    def endless() -> Iterator[dict[str, Any]]:
        nonlocal last
        for last in produced:
            if last == 5_000_000:  # a test that fails should end, too
                return
            yield {"q": last}

    operator = await Keys(store).operator()
    task = asyncio.create_task(Datasets(store).import_rows(operator, "endless", endless()))
    while last < 1_000:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.sleep(0.1)
    seen = last
    await asyncio.sleep(0.1)
    assert last == seen < 5_000_000
    assert list(store.folder.glob(".incoming-*")) == []
