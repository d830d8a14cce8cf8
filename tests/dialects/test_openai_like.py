"""What no vendor owns of asking a model in the shapes of OpenAI's API."""

import asyncio
import base64
import math
import struct
from collections.abc import AsyncGenerator, Sequence
from contextlib import nullcontext
from typing import Any

import aiohttp
import orjson
import pytest
import uvicorn
from fastapi import FastAPI, Request
from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from support.listening import calling
from weighbridge.core.outcome import Failed, Usage
from weighbridge.dialects import openai_like, streaming
from weighbridge.dialects.openai_like import CHAT, COMPLETION, EMBEDDINGS
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Delta,
    Embeddings,
    Image,
    ImagePart,
    Message,
    Reply,
    TokenLogprob,
    ToolCall,
    ToolResult,
    VideoPart,
)
from weighbridge.providers.limiter import Limiter
from weighbridge.providers.model import Model
from weighbridge.providers.pricing import per_million
from weighbridge.providers.retry import RetryPolicy

CHAT_BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "q"}]}
PIXEL = Image(b"\x89PNG\r\n\x1a\n", "image/png")
LOGPROBS = (
    TokenLogprob("a", math.log(0.5), (("a", math.log(0.5)), ("b", math.log(0.25)))),
    TokenLogprob("b", math.log(0.25)),
)
WHOLE = Reply("a b", "length", Usage(3, 2, None, 1), "m-1", LOGPROBS, thinking="hm")


class Teller:
    """Tells what it is given: deltas, a reply, a failure; a future is waited for."""

    def __init__(self, *steps: object) -> None:
        self.steps = steps
        self.asked: list[ChatRequest | CompletionRequest] = []
        self.closed = asyncio.Event()

    async def stream(
        self, request: ChatRequest | CompletionRequest
    ) -> AsyncGenerator[Delta | Reply, None]:
        self.asked.append(request)
        try:
            for step in self.steps:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, BaseException):
                    raise step
                else:
                    assert isinstance(step, Delta | Reply)
                    yield step
        finally:
            self.closed.set()

    async def chat(self, request: ChatRequest) -> Reply:
        return await self._last(request)

    async def complete(self, request: CompletionRequest) -> Reply:
        return await self._last(request)

    async def _last(self, request: ChatRequest | CompletionRequest) -> Reply:
        async for step in self.stream(request):
            found = step
        assert isinstance(found, Reply)
        return found

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        return Embeddings([[0.5, -1.0]] * len(texts), Usage(4, 0, None, 1), "m-1")

    async def close(self) -> None:
        pass


def failed(kind: str, **options: Any) -> CallFailed:
    return CallFailed(Failed(kind, "no such luck"), retry=False, usage=Usage(calls=1), **options)


def model_of(teller: Teller) -> Model:
    return Model("m", {}, teller, Limiter(4), RetryPolicy(), per_million(1.0, 2.0))


def serve(model: Model) -> FastAPI:
    """A dialect that has nothing of its own."""
    app = FastAPI()

    def add(path: str, shape: TypeAdapter[Any], ask: Any) -> None:
        @app.post(path)
        async def route(request: Request) -> Response:
            try:
                return await ask(request, model, shape.validate_json(await request.body()))
            except CallFailed as error:
                return Response(status_code=openai_like.status_of(error))
            except ClientDisconnect:
                return Response(status_code=400)  # as `shared.LastResort` has it answered

    add("/chat", CHAT, openai_like.answer)
    add("/text", COMPLETION, openai_like.answer)
    add("/embeddings", EMBEDDINGS, openai_like.embeddings)
    return app


async def ask(teller: Teller, path: str = "/chat", **fields: Any) -> Any:
    """The whole answer: JSON, or a list of events."""
    body = {**CHAT_BODY, **fields} if path == "/chat" else {"model": "m", **fields}
    async with calling(serve(model_of(teller)), path, body) as call:
        assert await call.status() == 200
        if fields.get("stream"):
            return [event async for event in call.events()]
        return orjson.loads(b"".join([part async for part in call.parts()]))


# What is asked


def request_of(**fields: Any) -> ChatRequest:
    return CHAT.validate_python({**CHAT_BODY, **fields}).request()


def test_parameters_pass_through_and_what_is_ours_does_not() -> None:
    tools = [{"type": "function", "function": {"name": "weigh", "parameters": {}}}]
    said = {
        "max_tokens": 5,
        "temperature": 0,
        "top_p": 0.5,
        "stop": ["\n"],
        "seed": 7,
        "tools": tools,
        "tool_choice": "auto",
        "response_format": {"type": "json_object"},
        "whatever": {"deep": [1]},
    }
    ours = {"stream": True, "stream_options": {"include_usage": True}, "user": "u", "n": 1}
    assert request_of(**said, **ours, logit_bias=None).params == said


def test_messages_become_ours() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weigh", "arguments": "{}"}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    film = {"type": "video_url", "video_url": {"url": "https://x.example/v.mp4"}}
    text = {"type": "text", "text": "see"}
    messages = [
        {"role": "developer", "content": "be short"},
        {"role": "user", "content": [text, picture, film], "name": "Ann"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": [text]},
        {"role": "assistant", "content": "so", "tool_calls": [call]},
        {"role": "assistant", "content": "4 t"},
    ]
    assert request_of(messages=messages).messages == (
        Message("system", "be short"),
        Message(
            "user",
            ("see", ImagePart("data:image/png;base64,AA=="), VideoPart("https://x.example/v.mp4")),
        ),
        Message("assistant", (ToolCall("c1", "weigh", "{}"),)),
        Message("tool", (ToolResult("c1", "see"),)),
        Message("assistant", ("so", ToolCall("c1", "weigh", "{}"))),
        Message("assistant", "4 t"),
    )


def test_log_probabilities_are_asked_for_with_at_least_one_alternative() -> None:
    assert request_of().top_logprobs is None
    assert request_of(logprobs=True).top_logprobs == 1
    found = request_of(logprobs=True, top_logprobs=5)
    assert (found.top_logprobs, found.params) == (5, {})


@pytest.mark.parametrize(
    ("shape", "fields", "where"),
    [
        (CHAT, {"n": 2}, "n"),
        (CHAT, {"messages": []}, "messages"),
        (CHAT, {"messages": [{"role": "user"}]}, "messages"),
        (CHAT, {"messages": [{"role": "assistant", "content": None}]}, "messages"),
        (CHAT, {"messages": [{"role": "tool", "content": "x"}]}, "messages"),
        (CHAT, {"messages": [{"role": "judge", "content": "x"}]}, "messages"),
        (CHAT, {"messages": [{"role": "user", "content": 5}]}, "messages"),
        (CHAT, {"model": ""}, "model"),
        (CHAT, {"max_tokens": "many"}, "max_tokens"),
        (CHAT, {"max_tokens": 0}, "max_tokens"),
        (CHAT, {"temperature": -1}, "temperature"),
        (CHAT, {"stop": [1]}, "stop"),
        (CHAT, {"top_logprobs": 3}, "top_logprobs"),
        (CHAT, {"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        (CHAT, {"stream": "perhaps"}, "stream"),
        (COMPLETION, {}, "prompt"),
        (COMPLETION, {"prompt": ["a", "b"]}, "prompt"),
        (COMPLETION, {"prompt": "a", "best_of": 2}, "best_of"),
        (COMPLETION, {"prompt": "a", "logprobs": -1}, "logprobs"),
        (EMBEDDINGS, {}, "input"),
        (EMBEDDINGS, {"input": []}, "input"),
        (EMBEDDINGS, {"input": [[1, 2]]}, "input"),
        (EMBEDDINGS, {"input": "a", "dimensions": 5}, "dimensions"),
        (EMBEDDINGS, {"input": "a", "encoding_format": "int8"}, "encoding_format"),
        (EMBEDDINGS, {"input": "a", "truncate": "END"}, "truncate"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_the_name_of_its_field(
    shape: TypeAdapter[Any], fields: dict[str, Any], where: str
) -> None:
    body = {**CHAT_BODY, **fields} if shape is CHAT else {"model": "m", **fields}
    with pytest.raises(ValidationError) as caught:
        shape.validate_python(body)
    for problem in caught.value.errors():
        assert where in ".".join(map(str, problem["loc"])) or where in problem["msg"]


def test_a_prompt_may_be_a_list_of_one() -> None:
    asked = COMPLETION.validate_python({"model": "m", "prompt": ["a"], "logprobs": 2, "echo": True})
    assert asked.request() == CompletionRequest("a", {}, 2, True)


# What is answered


async def test_a_chat_is_answered_at_once() -> None:
    answer = await ask(Teller(WHOLE), logprobs=True)
    head = {key: answer[key] for key in ("object", "model")}
    assert head == {"object": "chat.completion", "model": "m"}
    assert answer["id"].startswith("chatcmpl-")
    assert answer["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    (choice,) = answer["choices"]
    assert choice["message"] == {
        "role": "assistant",
        "content": "a b",
        "refusal": None,
        "reasoning_content": "hm",
    }
    assert (choice["index"], choice["finish_reason"]) == (0, "length")
    first, second = choice["logprobs"]["content"]
    assert (first["token"], first["bytes"], second["top_logprobs"]) == ("a", [97], [])
    assert [it["token"] for it in first["top_logprobs"]] == ["a", "b"]


async def test_calls_of_tools_and_images_stand_beside_the_text() -> None:
    calls = (ToolCall("c1", "weigh", "{}"), ToolCall("c2", "stop", "{}"))
    reply = Reply("", "tool_calls", Usage(), images=(PIXEL,), tool_calls=calls)
    function = {"name": "weigh", "arguments": "{}"}
    url = "data:image/png;base64,iVBORw0KGgo="
    (choice,) = (await ask(Teller(reply)))["choices"]
    assert choice["message"]["tool_calls"][0] == {
        "id": "c1",
        "type": "function",
        "function": function,
    }
    assert choice["message"]["images"] == [{"type": "image_url", "image_url": {"url": url}}]
    first, *_ = await ask(Teller(reply), stream=True)
    delta = first["choices"][0]["delta"]
    assert [call["index"] for call in delta["tool_calls"]] == [0, 1]
    assert (delta["role"], len(delta["images"])) == ("assistant", 1)
    assert first["choices"][0]["finish_reason"] == "tool_calls"


async def test_a_stream_has_a_role_deltas_the_reason_the_usage_and_an_end() -> None:
    teller = Teller(Delta(thinking="hm"), Delta("a"), Delta(" b"), WHOLE)
    *chunks, last, done = await ask(teller, stream=True, logprobs=True)
    assert done == "[DONE]"
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in (*chunks, last)}) == 1
    choices = [chunk["choices"][0] for chunk in chunks]
    assert [choice["delta"] for choice in choices] == [
        {"role": "assistant", "content": "", "reasoning_content": "hm"},
        {"content": "a"},
        {"content": " b"},
        {},
    ]
    assert [choice["finish_reason"] for choice in choices] == [None, None, None, "length"]
    assert len(choices[-1]["logprobs"]["content"]) == 2
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


async def test_a_text_is_continued_at_once_and_in_a_stream() -> None:
    answer = await ask(Teller(WHOLE), "/text", prompt="x", logprobs=2)
    (choice,) = answer["choices"]
    assert (answer["object"], choice["text"]) == ("text_completion", "a b")
    assert choice["logprobs"]["tokens"] == ["a", "b"]
    assert choice["logprobs"]["top_logprobs"][0] == pytest.approx(
        {"a": math.log(0.5), "b": math.log(0.25)}
    )
    teller = Teller(Delta(thinking="hm"), Delta("a"), Delta(" b"), WHOLE)
    *chunks, last, done = await ask(teller, "/text", prompt="x", stream=True)
    assert [chunk["choices"][0]["text"] for chunk in chunks] == ["a", " b", ""]
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    assert (last["usage"]["total_tokens"], done) == (5, "[DONE]")


async def test_vectors_are_written_as_numbers_or_in_base64() -> None:
    answer = await ask(Teller(), "/embeddings", input=["a", "b"])
    assert [(row["index"], row["embedding"]) for row in answer["data"]] == [
        (0, [0.5, -1.0]),
        (1, [0.5, -1.0]),
    ]
    assert answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    answer = await ask(Teller(), "/embeddings", input="a", encoding_format="base64")
    assert struct.unpack("<2f", base64.b64decode(answer["data"][0]["embedding"])) == (0.5, -1.0)


async def test_something_may_stand_beside_each_choice() -> None:
    model = model_of(Teller(Delta("a"), WHOLE))
    app = FastAPI()

    @app.post("/")
    async def route(request: Request) -> Response:
        asked = CHAT.validate_json(await request.body())
        return await openai_like.answer(
            request, model, asked, lambda reply: {"sure": reply and reply.finish_reason}
        )

    async with calling(app, "/", {**CHAT_BODY, "stream": True}) as call:
        *chunks, _, _ = [event async for event in call.events()]
    assert [chunk["choices"][0]["sure"] for chunk in chunks] == [None, "length"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("rate_limited", 429),
        ("timeout", 504),
        ("bad_request", 400),
        ("context_length", 400),
        ("unsupported", 400),
        ("server_error", 502),
        ("connection", 502),
        ("malformed", 502),
        ("unauthorized", 502),
        ("internal", 502),
    ],
)
async def test_a_failure_before_the_first_byte_is_a_status(kind: str, status: int) -> None:
    for stream in (False, True):
        app = serve(model_of(Teller(failed(kind))))
        async with calling(app, "/chat", {**CHAT_BODY, "stream": stream}) as call:
            assert await call.status() == status


async def test_a_failure_in_the_middle_is_the_last_event() -> None:
    *chunks, last = await ask(Teller(Delta("a"), failed("server_error")), stream=True)
    assert [chunk["choices"][0]["delta"]["content"] for chunk in chunks] == ["a"]
    assert last == {"error": {"message": "no such luck", "type": "server_error", "code": 502}}


def test_only_who_was_told_to_wait_is_told_how_long() -> None:
    headers = openai_like.headers_of
    assert headers(failed("rate_limited", retry_after_s=1.2)) == {"Retry-After": "2"}
    assert headers(failed("rate_limited")) == {"Retry-After": "1"}
    assert headers(failed("timeout", retry_after_s=5.0)) == {}


def test_the_mean_probability_is_that_of_the_tokens() -> None:
    assert openai_like.mean_probability(LOGPROBS) == pytest.approx(0.375)
    assert openai_like.mean_probability((*LOGPROBS, TokenLogprob("?", None))) == pytest.approx(
        0.375
    )
    assert openai_like.mean_probability((TokenLogprob("a", 1e-9),)) == 1.0
    assert openai_like.mean_probability(()) is openai_like.mean_probability(None) is None


# While the client is there


async def test_the_first_chunk_is_there_before_the_model_has_finished() -> None:
    more = asyncio.Event()
    teller = Teller(Delta("a"), more, Delta(" b"), WHOLE)
    model = model_of(teller)
    async with calling(serve(model), "/chat", {**CHAT_BODY, "stream": True}) as call:
        events = call.events()
        first = await anext(events)
        assert first["choices"][0]["delta"]["content"] == "a"
        assert (model.load.in_flight, teller.closed.is_set()) == (1, False)
        more.set()
        assert [event async for event in events][-1] == "[DONE]"
    assert model.load.in_flight == 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("told", [[], [Delta("a")]])
async def test_a_client_that_goes_calls_the_model_off(stream: bool, told: list[Delta]) -> None:
    teller = Teller(*told, asyncio.Event())
    model = model_of(teller)
    async with calling(serve(model), "/chat", {**CHAT_BODY, "stream": stream}) as call:
        if stream and told:
            await anext(call.events())
        while not teller.asked:
            await asyncio.sleep(0)
        assert model.load.in_flight == 1
        call.hang_up()
        await teller.closed.wait()
        await asyncio.sleep(0)
        assert model.load.in_flight == 0


async def test_a_client_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "PATIENCE_S", 0.05)
    teller = Teller(*[Delta("a")] * 50, WHOLE)
    model = model_of(teller)
    async with calling(serve(model), "/chat", {**CHAT_BODY, "stream": True}) as call:
        call.taken = asyncio.Semaphore(3)
        await teller.closed.wait()
        await asyncio.sleep(0.01)
        assert model.load.in_flight == 0


async def test_a_client_that_took_nothing_at_all_leaves_nothing_open() -> None:
    teller = Teller(Delta("a"), asyncio.Event())
    model = model_of(teller)
    pieces = model.stream(ChatRequest((Message("user", "q"),)), timeout_s=5)
    await anext(pieces)

    async def events() -> AsyncGenerator[bytes, None]:
        yield b""

    async def gone() -> Any:
        return {"type": "http.disconnect"}

    async def send(_message: Any) -> None:
        await asyncio.sleep(3600)

    await streaming.EventStream(events(), pieces)({}, gone, send)
    assert (model.load.in_flight, teller.closed.is_set()) == (0, True)


async def test_over_a_real_connection_chunks_come_as_they_are_made_and_closing_it_is_noticed() -> (
    None
):
    teller = Teller(Delta("a"), asyncio.Event())
    model = model_of(teller)
    config = uvicorn.Config(serve(model), port=0, log_config=None, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    server.capture_signals = nullcontext  # type: ignore[method-assign]
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}/chat"
            response = await session.post(url, json={**CHAT_BODY, "stream": True})
            line = await response.content.readline()
            assert orjson.loads(line[6:])["choices"][0]["delta"]["content"] == "a"
            assert model.load.in_flight == 1
            response.close()
            await teller.closed.wait()
        await asyncio.sleep(0.01)
        assert model.load.in_flight == 0
        server.should_exit = True
        await serving
