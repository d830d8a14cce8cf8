"""What is kept is made once, is bounded, and is waited for by whoever comes at the same time."""

import asyncio

import pytest

from weighbridge.services.kept import Kept


class Maker:
    """Makes values, and counts how often."""

    def __init__(self, size: int = 10) -> None:
        self.made = 0
        self.size = size
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self) -> tuple[str, int]:
        await self.go.wait()
        self.made += 1
        return f"made {self.made}", self.size


async def test_it_is_made_once() -> None:
    kept: Kept[str, str] = Kept(100, 10)
    maker = Maker()
    assert [await kept.get("a", maker), await kept.get("a", maker)] == ["made 1", "made 1"]
    assert await kept.get("b", maker) == "made 2"


async def test_those_who_ask_at_the_same_time_wait_for_one() -> None:
    kept: Kept[str, str] = Kept(100, 10)
    maker = Maker()
    maker.go.clear()
    asking = [asyncio.create_task(kept.get("a", maker)) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    maker.go.set()
    assert await asyncio.gather(*asking[1:]) == ["made 1"] * 4


async def test_the_longest_unasked_for_goes_first() -> None:
    kept: Kept[str, str] = Kept(25, 10)
    maker = Maker()
    await kept.get("a", maker)
    await kept.get("b", maker)
    await kept.get("a", maker)
    await kept.get("c", maker)
    assert len(kept) == 2
    assert await kept.get("a", maker) == "made 1"
    assert await kept.get("b", maker) == "made 4"


async def test_there_are_never_more_than_the_most() -> None:
    kept: Kept[int, str] = Kept(10_000, 3)
    maker = Maker()
    for key in range(10):
        await kept.get(key, maker)
    assert len(kept) == 3


async def test_what_has_no_room_is_given_and_not_kept() -> None:
    kept: Kept[str, str] = Kept(25, 10)
    maker = Maker(size=26)
    assert [await kept.get("a", maker), await kept.get("a", maker)] == ["made 1", "made 2"]
    assert len(kept) == 0


async def test_what_went_wrong_is_told_and_tried_again() -> None:
    kept: Kept[str, str] = Kept(100, 10)

    async def fails() -> tuple[str, int]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await kept.get("a", fails)
    assert await kept.get("a", Maker()) == "made 1"
