"""A run ready to be executed, with a model that does what a test wants."""

import pytest

from support.running import Bench, FakeModel
from weighbridge.services.keys import Keys
from weighbridge.store.engine import Store


@pytest.fixture
async def bench(store: Store) -> Bench:
    """An empty store, and a model that echoes the question."""
    return Bench(store, FakeModel(), await Keys(store).operator())
