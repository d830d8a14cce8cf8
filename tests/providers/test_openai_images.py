"""The protocol `openai-images`: what is sent, and what is made of what comes back."""

import base64
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
)
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.openai_images import ImagesEndpoint, open_endpoint, read_images
from weighbridge.providers.opening import Opening
from weighbridge.providers.transport import Transport
from weighbridge.providers.wire import media_type_of

Serving = Callable[
    [Callable[[web.Request], Awaitable[web.StreamResponse]]], AbstractAsyncContextManager[Any]
]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)
ENCODED = base64.b64encode(PNG).decode()
CAT = ChatRequest((Message("system", "In oil."), Message("user", "A cat.")))


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.close()


async def test_a_prompt_is_drawn(transport: Transport, serving: Serving) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response(
            {
                "created": 1763800000,
                "data": [{"b64_json": ENCODED}],
                "output_format": "png",
                "quality": "low",
                "size": "1024x1024",
                "usage": {
                    "input_tokens": 13,
                    "input_tokens_details": {"image_tokens": 0, "text_tokens": 13},
                    "output_tokens": 272,
                    "total_tokens": 285,
                },
            }
        )

    async with serving(handler) as server:
        endpoint = ImagesEndpoint(transport, server.url + "/v1", "gpt-image-2", "key-1")
        reply = await endpoint.chat(
            ChatRequest(CAT.messages, params={"size": "1024x1024", "quality": "low", "n": 1})
        )
    assert server.requests[0].path == "/v1/images/generations"
    assert server.requests[0].headers["Authorization"] == "Bearer key-1"
    assert server.bodies[0] == {
        "model": "gpt-image-2",
        "prompt": "In oil.\n\nA cat.",
        "size": "1024x1024",
        "quality": "low",
        "n": 1,
    }
    assert reply.images == (Image(PNG, "image/png"),)
    assert (reply.text, reply.finish_reason) == ("", "stop")
    assert reply.usage == Usage(13, 272, None, 1)


@pytest.mark.parametrize(
    ("base_url", "model", "params", "asked"),
    [
        ("https://api.openai.com/v1", "some-image-model", {}, None),
        ("https://gateway.test/v1", "gpt-image-2", {}, None),
        ("http://127.0.0.1:9/v1", "flux", {}, "b64_json"),
        ("http://127.0.0.1:9/v1", "flux", {"response_format": None}, None),
    ],
)
def test_base64_is_asked_for_where_it_may_be(
    transport: Transport, base_url: str, model: str, params: dict[str, Any], asked: str | None
) -> None:
    endpoint = ImagesEndpoint(transport, base_url, model, None)
    body = endpoint.chat_body(ChatRequest(CAT.messages, params=params))
    assert body.get("response_format") == asked


async def test_an_address_is_never_fetched(transport: Transport, serving: Serving) -> None:
    async def handler(request: web.Request) -> web.Response:
        url = f"http://{request.host}/secret.png"
        return web.json_response({"created": 1, "data": [{"url": url}]})

    async with serving(handler) as server:
        with pytest.raises(CallFailed, match="never fetched") as caught:
            await ImagesEndpoint(transport, server.url, "flux", None).chat(CAT)
    assert len(server.requests) == 1
    assert (caught.value.failure.kind, caught.value.retry) == ("unsupported", False)
    assert caught.value.usage.calls == 1


def test_an_image_inside_the_address_is_read_and_so_is_the_rewritten_prompt() -> None:
    row = {"url": f"data:image/png;base64,{ENCODED}", "revised_prompt": "A cat, in oil."}
    reply = read_images({"data": [row]})
    assert reply.images == (Image(PNG, "image/png"),)
    assert reply.text == "A cat, in oil."
    assert reply.usage == Usage(0, 0, None, 1)


async def test_a_prompt_that_a_filter_refused_is_an_answer_without_an_image(
    transport: Transport, serving: Serving
) -> None:
    async def handler(_request: web.Request) -> web.Response:
        error = {
            "message": "Your request was rejected by the safety system.",
            "type": "image_generation_user_error",
            "param": None,
            "code": "moderation_blocked",
        }
        return web.json_response({"error": error}, status=400)

    async with serving(handler) as server:
        reply = await ImagesEndpoint(transport, server.url, "gpt-image-2", None).chat(CAT)
    assert (reply.images, reply.finish_reason) == ((), "content_filter")
    assert "safety system" in (reply.refusal or "")


@pytest.mark.parametrize(
    ("data", "retry"),
    [
        *((None, True), ({}, True), ({"data": []}, True), ({"data": ["x"]}, True)),
        *(({"data": [{}]}, True), ({"data": [{"url": 5}]}, True)),
        *(({"data": [{"b64_json": "@@"}]}, False), ({"data": [{"b64_json": 5}]}, False)),
        ({"data": [{"b64_json": base64.b64encode(b"<html>").decode()}]}, False),
    ],
)
def test_an_answer_of_another_shape_is_malformed(data: object, retry: bool) -> None:
    with pytest.raises(CallFailed) as caught:
        read_images(data)
    assert (caught.value.failure.kind, caught.value.retry) == ("malformed", retry)


def test_an_error_inside_a_200_is_an_error() -> None:
    with pytest.raises(CallFailed) as caught:
        read_images({"error": {"message": "busy", "code": 503}})
    assert caught.value.failure.kind == "server_error"


@pytest.mark.parametrize(
    "request_",
    [
        ChatRequest((Message("user", ("x", ImagePart("https://h/x.png"))),)),
        ChatRequest(CAT.messages, params={"n": 2}),
        ChatRequest(CAT.messages, params={"stream": True}),
        ChatRequest(CAT.messages, schema={"type": "object"}),
        ChatRequest(CAT.messages, top_logprobs=1),
    ],
)
async def test_what_it_cannot_do_is_refused_unsent(
    transport: Transport, request_: ChatRequest
) -> None:
    with pytest.raises(CallFailed) as caught:
        await ImagesEndpoint(transport, "http://127.0.0.1:1", "m", None).chat(request_)
    assert (caught.value.failure.kind, caught.value.usage.calls) == ("unsupported", 0)


async def test_it_only_draws(transport: Transport) -> None:
    declared = DeclaredModel(name="m", protocol="openai-images", base_url="http://127.0.0.1:1")
    opened = await open_endpoint(Opening(declared, "k", transport))
    for call in (opened.provider.complete(CompletionRequest("x")), opened.provider.embed(["x"])):
        with pytest.raises(CallFailed, match="has no"):
            await call
    await opened.provider.close()


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "image/jpeg"),
        (b"GIF89a\x01\x00", "image/gif"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<svg/>", "image/svg+xml"),
        (b"<?xml version='1.0'?><html/>", None),
        (b"<html><svg/></html>", None),
        (b"RIFF\x24\x00\x00\x00WAVE", None),
        (b"", None),
    ],
)
def test_what_an_image_is_its_first_bytes_say(data: bytes, media_type: str | None) -> None:
    assert media_type_of(data) == media_type
