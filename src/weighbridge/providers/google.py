"""The protocol `google`: `generateContent` of the Gemini API (`v1beta`), and its embeddings.

Source of the shapes: the vendor's API reference and its published Python client (google-genai 3.4).
"""

import re
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from mimetypes import guess_type
from typing import Any

import orjson

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Usage
from weighbridge.errors import Invalid
from weighbridge.providers.base import (
    ChatRequest,
    CompletionRequest,
    Delta,
    Embeddings,
    Image,
    Message,
    Part,
    Reply,
    TokenLogprob,
    ToolCall,
    ToolResult,
)
from weighbridge.providers.failures import broke_off, malformed, shorten, unsupported
from weighbridge.providers.google_stream import ContentInPieces
from weighbridge.providers.opening import Opened, Opening
from weighbridge.providers.thinking import Thinking, room_for
from weighbridge.providers.transport import Transport
from weighbridge.providers.wire import (
    Address,
    count,
    headers,
    kind_of,
    read_image,
    refuse_disguised_error,
    refuse_unread,
    split_data_uri,
    text_or_none,
)

_FILTERED = frozenset(
    {
        *("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII"),
        *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
        *("ESCALATION", "MODEL_ARMOR"),
    }
)
_FINISH = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(_FILTERED, "content_filter"),
}

# The usual parameters in the words of `generationConfig`; others go there as they are written.
_CONFIG_NAMES = {
    "max_tokens": "maxOutputTokens",
    "max_completion_tokens": "maxOutputTokens",
    "top_p": "topP",
    "top_k": "topK",
    "stop": "stopSequences",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}
# Fields of the request itself.
_REQUEST_FIELDS = frozenset(
    {"safetySettings", "tools", "toolConfig", "cachedContent", "labels", "serviceTier", "store"}
)
_ABSENT = frozenset({"logprobs", "top_logprobs", "logit_bias", "response_format"})

_NO_COMPLETIONS = "the protocol google has no completions"

_ROLES = {"user": "user", "assistant": "model"}

# Before levels there were budgets. The list of those models is history and grows no more.
_BUDGET_ONLY = re.compile(r"(models/)?gemini-2")
_AUTOMATIC = -1
_USUAL_LEVEL = "HIGH"

_MODEL_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._@-]*(/[A-Za-z0-9][A-Za-z0-9._@-]*)*")


class GoogleEndpoint:
    """One model at one endpoint that speaks `generateContent`.

    Args:
        transport: the shared pool.
        base_url: up to and including the version.
        model: what the endpoint calls the model; with or without `models/`.
        api_key: sent as `x-goog-api-key`; None: not sent.
        thinking: whether, how long (tokens) or how hard it thinks.
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
        self._resource = model if "/" in model else f"models/{model}"
        self._thinking = thinking
        address = Address(base_url)
        self._chat_url = address.at(f"{self._resource}:generateContent")
        stream_url = address.at(f"{self._resource}:streamGenerateContent")
        self._stream_url = stream_url.update_query(alt="sse")
        self._embed_url = address.at(f"{self._resource}:batchEmbedContents")
        self._headers = headers()
        if api_key:
            self._headers["x-goog-api-key"] = api_key

    def chat_body(self, request: ChatRequest) -> dict[str, Any]:
        """What a chat is sent as.

        Raises:
            CallFailed: `unsupported`, if it cannot be.
        """
        body, config = _params(request.params)
        system = [message for message in request.messages if message.role == "system"]
        if system:
            parts = [part for message in system for part in _parts(message)]
            if not all("text" in part for part in parts):
                raise unsupported("the protocol google takes only text in a system message")
            body["systemInstruction"] = {"parts": parts}
        body["contents"] = [
            {"role": _ROLES.get(message.role, message.role), "parts": _parts(message)}
            for message in request.messages
            if message.role != "system"
        ]
        if request.repeat and isinstance(config.get("seed"), int):
            config["seed"] += request.repeat
        if request.schema is not None:
            config["responseMimeType"] = "application/json"
            config["responseJsonSchema"] = request.schema
        if request.top_logprobs is not None:
            config["responseLogprobs"] = True
            if request.top_logprobs:
                config["logprobs"] = request.top_logprobs
        if self._thinking:
            self._think(config)
        if config:
            body["generationConfig"] = config
        return body

    async def chat(self, request: ChatRequest) -> Reply:
        """Continue a chat by one message."""
        body = self.chat_body(request)
        return read_content(await self._transport.post_json(self._chat_url, self._headers, body))

    async def stream(
        self, request: ChatRequest | CompletionRequest
    ) -> AsyncGenerator[Delta | Reply, None]:
        """Continue a chat, a part of an answer at a time (`streamGenerateContent`)."""
        if isinstance(request, CompletionRequest):
            raise unsupported(_NO_COMPLETIONS)
        body = self.chat_body(request)
        content = ContentInPieces()
        events = self._transport.post_events(self._stream_url, self._headers, body)
        async with aclosing(events):
            async for event in events:
                refuse_disguised_error(event, "candidates")
                delta = content.add(event)
                if delta is not None:
                    yield delta
        if not content.ended:
            raise broke_off()
        yield read_content(content.whole())

    async def complete(self, request: CompletionRequest) -> Reply:  # noqa: ARG002 - the seam's
        """The API has only chats."""
        raise unsupported(_NO_COMPLETIONS)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Turn texts into vectors (`batchEmbedContents`; the endpoint takes 100 at once)."""
        if not texts:
            return Embeddings((), Usage())
        requests = [
            {"model": self._resource, "content": {"parts": [{"text": text}]}} for text in texts
        ]
        body = {"requests": requests}
        data = await self._transport.post_json(self._embed_url, self._headers, body)
        return read_embeddings(data, len(texts))

    async def close(self) -> None:
        """Nothing to let go of: the pool belongs to whoever made it."""

    def _think(self, config: dict[str, Any]) -> None:
        """Ask for thinking, unless the request's own parameters did."""
        if "thinkingConfig" in config:
            return
        thinking = self._thinking
        asked: dict[str, Any] = {"includeThoughts": True}
        if isinstance(thinking, str):
            asked["thinkingLevel"] = thinking.upper()
        elif thinking is not True:
            asked["thinkingBudget"] = thinking
        elif _BUDGET_ONLY.match(self._resource):
            asked["thinkingBudget"] = _AUTOMATIC
        else:
            asked["thinkingLevel"] = _USUAL_LEVEL
        config["thinkingConfig"] = asked
        if isinstance(config.get("maxOutputTokens"), int):
            config["maxOutputTokens"] += room_for(thinking)


async def open_endpoint(opening: Opening) -> Opened:
    """The factory of this protocol.

    Raises:
        Invalid: the model's name cannot stand in an address.
    """
    declared = opening.declared
    if not _MODEL_NAME.fullmatch(declared.endpoint_model):
        raise Invalid(
            f"the model {declared.name!r} cannot be used: {declared.endpoint_model!r} is no name "
            "of a model at this endpoint (letters, digits, `.`, `-`, `_`, and `/` between them)"
        )
    endpoint = GoogleEndpoint(
        opening.transport,
        declared.base_url or "",
        declared.endpoint_model,
        opening.api_key,
        thinking=declared.thinking,
    )
    return Opened(endpoint, check=endpoint.chat_body)


def read_content(data: Any) -> Reply:
    """The first candidate of an answer; a prompt that a filter blocked is an empty answer.

    Raises:
        CallFailed: the shape is not that of an answer, or it is an error in disguise.
    """
    if isinstance(data, dict) and not data.get("candidates"):
        refuse_disguised_error(data, "candidates")
        blocked = _blocked(data)
        if blocked is not None:
            return blocked
    try:
        candidate = data["candidates"][0]
    except (KeyError, IndexError, TypeError):
        raise malformed(f"the answer has no `candidates`: {shorten(str(data))[:200]}") from None
    if not isinstance(candidate, dict):
        raise malformed("`candidates[0]` of the answer is not an object")
    texts, thoughts, images = _read_parts(candidate.get("content"))
    reason = text_or_none(candidate.get("finishReason"))
    filtered = reason in _FILTERED
    return Reply(
        "".join(texts),
        _FINISH.get(reason, reason.lower()) if reason else None,
        _usage(data.get("usageMetadata")),
        text_or_none(data.get("modelVersion")),
        _logprobs(candidate.get("logprobsResult")),
        thinking="".join(thoughts) or None,
        images=tuple(images),
        refusal=_why(reason, candidate.get("finishMessage")) if filtered else None,
        tool_calls=tuple(_tool_calls(candidate.get("content"))),
    )


def read_embeddings(data: Any, expected: int) -> Embeddings:
    """The vectors of an answer, in the order of the texts. Raises as `read_content`."""
    refuse_disguised_error(data, "embeddings")
    rows = data.get("embeddings") if isinstance(data, dict) else None
    if not isinstance(rows, list) or len(rows) != expected:
        raise malformed(f"the answer does not hold {expected} embeddings in `embeddings`")
    try:
        vectors = tuple([float(number) for number in row["values"]] for row in rows)
    except (KeyError, TypeError, ValueError) as error:
        raise malformed(f"an embedding cannot be read: {error!r}") from None
    if len({len(vector) for vector in vectors}) > 1:
        raise malformed("the embeddings differ in length")
    return Embeddings(vectors, _usage(data.get("usageMetadata")), None)


def _params(params: JsonObject) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters in this protocol's words: fields of the request, and `generationConfig`."""
    refuse_unread(params)
    body: dict[str, Any] = {}
    config: dict[str, Any] = {}
    for name, value in params.items():
        if value is None or name in {"stream", "n", "best_of"}:
            continue
        if name in _ABSENT:
            raise unsupported(f"the protocol google has no {name!r}; leave it out")
        if name in _REQUEST_FIELDS:
            body[name] = value
        elif name == "generationConfig" and isinstance(value, dict):
            config.update(value)
        elif name == "stop":
            config["stopSequences"] = [value] if isinstance(value, str) else value
        else:
            config[_CONFIG_NAMES.get(name, name)] = value
    return body, config


def _parts(message: Message) -> list[dict[str, Any]]:
    if isinstance(message.content, str):
        return [{"text": message.content}]
    return [_part(part) for part in message.content if part != ""]


def _part(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"text": part}
    if isinstance(part, ToolCall | ToolResult):
        raise unsupported(f"the protocol google takes no {kind_of(part)}")
    inline = split_data_uri(part.url)
    if inline is not None:
        media_type, data = inline
        return {"inlineData": {"mimeType": media_type, "data": data}}
    guessed, _ = guess_type(part.url.partition("?")[0])
    mime = {"mimeType": guessed} if guessed else {}
    return {"fileData": {**mime, "fileUri": part.url}}


def _blocked(data: dict[str, Any]) -> Reply | None:
    """The empty answer to a prompt that a filter blocked."""
    feedback = data.get("promptFeedback")
    reason = feedback.get("blockReason") if isinstance(feedback, dict) else None
    if not isinstance(feedback, dict) or not isinstance(reason, str):
        return None
    return Reply(
        "",
        "content_filter",
        _usage(data.get("usageMetadata")),
        text_or_none(data.get("modelVersion")),
        refusal=_why(reason, feedback.get("blockReasonMessage")),
    )


def _why(reason: str | None, message: Any) -> str:
    return shorten(": ".join(filter(None, (reason, text_or_none(message)))))


def _read_parts(content: Any) -> tuple[list[str], list[str], list[Image]]:
    """Texts, thoughts and images of an answer's content, which may be missing altogether."""
    texts: list[str] = []
    thoughts: list[str] = []
    images: list[Image] = []
    parts = content.get("parts") if isinstance(content, dict) else None
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, dict):
            raise malformed("a part of the answer is not an object")
        thought = bool(part.get("thought"))
        if isinstance(part.get("text"), str):
            (thoughts if thought else texts).append(part["text"])
        elif isinstance(part.get("inlineData"), dict) and not thought:
            data = part["inlineData"]
            if str(data.get("mimeType")).startswith("image/"):
                images.append(read_image(data.get("data")))
    return texts, thoughts, images


def _tool_calls(content: Any) -> Iterator[ToolCall]:
    """Calls of functions. The endpoint need not give them ids."""
    parts = content.get("parts") if isinstance(content, dict) else None
    for place, part in enumerate(parts if isinstance(parts, list) else ()):
        call = part.get("functionCall")
        if isinstance(call, dict) and isinstance(call.get("name"), str):
            arguments = orjson.dumps(call.get("args") or {}).decode()
            yield ToolCall(text_or_none(call.get("id")) or f"call-{place}", call["name"], arguments)


def _usage(usage: Any) -> Usage:
    """Thinking is counted apart by the endpoint, and paid for as output."""
    if not isinstance(usage, dict):
        return Usage(0, 0, None, 1)
    read = count(usage.get("promptTokenCount")) + count(usage.get("toolUsePromptTokenCount"))
    made = count(usage.get("candidatesTokenCount")) + count(usage.get("thoughtsTokenCount"))
    return Usage(read, made, None, 1)


def _logprobs(found: Any) -> tuple[TokenLogprob, ...] | None:
    if not isinstance(found, dict) or not isinstance(found.get("chosenCandidates"), list):
        return None
    chosen = found["chosenCandidates"]
    try:
        tops = [row.get("candidates") or () for row in found.get("topCandidates") or ()]
        tops += [()] * (len(chosen) - len(tops))
        return tuple(
            TokenLogprob(
                token["token"],
                token["logProbability"],
                tuple((other["token"], other["logProbability"]) for other in top),
            )
            for token, top in zip(chosen, tops, strict=True)
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise malformed(f"the log-probabilities cannot be read: {error!r}") from None
