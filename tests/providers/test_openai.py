"""The protocol `openai`: what is sent, and what is made of what comes back."""

import base64
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import web

from weighbridge.core.outcome import Usage
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Image,
    ImagePart,
    Message,
    TokenLogprob,
    VideoPart,
)
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.openai import (
    OpenAIEndpoint,
    open_endpoint,
    read_chat,
    read_completion,
    read_embeddings,
)
from weighbridge.providers.opening import Opening
from weighbridge.providers.transport import Transport

Serving = Callable[
    [Callable[[web.Request], Awaitable[web.StreamResponse]]], AbstractAsyncContextManager[Any]
]


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.close()


def chat_answer(**message: Any) -> dict[str, Any]:
    return {
        "model": "m-2026",
        "choices": [{"message": {"role": "assistant", **message}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7},
    }


async def answer_hi(_request: web.Request) -> web.Response:
    return web.json_response(chat_answer(content="hi"))


def ask(text: str = "q", **options: Any) -> ChatRequest:
    return ChatRequest((Message("user", text),), **options)


async def test_a_chat_is_sent_and_read(transport: Transport, serving: Serving) -> None:
    async with serving(answer_hi) as server:
        endpoint = OpenAIEndpoint(transport, server.url + "/v1/", "m", "key-1")
        request = ChatRequest(
            (Message("system", "Be brief."), Message("user", "Hello ünïcode")),
            params={"temperature": 0, "max_tokens": 5, "stop": ["x"]},
        )
        reply = await endpoint.chat(request)
    assert (reply.text, reply.finish_reason, reply.model) == ("hi", "stop", "m-2026")
    assert reply.usage == Usage(11, 7, None, 1)
    assert reply.logprobs is None
    assert server.requests[0].path == "/v1/chat/completions"
    assert server.requests[0].headers["Authorization"] == "Bearer key-1"
    assert server.bodies[0] == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello ünïcode"},
        ],
        "temperature": 0,
        "max_tokens": 5,
        "stop": ["x"],
    }


async def test_without_a_key_none_is_sent(transport: Transport, serving: Serving) -> None:
    async with serving(answer_hi) as server:
        await OpenAIEndpoint(transport, server.url, "m", None).chat(ask())
    assert "Authorization" not in server.requests[0].headers


async def test_the_query_of_an_address_is_kept(transport: Transport, serving: Serving) -> None:
    async with serving(answer_hi) as server:
        url = server.url + "/openai?api-version=2026-01-01"
        await OpenAIEndpoint(transport, url, "m", None).chat(ask())
    assert server.requests[0].path_qs == "/openai/chat/completions?api-version=2026-01-01"


async def test_images_are_sent_as_parts_in_order(transport: Transport, serving: Serving) -> None:
    async with serving(answer_hi) as server:
        parts = ("what is this", ImagePart("data:image/png;base64,AA=="), "and this?")
        request = ChatRequest((Message("user", parts),))
        await OpenAIEndpoint(transport, server.url, "m", None).chat(request)
    assert server.bodies[0]["messages"][0]["content"] == [
        {"type": "text", "text": "what is this"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
        {"type": "text", "text": "and this?"},
    ]


async def test_a_schema_is_sent_as_strict_structured_output(
    transport: Transport, serving: Serving
) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    async with serving(answer_hi) as server:
        await OpenAIEndpoint(transport, server.url, "m", None).chat(ask(schema=schema))
    sent = server.bodies[0]["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["strict"] is True
    assert sent["json_schema"]["schema"] == schema


async def test_log_probabilities_are_asked_for_and_read(
    transport: Transport, serving: Serving
) -> None:
    async def handler(_request: web.Request) -> web.Response:
        answer = chat_answer(content="safe")
        answer["choices"][0]["logprobs"] = {
            "content": [
                {
                    "token": "safe",
                    "logprob": -0.1,
                    "top_logprobs": [
                        {"token": "safe", "logprob": -0.1},
                        {"token": "unsafe", "logprob": -2.5},
                    ],
                }
            ]
        }
        return web.json_response(answer)

    async with serving(handler) as server:
        endpoint = OpenAIEndpoint(transport, server.url, "m", None)
        reply = await endpoint.chat(ask(top_logprobs=2))
    assert (server.bodies[0]["logprobs"], server.bodies[0]["top_logprobs"]) == (True, 2)
    assert reply.logprobs == (TokenLogprob("safe", -0.1, (("safe", -0.1), ("unsafe", -2.5))),)


async def test_a_repeat_of_a_seeded_request_has_another_seed(
    transport: Transport, serving: Serving
) -> None:
    async with serving(answer_hi) as server:
        endpoint = OpenAIEndpoint(transport, server.url, "m", None)
        await endpoint.chat(ask(params={"seed": 5}, repeat=0))
        await endpoint.chat(ask(params={"seed": 5}, repeat=2))
        await endpoint.chat(ask(repeat=2))
    assert [body.get("seed") for body in server.bodies] == [5, 7, None]


@pytest.mark.parametrize("params", [{"stream": True}, {"n": 2}, {"best_of": 3}])
async def test_what_would_be_paid_and_not_read_is_refused_unsent(
    transport: Transport, params: dict[str, Any]
) -> None:
    endpoint = OpenAIEndpoint(transport, "http://127.0.0.1:1", "m", None)
    with pytest.raises(CallFailed) as caught:
        await endpoint.chat(ask(params=params))
    assert caught.value.failure.kind == "unsupported"
    assert caught.value.usage.calls == 0
    assert caught.value.retry is False


async def test_a_completion_with_echo_and_log_probabilities(
    transport: Transport, serving: Serving
) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response(
            {
                "choices": [
                    {
                        "text": "The cat",
                        "finish_reason": "length",
                        "logprobs": {
                            "tokens": ["The", " cat"],
                            "token_logprobs": [None, -1.5],
                            "top_logprobs": [None, {" dog": -2.0, " cat": -1.5}],
                        },
                    }
                ],
                "usage": {"prompt_tokens": 2, "completion_tokens": 0},
            }
        )

    async with serving(handler) as server:
        endpoint = OpenAIEndpoint(transport, server.url, "m", None)
        reply = await endpoint.complete(
            CompletionRequest("The cat", {"max_tokens": 0}, logprobs=2, echo=True)
        )
    assert server.requests[0].path == "/completions"
    assert server.bodies[0] == {
        "model": "m",
        "prompt": "The cat",
        "max_tokens": 0,
        "logprobs": 2,
        "echo": True,
    }
    assert reply.text == "The cat"
    assert reply.logprobs == (
        TokenLogprob("The", None, ()),
        TokenLogprob(" cat", -1.5, ((" cat", -1.5), (" dog", -2.0))),
    )


async def test_embeddings_come_in_order_as_floats_or_base64(
    transport: Transport, serving: Serving
) -> None:
    packed = base64.b64encode(struct.pack("<2f", 0.5, -1.0)).decode()

    async def handler(_request: web.Request) -> web.Response:
        rows = [{"index": 1, "embedding": packed}, {"index": 0, "embedding": [1, 2]}]
        return web.json_response({"data": rows, "model": "e", "usage": {"prompt_tokens": 4}})

    async with serving(handler) as server:
        found = await OpenAIEndpoint(transport, server.url, "m", None).embed(["a", "b"])
    assert server.bodies[0] == {"model": "m", "input": ["a", "b"]}
    assert [list(vector) for vector in found.vectors] == [[1.0, 2.0], [0.5, -1.0]]
    assert found.usage == Usage(4, 0, None, 1)


async def test_no_texts_need_no_call(transport: Transport) -> None:
    found = await OpenAIEndpoint(transport, "http://127.0.0.1:1", "m", None).embed([])
    assert list(found.vectors) == []
    assert found.usage.calls == 0


async def test_the_factory_gives_an_endpoint_that_is_not_free(transport: Transport) -> None:
    declared = DeclaredModel(name="m", base_url="http://h/v1")
    opened = await open_endpoint(Opening(declared, "k", transport))
    assert isinstance(opened.provider, OpenAIEndpoint)
    assert not opened.free
    await opened.provider.close()


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": ""}, ""),
        ({"content": None}, ""),
        ({}, ""),
        ({"content": None, "refusal": "I cannot."}, "I cannot."),
        ({"content": "4", "reasoning_content": "2+2"}, "4"),
        ({"content": [{"type": "thinking", "thinking": []}, {"type": "text", "text": "4"}]}, "4"),
        ({"content": None, "tool_calls": [{"id": "x"}]}, ""),
    ],
)
def test_the_text_of_a_reply_is_found(message: dict[str, Any], text: str) -> None:
    assert read_chat(chat_answer(**message)).text == text


@pytest.mark.parametrize("usage", [None, "x", {}, {"prompt_tokens": None, "total_tokens": 4}])
def test_missing_usage_counts_as_one_call_of_unknown_size(usage: object) -> None:
    answer = {**chat_answer(content="x"), "usage": usage}
    assert read_chat(answer).usage == Usage(0, 0, None, 1)


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {},
        {"choices": []},
        {"choices": None},
        {"choices": ["x"]},
        {"choices": [{}]},
        {"choices": [{"message": "x"}]},
        {"choices": [{"message": {"content": 5}}]},
        {"choices": [{"message": {"content": "x"}, "logprobs": {"content": [{"token": "x"}]}}]},
        {"choices": [{"message": {"content": "x"}, "logprobs": {"content": ["x"]}}]},
    ],
)
def test_a_chat_of_another_shape_is_malformed_and_retried(data: object) -> None:
    with pytest.raises(CallFailed) as caught:
        read_chat(data)
    assert (caught.value.failure.kind, caught.value.retry) == ("malformed", True)


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"text": None},
        {"text": "x", "logprobs": {"tokens": ["x"], "token_logprobs": []}},
        {"text": "x", "logprobs": {"tokens": ["x"]}},
    ],
)
def test_a_completion_of_another_shape_is_malformed(choice: dict[str, Any]) -> None:
    with pytest.raises(CallFailed) as caught:
        read_completion({"choices": [choice]})
    assert caught.value.failure.kind == "malformed"


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"data": []},
        {"data": [{"embedding": [1.0]}]},
        {"data": [{"embedding": [1.0]}, {"embedding": [1.0, 2.0]}]},
        {"data": [{"embedding": "@@"}, {"embedding": "@@"}]},
        {"data": [{"embedding": ["x"]}, {"embedding": [1.0]}]},
        {"data": [{}, {}]},
        {"data": ["x", "y"]},
    ],
)
def test_embeddings_of_another_shape_are_malformed(data: object) -> None:
    with pytest.raises(CallFailed) as caught:
        read_embeddings(data, 2)
    assert caught.value.failure.kind == "malformed"


@pytest.mark.parametrize(
    ("error", "kind", "retry"),
    [
        ({"message": "slow down", "code": 429}, "rate_limited", True),
        ({"message": "upstream is gone"}, "server_error", True),
        ("no such model", "server_error", True),
        ({"message": "bad", "code": 400}, "bad_request", False),
    ],
)
def test_an_error_inside_a_200_is_an_error(error: object, kind: str, retry: bool) -> None:
    with pytest.raises(CallFailed) as caught:
        read_chat({"error": error})
    assert (caught.value.failure.kind, caught.value.retry) == (kind, retry)


def test_openai_itself_is_sent_the_newer_name_of_the_longest_reply(transport: Transport) -> None:
    request = ask(params={"max_tokens": 9})
    own = OpenAIEndpoint(transport, "https://api.openai.com/v1", "m", None).chat_body(request)
    other = OpenAIEndpoint(transport, "http://h/v1", "m", None).chat_body(request)
    assert (own.get("max_tokens"), own.get("max_completion_tokens")) == (None, 9)
    assert (other.get("max_tokens"), other.get("max_completion_tokens")) == (9, None)


async def test_videos_are_sent_as_parts(transport: Transport) -> None:
    request = ChatRequest((Message("user", ("what?", VideoPart("https://h/v.mp4"))),))
    body = OpenAIEndpoint(transport, "http://h/v1", "m", None).chat_body(request)
    assert body["messages"][0]["content"][1] == {
        "type": "video_url",
        "video_url": {"url": "https://h/v.mp4"},
    }


@pytest.mark.parametrize(
    ("thinking", "params", "sent"),
    [
        (False, {}, None),
        (True, {}, "medium"),
        ("high", {}, "high"),
        ("high", {"reasoning_effort": "low"}, "low"),
    ],
)
def test_thinking_is_asked_for_by_effort(
    transport: Transport, thinking: Any, params: dict[str, Any], sent: str | None
) -> None:
    endpoint = OpenAIEndpoint(transport, "http://h/v1", "m", None, thinking=thinking)
    assert endpoint.chat_body(ask(params=params)).get("reasoning_effort") == sent


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_thinking_is_kept_apart_from_the_answer(name: str) -> None:
    reply = read_chat(chat_answer(content="4", **{name: "2+2"}))
    assert (reply.text, reply.thinking) == ("4", "2+2")
    assert read_chat(chat_answer(content="4", **{name: None})).thinking is None


def test_images_of_a_reply_are_read_and_addresses_are_not_fetched() -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(8)
    urls = [f"data:image/png;base64,{base64.b64encode(png).decode()}", "http://10.0.0.1/secret"]
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    reply = read_chat(chat_answer(content="here", images=images))
    assert reply.images == (Image(png, "image/png"),)


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation"])
async def test_a_prompt_that_a_filter_refused_is_an_empty_answer(
    transport: Transport, serving: Serving, code: str
) -> None:
    async def handler(_request: web.Request) -> web.Response:
        error = {"message": "The prompt was filtered.", "code": code, "status": 400}
        return web.json_response({"error": error}, status=400)

    async with serving(handler) as server:
        reply = await OpenAIEndpoint(transport, server.url, "m", None).chat(ask())
    assert (reply.text, reply.finish_reason) == ("", "content_filter")
    assert "The prompt was filtered." in (reply.refusal or "")
    assert reply.usage == Usage(0, 0, None, 1)
