"""The seam between the engine and whatever answers: requests, replies, the Provider protocol."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, runtime_checkable

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Failed, Usage


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image in a message: an `https:` address or a `data:image/…;base64,…` URI."""

    url: str


@dataclass(frozen=True, slots=True)
class VideoPart:
    """A video in a message: an `https:` address or a `data:video/…;base64,…` URI."""

    url: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants to be called.

    Attributes:
        id: of this call. name: of the tool.
        arguments: JSON text, as the model wrote it: it need not be good JSON.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call of a tool: the id of the call, and the text."""

    id: str
    text: str


Part: TypeAlias = str | ImagePart | VideoPart | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat; `content` is text, or text, images, videos and calls of tools in
    order, or what came of one such call."""

    role: str
    content: str | tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat to be continued by one message.

    Attributes:
        messages: at least one.
        params: wire parameters, passed through (`temperature`, `max_tokens`, `seed`, `stop`…).
        schema: JSON schema the reply must follow, through the endpoint's structured output.
        top_logprobs: ask for the log-probability of each reply token, and of this many
            alternatives (0 to 20); None: do not ask.
        repeat: the epoch, so that a repeat of a seeded request can differ.
        labels: instead of a reply, how likely each of these would be as its beginning: the reply's
            text is the likeliest, and its `logprobs` hold one entry per label, in this order. Only
            where the model's `weighs_labels` says so.
    """

    messages: tuple[Message, ...]
    params: JsonObject = field(default_factory=dict)
    schema: JsonObject | None = None
    top_logprobs: int | None = None
    repeat: int = 0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A text to be continued.

    Attributes:
        prompt: the text. params: as for chat.
        logprobs: ask for log-probabilities with this many alternatives, None: do not.
        echo: give the prompt's own tokens back too, with their log-probabilities.
        echo_from: those before this character of the prompt are not needed, and may come without a
            log-probability.
    """

    prompt: str
    params: JsonObject = field(default_factory=dict)
    logprobs: int | None = None
    echo: bool = False
    echo_from: int = 0


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token, its natural-log probability (None for the first token of an echoed prompt), the
    alternatives at its place, most likely first, as (token, log-probability), and where it begins
    in the text that is echoed or said, in characters, where the endpoint says so."""

    token: str
    logprob: float | None
    top: tuple[tuple[str, float], ...] = ()
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """An image that a model made: its bytes, and what they are (`image/png`…), found by looking at
    them and not by believing the endpoint."""

    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True)
class Video:
    """A video that a model made: as `Image`."""

    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Attributes:
        text: the message or continuation.
        finish_reason: `stop`, `length`, `content_filter`…; where a protocol has words of its own,
            they are translated into these.
        usage: tokens of this one call (`cost_usd` is filled in by `Model`).
        model: the endpoint's own name of the model.
        logprobs: one per token, when asked for and given.
        latency_s: seconds from sending to having the whole reply (filled in by `Model`).
        thinking: what the model said to itself before it answered, where it is shown.
        images: what it drew.
        refusal: why a filter of the endpoint stopped it, in the endpoint's words.
        videos: what it filmed.
        tool_calls: which tools it wants to be called.
    """

    text: str
    finish_reason: str | None
    usage: Usage
    model: str | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None
    latency_s: float = 0.0
    thinking: str | None = None
    images: tuple[Image, ...] = ()
    refusal: str | None = None
    videos: tuple[Video, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """What a reply has become longer by, while it is still being made: its text, and its thinking.
    One of both may be empty."""

    text: str = ""
    thinking: str = ""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """One vector per text, in order, all of the same length."""

    vectors: Sequence[Sequence[float]]
    usage: Usage
    model: str | None = None


class CallFailed(Exception):
    """A call to a model did not bring a reply.

    Args:
        failure: what happened (kind, message, status, calls).
        retry: may the same request succeed if it is sent again?
        retry_after_s: how long the endpoint asked to wait, in seconds.
        usage: what the failed tries consumed all the same.
    """

    def __init__(
        self,
        failure: Failed,
        *,
        retry: bool,
        retry_after_s: float | None = None,
        usage: Usage | None = None,
    ) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.retry = retry
        self.retry_after_s = retry_after_s
        self.usage = usage or Usage()


class Provider(Protocol):
    """One wire protocol spoken to one endpoint. Makes exactly one attempt per call: waiting,
    retrying and limiting are done once, for all providers, by `providers.model.Model`.

    Every method raises `CallFailed`; one that the protocol does not have raises it with the kind
    `unsupported` and `retry=False`. None of them may block the event loop.
    """

    async def chat(self, request: ChatRequest) -> Reply:
        """Continue a chat by one message."""
        ...

    async def complete(self, request: CompletionRequest) -> Reply:
        """Continue a text."""
        ...

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Turn texts into vectors."""
        ...

    async def close(self) -> None:
        """Let go of connections and child processes. May be called twice."""
        ...


@runtime_checkable
class StreamingProvider(Provider, Protocol):
    """A provider that can tell a reply while it is being made."""

    def stream(
        self, request: ChatRequest | CompletionRequest
    ) -> AsyncGenerator[Delta | Reply, None]:
        """Deltas, and last the whole reply: as `chat` or `complete` would have given it, its text
        that of the deltas put together. Closing the generator ends the exchange at once.

        Raises:
            CallFailed: before or between deltas; as for `chat`.
        """
        ...


class Askable(Protocol):
    """A model as those see it who ask: limits, tries, prices and perhaps a cache are behind it.
    `providers.model.Model` is the one that asks for real.

    Attributes:
        name: what callers say. identity: what pins it, without secrets.
        has_price: whether it can be told what a call costs.
    """

    @property
    def name(self) -> str: ...

    @property
    def identity(self) -> JsonObject: ...

    @property
    def has_price(self) -> bool: ...

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:
        """Continue a chat by one message; raises `CallFailed`."""
        ...

    async def complete(self, request: CompletionRequest, *, timeout_s: float) -> Reply:
        """Continue a text; raises `CallFailed`."""
        ...

    async def embed(self, texts: Sequence[str], *, timeout_s: float) -> Embeddings:
        """Turn texts into vectors; raises `CallFailed`."""
        ...
