"""What no vendor owns of asking a model once, in the shapes that OpenAI's API has made common: chat
completions, completions and embeddings, whole or as server-sent events.

A dialect parses a body by `CHAT`, `COMPLETION` or `EMBEDDINGS`, finds the model, and gives both to
`answer` or `embeddings`; which status a failure has is here, its body is the dialect's.
"""

import base64
import math
import sys
import time
import uuid
from array import array
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

import orjson
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator, model_validator
from starlette.responses import Response

from weighbridge.dialects.streaming import EventStream, event, while_there
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Delta,
    Image,
    ImagePart,
    Message,
    Part,
    Reply,
    TokenLogprob,
    ToolCall,
    ToolResult,
    VideoPart,
)
from weighbridge.providers.model import Model

TIMEOUT_S = 120.0
"""The deadline of a reply, in seconds, from when the model is asked."""

DONE = b"data: [DONE]\n\n"

_STATUS = {
    "rate_limited": 429,
    "timeout": 504,
    "bad_request": 400,
    "not_found": 404,
    "context_length": 400,
    "content_filter": 400,
    "unsupported": 400,
}


# What is asked


class TextPart(BaseModel):
    """Text."""

    type: Literal["text"]
    text: str


class Address(BaseModel):
    """Where an image or video is: an address or data URI."""

    url: str = Field(pattern=r"^(https?://|data:)")


class PictureIn(BaseModel):
    """An image."""

    type: Literal["image_url"]
    image_url: Address


class VideoIn(BaseModel):
    """A video."""

    type: Literal["video_url"]
    video_url: Address


PartIn = Annotated[TextPart | PictureIn | VideoIn, Field(discriminator="type")]


class FunctionIn(BaseModel):
    """A function that the model wanted to be called, with its arguments as JSON text."""

    name: str
    arguments: str


class ToolCallIn(BaseModel):
    """A tool that the model wanted to be called."""

    id: str
    type: Literal["function"] = "function"
    function: FunctionIn


class MessageIn(BaseModel):
    """One message."""

    role: Literal["system", "user", "assistant", "developer", "tool"]
    content: str | list[PartIn] | None = None
    tool_calls: list[ToolCallIn] | None = None
    tool_call_id: str | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> "MessageIn":
        if self.role == "tool":
            if self.tool_call_id is None or self.content is None:
                raise ValueError("a message of a tool has a `tool_call_id` and a `content`")
            if not isinstance(self.content, str) and not all(
                isinstance(part, TextPart) for part in self.content
            ):
                raise ValueError("a tool can say only text")
        elif self.content is None and not (self.role == "assistant" and self.tool_calls):
            raise ValueError("a message has a `content`")
        return self


class _Params(BaseModel):
    """What every request for text may say of how it is to be made. Whatever else a request holds
    is passed on to the model as it is."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(min_length=1, max_length=500)
    stream: bool | None = False
    n: Literal[1] | None = 1
    best_of: Literal[1] | None = 1
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)
    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, ge=0, le=1)
    stop: str | list[str] | None = None
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None

    def params(self) -> dict[str, Any]:
        """What is passed on: what was said, without what is not the model's business."""
        said = {**{name: getattr(self, name) for name in _PASSED_ON}, **(self.model_extra or {})}
        return {
            name: it for name, it in said.items() if it is not None and name not in _NOT_PASSED_ON
        }


_PASSED_ON = sorted(_Params.model_fields.keys() - {"model", "stream", "n", "best_of"})
_NOT_PASSED_ON = frozenset({"stream_options", "user"})


class ChatIn(_Params):
    """A chat that is to be continued."""

    messages: list[MessageIn] = Field(min_length=1, max_length=1_000)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)

    @model_validator(mode="after")
    def _alternatives_of_something(self) -> "ChatIn":
        if self.top_logprobs is not None and not self.logprobs:
            raise ValueError("`top_logprobs` needs `logprobs: true`")
        return self

    def request(self) -> ChatRequest:
        """What the model is asked. At least one alternative is asked for: some endpoints give no
        log-probabilities without any."""
        top = max(1, self.top_logprobs or 0) if self.logprobs else None
        return ChatRequest(tuple(map(_message, self.messages)), self.params(), top_logprobs=top)


class CompletionIn(_Params):
    """A text that is to be continued."""

    prompt: str
    logprobs: int | None = Field(None, ge=0, le=20)
    echo: bool | None = False

    @field_validator("prompt", mode="before")
    @classmethod
    def _one(cls, prompt: object) -> object:
        if isinstance(prompt, list):
            if len(prompt) == 1 and isinstance(prompt[0], str):
                return prompt[0]
            raise ValueError("one text at a time: send the others in requests of their own")
        return prompt

    def request(self) -> CompletionRequest:
        """What the model is asked."""
        return CompletionRequest(self.prompt, self.params(), self.logprobs, bool(self.echo))


class EmbeddingsIn(BaseModel):
    """Texts that are to become vectors."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(min_length=1, max_length=500)
    input: list[str] = Field(min_length=1, max_length=2_048)
    encoding_format: Literal["float", "base64"] | None = "float"
    dimensions: int | None = None
    user: str | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _several(cls, given: object) -> object:
        return [given] if isinstance(given, str) else given

    @field_validator("dimensions")
    @classmethod
    def _as_it_is(cls, dimensions: int | None) -> None:
        if dimensions is not None:
            raise ValueError("a model's vectors are as long as they are: leave it out")


CHAT = TypeAdapter(ChatIn)
COMPLETION = TypeAdapter(CompletionIn)
EMBEDDINGS = TypeAdapter(EmbeddingsIn)


def _message(it: MessageIn) -> Message:
    role = "system" if it.role == "developer" else it.role
    if it.tool_call_id is not None and it.role == "tool":
        return Message(role, (ToolResult(it.tool_call_id, _text(it.content)),))
    if isinstance(it.content, str) and not it.tool_calls:
        return Message(role, it.content)
    content = [it.content] if isinstance(it.content, str) else map(_part, it.content or ())
    calls = (
        ToolCall(call.id, call.function.name, call.function.arguments)
        for call in (it.tool_calls or ())
    )
    return Message(role, (*content, *calls))


def _part(part: TextPart | PictureIn | VideoIn) -> Part:
    if isinstance(part, TextPart):
        return part.text
    if isinstance(part, PictureIn):
        return ImagePart(part.image_url.url)
    return VideoPart(part.video_url.url)


def _text(content: str | Sequence[TextPart | PictureIn | VideoIn] | None) -> str:
    if isinstance(content, str):
        return content
    return "".join(part.text for part in content or () if isinstance(part, TextPart))


# What is answered

Beside: TypeAlias = Callable[[Reply | None], Mapping[str, Any]]
"""What a dialect puts beside a choice; of None: beside one that is not yet whole."""


def nothing(_reply: Reply | None) -> Mapping[str, Any]:
    """Nothing beside a choice."""
    return {}


async def answer(
    request: Request, model: Model, asked: ChatIn | CompletionIn, beside: Beside = nothing
) -> Response:
    """Ask a model once, for as long as the client is there.

    Args:
        request: whose body has been read. beside: what stands beside each choice.

    Raises:
        CallFailed: there is no answer. A failure in the middle of a stream is its last event.
        ClientDisconnect: nobody waits for it any more.
    """
    shape = _Chat(model.name, beside) if isinstance(asked, ChatIn) else _Text(model.name, beside)
    wanted = asked.request()
    if not asked.stream:
        if isinstance(wanted, ChatRequest):
            asking = model.chat(wanted, timeout_s=TIMEOUT_S)
        else:
            asking = model.complete(wanted, timeout_s=TIMEOUT_S)
        return _json(shape.whole(await while_there(request.receive, asking)))
    pieces = model.stream(wanted, timeout_s=TIMEOUT_S)
    first = await while_there(request.receive, _first(pieces))
    return EventStream(_events(first, pieces, shape), pieces)


async def embeddings(request: Request, model: Model, asked: EmbeddingsIn) -> Response:
    """Have a model turn texts into vectors. Raises as `answer`."""
    asking = model.embed(asked.input, timeout_s=TIMEOUT_S)
    found = await while_there(request.receive, asking)
    written = _base64 if asked.encoding_format == "base64" else list
    rows = [
        {"object": "embedding", "index": place, "embedding": written(vector)}
        for place, vector in enumerate(found.vectors)
    ]
    read = found.usage.input_tokens
    usage = {"prompt_tokens": read, "total_tokens": read}
    return _json({"object": "list", "data": rows, "model": model.name, "usage": usage})


def status_of(failed: CallFailed) -> int:
    """The HTTP status of a failure: what is the client's doing is 4xx, the endpoint's 502."""
    return _STATUS.get(failed.failure.kind, 502)


def headers_of(failed: CallFailed) -> dict[str, str]:
    """What the answer to a failure says beside its body: when to come back."""
    if failed.failure.kind != "rate_limited":
        return {}
    return {"Retry-After": str(max(1, math.ceil(failed.retry_after_s or 0)))}


def mean_probability(logprobs: Sequence[TokenLogprob] | None) -> float | None:
    """The mean probability of the tokens of a reply, 0 to 1; None where they are not known."""
    known = [math.exp(it.logprob) for it in logprobs or () if it.logprob is not None]
    return min(1.0, math.fsum(known) / len(known)) if known else None


async def _first(pieces: AsyncGenerator[Delta | Reply, None]) -> Delta | Reply:
    return await anext(pieces)


async def _events(
    first: Delta | Reply, pieces: AsyncGenerator[Delta | Reply, None], shape: "_Chat | _Text"
) -> AsyncGenerator[bytes, None]:
    """The reply as events, its usage and `[DONE]` at the end."""
    piece = first
    try:
        while isinstance(piece, Delta):
            for chunk in shape.more(piece):
                yield event(chunk)
            piece = await anext(pieces)
    except CallFailed as failed:
        yield event({"error": _told(failed)})
        return
    for chunk in shape.end(piece):
        yield event(chunk)
    yield DONE


def _told(failed: CallFailed) -> dict[str, Any]:
    failure = failed.failure
    message = failure.message.encode("utf-8", "replace").decode()
    return {"message": message, "type": failure.kind, "code": status_of(failed)}


class _Shape:
    """How one reply is written.

    Args:
        model: the name that is shown. beside: what stands beside each choice.
    """

    prefix: ClassVar[str]
    kind: ClassVar[str]
    chunk_kind: ClassVar[str]

    def __init__(self, model: str, beside: Beside) -> None:
        self._head = {
            "id": f"{self.prefix}-{uuid.uuid4().hex}",
            "created": int(time.time()),
            "model": model,
        }
        self._beside = beside

    def whole(self, reply: Reply) -> dict[str, Any]:
        """The reply, at once."""
        choice = self._choice(self._said(reply), reply)
        return {**self._head, "object": self.kind, "choices": [choice], "usage": _usage(reply)}

    def more(self, delta: Delta) -> Iterator[dict[str, Any]]:
        """What a delta adds."""
        added = self._added(delta)
        if added is not None:
            yield self._chunk([self._choice(added, None)])

    def end(self, reply: Reply) -> Iterator[dict[str, Any]]:
        """How a reply ends that was told by deltas, and what it took."""
        yield self._chunk([self._choice(self._last(reply), reply)])
        yield {**self._chunk([]), "usage": _usage(reply)}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {**self._head, "object": self.chunk_kind, "choices": choices}

    def _choice(self, said: dict[str, Any], reply: Reply | None) -> dict[str, Any]:
        logprobs = self._logprobs(reply.logprobs) if reply and reply.logprobs else None
        reason = None if reply is None else reply.finish_reason or "stop"
        return {
            "index": 0,
            **said,
            "logprobs": logprobs,
            "finish_reason": reason,
            **self._beside(reply),
        }

    def _said(self, reply: Reply) -> dict[str, Any]:
        raise NotImplementedError

    def _added(self, delta: Delta) -> dict[str, Any] | None:
        raise NotImplementedError

    def _last(self, reply: Reply) -> dict[str, Any]:
        raise NotImplementedError

    def _logprobs(self, logprobs: Sequence[TokenLogprob]) -> dict[str, Any]:
        raise NotImplementedError


class _Chat(_Shape):
    """A chat completion."""

    prefix, kind, chunk_kind = "chatcmpl", "chat.completion", "chat.completion.chunk"
    _begun = False

    def _said(self, reply: Reply) -> dict[str, Any]:
        thinking = {"reasoning_content": reply.thinking} if reply.thinking else {}
        content = {"role": "assistant", "content": reply.text, "refusal": reply.refusal}
        return {"message": {**content, **thinking, **_beside_text(reply)}}

    def _added(self, delta: Delta) -> dict[str, Any]:
        thinking = {"reasoning_content": delta.thinking} if delta.thinking else {}
        return {"delta": {**self._role(), "content": delta.text, **thinking}}

    def _last(self, reply: Reply) -> dict[str, Any]:
        refusal = {"refusal": reply.refusal} if reply.refusal else {}
        return {"delta": {**self._role(), **refusal, **_beside_text(reply, numbered=True)}}

    def _role(self) -> dict[str, Any]:
        """Whose words they are: said once."""
        begun, self._begun = self._begun, True
        return {} if begun else {"role": "assistant"}

    def _logprobs(self, logprobs: Sequence[TokenLogprob]) -> dict[str, Any]:
        return {
            "content": [
                {
                    **_token(it.token, it.logprob),
                    "top_logprobs": [_token(token, logprob) for token, logprob in it.top],
                }
                for it in logprobs
            ],
            "refusal": None,
        }


class _Text(_Shape):
    """A completion."""

    prefix, kind, chunk_kind = "cmpl", "text_completion", "text_completion"

    def _said(self, reply: Reply) -> dict[str, Any]:
        return {"text": reply.text}

    def _added(self, delta: Delta) -> dict[str, Any] | None:
        return {"text": delta.text} if delta.text else None

    def _last(self, reply: Reply) -> dict[str, Any]:  # noqa: ARG002 - it was told by deltas
        return {"text": ""}

    def _logprobs(self, logprobs: Sequence[TokenLogprob]) -> dict[str, Any]:
        return {
            "tokens": [it.token for it in logprobs],
            "token_logprobs": [it.logprob for it in logprobs],
            "top_logprobs": [dict(it.top) for it in logprobs],
            "text_offset": [it.offset for it in logprobs],
        }


def _beside_text(reply: Reply, *, numbered: bool = False) -> dict[str, Any]:
    """What a message has beside its text: calls of tools, and images. `numbered`: with the place
    of each call, as chunks have it."""
    found: dict[str, Any] = {}
    if reply.tool_calls:
        found["tool_calls"] = [
            {
                **({"index": place} if numbered else {}),
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for place, call in enumerate(reply.tool_calls)
        ]
    if reply.images:
        found["images"] = [
            {"type": "image_url", "image_url": {"url": _uri(image)}} for image in reply.images
        ]
    return found


def _token(token: str, logprob: float | None) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode())}


def _usage(reply: Reply) -> dict[str, Any]:
    usage = reply.usage
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _uri(image: Image) -> str:
    return f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"


def _base64(vector: Sequence[float]) -> str:
    """Little-endian 32-bit floats."""
    numbers = array("f", vector)
    if sys.byteorder == "big":
        numbers.byteswap()
    return base64.b64encode(numbers.tobytes()).decode()


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")
