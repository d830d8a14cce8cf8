"""Every way in which an exchange can fail, and that no key leaks."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from weighbridge.providers.base import CallFailed
from weighbridge.providers.failures import (
    endpoint_message,
    retry_after_s,
    shorten,
    status_failed,
)
from weighbridge.providers.transport import Transport

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Serving = Callable[[Handler], AbstractAsyncContextManager[Any]]
KEY = "sk-very-secret-key-0123456789"
HEADERS = CIMultiDict({"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"})


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport(max_response_bytes=100_000)
    yield transport
    await transport.close()


class Exchange:
    """One exchange with a server that answers by a handler."""

    def __init__(self, transport: Transport, serving: Serving) -> None:
        self.transport = transport
        self.serving = serving

    async def post(self, handler: Handler, timeout_s: float | None = None) -> object:
        async with self.serving(handler) as server:
            return await self.transport.post_json(URL(server.url), HEADERS, {"a": 1}, timeout_s)

    async def failure(self, handler: Handler, timeout_s: float | None = None) -> CallFailed:
        with pytest.raises(CallFailed) as caught:
            await self.post(handler, timeout_s)
        assert KEY not in str(caught.value)
        assert KEY not in caught.value.failure.message
        assert caught.value.usage.calls == 1
        return caught.value


@pytest.fixture
def exchange(transport: Transport, serving: Serving) -> Exchange:
    return Exchange(transport, serving)


async def test_json_goes_out_and_comes_back(exchange: Exchange) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert await request.json() == {"a": 1}
        return web.json_response({"b": [2.5, None]})

    assert await exchange.post(handler) == {"b": [2.5, None]}


async def test_a_compressed_chunked_answer_is_read(exchange: Exchange) -> None:
    async def handler(_request: web.Request) -> web.Response:
        response = web.json_response({"b": "x" * 5000})
        response.enable_compression(web.ContentCoding.gzip)
        return response

    assert await exchange.post(handler) == {"b": "x" * 5000}


async def test_connections_are_kept_and_cookies_are_not(
    transport: Transport, serving: Serving
) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert "Cookie" not in request.headers
        response = web.json_response({})
        response.set_cookie("session", "1")
        return response

    async with serving(handler) as server:
        for _ in range(3):
            await transport.post_json(URL(server.url), HEADERS, {})
        peers = {
            request.transport.get_extra_info("peername")
            for request in server.requests
            if request.transport is not None
        }
        assert len(peers) <= 1


async def test_lines_are_given_one_by_one_until_one_is_too_long(serving: Serving) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=b'{"a": 1}\n\n[2]\n"' + b"x" * 200_000 + b'"')

    async with serving(handler) as server:
        transport = Transport(max_response_bytes=100_000)
        lines = transport.get_lines(URL(server.url), {})
        assert [await anext(lines), await anext(lines)] == [{"a": 1}, [2]]
        with pytest.raises(CallFailed, match="longer than 100000 bytes"):
            await anext(lines)
        await transport.close()


@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (400, "bad_request", False),
        (401, "unauthorized", False),
        (402, "unauthorized", False),
        (403, "unauthorized", False),
        (404, "not_found", False),
        (408, "timeout", True),
        (409, "server_error", True),
        (413, "bad_request", False),
        (422, "bad_request", False),
        (425, "server_error", True),
        (429, "rate_limited", True),
        (500, "server_error", True),
        (501, "unsupported", False),
        (502, "server_error", True),
        (503, "server_error", True),
        (529, "server_error", True),
    ],
)
async def test_a_status_has_its_kind_and_is_retried_or_not(
    exchange: Exchange, status: int, kind: str, retry: bool
) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "so it is"}}, status=status)

    failed = await exchange.failure(handler)
    assert (failed.failure.kind, failed.retry, failed.failure.status) == (kind, retry, status)
    assert "so it is" in failed.failure.message


async def test_a_key_that_the_endpoint_quotes_is_taken_out(exchange: Exchange) -> None:
    async def handler(request: web.Request) -> web.Response:
        text = f"Incorrect API key provided: {KEY}. See your account."
        return web.json_response({"error": {"message": text}}, status=401)

    failed = await exchange.failure(handler)
    assert "Incorrect API key provided: [key]" in failed.failure.message


async def test_a_long_error_page_is_shortened_to_one_line(exchange: Exchange) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(text="<html>\n\x00" + "bad gateway " * 20_000, status=502)

    failed = await exchange.failure(handler)
    assert len(failed.failure.message) < 600
    assert "\n" not in failed.failure.message
    assert "bad gateway" in failed.failure.message


async def test_a_429_carries_retry_after(exchange: Exchange) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({}, status=429, headers={"Retry-After": "7"})

    assert (await exchange.failure(handler)).retry_after_s == 7


async def test_a_429_for_an_empty_purse_is_not_retried(exchange: Exchange) -> None:
    async def handler(_request: web.Request) -> web.Response:
        error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
        return web.json_response({"error": error}, status=429)

    assert (await exchange.failure(handler)).retry is False


async def test_a_redirect_is_not_followed(transport: Transport, serving: Serving) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "http://elsewhere.test/v2"})

    async with serving(handler) as server:
        with pytest.raises(CallFailed, match=r"redirects are not followed.*elsewhere") as caught:
            await transport.post_json(URL(server.url), HEADERS, {})
        assert len(server.requests) == 1
    assert caught.value.retry is False


async def test_malformed_json_is_retried_as_malformed(exchange: Exchange) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=b'{"choices": [{"mess', content_type="application/json")

    failed = await exchange.failure(handler)
    assert (failed.failure.kind, failed.retry) == ("malformed", True)


async def test_an_empty_body_is_malformed(exchange: Exchange) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=b"")

    assert (await exchange.failure(handler)).failure.kind == "malformed"


async def test_a_body_that_breaks_off_is_a_broken_connection(exchange: Exchange) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"a":')
        assert request.transport is not None
        request.transport.close()
        return response

    failed = await exchange.failure(handler)
    assert (failed.failure.kind, failed.retry) == ("connection", True)


async def test_a_reset_is_a_broken_connection(exchange: Exchange) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        raw = request.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
        return web.Response()

    failed = await exchange.failure(handler)
    assert (failed.failure.kind, failed.retry) == ("connection", True)


async def test_a_refused_connection_is_retried(transport: Transport) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(CallFailed) as caught:
        await transport.post_json(URL(f"http://127.0.0.1:{port}/v1?k=hidden"), HEADERS, {})
    assert "hidden" not in caught.value.failure.message
    assert (caught.value.failure.kind, caught.value.retry) == ("connection", True)


async def test_an_endpoint_that_does_not_speak_http_is_named(transport: Transport) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"220 smtp ready\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(CallFailed) as caught:
        await transport.post_json(URL(f"http://127.0.0.1:{port}/v1?k=hidden"), HEADERS, {})
    assert caught.value.failure.kind in {"malformed", "connection"}
    assert "hidden" not in caught.value.failure.message
    server.close()
    await server.wait_closed()


async def test_silence_is_a_time_out(exchange: Exchange) -> None:
    async def handler(_request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    failed = await exchange.failure(handler, timeout_s=0.05)
    assert (failed.failure.kind, failed.retry) == ("timeout", True)


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_answer_beyond_the_limit_is_refused(exchange: Exchange, chunked: bool) -> None:
    async def handler(_request: web.Request) -> web.Response:
        response = web.Response(body=b'"' + b"x" * 100_001 + b'"')
        if chunked:
            response.enable_chunked_encoding()
        return response

    failed = await exchange.failure(handler)
    assert "longer than 100000 bytes" in failed.failure.message
    assert failed.retry is False


async def test_a_small_answer_that_unpacks_to_a_huge_one_is_refused(exchange: Exchange) -> None:
    async def handler(_request: web.Request) -> web.Response:
        response = web.Response(body=b" " * 3_000_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    assert "longer than" in (await exchange.failure(handler)).failure.message


async def test_a_request_that_is_not_json_is_not_sent(transport: Transport) -> None:
    with pytest.raises(CallFailed, match="cannot be written as JSON"):
        await transport.post_json(URL("http://127.0.0.1:1"), HEADERS, {"a": object()})


async def test_mappings_and_sequences_that_are_not_dict_and_list_are_sent(
    transport: Transport, serving: Serving
) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=await request.read())

    async with serving(handler) as server:
        body = {"a": MappingProxyType({"x": "1"}), "b": (1, range(2))}
        assert await transport.post_json(URL(server.url), HEADERS, body) == {
            "a": {"x": "1"},
            "b": [1, [0, 1]],
        }


async def test_closing_twice_is_fine_and_the_pool_opens_again(exchange: Exchange) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response(1)

    assert await exchange.post(handler) == 1
    await exchange.transport.close()
    await exchange.transport.close()
    assert await exchange.post(handler) == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"Retry-After": "0.25"}, 0.25),
        ({"Retry-After": "-5"}, 0.0),
        ({"retry-after-ms": "1500", "Retry-After": "9"}, 1.5),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read_in_seconds(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(CIMultiDict(headers)) == seconds


def test_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert retry_after_s(CIMultiDict({"Retry-After": later}), now) == 90
    earlier = format_datetime(now - timedelta(seconds=90), usegmt=True)
    assert retry_after_s(CIMultiDict({"Retry-After": earlier}), now) == 0


@pytest.mark.parametrize(
    ("data", "said", "code"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c"}}, "m", "c"),
        ({"error": {"message": "m", "type": "t", "code": 400}}, "m", "t"),
        ({"error": "plain"}, "plain", ""),
        ({"detail": "fastapi"}, "fastapi", ""),
        ({"detail": [{"loc": ["x"]}]}, "[{'loc': ['x']}]", ""),
        ({"message": "bare"}, "bare", ""),
        ({"error": 5}, "", ""),
        (["a"], "", ""),
        ("text", "text", ""),
    ],
)
def test_the_endpoints_words_are_found_in_many_shapes(data: object, said: str, code: str) -> None:
    assert endpoint_message(data) == (said, code)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("context_length_exceeded", "too long"),
        ("exceed_context_size_error", "request (8031 tokens) exceeds"),
        ("", "This model's maximum context length is 4096 tokens"),
        ("", "prompt is too long: 210000 tokens"),
    ],
)
def test_a_prompt_that_is_too_long_has_its_own_kind(code: str, said: str) -> None:
    assert status_failed(400, said, code=code).failure.kind == "context_length"


def test_shortening_keeps_short_texts() -> None:
    assert shorten("a\nb") == "a b"
    assert len(shorten("x" * 9000)) == 500


def test_orjson_is_strict_about_what_we_send() -> None:
    assert orjson.dumps({"a": float("nan")}) == b'{"a":null}'
