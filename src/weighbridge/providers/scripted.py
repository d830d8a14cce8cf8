"""The protocol `scripted`: plays a script instead of asking anybody. For examples and tests."""

import asyncio
import hashlib
import math
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Any

import orjson
import re2

from weighbridge.core.outcome import Usage
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Delta,
    Embeddings,
    Reply,
    TokenLogprob,
)
from weighbridge.providers.failures import call_failed, status_failed
from weighbridge.providers.opening import Opened, Opening
from weighbridge.providers.script import Rule, ScriptedError, load_script
from weighbridge.providers.wire import read_image, read_video

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"\s*\S+|\s+")  # with the space before it, as tokens have it
_RETRIED_KINDS = frozenset({"rate_limited", "server_error", "timeout", "connection", "malformed"})
_DIMENSIONS = 16
_DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJ"
    "RU5ErkJggg=="
)
_CHARACTERS_PER_TOKEN = 4


class _Part:
    """A rule, its compiled pattern, and how often it was met."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.met = 0
        self._pattern = re2.compile(rule.match) if rule.match is not None else None
        groups: dict[str, int] = {}
        if self._pattern is not None:
            groups = {str(number): number for number in range(self._pattern.groups + 1)}
            groups.update(self._pattern.groupindex)
        said = set(_PLACEHOLDER.findall(rule.reply))
        self._groups = {name: index for name, index in groups.items() if name in said}

    def fits(self, text: str) -> dict[str, str] | None:
        """The texts of the groups that the reply says, if the rule fits; `0` is the whole match."""
        if self.rule.contains is not None and self.rule.contains not in text:
            return None
        if self._pattern is None:
            return {}
        found = self._pattern.search(text)
        if found is None:
            return None
        return {name: found[index] or "" for name, index in self._groups.items()}


class ScriptedProvider:
    """Answers by the first rule that fits the last user message; else plays the bare texts of the
    script in turn, over and over; else fails with `not_found`.

    Args:
        items: rules and bare texts, in order. model: the name that replies carry.
    """

    def __init__(self, items: Sequence[str | Rule], model: str) -> None:
        self._parts = [_Part(item) for item in items if isinstance(item, Rule)]
        self._texts = [item for item in items if isinstance(item, str)]
        self._played = 0
        self._model = model

    async def chat(self, request: ChatRequest) -> Reply:
        """Play the reply to the last user message."""
        played, latency_s = self._next(_said(request), request.top_logprobs)
        if latency_s or isinstance(played, CallFailed):
            return await _late(played, latency_s)
        return played

    async def complete(self, request: CompletionRequest) -> Reply:
        """Play the reply to the prompt."""
        return await _late(*self._next(request.prompt))

    async def stream(
        self, request: ChatRequest | CompletionRequest
    ) -> AsyncGenerator[Delta | Reply, None]:
        """Play the reply word by word, evenly over the time that it takes."""
        if isinstance(request, ChatRequest):
            played, latency_s = self._next(_said(request), request.top_logprobs)
        else:
            played, latency_s = self._next(request.prompt)
        words = [] if isinstance(played, CallFailed) else _WORD.findall(played.text)
        for word in words:
            await asyncio.sleep(latency_s / len(words))
            yield Delta(word)
        yield await _late(played, 0.0 if words else latency_s)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Vectors that say nothing, but are the same for the same text: made of its hash."""
        usage = Usage(sum(_tokens(text) for text in texts), 0, None, 1)
        return Embeddings([_vector(text) for text in texts], usage, self._model)

    async def close(self) -> None:
        """Nothing to let go of."""

    def _next(self, text: str, top_logprobs: int | None = None) -> tuple[Reply | CallFailed, float]:
        """How the script goes on, and how many seconds that takes."""
        for part in self._parts:
            groups = part.fits(text)
            if groups is None:
                continue
            rule = part.rule
            part.met += 1
            latency_s = rule.latency_ms / 1000
            failed = _failure(rule.error, part.met) if rule.error is not None else None
            if failed is not None:
                return failed, latency_s
            played = self._reply(text, _filled(rule.reply, {**groups, "input": text}), rule)
            if top_logprobs is not None and rule.first_token is not None:
                first = _first_token(rule.first_token, top_logprobs)
                return replace(played, logprobs=(first,)), latency_s
            return played, latency_s
        if not self._texts:
            said = "no rule of the script fits this message"
            return call_failed("not_found", said, retry=False, status=404), 0.0
        reply = self._texts[self._played % len(self._texts)]
        self._played += 1
        return self._reply(text, reply, Rule()), 0.0

    def _reply(self, text: str, reply: str, rule: Rule) -> Reply:
        if rule.usage is not None:
            usage = Usage(rule.usage.input_tokens, rule.usage.output_tokens, None, 1)
        else:
            usage = Usage(_tokens(text), _tokens(reply), None, 1)
        if rule.image is None and rule.video is None:
            return Reply(reply, rule.finish_reason, usage, self._model)
        images = (read_image(_DOT if rule.image == "dot" else rule.image),) if rule.image else ()
        videos = (read_video(rule.video),) if rule.video else ()
        return Reply(reply, rule.finish_reason, usage, self._model, images=images, videos=videos)


async def open_script(opening: Opening) -> Opened:
    """The factory of this protocol."""
    declared = opening.declared
    if declared.script is not None:
        items = await asyncio.to_thread(load_script, declared.script)
    else:
        items = list(declared.replies or [])
    plain: list[Any] = [item if isinstance(item, str) else item.model_dump() for item in items]
    digest = hashlib.sha256(orjson.dumps(plain)).hexdigest()
    provider = ScriptedProvider(items, declared.endpoint_model)
    return Opened(provider, identity={"script": digest}, free=True)


async def _late(played: Reply | CallFailed, latency_s: float) -> Reply:
    """What is played, once its time is over."""
    if latency_s:
        await asyncio.sleep(latency_s)
    if isinstance(played, CallFailed):
        raise played
    return played


def _said(request: ChatRequest) -> str:
    """The texts of the last user message."""
    for message in reversed(request.messages):
        if message.role == "user":
            content = message.content
            if isinstance(content, str):
                return content
            return "\n".join(part for part in content if isinstance(part, str))
    return ""


def _filled(reply: str, values: dict[str, str]) -> str:
    """`{name}` for the names that there are; any other brace (of a JSON reply, say) stays."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), reply)


def _failure(error: ScriptedError, met: int) -> CallFailed | None:
    """The failure to play at the `met`-th fitting call (from 1), if one is to be played."""
    if met % error.every or (error.times and met // error.every > error.times):
        return None
    if error.status is not None:
        return status_failed(error.status, error.message, retry_after_s=error.retry_after_s)
    kind = error.kind or "internal"
    failed = call_failed(kind, error.message, retry=kind in _RETRIED_KINDS)
    failed.retry_after_s = error.retry_after_s
    return failed


def _first_token(probabilities: dict[str, float], count: int) -> TokenLogprob:
    likeliest = sorted(probabilities.items(), key=lambda pair: pair[1], reverse=True)
    top = tuple((token, math.log(probability)) for token, probability in likeliest[:count])
    return TokenLogprob(likeliest[0][0], math.log(likeliest[0][1]), top)


def _vector(text: str) -> list[float]:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    numbers = [byte / 127.5 - 1 for byte in digest[:_DIMENSIONS]]
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [number / length for number in numbers]


def _tokens(text: str) -> int:
    return max(1, len(text) // _CHARACTERS_PER_TOKEN)
