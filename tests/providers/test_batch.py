"""Asking in batches, over the wire formats of both vendors: one list of stories for the two."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from aiohttp import web

from weighbridge.core.outcome import Usage
from weighbridge.providers import anthropic_batch, openai_batch
from weighbridge.providers.anthropic import AnthropicEndpoint
from weighbridge.providers.base import CallFailed, ChatRequest, CompletionRequest, Message, Reply
from weighbridge.providers.batch import LEAST_TIMEOUT_S, BatchedProvider, checked_id
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import (
    BATCH_CONCURRENCY,
    DeclaredModel,
    ModelsFile,
    Price,
)
from weighbridge.providers.model import Models
from weighbridge.providers.openai import OpenAIEndpoint
from weighbridge.providers.pricing import price_of
from weighbridge.providers.transport import Transport


class Vendor:
    """A local server that speaks one vendor's batches.

    Args:
        protocol: whose. looks: how often a batch is looked at until it has ended.
    """

    def __init__(self, protocol: str, looks: int = 2) -> None:
        self.protocol = protocol
        self.looks = looks
        self.url = ""
        self.batches: list[list[dict[str, Any]]] = []
        self.cancelled: list[str] = []
        self.paths: list[str] = []
        self.broken_looks = 0
        self.broken_readings = 0
        self.refusal: web.Response | None = None
        self.end: dict[str, Any] = {}
        self.keys: set[str | None] = set()
        self._looked = 0
        self._uploaded: list[dict[str, Any]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(f"{request.method} {request.path}")
        self.keys.add(request.headers.get("Authorization") or request.headers.get("x-api-key"))
        path = request.path
        if self.refusal is not None:
            return self.refusal
        if path == "/v1/files":
            return await self._take_file(request)
        if path in {"/v1/batches", "/v1/messages/batches"}:
            return await self._take_batch(request)
        if path.endswith("/cancel"):
            self.cancelled.append(path.split("/")[-2])
            return web.json_response({"id": path.split("/")[-2]})
        if path.endswith(("/content", "/results")):
            return self._results(errors="file-errors" in path)
        return self._look()

    async def _take_file(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["purpose"] == "batch"
        file = form["file"]
        assert isinstance(file, web.FileField)
        lines = file.file.read().splitlines()
        self._uploaded = [orjson.loads(line) for line in lines]
        return web.json_response({"id": "file-in", "object": "file", "purpose": "batch"})

    async def _take_batch(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.protocol == "openai":
            assert body == {
                "input_file_id": "file-in",
                "endpoint": "/v1/chat/completions",
                "completion_window": "24h",
            }
            assert {line["url"] for line in self._uploaded} == {"/v1/chat/completions"}
            self.batches.append(self._uploaded)
        else:
            self.batches.append(body["requests"])
        self._looked = 0
        return web.json_response({"id": f"batch_{len(self.batches)}", "status": "validating"})

    def _look(self) -> web.Response:
        if self.broken_looks:
            self.broken_looks -= 1
            return web.Response(status=503)
        self._looked += 1
        running = self._looked < self.looks
        if self.protocol == "openai":
            done = {"status": "completed", "output_file_id": "file-out", **self.end}
            return web.json_response({"status": "in_progress"} if running else done)
        state = "in_progress" if running else "ended"
        url = "http://169.254.169.254/latest/meta-data"  # must not be followed
        return web.json_response({"processing_status": state, "results_url": url})

    def _results(self, *, errors: bool) -> web.Response:
        lines = [line for line in map(self._line, self.batches[-1]) if line is not None]
        if self.protocol == "openai":
            lines = [line for line in lines if (line["error"] is not None) == errors]
        body = b"\n".join(map(orjson.dumps, reversed(lines)))
        if self.broken_readings:
            self.broken_readings -= 1
            body = body[: len(body) // 2]
        return web.Response(body=body, content_type="application/x-jsonl")

    def _line(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """What became of a request, by what it asks."""
        name = request["custom_id"]
        said = (request.get("body") or request.get("params"))["messages"][-1]["content"]
        if said == "lost":
            return None
        if self.protocol == "anthropic":
            return {"custom_id": name, "result": self._anthropic(said)}
        if said == "expire":
            error = {"code": "batch_expired", "message": "It expired."}
            return {"id": "x", "custom_id": name, "response": None, "error": error}
        status = {"fail": 400, "overload": 500}.get(said, 200)
        message = {"role": "assistant", "content": f"re: {said}"}
        body: dict[str, Any] = {
            "model": "m-2026",
            "choices": [{"message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        }
        if status != 200:
            body = {"error": {"message": "no luck", "type": "x", "code": None}}
        response = {"status_code": status, "request_id": "r", "body": body}
        return {"id": "x", "custom_id": name, "response": response, "error": None}

    def _anthropic(self, said: str) -> dict[str, Any]:
        if said == "expire":
            return {"type": "expired"}
        word = {"fail": "invalid_request_error", "overload": "overloaded_error"}.get(said)
        if word is not None:
            error = {"type": "error", "error": {"type": word, "message": "no luck"}}
            return {"type": "errored", "error": error}
        message = {
            "type": "message",
            "model": "m-2026",
            "content": [{"type": "text", "text": f"re: {said}"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 3, "output_tokens": 2},
        }
        return {"type": "succeeded", "message": message}


@pytest.fixture
async def vendor(request: pytest.FixtureRequest, protocol: str) -> AsyncIterator[Vendor]:
    vendor = Vendor(protocol)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", vendor.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    vendor.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield vendor
    await runner.cleanup()


@pytest.fixture(params=["openai", "anthropic"])
def protocol(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


async def no_sleep(_seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
async def provider(vendor: Vendor) -> AsyncIterator[BatchedProvider]:
    transport = Transport()
    provider = BatchedProvider(batches_of(vendor, transport), gather_s=0.02, sleep=no_sleep)
    yield provider
    await provider.close()
    await transport.close()


def batches_of(vendor: Vendor, transport: Transport) -> Any:
    if vendor.protocol == "openai":
        openai = OpenAIEndpoint(transport, vendor.url, "m", "key-1")
        return openai_batch.OpenAIBatches(openai, transport, vendor.url, "key-1")
    anthropic = AnthropicEndpoint(transport, vendor.url, "m", "key-1")
    return anthropic_batch.AnthropicBatches(anthropic, transport, vendor.url, "key-1")


def say(text: str) -> ChatRequest:
    return ChatRequest((Message("user", text),), params={"max_tokens": 5})


async def ask(provider: BatchedProvider, *texts: str) -> list[Any]:
    return await asyncio.gather(
        *(provider.chat(say(text)) for text in texts), return_exceptions=True
    )


async def test_requests_go_as_one_batch_and_results_find_their_way_back(
    vendor: Vendor, provider: BatchedProvider
) -> None:
    replies = await ask(provider, *(f"q{number}" for number in range(20)))
    assert [reply.text for reply in replies] == [f"re: q{number}" for number in range(20)]
    assert {reply.finish_reason for reply in replies} == {"stop"}
    assert replies[0].usage == Usage(3, 2, None, 1)
    [batch] = vendor.batches
    assert len({request["custom_id"] for request in batch}) == 20
    body = batch[0].get("body") or batch[0]["params"]
    assert (body["model"], body["max_tokens"]) == ("m", 5)
    assert vendor.keys == {"Bearer key-1" if vendor.protocol == "openai" else "key-1"}
    assert not vendor.cancelled


async def test_what_comes_later_goes_with_the_next_batch(
    vendor: Vendor, provider: BatchedProvider
) -> None:
    await ask(provider, "a", "b")
    await ask(provider, "c")
    assert [len(batch) for batch in vendor.batches] == [2, 1]


async def test_a_full_batch_is_not_waited_for(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.providers.batch.MOST_REQUESTS", 3)
    transport = Transport()
    provider = BatchedProvider(batches_of(vendor, transport), gather_s=3600, sleep=no_sleep)
    async with asyncio.timeout(10):
        await ask(provider, "a", "b", "c")
    assert [len(batch) for batch in vendor.batches] == [3]
    await provider.close()
    await transport.close()


async def test_a_trickle_does_not_hold_a_batch_back_for_ever(vendor: Vendor) -> None:
    transport = Transport()
    provider = BatchedProvider(
        batches_of(vendor, transport), gather_s=0.2, longest_gather_s=0.3, sleep=no_sleep
    )
    calls = []
    for number in range(8):
        calls.append(asyncio.create_task(provider.chat(say(f"q{number}"))))
        await asyncio.sleep(0.08)
    await asyncio.gather(*calls)
    assert len(vendor.batches) >= 2
    await provider.close()
    await transport.close()


async def test_each_request_fails_by_itself(vendor: Vendor, provider: BatchedProvider) -> None:
    if vendor.protocol == "openai":
        vendor.end = {"error_file_id": "file-errors"}
    good, bad, busy, expired, lost = await ask(
        provider, "good", "fail", "overload", "expire", "lost"
    )
    assert isinstance(good, Reply)
    kinds = [(error.failure.kind, error.retry) for error in (bad, busy, expired, lost)]
    assert kinds == [
        ("bad_request", False),
        ("server_error", True),
        ("timeout", False),
        ("malformed", True),
    ]
    assert "no luck" in bad.failure.message


async def test_a_look_or_a_reading_that_fails_is_tried_again(
    vendor: Vendor, provider: BatchedProvider
) -> None:
    vendor.broken_looks, vendor.broken_readings = 3, 2
    replies = await ask(provider, "a", "b", "c")
    assert [reply.text for reply in replies] == ["re: a", "re: b", "re: c"]
    assert len(vendor.batches) == 1


@pytest.mark.parametrize(("status", "retry"), [(401, False), (429, True), (500, True)])
async def test_a_batch_that_is_not_taken_fails_all_its_requests(
    vendor: Vendor, provider: BatchedProvider, status: int, retry: bool
) -> None:
    vendor.refusal = web.json_response({"error": {"message": "not key-1"}}, status=status)
    found = await ask(provider, "a", "b")
    assert [error.retry for error in found] == [retry, retry]
    assert found[0] is not found[1]
    assert "not [key]" in found[0].failure.message
    assert found[0].usage.calls == 0


async def test_a_batch_that_nobody_waits_for_is_cancelled(
    vendor: Vendor, provider: BatchedProvider
) -> None:
    vendor.looks = 1_000_000
    calls = [asyncio.create_task(provider.chat(say("a"))) for _ in range(3)]
    while not vendor.batches:
        await asyncio.sleep(0.01)
    for call in calls:
        call.cancel()
    async with asyncio.timeout(10):
        while not vendor.cancelled:
            await asyncio.sleep(0.01)
    assert vendor.cancelled == ["batch_1"]


async def test_closing_cancels_what_is_under_way(vendor: Vendor, provider: BatchedProvider) -> None:
    vendor.looks = 1_000_000
    call = asyncio.create_task(provider.chat(say("a")))
    while not any("GET" in path for path in vendor.paths):
        await asyncio.sleep(0.01)
    await provider.close()
    assert vendor.cancelled == ["batch_1"]
    with pytest.raises(asyncio.CancelledError):
        await call
    await provider.close()
    assert vendor.cancelled == ["batch_1"]


@pytest.mark.parametrize("protocol", ["openai"])
@pytest.mark.parametrize(
    ("end", "kind", "words"),
    [
        (
            {
                "status": "failed",
                "output_file_id": None,
                "errors": {"data": [{"code": "x", "message": "Enqueued token limit reached"}]},
            },
            "bad_request",
            "Enqueued token limit reached",
        ),
        ({"status": "expired", "output_file_id": None}, "timeout", "expired"),
        ({"status": "cancelled", "output_file_id": None}, "timeout", "cancelled"),
        ({"output_file_id": "../../v1/models"}, "malformed", "no id"),
    ],
)
async def test_a_batch_that_ends_without_results_says_why(
    vendor: Vendor, provider: BatchedProvider, end: dict[str, Any], kind: str, words: str
) -> None:
    vendor.end = end
    [error] = await ask(provider, "a")
    assert error.failure.kind == kind
    assert words in error.failure.message


async def test_what_cannot_be_sent_is_refused_at_once_and_only_chats_are_batched(
    vendor: Vendor, provider: BatchedProvider
) -> None:
    for call in (
        provider.chat(ChatRequest((Message("user", "a"),), params={"n": 2})),
        provider.complete(CompletionRequest("a")),
        provider.embed(["a"]),
    ):
        with pytest.raises(CallFailed) as caught:
            await call
        assert caught.value.failure.kind == "unsupported"
    assert vendor.paths == []


@pytest.mark.parametrize("found", [None, {}, {"id": 5}, {"id": ""}, {"id": "../x"}, {"id": "a/b"}])
def test_an_id_that_would_lead_elsewhere_is_none(found: Any) -> None:
    with pytest.raises(CallFailed, match="no id"):
        checked_id(found, "the batch")


async def test_a_declared_model_asks_in_batches_at_half_the_price(
    vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchedProvider.__init__, "__kwdefaults__", {
        "gather_s": 0.02, "longest_gather_s": 1.0, "sleep": no_sleep,
    })  # fmt: skip
    declared = DeclaredModel(
        name="m",
        protocol=vendor.protocol,
        base_url=vendor.url,
        batch=True,
        price=Price(input=1e6, output=1e6),
    )
    models = Models(Catalog(ModelsFile(models=(declared,)), {}))
    model = await models.get("m")
    # A deadline of a millisecond is none that a batch could keep.
    reply = await model.chat(say("a"), timeout_s=0.001)
    assert reply.text == "re: a"
    assert reply.usage.cost_usd == (3 + 2) / 2
    await models.close()


def test_what_a_batch_saves_may_be_declared() -> None:
    tokens = Usage(1_000_000, 0, None, 1)
    fields: dict[str, Any] = {"name": "m", "base_url": "https://api.openai.com/v1", "batch": True}
    price = Price(input=10, output=0, batch_discount=0.2)
    assert price_of(DeclaredModel(**fields, price=price), free=False)(tokens) == pytest.approx(8)
    listed = price_of(DeclaredModel(**fields, model="gpt-4o"), free=False)(tokens)
    assert listed == pytest.approx(1.25)
    unknown = price_of(DeclaredModel(**fields, model="no-such-model"), free=False)(tokens)
    assert unknown is None
    assert DeclaredModel(**fields).max_concurrency == BATCH_CONCURRENCY
    assert DeclaredModel(**fields, max_concurrency=5).max_concurrency == 5


def test_a_call_has_longer_than_the_vendors_give_a_batch() -> None:
    assert LEAST_TIMEOUT_S > 24 * 3600


def test_batches_are_for_the_protocols_that_have_them() -> None:
    with pytest.raises(ValueError, match=re.escape("for the protocols openai and anthropic only")):
        DeclaredModel(name="m", protocol="google", base_url="http://h/v1", batch=True)
