"""The protocol `anthropic`: the Messages API (`POST /v1/messages`, version 2023-06-01).

Source of the shapes: the vendor's API reference and its published Python client (2.12).
"""

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Any

import orjson

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Usage
from weighbridge.providers.anthropic_stream import MessageInPieces
from weighbridge.providers.base import (
    ChatRequest,
    CompletionRequest,
    Delta,
    Embeddings,
    ImagePart,
    Message,
    Part,
    Reply,
    ToolCall,
)
from weighbridge.providers.failures import broke_off, malformed, shorten, unsupported
from weighbridge.providers.opening import Opened, Opening
from weighbridge.providers.thinking import Thinking, room_for
from weighbridge.providers.transport import Transport
from weighbridge.providers.wire import (
    Address,
    count,
    headers,
    kind_of,
    refuse_disguised_error,
    refuse_unread,
    split_data_uri,
    text_or_none,
)

API_VERSION = "2023-06-01"
DEFAULT_MAX_TOKENS = 4096
"""The API requires a maximum; this is the one where an evaluation gives none."""

# HTTP status by the word for an error, for errors that come without one (batches, gateways).
STATUS_OF = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}

_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
    "tool_use": "tool_calls",
}

# Parameters of other protocols that this one does not have. Leaving them out unsaid would break a
# promise (a seed that is not kept); sending them is refused by the endpoint case by case.
_ABSENT = frozenset(
    {
        *("seed", "logprobs", "top_logprobs", "logit_bias", "response_format"),
        *("frequency_penalty", "presence_penalty", "reasoning_effort"),
    }
)
# Thinking goes with the default sampling only.
_SAMPLING = ("temperature", "top_p", "top_k")

# The models from before thinking was adaptive, and those from before schemas: both lists are
# history and grow no more. Whatever is not in them is asked in the way that goes on.
_BUDGET_ONLY = re.compile(r"claude-(3|(opus|sonnet|haiku)-4(-[015])?($|[@-]\d{8}|-latest))")
_NO_SCHEMA = re.compile(r"claude-(3|(opus|sonnet)-4(-[01])?($|[@-]\d{8}|-latest))")
_TOOL = "reply"
_NO_COMPLETIONS = "the protocol anthropic has no completions"


class AnthropicEndpoint:
    """One model at one endpoint that speaks the Messages API.

    Args:
        transport: the shared pool.
        base_url: up to and including the version.
        model: what the endpoint calls the model.
        api_key: sent as `x-api-key`; None: not sent.
        thinking: whether, how long (tokens) or how hard it thinks.
        schema_by: `schema` for the API's own structured output, `tool` for a tool that must be
            called; None: by the model's name.
    """

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        model: str,
        api_key: str | None,
        *,
        thinking: Thinking = False,
        schema_by: str | None = None,
    ) -> None:
        self._transport = transport
        self._model = model
        self._thinking = thinking
        by_tool = bool(_NO_SCHEMA.match(model)) if schema_by is None else schema_by == "tool"
        self._by_tool = by_tool
        self._url = Address(base_url).at("messages")
        self._headers = headers(anthropic_version=API_VERSION)
        if api_key:
            self._headers["x-api-key"] = api_key

    def chat_body(self, request: ChatRequest) -> dict[str, Any]:
        """What a chat is sent as.

        Raises:
            CallFailed: `unsupported`, if it cannot be.
        """
        if request.top_logprobs is not None:
            raise unsupported("the protocol anthropic has no log-probabilities")
        body = _params(request.params)
        body["model"] = self._model
        body["messages"] = [
            {"role": message.role, "content": _content(message)}
            for message in request.messages
            if message.role != "system"
        ]
        system = "\n\n".join(_system_texts(request.messages))
        if system:
            body["system"] = system
        if self._thinking:
            _think(body, self._thinking, self._model)
        if request.schema is not None:
            self._follow(body, request.schema)
        return body

    async def chat(self, request: ChatRequest) -> Reply:
        """Continue a chat by one message."""
        body = self.chat_body(request)
        return read_message(await self._transport.post_json(self._url, self._headers, body))

    async def stream(
        self, request: ChatRequest | CompletionRequest
    ) -> AsyncGenerator[Delta | Reply, None]:
        """Continue a chat, event by event. A reply by schema that comes as the input of a tool is
        one delta: what the model says beside it is no part of it."""
        if isinstance(request, CompletionRequest):
            raise unsupported(_NO_COMPLETIONS)
        if request.schema is not None and self._by_tool:
            reply = await self.chat(request)
            yield Delta(reply.text, reply.thinking or "")
            yield reply
            return
        body = {**self.chat_body(request), "stream": True}
        message = MessageInPieces()
        async with aclosing(self._transport.post_events(self._url, self._headers, body)) as events:
            async for event in events:
                refuse_disguised_error(event, "content", STATUS_OF)
                delta = message.add(event)
                if delta is not None:
                    yield delta
                if message.ended:
                    break
            else:
                raise broke_off()
        yield read_message(message.whole())

    async def complete(self, request: CompletionRequest) -> Reply:  # noqa: ARG002 - the seam's
        """The API has only chats."""
        raise unsupported(_NO_COMPLETIONS)

    async def embed(self, texts: Sequence[str]) -> Embeddings:  # noqa: ARG002 - the seam's
        """The API has no embeddings."""
        raise unsupported("the protocol anthropic has no embeddings")

    async def close(self) -> None:
        """Nothing to let go of: the pool belongs to whoever made it."""

    def _follow(self, body: dict[str, Any], schema: JsonObject) -> None:
        """Have the answer follow a schema."""
        if not self._by_tool:
            form = {"type": "json_schema", "schema": schema}
            body["output_config"] = {**body.get("output_config", {}), "format": form}
            return
        tool = {"name": _TOOL, "description": "Give the reply.", "input_schema": schema}
        body["tools"] = [tool]
        # A model that thinks cannot be made to call a tool, only be offered one.
        body["tool_choice"] = (
            {"type": "auto"} if self._thinking else {"type": "tool", "name": _TOOL}
        )


async def open_endpoint(opening: Opening) -> Opened:
    """The factory of this protocol."""
    declared = opening.declared
    endpoint = AnthropicEndpoint(
        opening.transport,
        declared.base_url or "",
        declared.endpoint_model,
        opening.api_key,
        thinking=declared.thinking,
        schema_by=declared.schema_by,
    )
    return Opened(endpoint, check=endpoint.chat_body)


def read_message(data: Any) -> Reply:
    """The message of an answer.

    Raises:
        CallFailed: the shape is not that of a message, or it is an error in disguise.
    """
    refuse_disguised_error(data, "content", STATUS_OF)
    blocks = data.get("content") if isinstance(data, dict) else None
    if not isinstance(blocks, list):
        raise malformed(f"the answer has no `content`: {shorten(str(data))[:200]}")
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    answered_by_tool = False
    for block in blocks:
        if not isinstance(block, dict):
            raise malformed("a block of the answer's `content` is not an object")
        kind = block.get("type")
        if kind == "text":
            texts.append(_text(block, "text"))
        elif kind == "thinking":
            thoughts.append(_text(block, "thinking"))
        elif kind == "tool_use" and block.get("name") == _TOOL:
            answered_by_tool = True
            texts = [orjson.dumps(block.get("input")).decode()]
        elif kind == "tool_use":
            arguments = orjson.dumps(block.get("input")).decode()
            calls.append(ToolCall(_text(block, "id"), _text(block, "name"), arguments))
    reason = text_or_none(data.get("stop_reason"))
    if answered_by_tool and reason == "tool_use":
        reason = "end_turn"
    return Reply(
        "".join(texts),
        _FINISH.get(reason, reason) if reason else None,
        _usage(data.get("usage")),
        text_or_none(data.get("model")),
        thinking="\n\n".join(filter(None, thoughts)) or None,
        refusal=_refusal(data) if reason == "refusal" else None,
        tool_calls=tuple(calls),
    )


def _params(params: JsonObject) -> dict[str, Any]:
    """The parameters in this protocol's words."""
    refuse_unread(params)
    absent = next((name for name in params if name in _ABSENT and params[name] is not None), None)
    if absent is not None:
        raise unsupported(f"the protocol anthropic has no {absent!r}; leave it out")
    body = {name: value for name, value in params.items() if name not in _ABSENT}
    stop = body.pop("stop", None)
    if stop is not None:
        body["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    other_maximum = body.pop("max_completion_tokens", None)
    if body.get("max_tokens") is None:
        body["max_tokens"] = DEFAULT_MAX_TOKENS if other_maximum is None else other_maximum
    return body


def _think(body: dict[str, Any], thinking: Thinking, model: str) -> None:
    """Ask for thinking, unless the request's own parameters did."""
    if "thinking" in body:
        return
    for name in _SAMPLING:
        body.pop(name, None)
    body["max_tokens"] += room_for(thinking)
    budgeted = isinstance(thinking, int) and thinking is not True
    if budgeted or (thinking is True and _BUDGET_ONLY.match(model)):
        body["thinking"] = {"type": "enabled", "budget_tokens": room_for(thinking)}
        return
    # Newer models leave their thoughts out unless they are asked for.
    body["thinking"] = {"type": "adaptive", "display": "summarized"}
    if isinstance(thinking, str):
        body["output_config"] = {"effort": thinking, **body.get("output_config", {})}


def _system_texts(messages: Sequence[Message]) -> Iterator[str]:
    for message in messages:
        if message.role != "system":
            continue
        parts = (message.content,) if isinstance(message.content, str) else message.content
        for part in parts:
            if not isinstance(part, str):
                raise unsupported("the protocol anthropic takes only text in a system message")
            yield part


def _content(message: Message) -> str | list[dict[str, Any]]:
    if isinstance(message.content, str):
        return message.content
    # An empty text beside an image is refused by the endpoint.
    return [_block(part) for part in message.content if part != ""]


def _block(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if not isinstance(part, ImagePart):
        raise unsupported(f"the protocol anthropic takes no {kind_of(part)}")
    inline = split_data_uri(part.url)
    if inline is None:
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    media_type, data = inline
    source = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": "image", "source": source}


def _text(block: dict[str, Any], field: str) -> str:
    text = block.get(field)
    if not isinstance(text, str):
        raise malformed(f"a block of the answer's `content` has no text in `{field}`")
    return text


def _refusal(data: dict[str, Any]) -> str:
    details = data.get("stop_details")
    details = details if isinstance(details, dict) else {}
    words = (text_or_none(details.get(name)) for name in ("category", "explanation"))
    return shorten(": ".join(filter(None, words)) or "refusal")


def _usage(usage: Any) -> Usage:
    """Input is the sum of what was read afresh, from a cache, and into a cache."""
    if not isinstance(usage, dict):
        return Usage(0, 0, None, 1)
    parts = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    read = sum(count(usage.get(name)) for name in parts)
    return Usage(read, count(usage.get("output_tokens")), None, 1)
