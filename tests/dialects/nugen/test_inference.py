"""Inference by the Nugen dialect: a declared model is asked once, whole or streamed."""

import asyncio
import base64
import re
import struct
from typing import Any

import httpx2
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from support.listening import calling
from weighbridge.app import build_app
from weighbridge.core.caller import Role
from weighbridge.dialects import openai_like
from weighbridge.wiring import Services

SAY = {"role": "user", "content": "say hello there"}
MODELS = r"""
[[models]]
name = "parrot"
protocol = "scripted"
aliases = ["bird"]
replies = [
  {contains = "sure", reply = "A", first_token = {A = 0.75, B = 0.25}},
  {contains = "slowly", reply = "one two three four", latency_ms = 600},
  {contains = "long", error = {kind = "context_length", message = "too long"}},
  {contains = "broken", error = {kind = "internal", message = "what is that"}},
  {contains = "refused", error = {status = 400, message = "not like this"}},
  {match = "(?s)say (.*)", reply = "{1}", usage = {input_tokens = 7, output_tokens = 2}},
]

[[models]]
name = "busy"
protocol = "scripted"
replies = [{error = {status = 429, retry_after_s = 500}}]

[[models]]
name = "late"
protocol = "scripted"
replies = [{reply = "at last", latency_ms = 60000}]

[[models]]
name = "blind"
protocol = "scripted"
replies = ["yes"]
input = ["text"]
output = ["text"]

[[models]]
name = "claude"
protocol = "anthropic"
base_url = "http://127.0.0.1:9/v1"
thinking = "high"
"""


@pytest.fixture
def models() -> str:
    return MODELS


async def chat(client: httpx2.AsyncClient, *messages: Any, **fields: Any) -> httpx2.Response:
    body = {"model": "parrot", "messages": messages or (SAY,), **fields}
    return await client.post("/inference/chat/completions", json=body)


def saying(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def events_of(answer: httpx2.Response) -> list[Any]:
    assert answer.headers["content-type"].startswith("text/event-stream")
    *lines, last = [line for line in answer.text.split("\n\n") if line]
    assert last == "data: [DONE]"
    return [orjson.loads(line.removeprefix("data: ")) for line in lines]


def refused(answer: httpx2.Response, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"detail"}
    for word in words:
        assert word in str(body["detail"]), body


async def test_a_chat_is_answered_in_the_shape_of_openai(client: httpx2.AsyncClient) -> None:
    for path in ("/inference/chat/completions", "/inference/chat/completions/"):
        answer = await client.post(path, json={"model": "bird", "messages": [SAY]})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["object"], body["model"]) == ("chat.completion", "parrot")
        assert body["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
        [choice] = body["choices"]
        assert choice == {
            "index": 0,
            "message": {"role": "assistant", "content": "hello there", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
            "confidence_score": None,
        }


async def test_the_confidence_is_the_mean_probability_of_the_tokens(
    client: httpx2.AsyncClient,
) -> None:
    fields = {"logprobs": True, "top_logprobs": 2}
    [choice] = (await chat(client, saying("sure"), **fields)).json()["choices"]
    assert choice["confidence_score"] == pytest.approx(0.75)
    assert [it["token"] for it in choice["logprobs"]["content"][0]["top_logprobs"]] == ["A", "B"]
    *chunks, _ = events_of(await chat(client, saying("sure"), stream=True, **fields))
    found = [chunk["choices"][0]["confidence_score"] for chunk in chunks]
    assert found == [None, pytest.approx(0.75)]


async def test_a_stream_says_the_same_piece_by_piece(client: httpx2.AsyncClient) -> None:
    *chunks, last = events_of(await chat(client, stream=True))
    choices = [chunk["choices"][0] for chunk in chunks]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": "hello"},
        {"content": " there"},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None, None, "stop"]
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 9)


async def test_a_stream_begins_before_the_model_has_finished(
    services: Services, client: httpx2.AsyncClient
) -> None:
    body = {"model": "parrot", "stream": True, "messages": [saying("slowly")]}
    model = await services.models.get("parrot")
    headers = {"Authorization": client.headers["Authorization"]}
    path = "/api/v3/inference/chat/completions"
    async with calling(build_app(services), path, body, headers) as call:
        events = call.events()
        assert (await anext(events))["choices"][0]["delta"]["content"] == "one"
        assert model.load.in_flight == 1
        assert [event async for event in events][-1] == "[DONE]"
    async with calling(build_app(services), path, body, headers) as call:
        await anext(call.events())
        assert model.load.in_flight == 1
    assert model.load.in_flight == 0, "it had hung up after the first word"


async def test_a_text_is_continued(client: httpx2.AsyncClient) -> None:
    wanted = {"model": "parrot", "prompt": ["say on"], "max_tokens": 5}
    body = (await client.post("/inference/completions", json=wanted)).json()
    assert (body["object"], body["choices"][0]["text"]) == ("text_completion", "on")
    assert body["choices"][0]["confidence_score"] is None
    answer = await client.post("/inference/completions", json={**wanted, "stream": True})
    *chunks, last = events_of(answer)
    assert [chunk["choices"][0]["text"] for chunk in chunks] == ["on", ""]
    assert last["usage"]["total_tokens"] == 9


async def test_texts_become_vectors(client: httpx2.AsyncClient) -> None:
    wanted = {"model": "parrot", "input": ["a", "b", "a"]}
    body = (await client.post("/inference/embeddings", json=wanted)).json()
    first, second, third = (row["embedding"] for row in body["data"])
    assert first == third != second
    assert (body["object"], body["model"]) == ("list", "parrot")
    assert body["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    wanted = {"model": "parrot", "input": "a", "encoding_format": "base64"}
    [row] = (await client.post("/inference/embeddings", json=wanted)).json()["data"]
    data = base64.b64decode(row["embedding"])
    assert struct.unpack(f"<{len(first)}f", data) == pytest.approx(first)


PATHS = {
    "/inference/chat/completions": {"messages": [SAY]},
    "/inference/completions": {"prompt": "say it"},
    "/inference/embeddings": {"input": "a"},
}


@pytest.mark.parametrize("path", PATHS)
async def test_an_unknown_model_is_not_found_and_the_names_are_told(
    client: httpx2.AsyncClient, path: str
) -> None:
    answer = await client.post(path, json={"model": "parott", **PATHS[path]})
    refused(answer, 404, "parott", "parrot")


@pytest.mark.parametrize("path", PATHS)
async def test_only_who_may_spend_may_ask(
    services: Services, client: httpx2.AsyncClient, path: str
) -> None:
    body = {"model": "parrot", **PATHS[path]}
    refused(await client.post(path, json=body, headers={"Authorization": "Bearer wb_no"}), 401)
    caller = await services.keys.operator()
    _, secret = await services.keys.create(caller, name="reader", role=Role.READER)
    headers = {"Authorization": f"Bearer {secret}"}
    refused(await client.post(path, json=body, headers=headers), 403, "reader")


@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_is_none_is_refused(client: httpx2.AsyncClient, path: str) -> None:
    for body, status in ((b"", 400), (b"{", 400), (b"[]", 422), (b"{}", 422)):
        headers = {"Content-Type": "application/json"}
        refused(await client.post(path, content=body, headers=headers), status)
    huge = {"model": "parrot", "x": "x" * 1_100_000, **PATHS[path]}
    refused(await client.post(path, json=huge), 413, "1 MiB")


@pytest.mark.parametrize(
    ("path", "fields", "where"),
    [
        ("/inference/chat/completions", {"n": 2}, ["body", "n"]),
        ("/inference/chat/completions", {"messages": []}, ["body", "messages"]),
        ("/inference/chat/completions", {"max_tokens": "x"}, ["body", "max_tokens"]),
        ("/inference/completions", {"prompt": ["a", "b"]}, ["body", "prompt"]),
        ("/inference/embeddings", {"dimensions": 8}, ["body", "dimensions"]),
        ("/inference/embeddings", {"model": "blind"}, ["body", "model"]),
        ("/inference/chat/completions", {"model": "claude", "seed": 1}, ["body", "model"]),
    ],
)
async def test_what_is_wrong_is_told_as_the_vendor_does(
    client: httpx2.AsyncClient, path: str, fields: dict[str, Any], where: list[str]
) -> None:
    answer = await client.post(path, json={"model": "parrot", **PATHS[path], **fields})
    refused(answer, 422)
    [problem] = answer.json()["detail"]
    assert problem["loc"] == where
    assert set(problem) == {"loc", "msg", "type"}


async def test_what_a_model_cannot_do_is_told_before_it_is_asked(
    client: httpx2.AsyncClient,
) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    refused(
        await chat(client, {"role": "user", "content": [image]}, model="blind"),
        422,
        "takes no image",
    )
    for stream in (False, True):
        body = {"model": "claude", "prompt": "x", "stream": stream}
        answer = await client.post("/inference/completions", json=body)
        refused(answer, 422, "anthropic has no completions")
    refused(await chat(client, model="claude", output_config=5), 422, "a parameter is not what")


async def test_a_failure_before_the_first_byte_has_its_status(client: httpx2.AsyncClient) -> None:
    for said, status, words in (
        ("long", 400, "too long"),
        ("broken", 502, "what is that"),
        ("refused", 400, "not like this"),
        ("nothing fits", 404, "no rule"),
    ):
        for stream in (False, True):
            refused(await chat(client, saying(said), stream=stream), status, words)


async def test_whoever_asks_too_much_is_told_when_to_come_back(client: httpx2.AsyncClient) -> None:
    for stream in (False, True):
        answer = await chat(client, model="busy", stream=stream)
        refused(answer, 429)
        seconds = re.findall(r"(\d+\.\d) s", answer.json()["detail"])[0]
        assert 450 < float(seconds) <= 500  # the second is told what is left of the first's
        assert 450 < int(answer.headers["Retry-After"]) <= 500


async def test_a_model_that_is_too_slow_is_given_up(
    client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_like, "TIMEOUT_S", 0.05)
    for stream in (False, True):
        refused(await chat(client, model="late", stream=stream), 504, "within 0.05 s")


def _chunk(**choice: Any) -> bytes:
    return b"data: " + orjson.dumps({"choices": [{"index": 0, **choice}]}) + b"\n\n"


async def endpoint(request: web.Request) -> web.StreamResponse:
    """An endpoint that breaks off after a word, or calls a tool, as it is told."""
    said = (await request.json())["messages"][0]["content"]
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(_chunk(delta={"content": "half"}))
    if said == "tool":
        function = {"name": "weigh", "arguments": "{}"}
        call = {"index": 0, "id": "c1", "type": "function", "function": function}
        await response.write(_chunk(delta={"tool_calls": [call]}, finish_reason="tool_calls"))
    if said == "hang":
        await asyncio.sleep(30)
    return response


class TestBehindAnEndpoint:
    """Against a local server that speaks OpenAI's protocol."""

    @pytest.fixture
    async def models(self) -> Any:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", endpoint)
        async with TestServer(app) as server:
            yield f"""
[[models]]
name = "far"
protocol = "openai"
base_url = "{server.make_url("/v1")}"
"""

    async def test_a_failure_in_the_middle_is_the_last_event(
        self, client: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(openai_like, "TIMEOUT_S", 0.2)
        for said, kind, code in (("break", "connection", 502), ("hang", "timeout", 504)):
            answer = await chat(client, saying(said), model="far", stream=True)
            assert answer.status_code == 200
            first, last = [
                orjson.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n")[:-1]
            ]
            assert first["choices"][0]["delta"]["content"] == "half"
            assert set(last) == {"error"}
            assert (last["error"]["type"], last["error"]["code"]) == (kind, code)

    async def test_calls_of_tools_come_through(self, client: httpx2.AsyncClient) -> None:
        tools = [{"type": "function", "function": {"name": "weigh", "parameters": {}}}]
        answer = await chat(client, saying("tool"), model="far", stream=True, tools=tools)
        *chunks, _ = events_of(answer)
        choice = chunks[-1]["choices"][0]
        assert choice["delta"]["tool_calls"][0]["function"]["name"] == "weigh"
        assert choice["finish_reason"] == "tool_calls"
