"""The protocol `google`: what is its own. What all protocols do alike: `test_conformance.py`."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import web

from weighbridge.core.outcome import Usage
from weighbridge.errors import Invalid
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    Image,
    ImagePart,
    Message,
    TokenLogprob,
    VideoPart,
)
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.google import (
    GoogleEndpoint,
    open_endpoint,
    read_content,
    read_embeddings,
)
from weighbridge.providers.opening import Opening
from weighbridge.providers.thinking import ROOM
from weighbridge.providers.transport import Transport

Serving = Callable[
    [Callable[[web.Request], Awaitable[web.StreamResponse]]], AbstractAsyncContextManager[Any]
]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.close()


def body_of(transport: Transport, request: ChatRequest, model: str = "m", **how: Any) -> Any:
    return GoogleEndpoint(transport, "http://h/v1beta", model, "k", **how).chat_body(request)


def ask(**options: Any) -> ChatRequest:
    return ChatRequest((Message("user", "q"),), **options)


def content(*parts: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"parts": list(parts), "role": "model"}, **fields}],
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 6},
    }


def test_system_and_roles_are_said_in_the_words_of_the_protocol(transport: Transport) -> None:
    request = ChatRequest(
        (
            Message("system", "Be brief."),
            Message("user", "2+2?"),
            Message("assistant", "4"),
            Message("user", "3+3?"),
        )
    )
    assert body_of(transport, request) == {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "2+2?"}]},
            {"role": "model", "parts": [{"text": "4"}]},
            {"role": "user", "parts": [{"text": "3+3?"}]},
        ],
    }


def test_parameters_go_where_the_protocol_has_them(transport: Transport) -> None:
    params = {
        "temperature": 0.5,
        "max_tokens": 9,
        "top_p": 0.9,
        "top_k": 40,
        "stop": "END",
        "presence_penalty": 0.1,
        "responseModalities": ["TEXT", "IMAGE"],
        "generationConfig": {"mediaResolution": "MEDIA_RESOLUTION_LOW"},
        "safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        "n": 1,
        "frequency_penalty": None,
    }
    body = body_of(transport, ask(params=params))
    assert body["generationConfig"] == {
        "temperature": 0.5,
        "maxOutputTokens": 9,
        "topP": 0.9,
        "topK": 40,
        "stopSequences": ["END"],
        "presencePenalty": 0.1,
        "responseModalities": ["TEXT", "IMAGE"],
        "mediaResolution": "MEDIA_RESOLUTION_LOW",
    }
    assert body["safetySettings"] == params["safetySettings"]


@pytest.mark.parametrize("name", ["logprobs", "logit_bias", "response_format"])
def test_a_parameter_that_the_protocol_does_not_have_is_refused_by_name(
    transport: Transport, name: str
) -> None:
    with pytest.raises(CallFailed, match=f"has no '{name}'"):
        body_of(transport, ask(params={name: 1}))


def test_a_schema_is_sent_as_the_apis_own(transport: Transport) -> None:
    config = body_of(transport, ask(schema=SCHEMA))["generationConfig"]
    assert config == {"responseMimeType": "application/json", "responseJsonSchema": SCHEMA}


def test_images_and_videos_go_inline_or_by_address(transport: Transport) -> None:
    parts = (
        "what?",
        ImagePart("data:image/png;base64,AA=="),
        VideoPart("data:video/mp4;base64,BB=="),
        ImagePart("https://h/x.jpg?size=1"),
        VideoPart("https://youtu.be/abc"),
    )
    body = body_of(transport, ChatRequest((Message("user", parts),)))
    assert body["contents"][0]["parts"] == [
        {"text": "what?"},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        {"inlineData": {"mimeType": "video/mp4", "data": "BB=="}},
        {"fileData": {"mimeType": "image/jpeg", "fileUri": "https://h/x.jpg?size=1"}},
        {"fileData": {"fileUri": "https://youtu.be/abc"}},
    ]


def test_a_system_message_holds_only_text(transport: Transport) -> None:
    with pytest.raises(CallFailed, match="only text in a system message"):
        body_of(transport, ChatRequest((Message("system", ("x", ImagePart("https://h/x"))),)))


@pytest.mark.parametrize(
    ("model", "thinking", "asked", "room"),
    [
        ("gemini-2.5-flash", True, {"thinkingBudget": -1}, ROOM),
        ("gemini-3-pro", True, {"thinkingLevel": "HIGH"}, ROOM),
        ("gemini-3-pro", "low", {"thinkingLevel": "LOW"}, ROOM),
        ("gemini-2.5-pro", 4096, {"thinkingBudget": 4096}, 4096),
    ],
)
def test_thinking_is_asked_for_as_the_model_knows_it(
    transport: Transport, model: str, thinking: Any, asked: dict[str, Any], room: int
) -> None:
    request = ask(params={"max_tokens": 10, "temperature": 0})
    config = body_of(transport, request, model, thinking=thinking)["generationConfig"]
    assert config["thinkingConfig"] == {"includeThoughts": True, **asked}
    assert (config["maxOutputTokens"], config["temperature"]) == (10 + room, 0)


def test_what_a_request_says_of_thinking_comes_first(transport: Transport) -> None:
    params = {"thinkingConfig": {"thinkingBudget": 0}, "max_tokens": 10}
    config = body_of(transport, ask(params=params), thinking=True)["generationConfig"]
    assert config == {"thinkingConfig": {"thinkingBudget": 0}, "maxOutputTokens": 10}


def test_thoughts_and_images_are_kept_apart_from_the_answer() -> None:
    image = {"inlineData": {"mimeType": "image/jpeg", "data": base64.b64encode(PNG).decode()}}
    reply = read_content(
        content(
            {"text": "2 and 2…", "thought": True},
            {"text": "It is ", "thoughtSignature": "CpMB"},
            image,
            {"text": "4."},
            {**image, "thought": True},
            {"functionCall": {"name": "f", "args": {}}},
            {"inlineData": {"mimeType": "audio/wav", "data": "AA=="}},
            finishReason="STOP",
        )
    )
    assert (reply.text, reply.thinking) == ("It is 4.", "2 and 2…")
    # What an image is, its bytes say, not the endpoint.
    assert reply.images == (Image(PNG, "image/png"),)


@pytest.mark.parametrize("data", ["@@", "AAAA", None, "PHNjcmlwdD4="])
def test_an_image_that_is_none_is_malformed_and_not_paid_for_again(data: object) -> None:
    with pytest.raises(CallFailed) as caught:
        read_content(content({"inlineData": {"mimeType": "image/png", "data": data}}))
    assert (caught.value.failure.kind, caught.value.retry) == ("malformed", False)


def test_a_prompt_that_was_blocked_is_an_empty_answer() -> None:
    reply = read_content(
        {
            "promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []},
            "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9},
            "modelVersion": "gemini-3-pro",
        }
    )
    assert (reply.text, reply.finish_reason) == ("", "content_filter")
    assert (reply.refusal, reply.model) == ("PROHIBITED_CONTENT", "gemini-3-pro")
    assert reply.usage == Usage(9, 0, None, 1)


def test_an_answer_that_a_filter_stopped_says_why() -> None:
    answer = content(finishReason="SAFETY", finishMessage="Blocked.")
    del answer["candidates"][0]["content"]
    reply = read_content(answer)
    assert (reply.text, reply.finish_reason, reply.refusal) == (
        "",
        "content_filter",
        "SAFETY: Blocked.",
    )


def test_an_answer_of_thoughts_alone_is_empty() -> None:
    answer = content({"text": "hm", "thought": True}, finishReason="MAX_TOKENS")
    assert (read_content(answer).text, read_content(answer).finish_reason) == ("", "length")


def test_log_probabilities_are_asked_for_and_read(transport: Transport) -> None:
    config = body_of(transport, ask(top_logprobs=2))["generationConfig"]
    assert config == {"responseLogprobs": True, "logprobs": 2}
    config = body_of(transport, ask(top_logprobs=0))["generationConfig"]
    assert config == {"responseLogprobs": True}
    yes, no = {"token": "yes", "logProbability": -0.1}, {"token": "no", "logProbability": -2.5}
    result = {"chosenCandidates": [yes, no], "topCandidates": [{"candidates": [yes, no]}]}
    reply = read_content(content({"text": "yesno"}, logprobsResult=result))
    assert reply.logprobs == (
        TokenLogprob("yes", -0.1, (("yes", -0.1), ("no", -2.5))),
        TokenLogprob("no", -2.5, ()),
    )
    with pytest.raises(CallFailed, match="log-probabilities cannot be read"):
        read_content(content({"text": "x"}, logprobsResult={"chosenCandidates": [{"token": "x"}]}))


async def test_embeddings_come_in_order(transport: Transport, serving: Serving) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"embeddings": [{"values": [1, 2]}, {"values": [0.5, -1]}]})

    async with serving(handler) as server:
        endpoint = GoogleEndpoint(transport, server.url + "/v1beta", "gemini-embedding-001", "k")
        found = await endpoint.embed(["a", "b"])
    assert server.requests[0].path == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    assert server.bodies[0]["requests"][1] == {
        "model": "models/gemini-embedding-001",
        "content": {"parts": [{"text": "b"}]},
    }
    assert [list(vector) for vector in found.vectors] == [[1.0, 2.0], [0.5, -1.0]]


@pytest.mark.parametrize(
    "data",
    [
        *(None, {}, {"embeddings": []}, {"embeddings": [{}, {}]}, {"embeddings": ["x", "y"]}),
        {"embeddings": [{"values": [1]}, {"values": [1, 2]}]},
        {"embeddings": [{"values": ["x"]}, {"values": [1]}]},
    ],
)
def test_embeddings_of_another_shape_are_malformed(data: object) -> None:
    with pytest.raises(CallFailed) as caught:
        read_embeddings(data, 2)
    assert caught.value.failure.kind == "malformed"


def error(status: int, word: str, *details: dict[str, Any]) -> dict[str, Any]:
    inner = {"code": status, "message": "said", "status": word, "details": list(details)}
    return {"error": inner}


RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "45.837906927s"}


def quota(quota_id: str) -> dict[str, Any]:
    violation = {"quotaId": quota_id, "quotaValue": "250"}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


@pytest.mark.parametrize("wrapped", [False, True])
async def test_how_long_to_wait_is_read_from_the_body(
    transport: Transport, serving: Serving, wrapped: bool
) -> None:
    body = error(429, "RESOURCE_EXHAUSTED", quota("RequestsPerMinutePerProjectPerModel"), RETRY)

    async def handler(_request: web.Request) -> web.Response:
        return web.json_response([body] if wrapped else body, status=429)

    async with serving(handler) as server:
        with pytest.raises(CallFailed) as caught:
            await GoogleEndpoint(transport, server.url, "m", "k").chat(ask())
    assert (caught.value.failure.kind, caught.value.retry) == ("rate_limited", True)
    assert caught.value.retry_after_s == pytest.approx(45.837906927)
    assert "said" in caught.value.failure.message


@pytest.mark.parametrize(
    ("status", "word", "detail", "kind"),
    [
        (429, "RESOURCE_EXHAUSTED", quota("GenerateRequestsPerDayPerProject"), "rate_limited"),
        (
            400,
            "INVALID_ARGUMENT",
            {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"},
            "unauthorized",
        ),
        (400, "INVALID_ARGUMENT", {"@type": "…BadRequest"}, "bad_request"),
    ],
)
async def test_what_no_waiting_mends_is_not_tried_again(
    transport: Transport,
    serving: Serving,
    status: int,
    word: str,
    detail: dict[str, Any],
    kind: str,
) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response(error(status, word, detail, RETRY), status=status)

    async with serving(handler) as server:
        with pytest.raises(CallFailed) as caught:
            await GoogleEndpoint(transport, server.url, "m", "k").chat(ask())
    assert (caught.value.failure.kind, caught.value.retry) == (kind, False)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-3-pro", "/v1beta/models/gemini-3-pro:generateContent"),
        ("models/gemini-3-pro", "/v1beta/models/gemini-3-pro:generateContent"),
        ("tunedModels/my-tune", "/v1beta/tunedModels/my-tune:generateContent"),
    ],
)
async def test_the_name_of_a_model_becomes_its_address(
    transport: Transport, serving: Serving, model: str, path: str
) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response(content({"text": "x"}))

    declared = DeclaredModel(name="m", protocol="google", base_url="http://h", model=model)
    async with serving(handler) as server:
        moved = declared.model_copy(update={"base_url": server.url + "/v1beta"})
        opened = await open_endpoint(Opening(moved, "k", transport))
        await opened.provider.chat(ask())
    assert server.requests[0].path == path


@pytest.mark.parametrize("model", ["../../admin", "a/../b", "a?b", "a b", "a#b", "/a", "a//b"])
async def test_a_name_that_would_lead_elsewhere_is_refused(
    transport: Transport, model: str
) -> None:
    declared = DeclaredModel(name="m", protocol="google", base_url="http://h/v1", model=model)
    with pytest.raises(Invalid, match="no name of a model"):
        await open_endpoint(Opening(declared, "k", transport))
