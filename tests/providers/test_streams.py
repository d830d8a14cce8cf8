"""What every protocol that tells a reply while it is being made must do alike.

The streams are written after the vendors' published documentation of their wire formats.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from aiohttp import web

from weighbridge.core.outcome import Usage
from weighbridge.providers import anthropic, google, openai
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Delta,
    Message,
    Reply,
    StreamingProvider,
    ToolCall,
    ToolResult,
)
from weighbridge.providers.transport import Transport

Serving = Callable[
    [Callable[[web.Request], Awaitable[web.StreamResponse]]], AbstractAsyncContextManager[Any]
]
SAID = ["The ", "capital ", "is ", "Pariß."]


def event(data: Any, name: str | None = None) -> bytes:
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + orjson.dumps(data) + b"\n\n"


# openai


def chunk(delta: dict[str, Any] | None = None, reason: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": reason}
    return event(
        {
            "id": "chatcmpl-BxY2",
            "object": "chat.completion.chunk",
            "created": 1763800000,
            "model": "m-2026",
            "choices": [choice],
            "usage": None,
            **more,
        }
    )


def openai_stream(texts: Sequence[str], reason: str) -> list[bytes]:
    return [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        *(chunk({"content": text}) for text in texts),
        chunk(reason=reason),
        chunk(choices=[], usage={"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}),
        b"data: [DONE]\n\n",
    ]


# anthropic


def anthropic_stream(texts: Sequence[str], reason: str) -> list[bytes]:
    def kind(name: str, **fields: Any) -> bytes:
        return event({"type": name, **fields}, name)

    usage = {"input_tokens": 4, "cache_creation_input_tokens": 2, "cache_read_input_tokens": 5}
    message = {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "m-2026",
        "content": [],
        "stop_reason": None,
        "usage": {**usage, "output_tokens": 1},
    }
    return [
        kind("message_start", message=message),
        kind("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        kind("ping"),
        *(
            kind("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
            for text in texts
        ),
        kind("content_block_stop", index=0),
        kind("message_delta", delta={"stop_reason": reason}, usage={"output_tokens": 7}),
        kind("message_stop"),
    ]


# google


def google_stream(texts: Sequence[str], reason: str) -> list[bytes]:
    def piece(text: str, made: int, **fields: Any) -> bytes:
        candidate = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0, **fields}
        counts = {"promptTokenCount": 11, "candidatesTokenCount": made}
        return event({"candidates": [candidate], "usageMetadata": counts, "modelVersion": "m-2026"})

    return [
        *(piece(text, place) for place, text in enumerate(texts, 1)),
        piece("", 7, finishReason=reason),
    ]


@dataclass(frozen=True)
class Streamed:
    """One protocol, as this suite knows it."""

    name: str
    open: Callable[..., StreamingProvider]
    address: str
    key_header: str
    stream: Callable[[Sequence[str], str], list[bytes]]
    ends: dict[str, str]
    error: Callable[[int, str, str], dict[str, Any]]
    overloaded: tuple[int, str]
    asks: dict[str, Any]
    """What the body says, so that the endpoint streams."""


PROTOCOLS = [
    Streamed(
        "openai",
        openai.OpenAIEndpoint,
        "/v1/chat/completions",
        "Authorization",
        openai_stream,
        {"stop": "stop", "length": "length", "content_filter": "content_filter"},
        lambda status, word, said: {"error": {"message": said, "type": word, "code": status}},
        (503, "server_error"),
        {"stream": True, "stream_options": {"include_usage": True}},
    ),
    Streamed(
        "anthropic",
        anthropic.AnthropicEndpoint,
        "/v1/messages",
        "x-api-key",
        anthropic_stream,
        {"end_turn": "stop", "max_tokens": "length", "refusal": "content_filter"},
        lambda status, word, said: {"type": "error", "error": {"type": word, "message": said}},
        (529, "overloaded_error"),
        {"stream": True},
    ),
    Streamed(
        "google",
        google.GoogleEndpoint,
        "/v1/models/m:streamGenerateContent?alt=sse",
        "x-goog-api-key",
        google_stream,
        {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter"},
        lambda status, word, said: {"error": {"code": status, "message": said, "status": word}},
        (503, "UNAVAILABLE"),
        {},
    ),
]


@pytest.fixture(params=PROTOCOLS, ids=lambda streamed: streamed.name)
def streamed(request: pytest.FixtureRequest) -> Streamed:
    found: Streamed = request.param
    return found


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.close()


def usual(streamed: Streamed, texts: Sequence[str] = SAID) -> list[bytes]:
    return streamed.stream(texts, next(iter(streamed.ends)))


def ask(text: str = "q", **options: Any) -> ChatRequest:
    return ChatRequest((Message("user", text),), **options)


def sending(
    parts: Sequence[bytes], content_type: str = "text/event-stream", *, cut: bool = False
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Sends parts one after the other. `cut`: and then breaks the connection off."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": content_type})
        await response.prepare(request)
        for part in parts:
            await response.write(part)
            await asyncio.sleep(0)
        if cut:
            assert request.transport is not None
            request.transport.close()
        return response

    return answer


async def read(pieces: AsyncGenerator[Delta | Reply, None]) -> tuple[list[Delta], Reply]:
    found: list[Delta] = []
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, Reply):
                return found, piece
            found.append(piece)
    raise AssertionError("there was no reply at the end")


async def fail(
    streamed: Streamed,
    transport: Transport,
    serving: Serving,
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> tuple[list[Delta], CallFailed]:
    """What came before the failure, and the failure."""
    found: list[Delta] = []
    async with serving(answer) as server:
        endpoint = streamed.open(transport, server.url + "/v1", "m", "key-1")
        with pytest.raises(CallFailed) as caught:
            async with aclosing(endpoint.stream(ask())) as pieces:
                async for piece in pieces:
                    assert isinstance(piece, Delta)
                    found.append(piece)
    return found, caught.value


async def test_a_reply_is_told_piece_by_piece_and_then_as_a_whole(
    streamed: Streamed, transport: Transport, serving: Serving
) -> None:
    async with serving(sending(usual(streamed))) as server:
        endpoint = streamed.open(transport, server.url + "/v1", "m", "key-1")
        deltas, reply = await read(endpoint.stream(ask("Hello ünïcode")))
    assert [delta.text for delta in deltas] == SAID
    assert (reply.text, reply.finish_reason, reply.model) == ("".join(SAID), "stop", "m-2026")
    assert reply.usage == Usage(11, 7, None, 1)
    assert (reply.thinking, reply.images, reply.refusal, reply.tool_calls) == (None, (), None, ())
    assert server.requests[0].raw_path == streamed.address
    assert "key-1" in server.requests[0].headers[streamed.key_header]
    assert "text/event-stream" in server.requests[0].headers["Accept"]
    body = server.bodies[0]
    assert {name: body.get(name) for name in streamed.asks} == streamed.asks
    assert "Hello ünïcode" in orjson.dumps(body).decode()


async def test_the_first_piece_is_there_before_the_last_was_made(
    streamed: Streamed, transport: Transport, serving: Serving
) -> None:
    read_on = asyncio.Event()
    parts = usual(streamed)

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"".join(parts[:-2]))
        await read_on.wait()
        await response.write(b"".join(parts[-2:]))
        return response

    async with serving(answer) as server, asyncio.timeout(5):
        pieces = streamed.open(transport, server.url + "/v1", "m", None).stream(ask())
        first = await anext(pieces)
        assert first == Delta(SAID[0])
        read_on.set()
        _, reply = await read(pieces)
    assert reply.text == "".join(SAID)


async def test_every_reason_to_end_is_told_in_our_words(
    streamed: Streamed, transport: Transport, serving: Serving
) -> None:
    for theirs, ours in streamed.ends.items():
        async with serving(sending(streamed.stream(["x"], theirs))) as server:
            endpoint = streamed.open(transport, server.url + "/v1", "m", None)
            _, reply = await read(endpoint.stream(ask()))
        assert (reply.finish_reason, reply.text) == (ours, "x"), theirs


async def test_events_may_come_in_any_parts(
    streamed: Streamed, transport: Transport, serving: Serving
) -> None:
    whole = b"".join(usual(streamed)).replace(b"\n", b"\r\n")
    parts = [whole[start : start + 7] for start in range(0, len(whole), 7)]
    async with serving(sending(parts)) as server:
        endpoint = streamed.open(transport, server.url + "/v1", "m", None)
        deltas, reply = await read(endpoint.stream(ask()))
    assert [delta.text for delta in deltas] == SAID
    assert reply.usage == Usage(11, 7, None, 1)


async def test_a_stream_that_breaks_off_is_no_reply(
    streamed: Streamed, transport: Transport, serving: Serving
) -> None:
    parts = usual(streamed)
    for cut in (True, False):
        deltas, failed = await fail(
            streamed, transport, serving, sending(parts[: len(parts) // 2], cut=cut)
        )
        assert deltas
        assert deltas == [Delta(text) for text in SAID[: len(deltas)]]
        assert (failed.failure.kind, failed.retry) == ("connection", True), cut
        assert "broke off" in failed.failure.message


async def test_a_stream_without_a_single_event_is_no_reply(
    streamed: Streamed, transport: Transport, serving: Serving
) -> None:
    page = b"<html><body>maintenance</body></html>"
    for parts, content_type in (([], "text/event-stream"), ([page], "text/html")):
        deltas, failed = await fail(streamed, transport, serving, sending(parts, content_type))
        assert (deltas, failed.failure.kind, failed.retry) == ([], "connection", True)


@pytest.mark.parametrize("data", [b"{", b"[]", b"5", b'"text"', b"\xff"])
async def test_an_event_of_another_shape_is_malformed(
    streamed: Streamed, transport: Transport, serving: Serving, data: bytes
) -> None:
    parts = [*usual(streamed)[:4], b"data: " + data + b"\n\n"]
    deltas, failed = await fail(streamed, transport, serving, sending(parts))
    assert deltas
    assert (failed.failure.kind, failed.retry) == ("malformed", True)


async def test_an_error_in_the_stream_has_its_kind_and_the_endpoints_words(
    streamed: Streamed, transport: Transport, serving: Serving
) -> None:
    status, word = streamed.overloaded
    error = event(streamed.error(status, word, "no room"), "error")
    deltas, failed = await fail(
        streamed, transport, serving, sending([*usual(streamed)[:5], error])
    )
    assert deltas
    assert (failed.failure.kind, failed.retry) == ("server_error", True)
    assert (failed.failure.status, "no room" in failed.failure.message) == (status, True)


async def test_an_error_before_the_stream_is_as_without_one(
    streamed: Streamed, transport: Transport, serving: Serving
) -> None:
    async def answer(_request: web.Request) -> web.Response:
        body = orjson.dumps(streamed.error(429, "rate_limit_error", "slow down, key-1"))
        return web.Response(status=429, body=body, headers={"Retry-After": "7"})

    deltas, failed = await fail(streamed, transport, serving, answer)
    assert deltas == []
    assert (failed.failure.kind, failed.retry_after_s) == ("rate_limited", 7.0)
    assert "slow down, [key]" in failed.failure.message


async def test_a_stream_that_is_too_long_is_ended(streamed: Streamed, serving: Serving) -> None:
    transport = Transport(max_response_bytes=2_000)
    try:
        deltas, failed = await fail(
            streamed, transport, serving, sending(usual(streamed, ["word "] * 50))
        )
    finally:
        await transport.close()
    assert deltas
    assert (failed.failure.kind, failed.retry) == ("malformed", False)


async def test_a_server_that_ends_connections_after_streams_is_asked_again_on_a_new_one(
    streamed: Streamed, transport: Transport
) -> None:
    connections = 0
    ended = asyncio.Semaphore(0)
    body = b"".join(usual(streamed))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        ends = b"connection: close" in head
        said = b"close" if ends else b"keep-alive"  # and then it closes all the same
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: "
            + said
            + b"\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % len(body)
            + body
            + b"\r\n0\r\n\r\n"
        )
        await writer.drain()
        await asyncio.sleep(0.02)
        writer.close()
        await writer.wait_closed()
        ended.release()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        endpoint = streamed.open(transport, f"http://127.0.0.1:{port}/v1", "m", None)
        for asked in range(1, 4):
            _, reply = await read(endpoint.stream(ask()))
            assert (reply.text, connections) == ("".join(SAID), asked)
        for _ in range(connections):
            await ended.acquire()


async def test_closing_it_ends_the_exchange(
    streamed: Streamed, transport: Transport, serving: Serving
) -> None:
    gone = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b"".join(usual(streamed)[:5]))
        try:
            while True:
                await response.write(b": still here\n\n")
                await asyncio.sleep(0.01)
        except (ConnectionError, asyncio.CancelledError):
            gone.set()
            raise

    async with serving(answer) as server, asyncio.timeout(5):
        endpoint = streamed.open(transport, server.url + "/v1", "m", None)
        async with aclosing(endpoint.stream(ask())) as pieces:
            assert await anext(pieces) == Delta(SAID[0])
        await gone.wait()


# Of single protocols


def openai_at(transport: Transport, url: str) -> openai.OpenAIEndpoint:
    return openai.OpenAIEndpoint(transport, url + "/v1", "m", None)


async def openai_reads(
    transport: Transport,
    serving: Serving,
    parts: Sequence[bytes],
    request: ChatRequest | CompletionRequest | None = None,
    content_type: str = "text/event-stream",
) -> tuple[list[Delta], Reply]:
    async with serving(sending(parts, content_type)) as server:
        return await read(openai_at(transport, server.url).stream(request or ask()))


async def test_openai_without_usage_or_done_is_still_a_reply(
    transport: Transport, serving: Serving
) -> None:
    _, reply = await openai_reads(transport, serving, openai_stream(SAID, "stop")[:-2])
    assert (reply.text, reply.usage) == ("".join(SAID), Usage(0, 0, None, 1))
    _, reply = await openai_reads(
        transport, serving, [chunk({"content": "x"}), b"data: [DONE]\n\n"]
    )
    assert (reply.text, reply.finish_reason) == ("x", None)


async def test_openai_endpoints_that_do_not_stream_give_one_delta(
    transport: Transport, serving: Serving
) -> None:
    whole = {
        "model": "m-2026",
        "choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7},
    }
    deltas, reply = await openai_reads(
        transport, serving, [orjson.dumps(whole)], content_type="application/json"
    )
    assert deltas == [Delta("hi")]
    assert (reply.text, reply.usage) == ("hi", Usage(11, 7, None, 1))


async def test_openai_endpoints_that_know_no_stream_options_are_asked_without(
    transport: Transport, serving: Serving
) -> None:
    send = sending(openai_stream(SAID, "stop"))

    async def answer(request: web.Request) -> web.StreamResponse:
        if "stream_options" not in await request.json():
            return await send(request)
        said = {"error": {"message": "Unrecognized request argument: stream_options"}}
        return web.Response(status=400, body=orjson.dumps(said))

    async with serving(answer) as server:
        endpoint = openai_at(transport, server.url)
        with pytest.raises(CallFailed) as caught:
            await read(endpoint.stream(ask()))
        assert caught.value.retry
        _, reply = await read(endpoint.stream(ask()))
    assert reply.text == "".join(SAID)


async def test_openai_thinking_refusals_and_log_probabilities_are_put_together(
    transport: Transport, serving: Serving
) -> None:
    def token(word: str) -> dict[str, Any]:
        other = {"token": "?", "logprob": -2.0, "bytes": None}
        entry = {"token": word, "logprob": -0.5, "bytes": None, "top_logprobs": [other]}
        return {"content": [entry], "refusal": None}

    def said(logprobs: dict[str, Any] | None, **delta: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None}
        return chunk(choices=[choice])

    parts = [
        said(None, reasoning_content="hm"),
        said(None, reasoning="m"),
        said(token("a"), content="a"),
        said(token("b"), content=[{"type": "text", "text": "b"}]),
        said(None, refusal="!"),
        *openai_stream([], "stop"),
    ]
    deltas, reply = await openai_reads(transport, serving, parts)
    assert [(it.text, it.thinking) for it in deltas] == [
        *(("", "hm"), ("", "m"), ("a", ""), ("b", ""), ("!", "")),
    ]
    assert (reply.text, reply.thinking) == ("ab!", "hmm")
    assert reply.logprobs is not None
    assert [(it.token, it.logprob, it.top) for it in reply.logprobs] == [
        ("a", -0.5, (("?", -2.0),)),
        ("b", -0.5, (("?", -2.0),)),
    ]


async def test_openai_calls_of_tools_are_put_together(
    transport: Transport, serving: Serving
) -> None:
    def call(index: int, **fields: Any) -> bytes:
        return chunk({"tool_calls": [{"index": index, **fields}]})

    parts = [
        call(0, id="call-1", type="function", function={"name": "weigh", "arguments": ""}),
        call(0, function={"arguments": '{"tonnes"'}),
        call(1, id="call-2", type="function", function={"name": "stop", "arguments": "{}"}),
        call(0, function={"arguments": ":4}"}),
        *openai_stream([], "tool_calls"),
    ]
    deltas, reply = await openai_reads(transport, serving, parts)
    assert (deltas, reply.text, reply.finish_reason) == ([], "", "tool_calls")
    assert reply.tool_calls == (
        ToolCall("call-1", "weigh", '{"tonnes":4}'),
        ToolCall("call-2", "stop", "{}"),
    )


async def test_openai_is_told_what_tools_said(transport: Transport) -> None:
    request = ChatRequest(
        (
            Message("user", "how heavy?"),
            Message("assistant", ("A moment.", ToolCall("call-1", "weigh", "{}"))),
            Message("tool", (ToolResult("call-1", "4 t"),)),
        )
    )
    sent = openai_at(transport, "http://127.0.0.1:1").chat_body(request)["messages"]
    function = {"name": "weigh", "arguments": "{}"}
    assert sent[1:] == [
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "A moment."}],
            "tool_calls": [{"id": "call-1", "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": "call-1", "content": "4 t"},
    ]
    for endpoint in (
        anthropic.AnthropicEndpoint(transport, "http://127.0.0.1:1", "m", None),
        google.GoogleEndpoint(transport, "http://127.0.0.1:1", "m", None),
    ):
        with pytest.raises(CallFailed, match="takes no calls of tools"):
            endpoint.chat_body(request)


async def test_openai_texts_are_continued_in_chunks(transport: Transport, serving: Serving) -> None:
    def said(text: str, reason: str | None = None) -> bytes:
        logprobs = {
            "tokens": [text],
            "token_logprobs": [-0.5],
            "top_logprobs": [{text: -0.5}],
            "text_offset": [0],
        }
        choice = {"index": 0, "text": text, "logprobs": logprobs, "finish_reason": reason}
        return event({"object": "text_completion", "model": "m-2026", "choices": [choice]})

    parts = [said(" Pa"), said("ris", "stop"), b"data: [DONE]\n\n"]
    async with serving(sending(parts)) as server:
        request = CompletionRequest("The capital is", {"max_tokens": 2}, logprobs=1)
        deltas, reply = await read(openai_at(transport, server.url).stream(request))
    assert server.requests[0].path == "/v1/completions"
    assert server.bodies[0]["prompt"] == "The capital is"
    assert deltas == [Delta(" Pa"), Delta("ris")]
    assert (reply.text, reply.finish_reason) == (" Paris", "stop")
    assert [it.token for it in reply.logprobs or ()] == [" Pa", "ris"]


async def test_openai_filters_end_an_answer_before_and_in_the_stream(
    transport: Transport, serving: Serving
) -> None:
    error = {"error": {"message": "not that", "type": "content_filter", "code": 400}}

    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=400, body=orjson.dumps(error))

    async with serving(refuse) as server:
        deltas, reply = await read(openai_at(transport, server.url).stream(ask()))
    assert (deltas, reply.text, reply.finish_reason) == ([], "", "content_filter")
    parts = [*openai_stream(SAID, "stop")[:3], event(error)]
    deltas, reply = await openai_reads(transport, serving, parts)
    assert [delta.text for delta in deltas] == SAID[:2]
    assert (reply.text, reply.finish_reason) == ("".join(SAID[:2]), "content_filter")
    assert "not that" in (reply.refusal or "")


async def test_an_image_that_is_said_inline_is_read(transport: Transport, serving: Serving) -> None:
    pixel = (
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJ"
        "RU5ErkJggg=="
    )
    url = f"data:image/png;base64,{pixel}"
    image = {"type": "image_url", "image_url": {"url": url}}
    parts = [chunk({"content": "", "images": [image]}), *openai_stream(["here"], "stop")]
    _, reply = await openai_reads(transport, serving, parts)
    assert [it.media_type for it in reply.images] == ["image/png"]
    candidate = {"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": pixel}}]}}
    google_parts = [event({"candidates": [candidate]}), *google_stream(["here"], "STOP")]
    async with serving(sending(google_parts)) as server:
        endpoint = google.GoogleEndpoint(transport, server.url + "/v1", "m", None)
        _, reply = await read(endpoint.stream(ask()))
    assert ([it.media_type for it in reply.images], reply.text) == (["image/png"], "here")


async def test_anthropic_thinking_and_tools_are_put_together(
    transport: Transport, serving: Serving
) -> None:
    def kind(name: str, **fields: Any) -> bytes:
        return event({"type": name, **fields}, name)

    def piece(index: int, **delta: Any) -> bytes:
        return kind("content_block_delta", index=index, delta=delta)

    start, *_, last, stop = anthropic_stream([], "tool_use")
    tool = {"type": "tool_use", "id": "toolu_1", "name": "weigh", "input": {}}
    parts = [
        start,
        kind("content_block_start", index=0, content_block={"type": "thinking", "thinking": ""}),
        piece(0, type="thinking_delta", thinking="hm"),
        piece(0, type="signature_delta", signature="x"),
        kind("content_block_stop", index=0),
        kind("content_block_start", index=1, content_block={"type": "text", "text": "So "}),
        piece(1, type="text_delta", text="be it"),
        kind("content_block_start", index=2, content_block=tool),
        piece(2, type="input_json_delta", partial_json='{"tonnes"'),
        piece(2, type="input_json_delta", partial_json=": 4}"),
        kind("something_new", index=2),
        last,
        stop,
    ]
    async with serving(sending(parts)) as server:
        endpoint = anthropic.AnthropicEndpoint(transport, server.url + "/v1", "m", None)
        deltas, reply = await read(endpoint.stream(ask()))
    assert deltas == [Delta(thinking="hm"), Delta("So "), Delta("be it")]
    assert (reply.text, reply.thinking, reply.finish_reason) == ("So be it", "hm", "tool_calls")
    assert reply.tool_calls == (ToolCall("toolu_1", "weigh", '{"tonnes":4}'),)


async def test_anthropic_and_google_endpoints_that_do_not_stream_give_one_delta(
    transport: Transport, serving: Serving
) -> None:
    message = {
        "type": "message",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "end_turn",
    }
    candidate = {"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}
    for open_, whole in (
        (anthropic.AnthropicEndpoint, message),
        (google.GoogleEndpoint, {"candidates": [candidate]}),
    ):
        async with serving(sending([orjson.dumps(whole)], "application/json")) as server:
            endpoint = open_(transport, server.url + "/v1", "m", None)  # type: ignore[operator]
            deltas, reply = await read(endpoint.stream(ask()))
        assert (deltas, reply.text, reply.finish_reason) == ([Delta("hi")], "hi", "stop")


async def test_google_log_probabilities_and_thoughts_are_put_together(
    transport: Transport, serving: Serving
) -> None:
    def piece(text: str, *, thought: bool = False, reason: str | None = None) -> bytes:
        token = {"token": text, "logProbability": -0.5}
        return event(
            {
                "candidates": [
                    {
                        "content": {"parts": [{"text": text, "thought": thought}]},
                        "finishReason": reason,
                        "logprobsResult": {
                            "chosenCandidates": [token],
                            "topCandidates": [{"candidates": [token]}],
                        },
                    }
                ]
            }
        )

    parts = [piece("hm", thought=True), piece("a"), piece("b", reason="STOP")]
    async with serving(sending(parts)) as server:
        endpoint = google.GoogleEndpoint(transport, server.url + "/v1", "m", None)
        deltas, reply = await read(endpoint.stream(ask()))
    assert deltas == [Delta(thinking="hm"), Delta("a"), Delta("b")]
    assert (reply.text, reply.thinking) == ("ab", "hm")
    assert [it.token for it in reply.logprobs or ()] == ["hm", "a", "b"]


async def test_google_calls_of_functions_are_calls_of_tools(
    transport: Transport, serving: Serving
) -> None:
    call = {"name": "weigh", "args": {"tonnes": 4}}
    parts = [{"functionCall": call}, {"functionCall": {**call, "id": "f-1", "args": None}}]
    candidate = {"content": {"parts": parts}, "finishReason": "STOP"}
    async with serving(sending([event({"candidates": [candidate]})])) as server:
        endpoint = google.GoogleEndpoint(transport, server.url + "/v1", "m", None)
        deltas, reply = await read(endpoint.stream(ask()))
    assert (deltas, reply.text) == ([], "")
    assert reply.tool_calls == (
        ToolCall("call-0", "weigh", '{"tonnes":4}'),
        ToolCall("f-1", "weigh", "{}"),
    )


async def test_google_prompts_that_a_filter_blocked_are_empty_answers(
    transport: Transport, serving: Serving
) -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "m-2026"}
    async with serving(sending([event(blocked)])) as server:
        endpoint = google.GoogleEndpoint(transport, server.url + "/v1", "m", None)
        deltas, reply = await read(endpoint.stream(ask()))
    assert (deltas, reply.text, reply.finish_reason) == ([], "", "content_filter")
    assert reply.refusal == "SAFETY"


async def test_texts_are_not_continued_where_there_are_only_chats(transport: Transport) -> None:
    for endpoint in (
        anthropic.AnthropicEndpoint(transport, "http://127.0.0.1:1", "m", None),
        google.GoogleEndpoint(transport, "http://127.0.0.1:1", "m", None),
    ):
        with pytest.raises(CallFailed, match="has no completions"):
            await read(endpoint.stream(CompletionRequest("x")))
