"""A model that is listened to: limiter, retry, deadline, price and usage of a stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any

import orjson
import pytest
from aiohttp import web

from weighbridge.core.outcome import Failed, Usage
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Delta,
    Embeddings,
    Message,
    Reply,
)
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.limiter import Limiter
from weighbridge.providers.model import Model
from weighbridge.providers.openai import OpenAIEndpoint
from weighbridge.providers.opening import Opening
from weighbridge.providers.pricing import per_million
from weighbridge.providers.retry import RetryPolicy
from weighbridge.providers.script import Rule, ScriptedError
from weighbridge.providers.scripted import ScriptedProvider, open_script
from weighbridge.providers.transport import Transport

Serving = Callable[
    [Callable[[web.Request], Awaitable[web.StreamResponse]]], AbstractAsyncContextManager[Any]
]
ASK = ChatRequest((Message("user", "q"),), {"temperature": 0, "seed": 1})


class Clock:
    """Time that passes only while somebody sleeps on it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def error(kind: str = "server_error", **options: Any) -> CallFailed:
    after = options.pop("after", None)
    retry = options.pop("retry", True)
    return CallFailed(Failed(kind, "no"), retry=retry, retry_after_s=after, usage=Usage(calls=1))


class Teller:
    """Plays streams: of each, a text is told, an exception raised, and at Ellipsis it hangs."""

    def __init__(self, *streams: Sequence[object]) -> None:
        self.streams = list(streams)
        self.asked: list[ChatRequest | CompletionRequest] = []
        self.closed = 0

    async def stream(
        self, request: ChatRequest | CompletionRequest
    ) -> AsyncGenerator[Delta | Reply, None]:
        self.asked.append(request)
        told = []
        try:
            for step in self.streams.pop(0):
                await asyncio.sleep(0)
                if isinstance(step, BaseException):
                    raise step
                if step is Ellipsis:
                    await asyncio.sleep(3600)
                told.append(str(step))
                yield Delta(told[-1])
            yield Reply("".join(told), "stop", Usage(10, 5, None, 1), "m-1")
        finally:
            self.closed += 1

    async def chat(self, request: ChatRequest) -> Reply:
        raise AssertionError("it is to be listened to")

    async def complete(self, request: CompletionRequest) -> Reply:
        raise AssertionError("it is to be listened to")

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        raise AssertionError("it is to be listened to")

    async def close(self) -> None:
        pass


class Mute:
    """A provider that has no streams."""

    async def chat(self, request: ChatRequest) -> Reply:
        return Reply("all at once", "stop", Usage(10, 5, None, 1), thinking="hm")

    async def complete(self, request: CompletionRequest) -> Reply:
        return Reply("", "stop", Usage(10, 5, None, 1))

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        raise AssertionError("not asked for")

    async def close(self) -> None:
        pass


def make(provider: Any, clock: Clock | None = None, **options: Any) -> tuple[Model, Limiter]:
    clock = clock or Clock()
    limiter = options.pop("limiter", None) or Limiter(4, clock=clock)
    price = per_million(1.0, 2.0)
    model = Model(
        *("m", {}, provider, limiter, RetryPolicy(), price),
        clock=clock,
        sleep=clock.sleep,
        **options,
    )
    return model, limiter


async def listen(
    model: Model, request: ChatRequest | CompletionRequest = ASK, timeout_s: float = 10
) -> tuple[list[str], Reply]:
    heard: list[str] = []
    async with aclosing(model.stream(request, timeout_s=timeout_s)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Reply):
                return heard, piece
            heard.append(piece.text)
    raise AssertionError("there was no reply at the end")


async def test_deltas_come_first_and_then_the_reply_with_its_price() -> None:
    model, limiter = make(Teller(["a", " b"]))
    heard, reply = await listen(model)
    assert heard == ["a", " b"]
    assert (reply.text, reply.finish_reason, reply.model) == ("a b", "stop", "m-1")
    assert reply.usage == Usage(10, 5, (10 * 1.0 + 5 * 2.0) / 1e6, 1)
    assert limiter.in_flight == 0


async def test_what_failed_before_the_first_delta_is_tried_again_and_counted() -> None:
    clock = Clock()
    teller = Teller([error("rate_limited", after=2.0)], [error()], ["a"])
    model, limiter = make(teller, clock)
    heard, reply = await listen(model, timeout_s=100)
    assert (heard, reply.usage.calls) == (["a"], 3)
    assert len(clock.slept) == 2
    assert clock.slept[0] == 2.0
    assert (limiter.in_flight, teller.closed) == (0, 3)


async def test_what_failed_after_a_delta_is_not_tried_again() -> None:
    clock = Clock()
    teller = Teller(["a", error()], ["a", "b"])
    model, limiter = make(teller, clock)
    heard: list[Delta | Reply] = []
    with pytest.raises(CallFailed) as caught:
        async for piece in model.stream(ASK, timeout_s=100):
            heard += [piece]
    assert heard == [Delta("a")]
    assert (caught.value.failure.kind, caught.value.failure.calls) == ("server_error", 1)
    assert (len(teller.asked), clock.slept, limiter.in_flight) == (1, [], 0)


async def test_what_cannot_succeed_is_asked_once() -> None:
    teller = Teller([error("bad_request", retry=False)], ["a"])
    model, limiter = make(teller)
    with pytest.raises(CallFailed):
        await listen(model)
    assert (len(teller.asked), limiter.in_flight) == (1, 0)


@pytest.mark.parametrize("told", [[], ["a"]])
async def test_the_deadline_is_that_of_the_whole_reply(told: list[str]) -> None:
    teller = Teller([*told, Ellipsis])
    model, limiter = make(teller)
    with pytest.raises(CallFailed) as caught:
        await listen(model, timeout_s=0.05)
    assert caught.value.failure.kind == "timeout"
    assert caught.value.usage.calls == 1
    assert (teller.closed, limiter.in_flight) == (1, 0)


async def test_the_time_of_whoever_listens_counts_but_never_breaks_into_their_work() -> None:
    clock = Clock()
    model, limiter = make(Teller(["a", ...]), clock)
    with pytest.raises(CallFailed, match="no answer within 5 s"):
        async with aclosing(model.stream(ASK, timeout_s=5)) as pieces:
            assert await anext(pieces) == Delta("a")
            clock.now += 6  # nothing happens meanwhile
            await asyncio.sleep(0.01)
            await anext(pieces)
    assert limiter.in_flight == 0


async def test_a_slot_is_held_for_as_long_as_the_stream_goes_on() -> None:
    clock = Clock()
    model, limiter = make(Teller(["a", "b"], ["c"]), clock, limiter=Limiter(1, clock=clock))
    async with aclosing(model.stream(ASK, timeout_s=5)) as pieces:
        await anext(pieces)
        second = asyncio.create_task(listen(model))
        await asyncio.sleep(0.01)
        assert (limiter.in_flight, limiter.waiting) == (1, 1)
        assert await anext(pieces) == Delta("b")
        assert isinstance(await anext(pieces), Reply)
        assert (await second)[0] == ["c"]
    assert limiter.in_flight == 0


async def test_whoever_stops_listening_ends_the_exchange_and_gives_the_slot_back() -> None:
    teller = Teller(["a", "b"])
    model, limiter = make(teller)
    async with aclosing(model.stream(ASK, timeout_s=5)) as pieces:
        await anext(pieces)
        assert (limiter.in_flight, teller.closed) == (1, 0)
    assert (limiter.in_flight, teller.closed) == (0, 1)


@pytest.mark.parametrize("told", [[], ["a"]])
async def test_a_listener_that_is_cancelled_gives_the_slot_back(told: list[str]) -> None:
    teller = Teller([*told, Ellipsis])
    model, limiter = make(teller)
    task = asyncio.create_task(listen(model))
    await asyncio.sleep(0.01)
    assert limiter.in_flight == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (limiter.in_flight, teller.closed) == (0, 1)


async def test_tokens_that_were_only_estimated_are_settled() -> None:
    clock = Clock()
    limiter = Limiter(4, tokens_per_minute=30_000, clock=clock)
    model, _ = make(Teller(["a"], ["b"]), clock, limiter=limiter)
    request = ChatRequest(ASK.messages, {"max_tokens": 1_000})
    await listen(model, request)
    assert limiter.try_acquire(900), "985 of the 1,000 were not used and are there again"


async def test_a_provider_without_streams_is_heard_at_once() -> None:
    model, limiter = make(Mute())
    heard, reply = await listen(model)
    assert (heard, reply.text, reply.thinking) == (["all at once"], "all at once", "hm")
    assert reply.usage.cost_usd is not None
    heard, reply = await listen(model, CompletionRequest("x"))
    assert (heard, reply.text, limiter.in_flight) == ([], "", 0)


async def test_parameters_that_a_model_is_never_sent_are_left_out() -> None:
    teller = Teller(["a"])
    model, _ = make(teller, leave_out=["temperature"])
    await listen(model)
    assert dict(teller.asked[0].params) == {"seed": 1}


async def test_a_provider_that_breaks_or_forgets_its_reply_fails_one_call() -> None:
    async def forgetful(_request: object) -> AsyncGenerator[Delta | Reply, None]:
        yield Delta("a")

    for teller in (Teller(["a", ValueError("oh")]), Teller(["a"])):
        model, limiter = make(teller)
        if not isinstance(teller.streams[0][-1], ValueError):
            teller.stream = forgetful  # type: ignore[method-assign,assignment]
        with pytest.raises(CallFailed) as caught:
            await listen(model)
        assert (caught.value.failure.kind, limiter.in_flight) == ("internal", 0)


async def test_labels_are_not_told_in_a_stream() -> None:
    model, _ = make(Teller(["a"]))
    with pytest.raises(CallFailed) as caught:
        await listen(model, ChatRequest(ASK.messages, labels=("A", "B")))
    assert caught.value.failure.kind == "unsupported"


# Over HTTP


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.close()


def chunk(text: str, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": reason}
    return b"data: " + orjson.dumps({"choices": [choice]}) + b"\n\n"


async def test_a_429_before_the_first_delta_is_waited_for_and_tried_again(
    transport: Transport, serving: Serving
) -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if len(server.requests) < 3:
            return web.Response(status=429, headers={"Retry-After": "1"})
        return web.Response(
            body=chunk("hi") + chunk("", "stop"), headers={"Content-Type": "text/event-stream"}
        )

    clock = Clock()
    async with serving(answer) as server:
        model, _ = make(OpenAIEndpoint(transport, server.url, "m", None), clock)
        heard, reply = await listen(model, timeout_s=100)
    assert (heard, reply.usage.calls, clock.slept) == (["hi"], 3, [1.0, 1.0])


async def test_a_client_that_goes_closes_the_connection_and_the_slot_is_free(
    transport: Transport, serving: Serving
) -> None:
    gone = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            while True:
                await response.write(chunk("more "))
                await asyncio.sleep(0.005)
        except (ConnectionError, asyncio.CancelledError):
            gone.set()
            raise

    async with serving(answer) as server, asyncio.timeout(5):
        model, limiter = make(OpenAIEndpoint(transport, server.url, "m", None))
        async with aclosing(model.stream(ASK, timeout_s=5)) as pieces:
            assert await anext(pieces) == Delta("more ")
            assert await anext(pieces) == Delta("more ")
        assert limiter.in_flight == 0
        await gone.wait()


# Scripts


async def test_a_script_is_played_word_by_word_over_the_time_it_takes() -> None:
    provider = ScriptedProvider([Rule(reply=" one  two\nthree ", latency_ms=90)], "m")
    model, _ = make(provider)
    loop = asyncio.get_running_loop()
    begun, at = loop.time(), []
    async with aclosing(model.stream(ASK, timeout_s=5)) as pieces:
        found = [(piece, at.append(loop.time() - begun)) async for piece in pieces]
    assert [it.text for it, _ in found] == [" one", "  two", "\nthree", " ", " one  two\nthree "]
    assert at[0] < 0.06
    assert at[-1] >= 0.085


async def test_a_script_fails_in_a_stream_as_it_does_without_one() -> None:
    rule = Rule(reply="at last", error=ScriptedError(status=503, times=1))
    provider = ScriptedProvider([rule], "m")
    model, _ = make(provider)
    heard, reply = await listen(model)
    assert (heard, reply.usage.calls) == (["at", " last"], 2)
    heard, reply = await listen(model, CompletionRequest("x"))
    assert heard == ["at", " last"]


async def test_a_script_of_bare_texts_goes_on_in_streams(transport: Transport) -> None:
    declared = DeclaredModel(name="m", protocol="scripted", replies=["one", "two"])
    opened = await open_script(Opening(declared, None, transport))
    model, _ = make(opened.provider)
    assert [(await listen(model))[1].text for _ in range(3)] == ["one", "two", "one"]
    model, _ = make(ScriptedProvider([], "m"))
    with pytest.raises(CallFailed, match="no rule of the script"):
        await listen(model)
