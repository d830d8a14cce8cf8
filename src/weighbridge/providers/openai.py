"""The protocol `openai`: chat completions, completions and embeddings, as OpenAI, vLLM, llama.cpp,
Ollama and most providers speak them."""

import sys
from array import array
from base64 import b64decode
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Usage
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Delta,
    Embeddings,
    Image,
    ImagePart,
    Message,
    Reply,
    TokenLogprob,
    ToolCall,
    ToolResult,
    VideoPart,
)
from weighbridge.providers.failures import broke_off, malformed, shorten
from weighbridge.providers.openai_stream import Chunks, text_of, thinking_of
from weighbridge.providers.opening import Opened, Opening
from weighbridge.providers.thinking import Thinking
from weighbridge.providers.transport import Transport
from weighbridge.providers.wire import (
    Address,
    bearer_headers,
    count,
    read_image,
    refuse_disguised_error,
    refuse_unread,
    split_data_uri,
    text_or_none,
)

# How hard a model thinks whose name says no more than that it is to think.
_USUAL_EFFORT = "medium"


class OpenAIEndpoint:
    """One model at one OpenAI-compatible endpoint.

    Args:
        transport: the shared pool.
        base_url: up to and including the version; a query (`?api-version=…`) is kept.
        model: what the endpoint calls the model.
        api_key: sent as `Authorization: Bearer`; None: not sent.
        thinking: sent as `reasoning_effort`, unless a request says otherwise.
    """

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        model: str,
        api_key: str | None,
        *,
        thinking: Thinking = False,
    ) -> None:
        self._transport = transport
        self._model = model
        # Its newer models refuse the older name, and all of them take the newer one.
        self._is_openai = urlsplit(base_url).hostname == "api.openai.com"
        self._effort = thinking if isinstance(thinking, str) else _USUAL_EFFORT if thinking else ""
        self._tells_usage = True  # of streams
        address = Address(base_url)
        self._address = address
        self._chat_url = address.at("chat/completions")
        self._completions_url = address.at("completions")
        self._embeddings_url = address.at("embeddings")
        self._headers = bearer_headers(api_key)

    def chat_body(self, request: ChatRequest) -> dict[str, Any]:
        """What a chat is sent as.

        Raises:
            CallFailed: `unsupported`, if it cannot be.
        """
        body = _body(self._model, request.params)
        if self._is_openai and "max_tokens" in body:
            body.setdefault("max_completion_tokens", body.pop("max_tokens"))
        if self._effort:
            body.setdefault("reasoning_effort", self._effort)
        body["messages"] = [as_wire(message) for message in request.messages]
        if request.repeat and isinstance(body.get("seed"), int):
            body["seed"] += request.repeat
        if request.schema is not None:
            schema = {"name": "reply", "strict": True, "schema": request.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        if request.top_logprobs is not None:
            body["logprobs"] = True
            body["top_logprobs"] = request.top_logprobs
        return body

    async def chat(self, request: ChatRequest) -> Reply:
        """Continue a chat by one message."""
        body = self.chat_body(request)
        try:
            data = await self._transport.post_json(self._chat_url, self._headers, body)
        except CallFailed as failed:
            return filtered(failed)
        return read_chat(data)

    async def complete(self, request: CompletionRequest) -> Reply:
        """Continue a text."""
        body = self._completion_body(request)
        data = await self._transport.post_json(self._completions_url, self._headers, body)
        return read_completion(data)

    async def stream(
        self, request: ChatRequest | CompletionRequest
    ) -> AsyncGenerator[Delta | Reply, None]:
        """Continue a chat or a text, chunk by chunk."""
        if isinstance(request, ChatRequest):
            url, body, read = self._chat_url, self.chat_body(request), read_chat
        else:
            url, body = self._completions_url, self._completion_body(request)
            read = read_completion
        body["stream"] = True
        if self._tells_usage:
            body["stream_options"] = {"include_usage": True}
        chunks = Chunks()
        try:
            async with aclosing(self._transport.post_events(url, self._headers, body)) as events:
                async for chunk in events:
                    if chunk is None:
                        break
                    delta = chunks.add(chunk)
                    if delta is not None:
                        yield delta
                else:
                    if not chunks.ended:
                        raise broke_off()
        except CallFailed as failed:
            self._learn(failed)
            if isinstance(request, CompletionRequest):
                raise
            yield replace(filtered(failed), text=chunks.text)
            return
        yield read(chunks.answer())

    def _learn(self, failed: CallFailed) -> None:
        """Older endpoints refuse what they do not know; the next try leaves it out."""
        known = self._tells_usage and failed.failure.status in {400, 422}
        if known and "stream_options" in failed.failure.message:
            self._tells_usage, failed.retry = False, True

    def _completion_body(self, request: CompletionRequest) -> dict[str, Any]:
        body = _body(self._model, request.params)
        body["prompt"] = request.prompt
        if request.logprobs is not None:
            body["logprobs"] = request.logprobs
        if request.echo:
            body["echo"] = True
        return body

    async def post(self, path: str, body: JsonObject) -> Any:
        """Whatever else the endpoint can do, at a path relative to its address."""
        return await self._transport.post_json(self._address.at(path), self._headers, body)

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
    endpoint = OpenAIEndpoint(
        opening.transport,
        declared.base_url or "",
        declared.endpoint_model,
        opening.api_key,
        thinking=declared.thinking,
    )
    return Opened(endpoint, check=endpoint.chat_body)


def filtered(failed: CallFailed) -> Reply:
    """A prompt that the endpoint's filter refused with an error, as the empty answer it is.

    A filter that stops an answer midway gives an answer with `finish_reason: content_filter`; one
    that stops it before the first word says the same of the model.

    Raises:
        CallFailed: as it was, if it is of another kind.
    """
    if failed.failure.kind != "content_filter":
        raise failed
    return Reply("", "content_filter", failed.usage, refusal=failed.failure.message)


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
        text_or_none(choice.get("finish_reason")),
        _usage(data.get("usage")),
        text_or_none(data.get("model")),
        _logprobs(choice.get("logprobs")),
        thinking=thinking_of(message),
        images=_images_of(message),
        tool_calls=_tool_calls_of(message),
    )


def read_completion(data: Any) -> Reply:
    """The first choice of a text completion. Raises as `read_chat`."""
    choice = _first_choice(data)
    text = choice.get("text")
    if not isinstance(text, str):
        raise malformed("the answer has no text in `choices[0].text`")
    return Reply(
        text,
        text_or_none(choice.get("finish_reason")),
        _usage(data.get("usage")),
        text_or_none(data.get("model")),
        _logprobs(choice.get("logprobs")),
    )


def read_embeddings(data: Any, count: int) -> Embeddings:
    """The vectors of an embeddings answer, in the order of the texts. Raises as `read_chat`."""
    refuse_disguised_error(data, "data")
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
    return Embeddings(vectors, _usage(data.get("usage")), text_or_none(data.get("model")))


def _body(model: str, params: JsonObject) -> dict[str, Any]:
    refuse_unread(params)
    return {**params, "model": model}


def as_wire(message: Message) -> dict[str, Any]:
    """A message as the protocol writes it."""
    content = message.content
    if isinstance(content, str):
        return {"role": message.role, "content": content}
    results = [part for part in content if isinstance(part, ToolResult)]
    if results:
        return {"role": "tool", "tool_call_id": results[0].id, "content": results[0].text}
    calls = [_call(part) for part in content if isinstance(part, ToolCall)]
    parts = [_part(part) for part in content if isinstance(part, str | ImagePart | VideoPart)]
    if calls:
        return {"role": message.role, "content": parts or None, "tool_calls": calls}
    return {"role": message.role, "content": parts}


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _part(part: str | ImagePart | VideoPart) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    kind = "video_url" if isinstance(part, VideoPart) else "image_url"
    return {"type": kind, kind: {"url": part.url}}


def _first_choice(data: Any) -> dict[str, Any]:
    refuse_disguised_error(data, "choices")
    try:
        choice = data["choices"][0]
    except (KeyError, IndexError, TypeError):
        raise malformed(f"the answer has no `choices`: {shorten(str(data))[:200]}") from None
    if not isinstance(choice, dict):
        raise malformed("`choices[0]` of the answer is not an object")
    return choice


def _text_of(message: dict[str, Any]) -> str:
    """The content, or a refusal where there is one; "" where there is neither."""
    content = message.get("content")
    if content is None:
        refusal = message.get("refusal")
        return refusal if isinstance(refusal, str) else ""
    return text_of(content)


def _tool_calls_of(message: dict[str, Any]) -> tuple[ToolCall, ...]:
    """Calls of functions; what is none is passed over."""
    found = message.get("tool_calls")
    calls = []
    for call in found if isinstance(found, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            arguments = text_or_none(function.get("arguments")) or ""
            calls.append(ToolCall(text_or_none(call.get("id")) or "", function["name"], arguments))
    return tuple(calls)


def _images_of(message: dict[str, Any]) -> tuple[Image, ...]:
    """Images in `images`, as OpenRouter gives them. One that is only an address is not fetched."""
    found = message.get("images")
    if not isinstance(found, list):
        return ()
    addresses = (part.get("image_url") for part in found if isinstance(part, dict))
    urls = (address.get("url") for address in addresses if isinstance(address, dict))
    split = (split_data_uri(url) for url in urls if isinstance(url, str))
    return tuple(read_image(data[1]) for data in split if data is not None)


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage(0, 0, None, 1)
    return Usage(count(usage.get("prompt_tokens")), count(usage.get("completion_tokens")), None, 1)


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
    offsets = found.get("text_offset") or [None] * len(tokens)
    return tuple(
        TokenLogprob(
            token,
            logprob,
            tuple(sorted((top or {}).items(), key=lambda pair: pair[1], reverse=True)),
            offset,
        )
        for token, logprob, top, offset in zip(tokens, logprobs, tops, offsets, strict=True)
    )


def _vector(embedding: Any) -> Sequence[float]:
    """Floats, or base64 of little-endian 32-bit floats."""
    if isinstance(embedding, str):
        numbers = array("f", b64decode(embedding, validate=True))
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers
    return [float(number) for number in embedding]
