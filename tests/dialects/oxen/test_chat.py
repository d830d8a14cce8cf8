"""One chat with a model, by the routes that OpenAI's clients use."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import pytest_asyncio

from support.listening import calling
from support.oxen_app import DOT, Seen, client_of, noted, open_app
from support.oxen_client import KEY
from weighbridge.app import build_app
from weighbridge.core.caller import Role
from weighbridge.wiring import Services

pytestmark = pytest.mark.asyncio(loop_scope="module")

INLINE = f"data:image/png;base64,{base64.b64encode(DOT).decode()}"
SAY = {"role": "user", "content": "say hello there"}
MODELS = """
[[models]]
name = "parrot"
protocol = "scripted"
replies = [
  {contains = "limit", error = {status = 429, message = "insufficient_quota"}},
  {contains = "long", error = {kind = "context_length", message = "too long"}},
  {contains = "broken", error = {kind = "internal", message = "what is that"}},
  {match = "(?s)say (.*)", reply = "{1}", usage = {input_tokens = 7, output_tokens = 2}},
  {contains = "draw", reply = "here", image = "dot"},
  {contains = "cut", reply = "half", finish_reason = "length"},
  {contains = "slowly", reply = "one two three four", latency_ms = 600},
]

[[models]]
name = "blind"
protocol = "scripted"
replies = ["yes"]
input = ["text"]
output = ["text"]

[[models]]
name = "busy"
protocol = "scripted"
replies = [{error = {status = 429, retry_after_s = 500}}]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path
) -> AsyncIterator[Services]:
    folder = tmp_path_factory.mktemp("app")
    async with open_app(folder, empty_database, MODELS) as services:
        yield services


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(services: Services) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(services) as client:
        yield client


async def chat(client: httpx2.AsyncClient, *messages: Any, **fields: Any) -> httpx2.Response:
    body = {"model": "parrot", "messages": messages or (SAY,), **fields}
    return await client.post("/ai/chat/completions", json=body)


def refused(answer: httpx2.Response, status: int, *words: str) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["status"] == "error"
    for word in words:
        assert word in body["status_description"], body


async def test_a_model_answers_in_the_shape_of_openai(client: httpx2.AsyncClient) -> None:
    for path in ("/ai/chat/completions", "/chat/completions"):
        answer = await client.post(path, json={"model": "parrot", "messages": [SAY]})
        assert answer.status_code == 200
        body = answer.json()
        assert body.pop("id").startswith("chatcmpl-")
        assert isinstance(body.pop("created"), int)
        assert (body["object"], body["model"]) == ("chat.completion", "parrot")
        assert body["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
        [choice] = body["choices"]
        assert (choice["index"], choice["finish_reason"]) == (0, "stop")
        assert choice["message"] == {
            "role": "assistant",
            "content": "hello there",
            "refusal": None,
        }


async def test_a_stream_says_the_same_piece_by_piece(client: httpx2.AsyncClient) -> None:
    answer = await chat(client, stream=True, stream_options={"include_usage": True})
    assert answer.headers["content-type"].startswith("text/event-stream")
    *lines, last = [line for line in answer.text.split("\n\n") if line]
    assert last == "data: [DONE]"
    chunks = [orjson.loads(line.removeprefix("data: ")) for line in lines]
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    deltas = [choice["delta"] for chunk in chunks for choice in chunk["choices"]]
    assert deltas[0]["role"] == "assistant"
    assert "".join(delta.get("content", "") for delta in deltas) == "hello there"
    reasons = [choice["finish_reason"] for chunk in chunks for choice in chunk["choices"]]
    assert (set(reasons[:-1]), reasons[-1]) == ({None}, "stop")
    assert chunks[-1]["usage"]["total_tokens"] == 9


async def test_a_stream_begins_before_the_model_has_finished(services: Services) -> None:
    body = {"model": "parrot", "stream": True, "messages": [{"role": "user", "content": "slowly"}]}
    model = await services.models.get("parrot")
    headers = {"Authorization": f"Bearer {KEY}"}
    async with calling(build_app(services), "/api/ai/chat/completions", body, headers) as call:
        events = call.events()
        first = await anext(events)
        assert first["choices"][0]["delta"] == {"role": "assistant", "content": "one"}
        assert model.load.in_flight == 1
        rest = [event async for event in events]
    said = [it["choices"][0]["delta"].get("content") for it in rest[:-2]]
    assert (said, rest[-1]) == ([" two", " three", " four", None], "[DONE]")
    assert model.load.in_flight == 0


async def test_a_client_that_goes_lets_the_model_rest(services: Services) -> None:
    body = {"model": "parrot", "stream": True, "messages": [{"role": "user", "content": "slowly"}]}
    model = await services.models.get("parrot")
    headers = {"Authorization": f"Bearer {KEY}"}
    async with calling(build_app(services), "/api/ai/chat/completions", body, headers) as call:
        await anext(call.events())
        assert model.load.in_flight == 1
    assert model.load.in_flight == 0, "it had hung up after the first word"


async def test_whoever_asks_too_much_is_told_when_to_come_back(client: httpx2.AsyncClient) -> None:
    answer = await chat(client, model="busy")
    refused(answer, 429, "429")
    assert 450 < int(answer.headers["Retry-After"]) <= 500


async def test_a_model_is_named_by_its_uuid_too(client: httpx2.AsyncClient) -> None:
    model = (await client.get("/ai/models/parrot")).json()["id"]
    body = (await chat(client, model=model)).json()
    assert (body["model"], body["choices"][0]["message"]["content"]) == ("parrot", "hello there")


async def test_why_it_ended_is_passed_on(client: httpx2.AsyncClient) -> None:
    body = (await chat(client, {"role": "user", "content": "cut"})).json()
    assert body["choices"][0]["finish_reason"] == "length"


async def test_everything_that_is_said_reaches_the_model(client: httpx2.AsyncClient) -> None:
    seen = Seen()
    address = "https://example.invalid/a.mp4"
    with noted(seen):
        answer = await chat(
            client,
            {"role": "developer", "content": "be brief"},
            {"role": "assistant", "content": "yes?"},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "say this"},
                    {"type": "image_url", "image_url": {"url": INLINE, "detail": "low"}},
                    {"type": "video_url", "video_url": {"url": address}},
                ],
            },
            temperature=0.5,
            user="somebody",
            stream_options=None,
        )
    assert answer.json()["choices"][0]["message"]["content"] == "this"
    [request] = seen.requests
    assert [message.role for message in request.messages] == ["system", "assistant", "user"]
    assert seen.addresses == {INLINE, address}
    assert request.params == {"temperature": 0.5}


async def test_what_the_model_says_of_a_failure_is_passed_on(client: httpx2.AsyncClient) -> None:
    for said, status, kind, message in (
        ("limit", 429, "rate_limited", "insufficient_quota"),
        ("long", 400, "context_length", "too long"),
        ("broken", 502, "internal", "what is that"),
        ("nothing fits", 404, "not_found", "no rule"),
    ):
        for stream in (False, True):
            answer = await chat(client, {"role": "user", "content": said}, stream=stream)
            refused(answer, status, message)
            assert answer.json()["error"]["type"] in {kind, "resource_not_found"}


IMAGE = {"type": "image_url", "image_url": {"url": INLINE}}
WRONG: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"model": "nobody"}, ("model", "nobody", "parrot")),
    ({"model": "00000000-0000-4000-8000-000000000000"}, ("model:", "no model", "parrot")),
    ({"model": ""}, ("model",)),
    ({"model": 1}, ("model", "string")),
    ({"model": None}, ("model", "string")),
    ({"messages": []}, ("messages", "at least 1")),
    ({"messages": "hi"}, ("messages", "list")),
    ({"messages": ["hi"]}, ("messages.0", "JSON object")),
    ({"messages": [{"role": "user"}]}, ("messages.0", "content")),
    ({"messages": [{"role": "cat", "content": "x"}]}, ("messages.0.role", "user")),
    ({"messages": [{"role": "user", "content": 1}]}, ("messages.0.content",)),
    ({"messages": [{"role": "user", "content": [{"type": "x"}]}]}, ("messages.0.content", "text")),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]},
        ("image_url", "JSON object"),
    ),
    (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": "img/dot.png"}}],
                }
            ]
        },
        ("url",),
    ),
    ({"stream": "yes please"}, ("stream", "boolean")),
    ({"n": 2}, ("n:", "1")),
    ({"model": "blind", "messages": [{"role": "user", "content": [IMAGE]}]}, ("model", "image")),
]


@pytest.mark.parametrize(("changes", "words"), WRONG)
async def test_a_field_that_is_wrong_is_named(
    client: httpx2.AsyncClient, changes: dict[str, Any], words: tuple[str, ...]
) -> None:
    body = {"model": "parrot", "messages": [SAY], **changes}
    refused(await client.post("/ai/chat/completions", json=body), 400, *words)


async def test_a_body_that_is_no_chat_is_refused(client: httpx2.AsyncClient) -> None:
    for body, word in ((b"", "empty"), (b"{", "not JSON"), (b"[]", "object"), (b"{}", "model")):
        refused(await client.post("/ai/chat/completions", content=body), 400, word)
    huge = {"model": "parrot", "messages": [{"role": "user", "content": "x" * 1_100_000}]}
    refused(await client.post("/ai/chat/completions", json=huge), 413, "1 MiB")


async def test_only_who_may_spend_may_chat(services: Services, client: httpx2.AsyncClient) -> None:
    body = {"model": "parrot", "messages": [SAY]}
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer wb_no"}):
        refused(await client.post("/ai/chat/completions", json=body, headers=headers), 401)
    caller = await services.keys.operator()
    _, secret = await services.keys.create(caller, name="reader", role=Role.READER)
    headers = {"Authorization": f"Bearer {secret}"}
    refused(await client.post("/ai/chat/completions", json=body, headers=headers), 403, "reader")
