"""Pages over a real installation with scripted models, in this process."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.pages import Desk, desk_at


@pytest.fixture
async def desk(tmp_path: Path, empty_database: Path) -> AsyncIterator[Desk]:
    """An administrator who has logged in."""
    (tmp_path / "data").mkdir()
    await asyncio.to_thread(shutil.copy, empty_database, tmp_path / "data")
    async with desk_at(tmp_path) as desk:
        yield desk
