"""A reply out of the cache is the reply that was paid for, and costs nothing now."""

import asyncio
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import pytest

from weighbridge.core.outcome import Failed, Usage
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Embeddings,
    Image,
    ImagePart,
    Message,
    Reply,
    TokenLogprob,
    ToolCall,
    Video,
    VideoPart,
)
from weighbridge.providers.cached import MAX_REPLY_BYTES, CachedModel

REPLY = Reply(
    text="Paris\0",
    finish_reason="stop",
    usage=Usage(10, 2, 0.5, 3),
    model="m-2",
    logprobs=(TokenLogprob("Par", -0.1, (("Lon", -2.0), ("Ber", -3.0))), TokenLogprob("is", None)),
    latency_s=0.25,
    thinking="hmm",
    images=(Image(b"\xff\x00", "image/png"),),
    refusal="not that",
    videos=(Video(b"\x00\xfe", "video/mp4"),),
    tool_calls=(ToolCall("call-1", "weigh", '{"tonnes":4}'),),
)
ASK = ChatRequest((Message("user", "The capital of France?"),), {"temperature": 0})


WITH_IMAGE = replace(ASK, messages=(Message("user", ("The capital of France?", ImagePart("x"))),))


class Memory:
    """A cache in a dict."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.asking: dict[str, asyncio.Future[Any]] = {}

    async def get(self, key: str) -> bytes | None:
        await asyncio.sleep(0)
        return self.kept.get(key)

    def put(self, key: str, reply: bytes) -> None:
        self.kept[key] = reply


class Answering:
    """A model that says the same to everything, unless it fails."""

    name = "house"
    has_price = True

    def __init__(self, reply: Reply = REPLY) -> None:
        self.identity: dict[str, Any] = {"protocol": "fake", "model": "m"}
        self.reply = reply
        self.failing = 0
        self.asked: list[object] = []

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:
        return await self._answer(request)

    async def complete(self, request: CompletionRequest, *, timeout_s: float) -> Reply:
        return await self._answer(request)

    async def embed(self, texts: Sequence[str], *, timeout_s: float) -> Embeddings:
        await self._answer(texts)
        return Embeddings([[0.5, 1.0] for _ in texts], Usage(4, 0, None, 1), "e-1")

    async def _answer(self, request: object) -> Reply:
        self.asked.append(request)
        await asyncio.sleep(0.01)
        if self.failing:
            self.failing -= 1
            raise CallFailed(Failed("server_error", "no", 500), retry=False, usage=Usage(calls=1))
        return self.reply


def cached(model: Answering, memory: Memory | None = None) -> CachedModel:
    return CachedModel(model, memory or Memory())


async def ask(model: CachedModel, request: ChatRequest = ASK) -> Reply:
    return await model.chat(request, timeout_s=5)


async def test_what_was_asked_once_is_found_again_whole_and_for_nothing() -> None:
    unset = [f.name for f in fields(Reply) if f.default == getattr(REPLY, f.name)]
    assert unset == [], "the example lacks a field, so it would not be seen if it got lost"
    model, memory = Answering(), Memory()
    assert await ask(cached(model, memory)) == REPLY
    found = await ask(cached(model, memory))
    assert len(model.asked) == 1
    assert found == replace(REPLY, usage=Usage(0, 0, 0.0, 0, 1))
    assert found.latency_s == 0.25  # of the call that was made: a cache is no faster model


async def test_an_unknown_price_stays_unknown() -> None:
    model = cached(Answering(replace(REPLY, usage=Usage(10, 2, None, 1))))
    first, second = await ask(model), await ask(model)
    assert (first.usage + second.usage).cost_usd is None


@pytest.mark.parametrize(
    "other",
    [
        replace(ASK, messages=(Message("user", "The capital of Chad?"),)),
        replace(ASK, messages=(Message("system", "The capital of France?"),)),
        WITH_IMAGE,
        replace(ASK, messages=(Message("user", ("The capital of France?", VideoPart("x"))),)),
        replace(ASK, params={"temperature": 0, "seed": 1}),
        replace(ASK, schema={"type": "object"}),
        replace(ASK, top_logprobs=0),
        replace(ASK, repeat=1),
    ],
)
async def test_whatever_differs_in_the_request_is_another_request(other: ChatRequest) -> None:
    model = Answering()
    asking = cached(model)
    for request in (ASK, other, WITH_IMAGE, other, ASK):
        await ask(asking, request)
    assert len(model.asked) == (2 if other == WITH_IMAGE else 3)


async def test_the_same_request_written_differently_is_the_same() -> None:
    model = Answering()
    asking = cached(model)
    await ask(asking, replace(ASK, params={"temperature": 0, "max_tokens": 5}))
    await ask(asking, replace(ASK, params={"max_tokens": 5.0, "temperature": 0.0}))
    assert len(model.asked) == 1


async def test_another_model_is_not_answered_for() -> None:
    memory, one, other = Memory(), Answering(), Answering()
    other.identity = {"protocol": "fake", "model": "n"}
    await ask(cached(one, memory))
    await ask(cached(other, memory))
    assert len(other.asked) == 1


async def test_texts_and_vectors_are_kept_too_each_under_its_own_kind() -> None:
    model = Answering()
    asking = cached(model)
    text = CompletionRequest("The capital", {"max_tokens": 1}, logprobs=5, echo=True)
    for _ in range(2):
        assert (await asking.complete(text, timeout_s=5)).logprobs == REPLY.logprobs
        found = await asking.embed(["a", "b"], timeout_s=5)
        assert [list(vector) for vector in found.vectors] == [[0.5, 1.0], [0.5, 1.0]]
    assert found.usage == Usage(0, 0, None, 0, 1)
    assert len(model.asked) == 2


async def test_at_the_same_time_one_request_is_asked_once() -> None:
    model = Answering()
    asking = cached(model)
    found = await asyncio.gather(*(ask(asking) for _ in range(50)))
    assert len(model.asked) == 1
    assert sorted(reply.usage.calls for reply in found) == [0] * 49 + [3]


async def test_a_failure_is_nobody_elses_and_is_not_kept() -> None:
    model, memory = Answering(), Memory()
    model.failing = 1
    asking = cached(model, memory)
    found = await asyncio.gather(*(ask(asking) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in found] == [CallFailed, Reply, Reply]
    assert memory.asking == {}
    model.failing = 1
    with pytest.raises(CallFailed):
        await ask(asking, replace(ASK, repeat=9))
    assert (await ask(asking, replace(ASK, repeat=9))).usage.calls == 3


async def test_who_stops_waiting_takes_nothing_from_the_others() -> None:
    model = Answering()
    asking = cached(model)
    first, second, third = (asyncio.create_task(ask(asking)) for _ in range(3))
    await asyncio.sleep(0.005)
    second.cancel()
    assert (await third).usage.cached == 1
    assert (await first).usage.calls == 3
    late = asyncio.create_task(ask(asking, replace(ASK, repeat=1)))
    waiting = asyncio.create_task(ask(asking, replace(ASK, repeat=1)))
    await asyncio.sleep(0.005)
    late.cancel()  # the one who asks
    assert (await waiting).usage.calls == 3


@pytest.mark.parametrize("kept", [b"rubbish", b"[]", b"{}", b'{"text": "x"}', b'{"usage": 1}'])
async def test_what_cannot_be_read_is_asked_again(kept: bytes) -> None:
    model, memory = Answering(), Memory()
    await ask(cached(model, memory))
    [key] = memory.kept
    memory.kept[key] = kept
    assert (await ask(cached(model, memory))).usage.calls == 3


async def test_what_is_too_long_or_no_text_is_not_kept() -> None:
    for text in ("x" * MAX_REPLY_BYTES, "\ud800"):
        memory = Memory()
        model = Answering(replace(REPLY, text=text))
        assert (await ask(cached(model, memory))).text == text
        assert memory.kept == {}
    memory = Memory()
    odd = replace(ASK, messages=(Message("user", "\ud800"),))
    assert (await ask(cached(Answering(), memory), odd)).text == REPLY.text
    assert memory.kept == {}


async def test_it_is_the_model_to_whoever_asks() -> None:
    model = Answering()
    asking = cached(model)
    assert (asking.name, asking.identity, asking.has_price) == ("house", model.identity, True)
