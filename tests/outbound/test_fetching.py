"""Fetching from addresses that customers name, against a server of this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from weighbridge.errors import Invalid, TooLarge
from weighbridge.outbound import fetching
from weighbridge.outbound.fetching import Fetcher
from weighbridge.outbound.guard import Guard, read_networks

LOCAL = Guard(read_networks("127.0.0.1"))
DATA = bytes(range(256)) * 1_000


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async def answer(request: web.Request) -> web.StreamResponse:
        moved = {
            "/moved": "/file?x=1#part",
            "/around": "/around",
            "/twice": "/moved",
            "/inside": "http://169.254.169.254/latest/meta-data",
            "/beside": f"http://127.0.0.2:{request.url.port}/file",
            "/elsewhere": "file:///etc/passwd",
            "/nonsense": "http://[::1",
        }
        match request.path:
            case "/file":
                assert request.headers["Accept-Encoding"] == "identity"
                return web.Response(body=DATA, content_type="image/png")
            case "/missing":
                raise web.HTTPNotFound
            case "/packed":
                return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
            case "/endless":
                response = web.StreamResponse()
                await response.prepare(request)
                while True:
                    await response.write(b"x" * 65_536)
            case "/slow":
                response = web.StreamResponse()
                await response.prepare(request)
                while True:
                    await response.write(b"x")
                    await asyncio.sleep(0.05)
            case "/short":
                response = web.StreamResponse(headers={"Content-Length": "1000"})
                await response.prepare(request)
                await response.write(b"x")
                assert request.transport is not None
                request.transport.close()
                return response
        return web.Response(status=302, headers={"Location": moved[request.path]})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(app, host="0.0.0.0")
    await server.start_server()
    yield f"http://127.0.0.1:{server.port}"
    await server.close()


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    made = Fetcher(LOCAL)
    yield made
    await made.close()


async def test_a_file_is_written_as_it_comes(fetcher: Fetcher, url: str, tmp_path: Path) -> None:
    found = await fetcher.fetch(f"{url}/file", tmp_path / "a", most_bytes=len(DATA))
    assert (found.size, found.media_type) == (len(DATA), "image/png")
    assert (tmp_path / "a").read_bytes() == DATA


@pytest.mark.parametrize("path", ["/moved", "/twice"])
async def test_redirects_are_followed(
    fetcher: Fetcher, url: str, tmp_path: Path, path: str
) -> None:
    found = await fetcher.fetch(url + path, tmp_path / "a", most_bytes=len(DATA))
    assert found.size == len(DATA)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/missing", "127.0.0.1 answered 404"),
        ("/packed", "packed"),
        ("/around", "more than 3 redirects"),
        ("/inside", "169.254.169.254 is not an address that everyone can reach"),
        ("/beside", "127.0.0.2 is not an address that everyone can reach"),
        ("/elsewhere", "begins with https://"),
        ("/nonsense", "no file from 127.0.0.1"),
        ("/short", "no file from 127.0.0.1"),
    ],
)
async def test_what_is_no_file_for_us_is_refused(
    fetcher: Fetcher, url: str, tmp_path: Path, path: str, said: str
) -> None:
    with pytest.raises(Invalid, match=said) as error:
        await fetcher.fetch(f"{url}{path}?token=secret", tmp_path / "a", most_bytes=1 << 20)
    assert "secret" not in error.value.message
    assert str(tmp_path) not in error.value.message


@pytest.mark.parametrize("path", ["/file", "/endless"])
async def test_a_file_over_the_limit_is_not_read_to_its_end(
    fetcher: Fetcher, url: str, tmp_path: Path, path: str
) -> None:
    with pytest.raises(TooLarge, match="over the limit of 0"):
        await fetcher.fetch(url + path, tmp_path / "a", most_bytes=1 << 17)


async def test_a_file_that_drips_is_given_up(url: str, tmp_path: Path) -> None:
    fetcher = Fetcher(LOCAL, timeout_s=0.3)
    with pytest.raises(Invalid, match=r"within 0\.3 s"):
        await fetcher.fetch(f"{url}/slow", tmp_path / "a", most_bytes=1 << 20)
    await fetcher.close()


async def test_a_host_that_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "IDLE_S", 0.2)
    fetcher = Fetcher(LOCAL)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(Invalid, match=r"said nothing for 0\.2 s"),
    ):
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        await fetcher.fetch(url, tmp_path / "a", most_bytes=9)
    await fetcher.close()


@pytest.mark.parametrize("where", ["http://127.0.0.1:{port}/file", "http://localhost:{port}/file"])
async def test_a_private_address_is_refused(url: str, tmp_path: Path, where: str) -> None:
    fetcher = Fetcher(Guard())
    with pytest.raises(Invalid, match="not an address that everyone can reach"):
        await fetcher.fetch(where.format(port=url.rpartition(":")[2]), tmp_path / "a", most_bytes=1)
    await fetcher.close()


async def test_a_name_that_stands_for_another_address_by_then_is_not_contacted(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fine(self: Any, address: str) -> None:
        return None

    monkeypatch.setattr(Guard, "check_url", fine)
    fetcher = Fetcher(Guard())
    with pytest.raises(Invalid, match="may not be contacted"):
        await fetcher.fetch(f"{url}/file", tmp_path / "a", most_bytes=1 << 20)
    await fetcher.close()
