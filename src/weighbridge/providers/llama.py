"""The protocol `llama`: a GGUF file, run in a child process that speaks the protocol `openai`.

A child, so that the runtime never holds up the event loop, cannot take the server down with it,
and gives all its memory back when it ends.
"""

import asyncio
import hashlib
import os
import secrets
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import orjson
from yarl import URL

from weighbridge.core.outcome import Failed, Usage
from weighbridge.errors import Invalid
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Delta,
    Embeddings,
    Reply,
    TokenLogprob,
)
from weighbridge.providers.failures import malformed, shorten
from weighbridge.providers.llama_echo import echo
from weighbridge.providers.openai import OpenAIEndpoint, as_wire
from weighbridge.providers.opening import Opened, Opening
from weighbridge.providers.transport import Transport

_INSTALL_RUNTIME = "pip install 'weighbridge[embedded]'"
_CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_CLOSE_S = 5.0
_CRASH_KNOWN_S = 1.0
_STDERR_TAIL = 4000
# Added to a token's logit, it outweighs whatever a model may prefer.
_FORCED = 1000.0

_Result = TypeVar("_Result", Reply, Embeddings)


@dataclass(frozen=True, slots=True)
class GgufModel:
    """What to serve, and how.

    Attributes:
        path: the file. model: the name that replies carry.
        context: tokens of prompt and reply together, for each slot.
        slots: requests worked on at once. One slot gives the same answers whatever else is asked;
            more are up to half again as fast and round differently from batch to batch.
        threads: processor threads.
    """

    path: Path
    model: str
    context: int
    slots: int
    threads: int


class LlamaChild:
    """The child process: started on the first use, started again after it crashed.

    Args:
        gguf: what it serves. transport: how it is spoken to.
        embedding: whether it makes vectors instead of texts.
    """

    def __init__(self, gguf: GgufModel, transport: Transport, *, embedding: bool) -> None:
        self._gguf = gguf
        self._transport = transport
        self._embedding = embedding
        self._process: asyncio.subprocess.Process | None = None
        self._endpoint: LlamaEndpoint | None = None
        self._starting: asyncio.Task[LlamaEndpoint] | None = None
        self._tail: asyncio.Task[str] | None = None

    async def endpoint(self) -> "LlamaEndpoint":
        """Where to ask; the child is running when this returns.

        Raises:
            CallFailed: it cannot be started.
        """
        if self._endpoint is not None and self._process and self._process.returncode is None:
            return self._endpoint
        if self._starting is None or self._starting.done():
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(_look_at)
        # A caller whose deadline ends must not end the start that others wait for.
        return await asyncio.shield(self._starting)

    async def ask(self, send: "Callable[[LlamaEndpoint], Awaitable[_Result]]") -> _Result:
        """Ask the child, starting it first if it is not running.

        Raises:
            CallFailed: by the child, or because it crashed; then it is started again the next time.
        """
        endpoint = await self.endpoint()
        process = self._process
        try:
            return await send(endpoint)
        except CallFailed as failed:
            await _until_known(failed, process)
            raise

    async def stream(
        self, request: ChatRequest | CompletionRequest
    ) -> AsyncGenerator[Delta | Reply, None]:
        """As `ask`, for what is told while it is being made."""
        endpoint = await self.endpoint()
        process = self._process
        try:
            async with aclosing(endpoint.stream(request)) as pieces:
                async for piece in pieces:
                    yield piece
        except CallFailed as failed:
            await _until_known(failed, process)
            raise

    @property
    def pid(self) -> int | None:
        """Of the child, while there is one."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and running else None

    async def close(self) -> None:
        """End the child. May be called twice."""
        starting, self._starting = self._starting, None
        if starting is not None and not starting.done():
            starting.cancel()
            await asyncio.wait([starting])
        process, self._process, self._endpoint = self._process, None, None
        if process is not None:
            await _end(process)
        tail, self._tail = self._tail, None
        if tail is not None:
            await tail  # standard error ends with the child

    async def _start(self) -> "LlamaEndpoint":
        if self._process is not None:
            await _end(self._process)
        self._endpoint = None
        key = secrets.token_urlsafe(32)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "weighbridge.providers.llama_server",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Threads that spin while they wait for each other stand still on a busy machine.
            env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
            start_new_session=True,
        )
        self._process = process
        try:
            port = await self._introduce(process, key)
        except BaseException:
            self._process = None
            await _end(process)
            raise
        self._endpoint = LlamaEndpoint(
            self._transport, f"http://127.0.0.1:{port}", self._gguf.model, key
        )
        return self._endpoint

    async def _introduce(self, process: asyncio.subprocess.Process, key: str) -> int:
        """Tell the child what to serve, and hear its port."""
        gguf = self._gguf
        config = {
            "path": str(gguf.path),
            "model": gguf.model,
            "context": gguf.context,
            "slots": gguf.slots,
            "threads": gguf.threads,
            "embedding": self._embedding,
            "api_key": key,
            "parent": os.getpid(),
        }
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise _not_started("it has no pipes")
        # Read for as long as it runs, so that the child never waits for a full pipe.
        tail = self._tail = asyncio.create_task(_drain(process.stderr))
        try:
            process.stdin.write(orjson.dumps(config) + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
        except (BrokenPipeError, ConnectionResetError):
            line = b""
        answer = orjson.loads(line) if line else {}
        if "port" in answer:
            return int(answer["port"])
        said = (await tail).strip()
        raise _not_started(f"{answer.get('error', 'it ended')} {said}".strip())


class LlamaEndpoint(OpenAIEndpoint):
    """The child's endpoint, with what the runtime can do beyond the protocol `openai`.

    Args:
        transport: the shared pool. root: address of the child. model, api_key: as for its parent.
    """

    def __init__(self, transport: Transport, root: str, model: str, api_key: str) -> None:
        super().__init__(transport, f"{root}/v1", model, api_key)
        self._root = root

    async def weigh(self, request: ChatRequest) -> Reply:
        """How likely each label is as the beginning of the reply, exactly: token by token.

        The runtime is made to take a label's next token by a bias, and tells the probability that
        the token had without it. The prompt is read once for all labels.

        Raises:
            CallFailed: by the child.
        """
        messages = [as_wire(message) for message in request.messages]
        prompt = (await self._post("apply-template", {"messages": messages}))["prompt"]
        before = await self._tokens(prompt, special=True)
        # Read once, as if nothing had been asked before: a prompt that is read in other pieces
        # rounds differently, and asked twice it must answer twice the same.
        await self._post("completion", {"prompt": before, "n_predict": 0, "cache_prompt": False})
        known: dict[tuple[int, ...], float] = {}
        weighed = []
        for label in request.labels:
            tokens = await self._tokens(label, special=False)
            likelihood = 0.0
            for place, token in enumerate(tokens):
                path = tuple(tokens[: place + 1])
                if path not in known:
                    known[path] = await self._logprob([*before, *path[:-1]], token)
                likelihood += known[path]
            weighed.append(TokenLogprob(label, likelihood))
        best = max(weighed, key=lambda entry: entry.logprob or 0.0)
        usage = Usage(len(before), len(known), None, 1)
        return Reply(best.token, "stop", usage, self._model, tuple(weighed))

    async def _tokens(self, text: str, *, special: bool) -> list[int]:
        body = {"content": text, "add_special": special, "parse_special": special}
        found: list[int] = (await self._post("tokenize", body))["tokens"]
        return found

    async def _logprob(self, before: list[int], token: int) -> float:
        """Natural logarithm of the probability that `token` comes next."""
        body = {
            "prompt": before,
            "n_predict": 1,
            "n_probs": 1,
            "temperature": 0,
            "logit_bias": [[token, _FORCED]],
            "cache_prompt": True,
        }
        answer = await self._post("completion", body)
        try:
            (found,) = answer["completion_probabilities"]
            if found["id"] == token:
                return float(found["logprob"])
        except (KeyError, TypeError, ValueError):
            pass
        raise malformed("the runtime did not tell how likely a label is")

    async def _post(self, path: str, body: dict[str, object]) -> Any:
        return await self._transport.post_json(URL(f"{self._root}/{path}"), self._headers, body)


class LlamaProvider:
    """A GGUF file as a provider.

    Texts come from one child; vectors from a second one, because the runtime makes either; the
    second is started only when vectors are asked for, and shares the file's pages with the first.

    Args:
        gguf: what to serve. transport: how the children are spoken to.
    """

    def __init__(self, gguf: GgufModel, transport: Transport) -> None:
        self.texts = LlamaChild(gguf, transport, embedding=False)
        self._vectors = LlamaChild(gguf, transport, embedding=True)

    weighs_labels = True

    async def chat(self, request: ChatRequest) -> Reply:
        """Continue a chat by one message, or weigh the labels of the request."""
        if request.labels:
            return await self.texts.ask(lambda endpoint: endpoint.weigh(request))
        return await self.texts.ask(lambda endpoint: endpoint.chat(request))

    async def complete(self, request: CompletionRequest) -> Reply:
        """Continue a text; one that is to be echoed is only weighed, and nothing is said."""
        if request.echo:
            return await self.texts.ask(lambda endpoint: echo(endpoint, request))
        return await self.texts.ask(lambda endpoint: endpoint.complete(request))

    async def stream(
        self, request: ChatRequest | CompletionRequest
    ) -> AsyncGenerator[Delta | Reply, None]:
        """Continue a chat or a text, token by token; a text that is to be echoed comes at once."""
        if isinstance(request, CompletionRequest) and request.echo:
            reply = await self.complete(request)
            yield Delta(reply.text)
            yield reply
            return
        async with aclosing(self.texts.stream(request)) as pieces:
            async for piece in pieces:
                yield piece

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """The mean of the last layer over each text, normalised."""
        return await self._vectors.ask(lambda endpoint: endpoint.embed(texts))

    async def close(self) -> None:
        """End the children. May be called twice."""
        await self.texts.close()
        await self._vectors.close()


async def open_file(opening: Opening) -> Opened:
    """The factory of this protocol: checks the file (and its hash, where one is declared)."""
    declared = opening.declared
    path = declared.path or Path()
    digest = await check_file(path, declared.sha256, declared.name)
    gguf = GgufModel(
        path,
        declared.endpoint_model,
        declared.context,
        declared.slots,
        declared.threads or usable_cores(),
    )
    return Opened(
        LlamaProvider(gguf, opening.transport),
        identity={"sha256": digest},
        max_in_flight=gguf.slots + 1,
        free=True,
    )


async def check_file(path: Path, sha256: str | None, name: str) -> str:
    """The SHA-256 of a GGUF file, after making sure that it can be served.

    Args:
        path: the file. sha256: what it must be, in hexadecimal; None: anything.
        name: of the model, for messages.

    Raises:
        Invalid: the runtime or the file is missing, or the file is another one.
    """
    if find_spec("xllamacpp") is None:
        raise Invalid(f"the model {name!r} needs the package xllamacpp; run: {_INSTALL_RUNTIME}")
    try:
        digest = await asyncio.to_thread(_sha256, path)
    except OSError as error:
        raise Invalid(f"the model {name!r}: {path} cannot be read: {error.strerror}") from error
    if sha256 is not None and digest != sha256.lower():
        raise Invalid(
            f"the model {name!r}: {path} is not the declared file: its SHA-256 is {digest}, "
            f"declared was {sha256.lower()}"
        )
    return digest


def usable_cores() -> int:
    """Cores that this process may use: its affinity mask, and a container's quota."""
    if sys.platform == "linux":
        cores = len(os.sched_getaffinity(0))
    else:
        cores = os.cpu_count() or 1
    try:
        quota, period = _CGROUP_QUOTA.read_text().split()
        cores = min(cores, int(quota) // int(period))
    except (OSError, ValueError):  # no container, or "max"
        pass
    return max(1, cores)


def _sha256(path: Path) -> str:
    status = path.stat()
    return _sha256_of(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _sha256_of(path: Path, _size: int, _modified_ns: int) -> str:
    """Once per process for each state of a file: 100 MB take about a tenth of a second."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _drain(stream: asyncio.StreamReader) -> str:
    """Read a stream to its end; its last characters."""
    tail = b""
    while part := await stream.read(4096):
        tail = (tail + part)[-_STDERR_TAIL:]
    return tail.decode(errors="replace")


def _look_at(task: asyncio.Task[LlamaEndpoint]) -> None:
    """A start that fails after everybody gave up waiting for it is nobody's surprise."""
    if not task.cancelled():
        task.exception()


async def _until_known(failed: CallFailed, process: asyncio.subprocess.Process | None) -> None:
    """It takes a moment until a crash is known; before that, a retry would be wasted."""
    if failed.failure.kind == "connection" and process is not None:
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _CRASH_KNOWN_S)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask it to end by closing its input; kill it if it does not."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _CLOSE_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _not_started(reason: str) -> CallFailed:
    message = shorten(f"the model's process could not be started: {reason}")
    return CallFailed(Failed("internal", message, calls=0), retry=False)
