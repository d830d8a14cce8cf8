"""A repository in a store of each database."""

import pytest

from weighbridge.services.keys import Keys
from weighbridge.store.engine import Store
from weighbridge.versions.local import LocalRepo, LocalVersions


@pytest.fixture
async def workspace(store: Store) -> str:
    return (await Keys(store).operator()).workspace_id


@pytest.fixture
async def repo(store: Store, workspace: str) -> LocalRepo:
    return await LocalVersions(store).create(workspace, "ns", "one")
