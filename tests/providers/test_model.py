"""Model: limiter, retry, deadline, price and usage together, over providers that play a part."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from weighbridge.core.outcome import Failed, Usage
from weighbridge.errors import Invalid
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Embeddings,
    ImagePart,
    Message,
    Reply,
)
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel, ModelsFile, Price
from weighbridge.providers.limiter import Limiter
from weighbridge.providers.model import Model, Models
from weighbridge.providers.opening import Opening
from weighbridge.providers.pricing import per_million
from weighbridge.providers.retry import RetryPolicy, no_waiting
from weighbridge.providers.transport import Transport

Serving = Callable[
    [Callable[[web.Request], Awaitable[web.StreamResponse]]], AbstractAsyncContextManager[Any]
]
ASK = ChatRequest((Message("user", "q"),))


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
    usage = options.pop("usage", Usage(calls=1))
    return CallFailed(Failed(kind, "no"), retry=retry, retry_after_s=after, usage=usage)


class Player:
    """A provider that plays a list of endings: an exception is raised, anything else is a reply."""

    def __init__(self, *endings: object, usage: Usage | None = None) -> None:
        self.endings = list(endings)
        self.usage = usage or Usage(10, 5, None, 1)
        self.asked = 0
        self.closed = 0

    async def chat(self, request: ChatRequest) -> Reply:
        self.asked += 1
        await asyncio.sleep(0)
        ending = self.endings.pop(0) if len(self.endings) > 1 else self.endings[0]
        if isinstance(ending, BaseException):
            raise ending
        if ending is Ellipsis:
            await asyncio.sleep(3600)
        return Reply(str(ending), "stop", self.usage, "m-1")

    async def complete(self, request: CompletionRequest) -> Reply:
        return await self.chat(ASK)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        reply = await self.chat(ASK)
        return Embeddings([[1.0]] * len(texts), reply.usage, "m-1")

    async def close(self) -> None:
        self.closed += 1


def make(
    player: Player,
    clock: Clock | None = None,
    limiter: Limiter | None = None,
    policy: RetryPolicy | None = None,
) -> Model:
    clock = clock or Clock()
    return Model(
        "m",
        {},
        player,
        limiter or Limiter(4, clock=clock),
        policy or RetryPolicy(),
        per_million(1.0, 2.0),
        clock=clock,
        sleep=clock.sleep,
    )


async def test_a_reply_has_its_price_latency_and_one_call() -> None:
    reply = await make(Player("yes")).chat(ASK, timeout_s=10)
    assert reply.text == "yes"
    assert reply.usage == Usage(10, 5, (10 * 1.0 + 5 * 2.0) / 1e6, 1)
    assert reply.latency_s == 0.0
    assert (reply.model, reply.finish_reason) == ("m-1", "stop")


async def test_an_empty_answer_is_an_answer() -> None:
    assert (await make(Player("")).chat(ASK, timeout_s=10)).text == ""


async def test_errors_are_tried_again_and_all_tries_are_counted() -> None:
    clock = Clock()
    paid = error(usage=Usage(3, 0, None, 1))
    model = make(Player(paid, error(), "yes"), clock)
    reply = await model.chat(ASK, timeout_s=100)
    assert reply.usage.calls == 3
    assert reply.usage.input_tokens == 13
    assert reply.usage.cost_usd == pytest.approx((13 * 1.0 + 5 * 2.0) / 1e6)
    assert len(clock.slept) == 2
    assert reply.latency_s == 0.0, "the latency is that of the try that succeeded"


async def test_what_cannot_succeed_is_asked_once() -> None:
    player = Player(error("bad_request", retry=False))
    with pytest.raises(CallFailed) as caught:
        await make(player).chat(ASK, timeout_s=10)
    assert player.asked == 1
    assert caught.value.failure.calls == 1
    assert caught.value.failure.kind == "bad_request"


async def test_after_the_last_try_the_failure_covers_all_of_them() -> None:
    player = Player(error(usage=Usage(7, 0, None, 1)))
    with pytest.raises(CallFailed) as caught:
        await make(player, policy=RetryPolicy(tries=4, base_s=0.01)).chat(ASK, timeout_s=1000)
    assert player.asked == 4
    assert caught.value.failure.calls == 4
    assert caught.value.usage.calls == 4
    assert caught.value.usage.input_tokens == 28


async def test_a_429_with_retry_after_waits_that_long() -> None:
    clock = Clock()
    limiter = Limiter(4, clock=clock, call_later=lambda delay, run: _soon(run))
    reply = await make(Player(error("rate_limited", after=7.0), "yes"), clock, limiter).chat(
        ASK, timeout_s=100
    )
    assert reply.text == "yes"
    assert clock.slept == [7.0]


def _soon(run: Callable[[], None]) -> asyncio.Handle:
    return asyncio.get_running_loop().call_soon(run)


async def test_rate_limits_go_on_beyond_the_number_of_tries_until_the_deadline() -> None:
    clock = Clock()
    limited = [error("rate_limited") for _ in range(30)]
    policy = RetryPolicy(tries=3, base_s=0.1, cap_s=0.1)
    reply = await make(Player(*limited, "yes"), clock, policy=policy).chat(ASK, timeout_s=100)
    assert reply.usage.calls == 31


async def test_a_retry_after_beyond_the_deadline_fails_right_away() -> None:
    clock = Clock()
    player = Player(error("rate_limited", after=60.0))
    with pytest.raises(CallFailed, match="after the call's deadline") as caught:
        await make(player, clock).chat(ASK, timeout_s=30)
    assert player.asked == 1
    assert clock.slept == []
    assert caught.value.failure.kind == "rate_limited"
    assert caught.value.retry_after_s == 60.0


async def test_others_without_time_for_that_pause_are_not_even_sent() -> None:
    clock = Clock()
    player = Player(error("rate_limited", after=60.0))
    model = make(player, clock)
    for _ in range(2):
        with pytest.raises(CallFailed):
            await model.chat(ASK, timeout_s=30)
    assert player.asked == 1


async def test_a_429_pauses_all_calls_of_the_limiter() -> None:
    clock = Clock()
    limiter = Limiter(4, clock=clock)
    model = make(Player(error("rate_limited", after=5.0, retry=True)), clock, limiter)
    with pytest.raises(CallFailed):
        await model.chat(ASK, timeout_s=3)
    assert not limiter.try_acquire()
    clock.now += 5.01
    assert limiter.try_acquire()


async def test_no_answer_within_the_deadline_is_a_time_out() -> None:
    limiter = Limiter(4)
    model = Model("m", {}, Player(...), limiter, RetryPolicy(), per_million(1, 1))
    with pytest.raises(CallFailed) as caught:
        await model.chat(ASK, timeout_s=0.03)
    assert caught.value.failure.kind == "timeout"
    assert caught.value.failure.calls == 1
    assert limiter.in_flight == 0


async def test_a_time_out_after_errors_counts_them_too() -> None:
    policy = RetryPolicy(base_s=0.0)
    model = Model("m", {}, Player(error(), error(), ...), Limiter(4), policy, per_million(1, 1))
    with pytest.raises(CallFailed, match="in 3 tries; before: no") as caught:
        await model.chat(ASK, timeout_s=0.05)
    assert caught.value.failure.calls == 3


async def test_waiting_in_our_own_queue_does_not_count_against_the_deadline() -> None:
    limiter = Limiter(1)
    model = Model("m", {}, Player("yes"), limiter, RetryPolicy(), per_million(1, 1))
    assert limiter.try_acquire()
    waiting = asyncio.create_task(model.chat(ASK, timeout_s=0.02))
    await asyncio.sleep(0.06)
    limiter.release()
    assert (await waiting).text == "yes"


@pytest.mark.parametrize("pause", [0, 1, 2, 3, 5, 8])
async def test_cancelling_a_call_releases_its_slot(pause: int) -> None:
    limiter = Limiter(1)
    model = Model("m", {}, Player(error(), ...), limiter, RetryPolicy(), per_million(1, 1))
    calls = [asyncio.create_task(model.chat(ASK, timeout_s=60)) for _ in range(3)]
    for _ in range(pause):
        await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert all(call.cancelled() for call in calls)
    assert limiter.in_flight == 0
    assert limiter.try_acquire()


async def test_a_slot_is_free_while_a_call_waits_to_be_tried_again() -> None:
    limiter = Limiter(1)
    asleep = asyncio.Event()
    wake = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        asleep.set()
        await wake.wait()

    player = Player(error(), "yes")
    model = Model("m", {}, player, limiter, RetryPolicy(), per_million(1, 1), sleep=sleep)
    first = asyncio.create_task(model.chat(ASK, timeout_s=60))
    await asleep.wait()
    assert limiter.in_flight == 0
    assert (await model.chat(ASK, timeout_s=60)).text == "yes"
    wake.set()
    await first


async def test_a_provider_that_breaks_fails_the_case_and_not_the_run() -> None:
    limiter = Limiter(1)
    model = make(Player(KeyError("oops")), limiter=limiter)
    with pytest.raises(CallFailed, match="KeyError: 'oops'") as caught:
        await model.chat(ASK, timeout_s=10)
    assert (caught.value.failure.kind, caught.value.retry) == ("internal", False)
    assert limiter.in_flight == 0


async def test_a_time_out_of_the_provider_itself_is_not_taken_for_the_deadline() -> None:
    with pytest.raises(CallFailed, match="TimeoutError") as caught:
        await make(Player(TimeoutError())).chat(ASK, timeout_s=10)
    assert caught.value.failure.kind == "internal"


async def test_completions_and_embeddings_go_the_same_way() -> None:
    model = make(Player(error(), "yes"))
    reply = await model.complete(CompletionRequest("p"), timeout_s=100)
    assert (reply.text, reply.usage.calls) == ("yes", 2)
    found = await make(Player(error(), "x")).embed(["a", "b"], timeout_s=100)
    assert len(found.vectors) == 2
    assert found.usage.calls == 2


async def test_tokens_are_estimated_before_and_corrected_after() -> None:
    clock = Clock()
    limiter = Limiter(4, tokens_per_minute=6000, clock=clock)
    model = make(Player("yes", usage=Usage(150, 30, None, 1)), clock, limiter)
    await model.chat(ChatRequest((Message("user", "x" * 40),), {"max_tokens": 150}), timeout_s=9)
    assert limiter.try_acquire(15), "200 were allowed, 180 were used"
    assert not limiter.try_acquire(15)


async def test_images_and_unlimited_replies_have_an_estimate_too() -> None:
    clock = Clock()
    limiter = Limiter(4, tokens_per_minute=60_000, clock=clock)
    model = make(Player("yes", usage=Usage(0, 0, None, 1)), clock, limiter)
    parts = ("x" * 400, ImagePart("data:,"))
    await model.chat(ChatRequest((Message("user", parts),)), timeout_s=9)
    # Unknown usage keeps the estimate: 100 for the text, 1,000 for the image, 256 for the reply.
    assert limiter.try_acquire(600)
    assert not limiter.try_acquire(100)


async def test_within_no_waiting_nothing_waits_and_nothing_is_paused() -> None:
    limiter = Limiter(4)
    player = Player(error("rate_limited", after=1000.0), error(), "yes")
    model = Model("m", {}, player, limiter, RetryPolicy(), per_million(1, 1))
    with no_waiting():
        reply = await model.chat(ASK, timeout_s=5)
    assert reply.usage.calls == 3
    assert limiter.try_acquire()


def catalog(*models: DeclaredModel, **environ: str) -> Catalog:
    return Catalog(ModelsFile(models=models), environ)


def scripted(name: str, **fields: Any) -> DeclaredModel:
    return DeclaredModel(name=name, protocol="scripted", replies=["ok"], **fields)


async def test_a_model_is_opened_once_and_shared_by_all_its_names() -> None:
    models = Models(catalog(scripted("a", aliases=("b",))))
    first, second = await asyncio.gather(models.get("a"), models.get("b"))
    assert first is second
    assert first.name == "a"
    await models.close()
    await models.close()


async def test_an_unknown_model_is_refused() -> None:
    models = Models(catalog())
    with pytest.raises(Invalid, match="no model is called 'x'"):
        await models.get("x")
    await models.close()


async def test_the_identity_pins_the_model_and_holds_no_secret() -> None:
    house = DeclaredModel(
        name="h", base_url="https://h.test/v1?key=SECRET", model="big", api_key_env="K"
    )
    models = Models(catalog(house, scripted("s"), K="sk-secret"))
    identity = (await models.get("h")).identity
    assert identity == {"protocol": "openai", "endpoint": "h.test", "model": "big"}
    script = (await models.get("s")).identity["script"]
    assert isinstance(script, str)
    assert len(script) == 64
    await models.close()


async def test_a_model_that_thinks_is_another_model_to_the_pin() -> None:
    models = Models(catalog(DeclaredModel(name="h", base_url="https://h.test/v1")))
    plain, thinking = await models.get("h"), await models.get("h-thinking")
    assert plain.identity == {"protocol": "openai", "endpoint": "h.test", "model": "h"}
    assert thinking.identity == {**plain.identity, "thinking": True}
    assert (await models.get("h")) is plain
    await models.close()


async def test_what_a_model_refuses_is_left_out_and_pinned(serving: Serving) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"content": [{"type": "text", "text": "x"}]})

    async with serving(handler) as server:
        declared = DeclaredModel(
            name="h",
            protocol="anthropic",
            base_url=server.url,
            leave_out=("temperature", "seed"),
            schema_by="tool",
        )
        models = Models(catalog(declared))
        request = ChatRequest((Message("user", "q"),), {"temperature": 0, "seed": 1, "top_k": 3})
        await models.check("h", request)
        model = await models.get("h")
        await model.chat(request, timeout_s=5)
        await models.close()
    assert server.bodies[0]["top_k"] == 3
    assert not {"temperature", "seed"} & server.bodies[0].keys()
    assert model.identity["leave_out"] == ["seed", "temperature"]
    assert model.identity["schema_by"] == "tool"


async def test_everything_of_a_reply_passes_through(serving: Serving) -> None:
    async def handler(_request: web.Request) -> web.Response:
        block = {"type": "thinking", "thinking": "hm", "signature": "x"}
        details = {"category": "bio", "explanation": None}
        answer = {"content": [block], "stop_reason": "refusal", "stop_details": details}
        return web.json_response(answer)

    async with serving(handler) as server:
        models = Models(catalog(DeclaredModel(name="h", protocol="anthropic", base_url=server.url)))
        reply = await (await models.get("h")).chat(ASK, timeout_s=5)
        await models.close()
    assert (reply.thinking, reply.refusal, reply.images) == ("hm", "bio", ())
    assert reply.latency_s > 0


async def test_local_protocols_are_free_unless_a_price_is_declared() -> None:
    models = Models(catalog(scripted("free"), scripted("dear", price=Price(input=1e6, output=0))))
    free = await (await models.get("free")).chat(ASK, timeout_s=5)
    dear = await (await models.get("dear")).chat(ASK, timeout_s=5)
    assert free.usage.cost_usd == 0.0
    assert dear.usage.cost_usd == dear.usage.input_tokens
    await models.close()


async def test_two_names_for_one_endpoint_share_its_limits(serving: Serving) -> None:
    in_flight = 0
    most = 0

    async def handler(_request: web.Request) -> web.Response:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        await asyncio.sleep(0.01)
        in_flight -= 1
        return web.json_response({"choices": [{"message": {"content": "x"}}]})

    async with serving(handler) as server:
        one = DeclaredModel(name="one", base_url=server.url, model="m", max_concurrency=3)
        two = DeclaredModel(name="two", base_url=server.url, model="m", max_concurrency=2)
        models = Models(catalog(one, two))
        first, second = await models.get("one"), await models.get("two")
        await asyncio.gather(
            *(model.chat(ASK, timeout_s=10) for model in (first, second) for _ in range(8))
        )
        await models.close()
    assert most == 2


async def test_a_third_partys_protocol_is_opened_through_its_entry_point(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = tmp_path / "elsewhere.py"
    package.write_text(
        "from weighbridge.providers.opening import Opened\n"
        "from weighbridge.providers.scripted import ScriptedProvider\n"
        "async def open_it(opening):\n"
        "    return Opened(ScriptedProvider([opening.declared.options['say']], 'm'), free=True)\n"
    )
    info = tmp_path / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[weighbridge.providers]\nelsewhere = elsewhere:open_it\nopenai = elsewhere:open_it\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    declared = DeclaredModel(name="m", protocol="elsewhere", options={"say": "hello"})
    models = Models(catalog(declared))
    reply = await (await models.get("m")).chat(ASK, timeout_s=5)
    assert reply.text == "hello"
    await models.close()


async def test_an_endpoint_that_fails_in_every_way_still_answers_every_case(
    serving: Serving,
) -> None:
    seen: dict[str, int] = {}

    async def handler(request: web.Request) -> web.StreamResponse:
        label = (await request.json())["messages"][0]["content"]
        tries = seen[label] = seen.get(label, 0) + 1
        number = int(label)
        if tries == 1 and number % 5 == 0:
            return web.json_response({}, status=429, headers={"Retry-After": "0.01"})
        if tries == 1 and number % 5 == 1:
            return web.json_response({}, status=500)
        if tries == 1 and number % 5 == 2:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if tries == 1 and number % 5 == 3:
            return web.Response(body=b'{"cho')
        return web.json_response({"choices": [{"message": {"content": label}}]})

    async with serving(handler) as server:
        declared = DeclaredModel(name="m", base_url=server.url, max_concurrency=16)
        models = Models(catalog(declared), policy=RetryPolicy(base_s=0.001))
        model = await models.get("m")
        replies = await asyncio.gather(
            *(model.chat(ChatRequest((Message("user", str(n)),)), timeout_s=20) for n in range(100))
        )
        await models.close()
    assert [reply.text for reply in replies] == [str(n) for n in range(100)]
    assert sum(reply.usage.calls for reply in replies) == 180


async def test_nothing_is_left_open_after_close(serving: Serving) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response({"choices": [{"message": {"content": "x"}}]})

    async with serving(handler) as server:
        models = Models(catalog(DeclaredModel(name="m", base_url=server.url)))
        await (await models.get("m")).chat(ASK, timeout_s=5)
        await models.close()
        for _ in range(50):  # the server learns of it a moment later
            if server.requests[0].transport is None:
                break
            await asyncio.sleep(0.01)
        assert server.requests[0].transport is None
    gc.collect()  # an unclosed session would warn here, and warnings are errors


def test_the_key_is_not_in_the_text_of_an_opening() -> None:
    declared = DeclaredModel(name="m", base_url="http://h/v1")
    assert "sk-secret" not in repr(Opening(declared, "sk-secret", Transport()))
