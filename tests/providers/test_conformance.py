"""What every protocol over HTTP must do alike: one table of protocols, one list of stories.

The answers are written after the vendors' published documentation of their wire formats.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
import pytest
from aiohttp import web

from weighbridge.core.outcome import Usage
from weighbridge.providers import anthropic, google, openai
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Embeddings,
    ImagePart,
    Message,
    Reply,
)
from weighbridge.providers.transport import Transport

Serving = Callable[
    [Callable[[web.Request], Awaitable[web.StreamResponse]]], AbstractAsyncContextManager[Any]
]
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+M8AAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)
SCHEMA = {
    "type": "object",
    "properties": {"verdict": {"type": "string"}},
    "required": ["verdict"],
    "additionalProperties": False,
}


class Endpoint(Protocol):
    """What the protocols' classes have in common."""

    def chat_body(self, request: ChatRequest) -> dict[str, Any]: ...
    async def chat(self, request: ChatRequest) -> Reply: ...
    async def complete(self, request: CompletionRequest) -> Reply: ...
    async def embed(self, texts: list[str]) -> Embeddings: ...


@dataclass(frozen=True)
class Spoken:
    """One protocol, as this suite knows it."""

    name: str
    open: Callable[..., Endpoint]
    path: str
    key_header: str
    key_value: str
    answer: Callable[[str, str], dict[str, Any]]
    """A published answer with a text and the protocol's word for why it ended."""
    ends: dict[str, str]
    """Its words, and ours."""
    error: Callable[[int, str, str], dict[str, Any]]
    """A published error with a status, the protocol's word and a message."""
    error_words: dict[int, str]
    has_seed: bool = True


def openai_answer(text: str, reason: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-BxY2",
        "object": "chat.completion",
        "created": 1763800000,
        "model": "m-2026",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": reason,
            }
        ],
        "usage": {
            "prompt_tokens": 11,
            "completion_tokens": 7,
            "total_tokens": 18,
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
        "service_tier": "default",
    }


def anthropic_answer(text: str, reason: str) -> dict[str, Any]:
    return {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": "m-2026",
        "content": [{"type": "text", "text": text}],
        "stop_reason": reason,
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 4,
            "cache_creation_input_tokens": 2,
            "cache_read_input_tokens": 5,
            "output_tokens": 7,
            "service_tier": "standard",
        },
    }


def google_answer(text: str, reason: str) -> dict[str, Any]:
    return {
        "candidates": [
            {
                "content": {"parts": [{"text": text}], "role": "model"},
                "finishReason": reason,
                "index": 0,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 11,
            "candidatesTokenCount": 3,
            "thoughtsTokenCount": 4,
            "totalTokenCount": 18,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 11}],
        },
        "modelVersion": "m-2026",
        "responseId": "yX0paY",
    }


PROTOCOLS = [
    Spoken(
        name="openai",
        open=openai.OpenAIEndpoint,
        path="/v1/chat/completions",
        key_header="Authorization",
        key_value="Bearer key-1",
        answer=openai_answer,
        ends={"stop": "stop", "length": "length", "content_filter": "content_filter"},
        error=lambda status, word, said: {
            "error": {"message": said, "type": word, "param": None, "code": None}
        },
        error_words={401: "invalid_request_error", 429: "rate_limit_exceeded", 400: "invalid"},
    ),
    Spoken(
        name="anthropic",
        open=anthropic.AnthropicEndpoint,
        path="/v1/messages",
        key_header="x-api-key",
        key_value="key-1",
        answer=anthropic_answer,
        ends={
            "end_turn": "stop",
            "stop_sequence": "stop",
            "max_tokens": "length",
            "model_context_window_exceeded": "length",
            "refusal": "content_filter",
            "pause_turn": "pause_turn",
        },
        error=lambda status, word, said: {
            "type": "error",
            "error": {"type": word, "message": said},
            "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy",
        },
        error_words={status: word for word, status in anthropic.STATUS_OF.items()},
        has_seed=False,
    ),
    Spoken(
        name="google",
        open=google.GoogleEndpoint,
        path="/v1/models/m:generateContent",
        key_header="x-goog-api-key",
        key_value="key-1",
        answer=google_answer,
        ends={
            "STOP": "stop",
            "MAX_TOKENS": "length",
            "SAFETY": "content_filter",
            "RECITATION": "content_filter",
            "PROHIBITED_CONTENT": "content_filter",
            "OTHER": "other",
        },
        error=lambda status, word, said: {
            "error": {"code": status, "message": said, "status": word}
        },
        error_words={429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE", 404: "NOT_FOUND"},
    ),
]


@pytest.fixture(params=PROTOCOLS, ids=lambda spoken: spoken.name)
def spoken(request: pytest.FixtureRequest) -> Spoken:
    found: Spoken = request.param
    return found


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.close()


def usual_end(spoken: Spoken) -> str:
    return next(iter(spoken.ends))


def ask(text: str = "q", **options: Any) -> ChatRequest:
    return ChatRequest((Message("user", text),), **options)


async def fail(
    spoken: Spoken,
    transport: Transport,
    serving: Serving,
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]],
) -> CallFailed:
    async with serving(answer) as server:
        endpoint = spoken.open(transport, server.url + "/v1", "m", "key-1")
        with pytest.raises(CallFailed) as caught:
            await endpoint.chat(ask())
    return caught.value


def answering(status: int, body: bytes, **headers: str) -> Any:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(
            status=status, body=body, headers={"Content-Type": "application/json", **headers}
        )

    return answer


async def test_a_chat_is_sent_and_read(
    spoken: Spoken, transport: Transport, serving: Serving
) -> None:
    answer = orjson.dumps(spoken.answer("hi", usual_end(spoken)))
    async with serving(answering(200, answer)) as server:
        endpoint = spoken.open(transport, server.url + "/v1/", "m", "key-1")
        reply = await endpoint.chat(ask("Hello ünïcode"))
    assert (reply.text, reply.finish_reason, reply.model) == ("hi", "stop", "m-2026")
    assert reply.usage == Usage(11, 7, None, 1)
    assert (reply.thinking, reply.images, reply.refusal) == (None, (), None)
    assert server.requests[0].method == "POST"
    assert server.requests[0].path == spoken.path
    assert server.requests[0].headers[spoken.key_header] == spoken.key_value
    assert "Hello ünïcode" in orjson.dumps(server.bodies[0]).decode()


async def test_without_a_key_none_is_sent(
    spoken: Spoken, transport: Transport, serving: Serving
) -> None:
    answer = orjson.dumps(spoken.answer("hi", usual_end(spoken)))
    async with serving(answering(200, answer)) as server:
        await spoken.open(transport, server.url + "/v1", "m", None).chat(ask())
    assert spoken.key_header not in server.requests[0].headers


async def test_every_reason_to_end_is_told_in_our_words(
    spoken: Spoken, transport: Transport, serving: Serving
) -> None:
    for theirs, ours in spoken.ends.items():
        answer = orjson.dumps(spoken.answer("x", theirs))
        async with serving(answering(200, answer)) as server:
            reply = await spoken.open(transport, server.url + "/v1", "m", None).chat(ask())
        assert (reply.finish_reason, reply.text) == (ours, "x"), theirs


async def test_a_schema_and_an_image_are_part_of_what_is_sent(
    spoken: Spoken, transport: Transport
) -> None:
    endpoint = spoken.open(transport, "http://127.0.0.1:1/v1", "m", None)
    message = Message("user", ("what?", ImagePart(f"data:image/png;base64,{PIXEL}")))
    sent = orjson.dumps(endpoint.chat_body(ChatRequest((message,), schema=SCHEMA)))
    assert orjson.dumps(SCHEMA) in sent
    assert PIXEL.encode() in sent


@pytest.mark.parametrize("params", [{"stream": True}, {"n": 2}])
async def test_what_would_be_paid_and_not_read_is_refused_unsent(
    spoken: Spoken, transport: Transport, params: dict[str, Any]
) -> None:
    endpoint = spoken.open(transport, "http://127.0.0.1:1/v1", "m", None)
    with pytest.raises(CallFailed) as caught:
        await endpoint.chat(ask(params=params))
    assert caught.value.failure.kind == "unsupported"
    assert (caught.value.usage.calls, caught.value.retry) == (0, False)


async def test_a_seed_differs_by_repeat_or_is_refused(spoken: Spoken, transport: Transport) -> None:
    endpoint = spoken.open(transport, "http://127.0.0.1:1/v1", "m", None)
    if not spoken.has_seed:
        with pytest.raises(CallFailed, match="has no 'seed'"):
            endpoint.chat_body(ask(params={"seed": 5}))
        return
    for repeat, seed in ((0, b'"seed":5'), (2, b'"seed":7')):
        body = endpoint.chat_body(ask(params={"seed": 5}, repeat=repeat))
        assert seed in orjson.dumps(body)


@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (400, "bad_request", False),
        (401, "unauthorized", False),
        (402, "unauthorized", False),
        (403, "unauthorized", False),
        (404, "not_found", False),
        (413, "bad_request", False),
        (422, "bad_request", False),
        (408, "timeout", True),
        (409, "server_error", True),
        (429, "rate_limited", True),
        (500, "server_error", True),
        (503, "server_error", True),
        (504, "server_error", True),
        (529, "server_error", True),
    ],
)
async def test_an_error_has_its_kind_the_endpoints_words_and_no_key(
    spoken: Spoken, transport: Transport, serving: Serving, status: int, kind: str, retry: bool
) -> None:
    word = spoken.error_words.get(status, "some_error")
    body = orjson.dumps(spoken.error(status, word, "no luck with key-1 today"))
    failed = await fail(spoken, transport, serving, answering(status, body))
    assert (failed.failure.kind, failed.retry, failed.failure.status) == (kind, retry, status)
    assert "no luck with [key] today" in failed.failure.message
    assert failed.usage.calls == 1


async def test_retry_after_is_read_from_the_header(
    spoken: Spoken, transport: Transport, serving: Serving
) -> None:
    body = orjson.dumps(spoken.error(429, spoken.error_words[429], "slow down"))
    failed = await fail(spoken, transport, serving, answering(429, body, **{"Retry-After": "7"}))
    assert failed.retry_after_s == 7.0


async def test_a_prompt_that_is_too_long_is_told_from_other_bad_requests(
    spoken: Spoken, transport: Transport, serving: Serving
) -> None:
    said = {
        "openai": "This model's maximum context length is 8192 tokens",
        "anthropic": "prompt is too long: 208310 tokens > 200000 maximum",
        "google": "The input token count (2097153) exceeds the maximum number of tokens allowed",
    }[spoken.name]
    body = orjson.dumps(spoken.error(400, "invalid_request_error", said))
    failed = await fail(spoken, transport, serving, answering(400, body))
    assert (failed.failure.kind, failed.retry) == ("context_length", False)


@pytest.mark.parametrize("status", [200, 502])
async def test_a_page_of_html_is_not_taken_for_an_answer(
    spoken: Spoken, transport: Transport, serving: Serving, status: int
) -> None:
    page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
    failed = await fail(
        spoken, transport, serving, answering(status, page, **{"Content-Type": "text/html"})
    )
    kind = "malformed" if status == 200 else "server_error"
    assert (failed.failure.kind, failed.retry) == (kind, True)


async def test_json_that_is_cut_off_is_malformed_and_retried(
    spoken: Spoken, transport: Transport, serving: Serving
) -> None:
    whole = orjson.dumps(spoken.answer("a long answer", usual_end(spoken)))
    for end in range(0, len(whole), 37):
        failed = await fail(spoken, transport, serving, answering(200, whole[:end]))
        assert (failed.failure.kind, failed.retry) == ("malformed", True), end


@pytest.mark.parametrize(
    "body",
    [
        *(b"null", b"[]", b'"text"', b"5", b"{}", b'{"choices":[]}', b'{"content":"x"}'),
        *(b'{"candidates":[]}', b'{"candidates":["x"]}', b'{"content":["x"]}'),
        b'{"content":[{"type":"text"}]}',
        b'{"candidates":[{"content":{"parts":["x"]}}]}',
        b'{"choices":[{"message":{"content":5}}]}',
    ],
)
async def test_an_answer_of_another_shape_is_malformed(
    spoken: Spoken, transport: Transport, serving: Serving, body: bytes
) -> None:
    failed = await fail(spoken, transport, serving, answering(200, body))
    assert failed.failure.kind == "malformed"


async def test_an_error_inside_a_200_is_an_error(
    spoken: Spoken, transport: Transport, serving: Serving
) -> None:
    body = orjson.dumps(spoken.error(429, spoken.error_words[429], "slow down"))
    failed = await fail(spoken, transport, serving, answering(200, body))
    assert failed.retry is True
    assert failed.failure.kind == ("server_error" if spoken.name == "openai" else "rate_limited")


async def test_missing_usage_counts_as_one_call_of_unknown_size(
    spoken: Spoken, transport: Transport, serving: Serving
) -> None:
    answer = spoken.answer("x", usual_end(spoken))
    for name in ("usage", "usageMetadata"):
        answer.pop(name, None)
    async with serving(answering(200, orjson.dumps(answer))) as server:
        reply = await spoken.open(transport, server.url + "/v1", "m", None).chat(ask())
    assert reply.usage == Usage(0, 0, None, 1)


async def test_no_texts_need_no_call_or_there_are_no_embeddings(
    spoken: Spoken, transport: Transport
) -> None:
    endpoint = spoken.open(transport, "http://127.0.0.1:1/v1", "m", None)
    if spoken.name == "anthropic":
        with pytest.raises(CallFailed, match="no embeddings"):
            await endpoint.embed(["a"])
        return
    assert list((await endpoint.embed([])).vectors) == []


async def test_completions_are_asked_for_or_refused_unsent(
    spoken: Spoken, transport: Transport
) -> None:
    if spoken.name == "openai":
        return
    with pytest.raises(CallFailed) as caught:
        await spoken.open(transport, "http://127.0.0.1:1/v1", "m", None).complete(
            CompletionRequest("x")
        )
    assert (caught.value.failure.kind, caught.value.usage.calls) == ("unsupported", 0)
