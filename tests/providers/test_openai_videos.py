"""The protocol `openai-videos`: what is sent, how long it is waited for, and what comes back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from aiohttp import web

from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    ImagePart,
    Message,
    Video,
)
from weighbridge.providers.openai_videos import VideosEndpoint
from weighbridge.providers.transport import Transport

Serving = Callable[
    [Callable[[web.Request], Awaitable[web.StreamResponse]]], AbstractAsyncContextManager[Any]
]
MP4 = b"\0\0\0\x18ftypmp42" + bytes(8)
CAT = ChatRequest((Message("system", "In black and white."), Message("user", "A cat.")))


class Studio:
    """An endpoint: a job goes through some states, and its film may be looked at."""

    def __init__(self, *states: dict[str, Any], film: bytes = MP4) -> None:
        self.states = list(states)
        self.film = film
        self.broken_looks = 0

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.method == "GET" and self.broken_looks:
            self.broken_looks -= 1
            return web.Response(status=503)
        if request.path.endswith("/content"):
            return web.Response(body=self.film)
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return web.json_response({"id": "video_1", "object": "video", "model": "sora-2", **state})


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.close()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def endpoint_at(transport: Transport, waits: list[float]) -> Callable[[str], VideosEndpoint]:
    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    return lambda url: VideosEndpoint(transport, url + "/v1", "sora-2", "key-1", sleep)


async def test_a_film_is_begun_waited_for_and_fetched(
    serving: Serving, endpoint_at: Callable[[str], VideosEndpoint], waits: list[float]
) -> None:
    states = ("queued", "in_progress", "in_progress", "completed")
    async with serving(Studio(*({"status": state} for state in states))) as server:
        asked = ChatRequest(CAT.messages, params={"seconds": "4"})
        reply = await endpoint_at(server.url).chat(asked)
    assert reply.videos == (Video(MP4, "video/mp4"),)
    assert (reply.model, reply.usage.calls) == ("sora-2", 1)
    assert server.bodies[0] == {
        "model": "sora-2",
        "prompt": "In black and white.\n\nA cat.",
        "seconds": "4",
    }
    assert [f"{request.method} {request.path}" for request in server.requests] == [
        "POST /v1/videos",
        *["GET /v1/videos/video_1"] * 3,
        "GET /v1/videos/video_1/content",
    ]
    assert all(it.headers["Authorization"] == "Bearer key-1" for it in server.requests)
    assert waits == [2.0, 2.0, 2.0]


async def test_looks_that_fail_begin_no_second_film(
    serving: Serving, endpoint_at: Callable[[str], VideosEndpoint]
) -> None:
    studio = Studio({"status": "queued"}, {"status": "completed"})
    studio.broken_looks = 3
    async with serving(studio) as server:
        assert (await endpoint_at(server.url).chat(CAT)).videos
    assert [request.method for request in server.requests].count("POST") == 1


async def test_an_endpoint_that_cannot_be_looked_at_fails_and_is_not_asked_again(
    serving: Serving, endpoint_at: Callable[[str], VideosEndpoint]
) -> None:
    studio = Studio({"status": "queued"})
    studio.broken_looks = 100
    async with serving(studio) as server:
        with pytest.raises(CallFailed) as caught:
            await endpoint_at(server.url).chat(CAT)
    assert caught.value.retry is False
    assert len(server.requests) == 6


async def test_a_film_that_could_not_be_made_is_a_failed_call(
    serving: Serving, endpoint_at: Callable[[str], VideosEndpoint]
) -> None:
    error = {"code": "internal_error", "message": "the studio burnt down"}
    async with serving(Studio({"status": "failed", "error": error})) as server:
        with pytest.raises(CallFailed) as caught:
            await endpoint_at(server.url).chat(CAT)
    assert caught.value.failure.kind == "server_error"
    assert "burnt down" in caught.value.failure.message


async def test_what_a_filter_stops_is_an_answer(
    serving: Serving, endpoint_at: Callable[[str], VideosEndpoint]
) -> None:
    error = {"code": "moderation_blocked", "message": "not this"}
    async with serving(Studio({"status": "failed", "error": error})) as server:
        reply = await endpoint_at(server.url).chat(CAT)
    assert (reply.text, reply.finish_reason, reply.refusal) == ("", "content_filter", "not this")


@pytest.mark.parametrize("film", [b"", b"<html>no</html>"])
async def test_bytes_that_are_no_film_are_a_failed_call(
    serving: Serving, endpoint_at: Callable[[str], VideosEndpoint], film: bytes
) -> None:
    async with serving(Studio({"status": "completed"}, film=film)) as server:
        with pytest.raises(CallFailed) as caught:
            await endpoint_at(server.url).chat(CAT)
    assert (caught.value.failure.kind, caught.value.retry) == ("malformed", False)


@pytest.mark.parametrize("answer", [{"id": 7}, {"error": {"message": "no"}}])
async def test_an_answer_that_is_no_job_is_malformed_or_the_error_it_is(
    serving: Serving, endpoint_at: Callable[[str], VideosEndpoint], answer: dict[str, Any]
) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response(answer)

    async with serving(handler) as server:
        with pytest.raises(CallFailed):
            await endpoint_at(server.url).chat(CAT)


@pytest.mark.parametrize(
    "request_",
    [
        ChatRequest(CAT.messages, schema={"type": "object"}),
        ChatRequest((Message("user", (ImagePart("https://h/a.png"),)),)),
        ChatRequest(CAT.messages, params={"stream": True}),
    ],
)
async def test_what_it_cannot_be_asked_is_refused_before_the_call(
    endpoint_at: Callable[[str], VideosEndpoint], request_: ChatRequest
) -> None:
    with pytest.raises(CallFailed) as caught:
        endpoint_at("http://127.0.0.1:9").chat_body(request_)
    assert caught.value.failure.kind == "unsupported"


async def test_it_only_films(endpoint_at: Callable[[str], VideosEndpoint]) -> None:
    endpoint = endpoint_at("http://127.0.0.1:9")
    for asked in (endpoint.complete(CompletionRequest("x")), endpoint.embed(["x"])):
        with pytest.raises(CallFailed) as caught:
            await asked
        assert caught.value.failure.kind == "unsupported"
    await endpoint.close()
