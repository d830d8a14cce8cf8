"""The protocol `openai`: chat completions, completions and embeddings, as OpenAI, vLLM, llama.cpp,
Ollama and most providers speak them."""

import sys
from array import array
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from multidict import CIMultiDict
from yarl import URL

from weighbridge import __version__
from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Usage
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Embeddings,
    ImagePart,
    Message,
    Reply,
    TokenLogprob,
)
from weighbridge.providers.failures import (
    endpoint_message,
    malformed,
    shorten,
    status_failed,
    unsupported,
)
from weighbridge.providers.opening import Opened, Opening
from weighbridge.providers.transport import Transport

# A stream or several choices would be paid for and not read.
_ALLOWED = {"stream": (None, False), "n": (None, 1), "best_of": (None, 1)}


class OpenAIEndpoint:
    """One model at one OpenAI-compatible endpoint.

    Args:
        transport: the shared pool.
        base_url: up to and including the version; a query (`?api-version=…`) is kept.
        model: what the endpoint calls the model.
        api_key: sent as `Authorization: Bearer`; None: not sent.
    """

    def __init__(
        self, transport: Transport, base_url: str, model: str, api_key: str | None
    ) -> None:
        self._transport = transport
        self._model = model
        root, _, query = base_url.partition("?")
        tail = f"?{query}" if query else ""
        root = root.rstrip("/")
        self._chat_url = URL(f"{root}/chat/completions{tail}")
        self._completions_url = URL(f"{root}/completions{tail}")
        self._embeddings_url = URL(f"{root}/embeddings{tail}")
        self._headers = CIMultiDict(
            {
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": f"weighbridge/{__version__}",
            }
        )
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"

    async def chat(self, request: ChatRequest) -> Reply:
        """Continue a chat by one message."""
        body = _body(self._model, request.params)
        body["messages"] = [_message(message) for message in request.messages]
        if request.repeat and isinstance(body.get("seed"), int):
            body["seed"] += request.repeat
        if request.schema is not None:
            schema = {"name": "reply", "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if request.top_logprobs is not None:
            body["logprobs"] = True
            body["top_logprobs"] = request.top_logprobs
        return read_chat(await self._transport.post_json(self._chat_url, self._headers, body))

    async def complete(self, request: CompletionRequest) -> Reply:
        """Continue a text."""
        body = _body(self._model, request.params)
        body["prompt"] = request.prompt
        if request.logprobs is not None:
            body["logprobs"] = request.logprobs
        if request.echo:
            body["echo"] = True
        data = await self._transport.post_json(self._completions_url, self._headers, body)
        return read_completion(data)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Turn texts into vectors."""
        if not texts:
            return Embeddings((), Usage())
        body = {"model": self._model, "input": list(texts)}
        data = await self._transport.post_json(self._embeddings_url, self._headers, body)
        return read_embeddings(data, len(texts))

    async def close(self) -> None:
        """Nothing to let go of: the pool belongs to whoever made it."""


async def open_endpoint(opening: Opening) -> Opened:
    """The factory of this protocol."""
    declared = opening.declared
    base_url = declared.base_url or ""
    return Opened(
        OpenAIEndpoint(opening.transport, base_url, declared.endpoint_model, opening.api_key)
    )


def read_chat(data: Any) -> Reply:
    """The first choice of a chat completion.

    Raises:
        CallFailed: the shape is not that of a chat completion, or it is an error in disguise.
    """
    choice = _first_choice(data)
    message = choice.get("message")
    if not isinstance(message, dict):
        raise malformed("the answer has no `choices[0].message`")
    return Reply(
        _text_of(message),
        _text_or_none(choice.get("finish_reason")),
        _usage(data.get("usage")),
        _text_or_none(data.get("model")),
        _logprobs(choice.get("logprobs")),
    )


def read_completion(data: Any) -> Reply:
    """The first choice of a text completion. Raises as `read_chat`."""
    choice = _first_choice(data)
    text = choice.get("text")
    if not isinstance(text, str):
        raise malformed("the answer has no text in `choices[0].text`")
    return Reply(
        text,
        _text_or_none(choice.get("finish_reason")),
        _usage(data.get("usage")),
        _text_or_none(data.get("model")),
        _logprobs(choice.get("logprobs")),
    )


def read_embeddings(data: Any, count: int) -> Embeddings:
    """The vectors of an embeddings answer, in the order of the texts. Raises as `read_chat`."""
    _refuse_disguised_error(data, "data")
    rows = data.get("data") if isinstance(data, dict) else None
    if not isinstance(rows, list) or len(rows) != count:
        raise malformed(f"the answer does not hold {count} embeddings in `data`")
    try:
        rows = sorted(rows, key=lambda row: row.get("index", 0))
        vectors = tuple(_vector(row["embedding"]) for row in rows)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise malformed(f"an embedding cannot be read: {error!r}") from None
    if len({len(vector) for vector in vectors}) > 1:
        raise malformed("the embeddings differ in length")
    return Embeddings(vectors, _usage(data.get("usage")), _text_or_none(data.get("model")))


def _body(model: str, params: JsonObject) -> dict[str, Any]:
    for name, allowed in _ALLOWED.items():
        if name in params and params[name] not in allowed:
            raise unsupported(f"the parameter {name!r} is not supported; leave it out")
    return {**params, "model": model}


def _message(message: Message) -> dict[str, Any]:
    content = message.content
    if isinstance(content, str):
        return {"role": message.role, "content": content}
    parts = [
        {"type": "image_url", "image_url": {"url": part.url}}
        if isinstance(part, ImagePart)
        else {"type": "text", "text": part}
        for part in content
    ]
    return {"role": message.role, "content": parts}


def _first_choice(data: Any) -> dict[str, Any]:
    _refuse_disguised_error(data, "choices")
    try:
        choice = data["choices"][0]
    except (KeyError, IndexError, TypeError):
        raise malformed(f"the answer has no `choices`: {shorten(str(data))[:200]}") from None
    if not isinstance(choice, dict):
        raise malformed("`choices[0]` of the answer is not an object")
    return choice


def _refuse_disguised_error(data: Any, expected: str) -> None:
    """Some gateways answer 200 with an error inside."""
    if isinstance(data, dict) and expected not in data and data.get("error"):
        raise _disguised_error(data["error"])


def _disguised_error(error: Any) -> CallFailed:
    said, code = endpoint_message({"error": error})
    status = error.get("code") if isinstance(error, dict) else None
    known = isinstance(status, int) and 400 <= status < 600
    return status_failed(status if known and isinstance(status, int) else 502, said, code=code)


def _text_of(message: dict[str, Any]) -> str:
    """The text of a reply; that of a refusal where there is one; "" where there is neither."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if content is None:
        refusal = message.get("refusal")
        return refusal if isinstance(refusal, str) else ""
    if isinstance(content, list):  # parts: those that are not text (thinking) are left out
        return "".join(
            part["text"]
            for part in content
            if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    raise malformed("`choices[0].message.content` of the answer is not text")


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage(0, 0, None, 1)
    return Usage(
        _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens")), None, 1
    )


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _text_or_none(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _logprobs(found: Any) -> tuple[TokenLogprob, ...] | None:
    """Either shape: chat's `content`, or the older lists of completions."""
    if not isinstance(found, dict):
        return None
    try:
        if isinstance(found.get("content"), list):
            return tuple(_logprob(entry) for entry in found["content"])
        if isinstance(found.get("tokens"), list):
            return _older_logprobs(found)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise malformed(f"the log-probabilities cannot be read: {error!r}") from None
    return None


def _logprob(entry: dict[str, Any]) -> TokenLogprob:
    top = tuple((other["token"], other["logprob"]) for other in entry.get("top_logprobs") or ())
    return TokenLogprob(entry["token"], entry["logprob"], top)


def _older_logprobs(found: dict[str, Any]) -> tuple[TokenLogprob, ...]:
    tokens, logprobs = found["tokens"], found["token_logprobs"]
    tops = found.get("top_logprobs") or [None] * len(tokens)
    return tuple(
        TokenLogprob(
            token,
            logprob,
            tuple(sorted((top or {}).items(), key=lambda pair: pair[1], reverse=True)),
        )
        for token, logprob, top in zip(tokens, logprobs, tops, strict=True)
    )


def _vector(embedding: Any) -> Sequence[float]:
    """Floats, or base64 of little-endian 32-bit floats."""
    if isinstance(embedding, str):
        numbers = array("f", b64decode(embedding, validate=True))
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers
    return [float(number) for number in embedding]
