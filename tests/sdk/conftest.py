"""A real server in a process of its own, and clients of it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from cli.command_line import KEY, serving
from weighbridge import AsyncClient, Client


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    with serving(tmp_path_factory.mktemp("sdk-server")) as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[Client]:
    """For code that blocks."""
    with Client(url, KEY) as client:
        yield client


@pytest.fixture
async def async_client(url: str) -> AsyncIterator[AsyncClient]:
    """For code in an event loop."""
    async with AsyncClient(url, KEY) as client:
        yield client
