"""A model that can be asked: one provider behind one limiter, one retry policy and one deadline."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeVar
from urllib.parse import urlsplit

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Failed, Usage
from weighbridge.errors import Invalid
from weighbridge.providers import capabilities, find_protocol, load
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Delta,
    Embeddings,
    ImagePart,
    Provider,
    Reply,
    StreamingProvider,
    ToolCall,
    ToolResult,
)
from weighbridge.providers.catalog import Catalog
from weighbridge.providers.declared import DeclaredModel
from weighbridge.providers.failures import unsupported
from weighbridge.providers.limiter import Limiter, PausedTooLong
from weighbridge.providers.opening import Factory, Opened, Opening
from weighbridge.providers.pricing import PriceOf, price_of
from weighbridge.providers.retry import RetryPolicy, is_waiting
from weighbridge.providers.transport import Transport

_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_IMAGE = 1000
_TOKENS_PER_VIDEO = 10_000
_TOKENS_OF_A_REPLY = 256  # where the request sets no maximum

_Request = TypeVar("_Request", ChatRequest, CompletionRequest, Sequence[str])
_Result = TypeVar("_Result", Reply, Embeddings)
_Stepped = TypeVar("_Stepped")


class _DeadlineOver(Exception):
    """A call's time is used up."""


@dataclass(slots=True)
class _Tries:
    """How one call went so far."""

    errors: int = 0
    limited: int = 0
    usage: Usage | None = None
    last: Failed | None = None

    def add(self, usage: Usage) -> Usage:
        """Everything consumed, with what one more try consumed."""
        self.usage = usage if self.usage is None else self.usage + usage
        return self.usage


@dataclass(frozen=True, slots=True)
class ModelLoad:
    """How busy a model is, as seen from this process.

    Attributes:
        model: its declared name.
        in_flight: calls under way. slots: how many may be, at present. waiting: calls held back.
    """

    model: str
    in_flight: int
    slots: int
    waiting: int


class Model:
    """What the engine and the judges ask.

    A call's deadline begins when the limiter lets it go for the first time: time spent in our own
    queue, before anything was sent, is not the endpoint's fault. From then on everything counts:
    tries, waits between them, and waiting to be let go again.

    Args:
        name: what callers say.
        identity: what pins it, without secrets: protocol, endpoint, the endpoint's model name,
            and the hash of the weights where they are at hand.
        provider, limiter, policy: how it is asked; may be shared with other models.
        price: what a call costs.
        leave_out: parameters that are taken out of every chat.
        least_timeout_s: a call has at least so many seconds, whatever its caller says.
        able: what it can be given: a chat with other media is not sent; None: anything.
        clock: seconds, monotonic; the one of the limiter. sleep: as `asyncio.sleep`.
    """

    def __init__(
        self,
        name: str,
        identity: JsonObject,
        provider: Provider,
        limiter: Limiter,
        policy: RetryPolicy,
        price: PriceOf,
        *,
        leave_out: Sequence[str] = (),
        least_timeout_s: float = 0.0,
        able: capabilities.Capabilities | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.name = name
        self.identity = identity
        self._provider = provider
        self._limiter = limiter
        self._policy = policy
        self._price = price
        self._leave_out = frozenset(leave_out)
        self._least_timeout_s = least_timeout_s
        self._able = able
        self._clock = clock
        self._sleep = sleep

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:
        """Continue a chat by one message.

        Args:
            request: the chat. timeout_s: the deadline of the whole call, in seconds.

        Returns:
            The reply; its usage covers all tries, its latency only the one that succeeded.

        Raises:
            CallFailed: there is none; its usage and number of calls cover all tries.
        """
        if request.labels and not getattr(self._provider, "weighs_labels", False):
            raise unsupported(f"{self.name} cannot say how likely given labels are")
        if self._able is not None and (lacks := capabilities.not_taken(self._able, request)):
            raise unsupported(f"the model {self.name!r} cannot be asked this: {lacks}")
        if self._leave_out:
            request = self.as_sent(request)
        tokens = _chat_tokens(request) if self._limiter.counts_tokens else 0
        reply, latency_s, usage = await self._ask(self._provider.chat, request, tokens, timeout_s)
        return _settled(reply, usage, latency_s)

    def as_sent(self, request: ChatRequest) -> ChatRequest:
        """A chat without the parameters that this model is never sent."""
        kept = {name: it for name, it in request.params.items() if name not in self._leave_out}
        return replace(request, params=kept)

    async def complete(self, request: CompletionRequest, *, timeout_s: float) -> Reply:
        """Continue a text. As `chat`."""
        tokens = _completion_tokens(request) if self._limiter.counts_tokens else 0
        reply, latency_s, usage = await self._ask(
            self._provider.complete, request, tokens, timeout_s
        )
        return _settled(reply, usage, latency_s)

    async def embed(self, texts: Sequence[str], *, timeout_s: float) -> Embeddings:
        """Turn texts into vectors, in one call (endpoints limit how many it may be). As `chat`."""
        tokens = 0
        if self._limiter.counts_tokens:
            tokens = sum(map(len, texts)) // _CHARACTERS_PER_TOKEN
        found, _, usage = await self._ask(self._provider.embed, texts, tokens, timeout_s)
        return Embeddings(found.vectors, usage, found.model)

    async def stream(
        self, request: ChatRequest | CompletionRequest, *, timeout_s: float
    ) -> AsyncGenerator[Delta | Reply, None]:
        """Continue a chat by one message, or a text, and tell it while it is being made.

        Tried again is only what failed before its first delta. Where the protocol has no streams,
        the whole reply is one delta. Whoever does not read to the end closes the generator
        (`contextlib.aclosing`): that ends the exchange with the endpoint and gives the slot back.

        Args:
            request: the chat or text. timeout_s: the deadline of the whole reply, in seconds.

        Returns:
            Deltas, and last the reply as `chat` and `complete` give it.

        Raises:
            CallFailed: as `chat`; also between deltas.
        """
        request, tokens = self._for_stream(request)
        limiter = self._limiter
        timeout_s = max(timeout_s, self._least_timeout_s)
        if not limiter.try_acquire(tokens):
            await self._wait_in_line(tokens, timeout_s)
        tries: _Tries | None = None
        held, begun = True, False
        deadline = self._clock() + timeout_s
        try:
            while True:
                sent_at = self._clock()
                try:
                    async with aclosing(self._pieces(request)) as pieces:
                        while isinstance(piece := await self._by(deadline, anext(pieces)), Delta):
                            begun = True
                            yield piece
                except CallFailed as failed:
                    tries = tries or _Tries()
                    self._learn(failed, sent_at, tokens)
                    delay_s = self._delay_s(failed, tries, deadline, again=not begun)
                    held = False
                    limiter.release()
                else:
                    reply = self._told(piece, tries, sent_at, tokens)
                    held = False
                    limiter.release()
                    yield reply
                    return
                await self._by(deadline, self._sleep(delay_s))
                await self._by(deadline, self._wait_again(tokens, tries, deadline))
                held = True
        except _DeadlineOver:
            raise self._too_late(timeout_s, tries, sent=held) from None
        except CallFailed:
            raise
        except Exception as error:
            raise self._broken(error, tries) from error
        finally:
            if held:
                limiter.release()

    def _for_stream(
        self, request: ChatRequest | CompletionRequest
    ) -> tuple[ChatRequest | CompletionRequest, int]:
        """A request as it is sent, and about how many tokens it takes."""
        counts = self._limiter.counts_tokens
        if isinstance(request, CompletionRequest):
            return request, _completion_tokens(request) if counts else 0
        if request.labels:
            raise unsupported("how likely labels are is not told in a stream")
        request = self.as_sent(request)
        return request, _chat_tokens(request) if counts else 0

    def _pieces(
        self, request: ChatRequest | CompletionRequest
    ) -> AsyncGenerator[Delta | Reply, None]:
        """One try."""
        if isinstance(self._provider, StreamingProvider):
            return self._provider.stream(request)
        return self._in_one(request)

    async def _in_one(
        self, request: ChatRequest | CompletionRequest
    ) -> AsyncGenerator[Delta | Reply, None]:
        """One try with a provider that has no streams."""
        if isinstance(request, ChatRequest):
            reply = await self._provider.chat(request)
        else:
            reply = await self._provider.complete(request)
        if reply.text or reply.thinking:
            yield Delta(reply.text, reply.thinking or "")
        yield reply

    def _told(self, reply: Reply, tries: _Tries | None, sent_at: float, tokens: int) -> Reply:
        """The reply at the end of a stream, once the limiter was told."""
        latency_s = self._clock() - sent_at
        usage = self._succeeded(reply.usage, tokens)
        return _settled(reply, usage if tries is None else tries.add(usage), latency_s)

    async def _by(self, deadline: float, step: Awaitable[_Stepped]) -> _Stepped:
        """One step of a stream. The clock runs within steps only: a timeout that was left standing
        while the caller has the piece would break into whatever the caller does with it."""
        scope = asyncio.timeout(max(0.0, deadline - self._clock()))
        try:
            async with scope:
                return await step
        except TimeoutError:
            if scope.expired():
                raise _DeadlineOver from None
            raise

    async def _ask(
        self,
        send: Callable[[_Request], Awaitable[_Result]],
        request: _Request,
        tokens: int,
        timeout_s: float,
    ) -> tuple[_Result, float, Usage]:
        """Send until it succeeds or is not to be tried again: result, latency, usage of all."""
        limiter = self._limiter
        timeout_s = max(timeout_s, self._least_timeout_s)
        if not limiter.try_acquire(tokens):
            await self._wait_in_line(tokens, timeout_s)
        tries: _Tries | None = None
        held = True
        deadline = self._clock() + timeout_s
        scope = asyncio.timeout(timeout_s)
        try:
            async with scope:
                while True:
                    sent_at = self._clock()
                    try:
                        result = await send(request)
                    except CallFailed as failed:
                        tries = tries or _Tries()
                        self._learn(failed, sent_at, tokens)
                        delay_s = self._delay_s(failed, tries, deadline)
                        held = False
                        limiter.release()
                    else:
                        latency_s = self._clock() - sent_at
                        usage = self._succeeded(result.usage, tokens)
                        return result, latency_s, usage if tries is None else tries.add(usage)
                    await self._sleep(delay_s)
                    await self._wait_again(tokens, tries, deadline)
                    held = True
        except TimeoutError as error:
            if not scope.expired():
                raise self._broken(error, tries) from error
            raise self._too_late(timeout_s, tries, sent=held) from None
        except CallFailed:
            raise
        except Exception as error:
            raise self._broken(error, tries) from error
        finally:
            if held:
                limiter.release()

    async def _wait_in_line(self, tokens: int, timeout_s: float) -> None:
        """Wait to be let go for the first time."""
        try:
            await self._limiter.acquire(tokens, patience_s=timeout_s)
        except PausedTooLong as paused:
            raise _paused_too_long(paused.pause_s, timeout_s, Usage()) from None

    async def _wait_again(self, tokens: int, tries: _Tries, deadline: float) -> None:
        """Wait to be let go once more, before all that were never let go."""
        left_s = deadline - self._clock()
        try:
            await self._limiter.acquire(tokens, front=True, patience_s=left_s)
        except PausedTooLong as paused:
            raise _paused_too_long(paused.pause_s, left_s, tries.usage or Usage()) from None

    def _succeeded(self, usage: Usage, tokens: int) -> Usage:
        """Tell the limiter how a try went well; what it consumed, priced."""
        self._limiter.succeeded()
        usage = self._priced(usage)
        if tokens:
            self._limiter.settle(tokens, usage.input_tokens + usage.output_tokens or tokens)
        return usage

    def _learn(self, failed: CallFailed, sent_at: float, tokens: int) -> None:
        """Tell the limiter how a try failed."""
        if failed.failure.kind == "rate_limited" and failed.retry:
            self._limiter.limited(sent_at)
            if failed.retry_after_s and is_waiting():
                self._limiter.pause(failed.retry_after_s)
        if tokens:
            used = failed.usage.input_tokens + failed.usage.output_tokens
            self._limiter.settle(tokens, used)

    def _delay_s(
        self, failed: CallFailed, tries: _Tries, deadline: float, *, again: bool = True
    ) -> float:
        """Seconds until the next try; raises the failure, as the whole call's, if there is none.
        Not `again`: there is to be none, whatever failed."""
        if failed.failure.kind == "rate_limited":
            tries.limited += 1
        else:
            tries.errors += 1
        tries.last = failed.failure
        usage = tries.add(self._priced(failed.usage) if failed.usage.calls else failed.usage)
        delay_s = (
            self._policy.delay_s(failed, errors=tries.errors, limited=tries.limited)
            if again
            else None
        )
        message = failed.failure.message
        if delay_s is not None:
            if self._clock() + delay_s < deadline:
                return delay_s
            message += f" (the next try would be in {delay_s:.1f} s, after the call's deadline)"
        failure = Failed(failed.failure.kind, message, failed.failure.status, usage.calls)
        raise CallFailed(
            failure, retry=failed.retry, retry_after_s=failed.retry_after_s, usage=usage
        ) from failed

    @property
    def load(self) -> ModelLoad:
        """How busy it is. Names for the same endpoint, key and model share their numbers."""
        limiter = self._limiter
        return ModelLoad(self.name, limiter.in_flight, limiter.slots, limiter.waiting)

    @property
    def has_price(self) -> bool:
        """Whether it can be told what a call costs, so that a budget in USD can be kept."""
        return self._price(Usage(1_000, 1_000)) is not None

    def price(self, usage: Usage) -> float | None:
        """What calls that consume so much cost, in US dollars; None: it cannot be told."""
        return self._price(usage)

    def _priced(self, usage: Usage) -> Usage:
        if usage.cost_usd is not None:
            return usage
        cost = self._price(usage)
        return Usage(usage.input_tokens, usage.output_tokens, cost, usage.calls)

    def _too_late(self, timeout_s: float, tries: _Tries | None, *, sent: bool) -> CallFailed:
        tries = tries or _Tries()
        usage = tries.add(Usage(calls=1 if sent else 0))
        message = f"no answer within {timeout_s:g} s"
        kind, status = "timeout", None
        if tries.last is not None:
            message += f", in {usage.calls} tries; before: {tries.last.message}"
            if not sent:  # it ended while waiting because of that earlier failure
                kind, status = tries.last.kind, tries.last.status
        return CallFailed(Failed(kind, message, status, usage.calls), retry=True, usage=usage)

    def _broken(self, error: Exception, tries: _Tries | None) -> CallFailed:
        """A provider raised what it must not raise. One case fails, and the run goes on."""
        usage = (tries or _Tries()).add(Usage(calls=1))
        message = f"the provider of {self.name!r} broke: {type(error).__name__}: {error}"
        return CallFailed(Failed("internal", message, calls=usage.calls), retry=False, usage=usage)


class Models:
    """The models of a process. Each is opened when it is first asked for, and then shared.

    Args:
        catalog: who is who.
        policy: of trying again. transport: the pool of connections; one of its own by default.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        policy: RetryPolicy | None = None,
        transport: Transport | None = None,
    ) -> None:
        self.catalog = catalog
        self._policy = policy or RetryPolicy()
        self._transport = transport or Transport()
        self._open: dict[str, Model] = {}
        self._checks: dict[str, Callable[[ChatRequest], object]] = {}
        self._providers: list[Provider] = []
        self._limiters: dict[tuple[str, str, str], Limiter] = {}
        self._opening = asyncio.Lock()

    async def get(self, name: str) -> Model:
        """The model behind a name (or alias, or `provider/model`).

        Raises:
            Invalid: there is none, or something that it needs is missing.
        """
        declared = self.catalog.resolve(name)
        async with self._opening:
            model = self._open.get(declared.name)
            if model is None:
                model = self._open[declared.name] = await self._open_model(declared)
            return model

    async def check(
        self, name: str, request: ChatRequest, *, makes: capabilities.Output = "text"
    ) -> None:
        """Make sure that a model can be sent such a chat, without sending it.

        Args:
            name: of the model. request: like those that will be sent; addresses of images may be
                made up. makes: what is wanted of it.

        Raises:
            Invalid: it cannot, or as `get`.
        """
        model = await self.get(name)
        declared = self.catalog.resolve(name)
        check = self._checks.get(declared.name)
        problem = None
        try:
            if check is not None:
                check(model.as_sent(request))
        except CallFailed as failed:
            problem = failed.failure.message
        except (AttributeError, TypeError, ValueError) as error:
            problem = f"a parameter is not what the protocol makes of it: {error}"
        problem = problem or capabilities.beyond(declared.capabilities, request, makes)
        if problem is not None:
            raise Invalid(f"the model {name!r} cannot be asked this: {problem}")

    def loads(self) -> list[ModelLoad]:
        """How busy the models are that were asked for so far, by name."""
        return [self._open[name].load for name in sorted(self._open)]

    async def close(self) -> None:
        """Let go of connections and child processes. May be called twice."""
        providers, self._providers = self._providers, []
        self._open.clear()
        try:
            for provider in providers:
                await provider.close()
        finally:
            await self._transport.close()

    async def _open_model(self, declared: DeclaredModel) -> Model:
        factory: Factory = load(find_protocol(declared.protocol, batch=declared.batch) or "")
        key = self.catalog.key_of(declared)
        opened = await factory(Opening(declared, key, self._transport))
        self._providers.append(opened.provider)
        if opened.check is not None:
            self._checks[declared.name] = opened.check
        identity = {
            "protocol": declared.protocol,
            "endpoint": _endpoint(declared.base_url),
            "model": declared.endpoint_model,
            **opened.identity,
        }
        if declared.thinking:
            identity["thinking"] = declared.thinking
        if declared.schema_by:
            identity["schema_by"] = declared.schema_by
        if declared.leave_out:
            identity["leave_out"] = sorted(declared.leave_out)
        return Model(
            declared.name,
            identity,
            opened.provider,
            self._limiter(declared, opened, key),
            self._policy,
            price_of(declared, free=opened.free),
            leave_out=declared.leave_out,
            least_timeout_s=opened.least_timeout_s,
            able=declared.capabilities,
        )

    def _limiter(self, declared: DeclaredModel, opened: Opened, key: str | None) -> Limiter:
        """One for each (endpoint, key, model): two names for the same share its limits."""
        ceiling = min(declared.max_concurrency, opened.max_in_flight or declared.max_concurrency)
        where = declared.base_url or f"local:{declared.name}"
        if declared.batch:
            where = f"batches:{where}"
        target = (where, key or "", declared.endpoint_model)
        limiter = self._limiters.get(target)
        if limiter is None:
            limiter = self._limiters[target] = Limiter(
                ceiling,
                requests_per_minute=declared.requests_per_minute,
                tokens_per_minute=declared.tokens_per_minute,
            )
        limiter.lower_ceiling(ceiling)
        return limiter


def _settled(reply: Reply, usage: Usage, latency_s: float) -> Reply:
    """A reply with what all its tries took. Spelt out: `dataclasses.replace` is four times slower,
    and this is done for every call."""
    return Reply(
        reply.text,
        reply.finish_reason,
        usage,
        reply.model,
        reply.logprobs,
        latency_s,
        reply.thinking,
        reply.images,
        reply.refusal,
        reply.videos,
        reply.tool_calls,
    )


def _paused_too_long(pause_s: float, left_s: float, usage: Usage) -> CallFailed:
    message = (
        f"not sent: the endpoint asked to wait {pause_s:.1f} s more, and this call has "
        f"{left_s:.1f} s left"
    )
    failure = Failed("rate_limited", message, 429, usage.calls)
    return CallFailed(failure, retry=True, retry_after_s=pause_s, usage=usage)


def _endpoint(base_url: str | None) -> str | None:
    """Host and port: the query of an address may hold what nobody should read."""
    return urlsplit(base_url).netloc if base_url else None


def _chat_tokens(request: ChatRequest) -> int:
    return input_tokens(request) + _reply_tokens(request.params)


def input_tokens(request: ChatRequest) -> int:
    """About how many tokens a chat is: four characters each, and a flat sum for pictures."""
    characters = 0
    media = 0
    for message in request.messages:
        if isinstance(message.content, str):
            characters += len(message.content)
        else:
            for part in message.content:
                if isinstance(part, str):
                    characters += len(part)
                elif isinstance(part, ImagePart):
                    media += _TOKENS_PER_IMAGE
                elif isinstance(part, ToolCall):
                    characters += len(part.arguments)
                elif isinstance(part, ToolResult):
                    characters += len(part.text)
                else:
                    media += _TOKENS_PER_VIDEO
    return characters // _CHARACTERS_PER_TOKEN + media


def _completion_tokens(request: CompletionRequest) -> int:
    return len(request.prompt) // _CHARACTERS_PER_TOKEN + _reply_tokens(request.params)


def _reply_tokens(params: JsonObject) -> int:
    for name in ("max_completion_tokens", "max_tokens"):
        value = params.get(name)
        if isinstance(value, int):
            return value
    return _TOKENS_OF_A_REPLY
