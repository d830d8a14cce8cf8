"""A real server in a process of its own, and clients of it."""

import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from cli.command_line import start, write_files
from weighbridge import AsyncClient, Client

KEY = "the-operators-own-key"


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Its address."""
    folder = tmp_path_factory.mktemp("sdk-server")
    write_files(folder)
    process = start(folder, "serve", "--port", "0", api_key=KEY)
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("listening on http://127.0.0.1:")
    yield line.split()[-1]
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 0


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
