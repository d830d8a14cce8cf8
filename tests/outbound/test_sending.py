"""Sending to addresses that customers name, against a server of this machine."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from weighbridge.outbound.guard import Guard, read_networks
from weighbridge.outbound.sending import MAX_ANSWER, Sender

LOCAL = Guard(read_networks("127.0.0.1"))


@dataclass
class Receiver:
    """Where it is sent to."""

    url: str = ""
    seen: list[tuple[str, bytes]] = field(default_factory=list)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    here = Receiver()

    async def answer(request: web.Request) -> web.StreamResponse:
        here.seen.append((request.path, await request.read()))
        match request.path:
            case "/moved":
                raise web.HTTPFound("/ok")
            case "/busy":
                return web.Response(status=503, headers={"Retry-After": "120"}, text="later\0")
            case "/endless":
                response = web.StreamResponse()
                await response.prepare(request)
                while True:
                    await response.write(b"x" * 65_536)
            case "/slow":
                await asyncio.sleep(5)
            case "/bomb":
                return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
        return web.Response(text="thanks")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    here.url = str(server.make_url("/")).rstrip("/")
    yield here
    await server.close()


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender(LOCAL)
    yield made
    await made.close()


async def test_what_is_sent_arrives_and_what_is_answered_comes_back(
    sender: Sender, receiver: Receiver
) -> None:
    sent = await sender.post(receiver.url + "/ok?a=%2Fb", {"X": "y"}, b"{}")
    assert (sent.status, sent.answer, sent.error) == (200, "thanks", None)
    assert receiver.seen == [("/ok", b"{}")]


async def test_a_redirect_is_not_followed(sender: Sender, receiver: Receiver) -> None:
    sent = await sender.post(receiver.url + "/moved", {}, b"")
    assert (sent.status, sent.error) == (302, "redirects are not followed")
    assert [path for path, _ in receiver.seen] == ["/moved"]


async def test_a_refusal_is_told_with_how_long_to_wait(sender: Sender, receiver: Receiver) -> None:
    sent = await sender.post(receiver.url + "/busy", {}, b"")
    assert (sent.status, sent.retry_after_s) == (503, 120.0)
    assert sent.answer == "later\N{REPLACEMENT CHARACTER}"  # no database keeps a NUL


async def test_only_the_beginning_of_an_answer_is_read(sender: Sender, receiver: Receiver) -> None:
    async with asyncio.timeout(5):
        sent = await sender.post(receiver.url + "/endless", {}, b"")
    assert len(sent.answer or "") <= MAX_ANSWER
    assert (await sender.post(receiver.url + "/bomb", {}, b"")).status == 200


async def test_who_does_not_answer_is_not_waited_for_for_long(receiver: Receiver) -> None:
    sender = Sender(LOCAL, timeout_s=0.1)
    sent = await sender.post(receiver.url + "/slow", {}, b"")
    assert (sent.status, sent.error) == (None, "no answer within 0.1 s")
    await sender.close()


async def test_a_private_address_is_refused_when_the_connection_is_made(
    receiver: Receiver,
) -> None:
    sender = Sender(Guard())
    port = receiver.url.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"):
        sent = await sender.post(f"http://{host}:{port}/ok?token=secret", {}, b"")
        assert sent.status is None
        assert "may not be contacted" in (sent.error or "")
        assert "secret" not in (sent.error or "")
    sent = await sender.post("http://127.1/ok", {}, b"")
    assert sent.status is None
    assert receiver.seen == []
    await sender.close()


async def test_what_is_no_address_is_told(sender: Sender) -> None:
    sent = await sender.post("gopher://x/", {}, b"")
    assert "begins with" in (sent.error or "")
    sent = await sender.post("http://127.0.0.1:1999/x", {}, b"")
    assert "no connection to 127.0.0.1" in (sent.error or "")
