"""A model behind a cache of its replies: a request that was answered once is not paid for twice.

A reply is found by what was asked: protocol, model identity, the whole request, and the number of
the repeat. Only success is kept. A request that is not deterministic (a temperature above 0 and no
seed) is kept like any other, under the number of its repeat, so that a run that is done again with
the cache gives what it gave before.
"""

import asyncio
import base64
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, Protocol, TypeVar

import orjson

from weighbridge.core.json import JsonObject
from weighbridge.core.outcome import Usage
from weighbridge.core.pin import canonical_json
from weighbridge.providers.base import (
    Askable,
    ChatRequest,
    CompletionRequest,
    Embeddings,
    Image,
    Reply,
    TokenLogprob,
    ToolCall,
    Video,
)

log = logging.getLogger(__name__)

MAX_REPLY_BYTES = 8 << 20
"""A reply that is longer is not kept."""
_VERSION = 1  # of the keys and of how replies are written

_Found = TypeVar("_Found", Reply, Embeddings)


class ReplyCache(Protocol):
    """Replies that one workspace was given before.

    Attributes:
        asking: requests that this process is asking right now, by key. Each future ends with the
            reply, or with None when there is none; it never raises.
    """

    asking: dict[str, asyncio.Future[Any]]

    async def get(self, key: str) -> bytes | None:
        """What was kept under a key; None: nothing, or the cache cannot be read now."""
        ...

    def put(self, key: str, reply: bytes) -> None:
        """Keep a reply; returns at once, and never fails."""
        ...


class CachedModel:
    """A model that looks for the reply in a cache before it asks. An `Askable`.

    A reply out of the cache costs nothing now: its usage has no calls, tokens or cost, and `cached`
    is 1. Its latency is the one that was measured when it was asked for, so that a comparison of
    latencies stays one of models.

    Args:
        model: whom to ask what nobody asked before.
        cache: of the workspace that asks.
    """

    def __init__(self, model: Askable, cache: ReplyCache) -> None:
        self._model = model
        self._cache = cache
        self._seed = canonical_json({"version": _VERSION, "model": model.identity})

    @property
    def name(self) -> str:
        """What callers say."""
        return self._model.name

    @property
    def identity(self) -> JsonObject:
        """What pins the model."""
        return self._model.identity

    @property
    def has_price(self) -> bool:
        """Whether it can be told what a call costs."""
        return self._model.has_price

    async def chat(self, request: ChatRequest, *, timeout_s: float) -> Reply:
        """As `Model.chat`."""
        return await self._ask(
            self._key("chat", request),
            _read_reply,
            lambda: self._model.chat(request, timeout_s=timeout_s),
        )

    async def complete(self, request: CompletionRequest, *, timeout_s: float) -> Reply:
        """As `Model.complete`."""
        return await self._ask(
            self._key("complete", request),
            _read_reply,
            lambda: self._model.complete(request, timeout_s=timeout_s),
        )

    async def embed(self, texts: Sequence[str], *, timeout_s: float) -> Embeddings:
        """As `Model.embed`."""
        return await self._ask(
            self._key("embed", list(texts)),
            _read_embeddings,
            lambda: self._model.embed(texts, timeout_s=timeout_s),
        )

    async def _ask(
        self,
        key: str | None,
        read: Callable[[bytes], _Found],
        ask: Callable[[], Awaitable[_Found]],
    ) -> _Found:
        if key is None:
            return await ask()
        asking = self._cache.asking
        first = asking.get(key)
        if first is not None:
            # Not awaited itself: whoever is cancelled while waiting would cancel it for all.
            await asyncio.wait((first,))
            shared: _Found | None = first.result()
            # The first had no luck: from here on everyone tries for themselves.
            return await self._ask_and_keep(key, ask) if shared is None else _free(shared)
        ours = asking[key] = asyncio.get_running_loop().create_future()
        found: _Found | None = None
        try:
            kept = await self._cache.get(key)
            if kept is not None:
                found = _decoded(kept, read)
                if found is not None:
                    return _free(found)
            found = await self._ask_and_keep(key, ask)
            return found
        finally:
            del asking[key]
            ours.set_result(found)

    async def _ask_and_keep(self, key: str, ask: Callable[[], Awaitable[_Found]]) -> _Found:
        found = await ask()
        try:
            text = orjson.dumps(found, default=_plain, option=orjson.OPT_SERIALIZE_NUMPY)
        except TypeError:  # half a surrogate pair, say: no JSON, so it is not kept
            return found
        if len(text) <= MAX_REPLY_BYTES:
            self._cache.put(key, text)
        return found

    def _key(self, call: str, request: object) -> str | None:
        """64 hexadecimal digits; None when the request cannot be written down (and is not kept)."""
        digest = hashlib.sha256(self._seed)
        digest.update(call.encode())
        try:
            digest.update(
                orjson.dumps(
                    request,
                    default=_named,
                    option=orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS,
                )
            )
        except TypeError:
            return None
        return digest.hexdigest()


def _free(found: _Found) -> _Found:
    """A reply as one gets it out of the cache. Its cost is known to be nothing only where a cost
    was known at all: a sum with it must not make an unknown price look like 0."""
    cost = None if found.usage.cost_usd is None else 0.0
    return replace(found, usage=Usage(0, 0, cost, 0, 1))


def _named(value: object) -> object:
    """A part of a request with the name of what it is: an image and a video at one address are not
    the same request. Numbers in parameters count as what they are worth: 0 is 0.0."""
    if is_dataclass(value) and not isinstance(value, type):
        parts: dict[str, object] = {
            field.name: getattr(value, field.name) for field in fields(value)
        }
        for name in ("params", "schema"):
            if parts.get(name):
                parts[name] = canonical_json(parts[name]).decode("utf-8", "surrogatepass")
        return {type(value).__name__: parts}
    return _plain(value)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _decoded(kept: bytes, read: Callable[[bytes], _Found]) -> _Found | None:
    try:
        return read(kept)
    except (ValueError, TypeError, KeyError):
        log.warning("a kept reply cannot be read any more; it is asked for again")
        return None


def _read_reply(kept: bytes) -> Reply:
    found: dict[str, Any] = orjson.loads(kept)
    found["usage"] = Usage(**found["usage"])
    if found["logprobs"] is not None:
        found["logprobs"] = tuple(
            TokenLogprob(it["token"], it["logprob"], tuple((t, p) for t, p in it["top"]))
            for it in found["logprobs"]
        )
    found["images"] = tuple(
        Image(base64.b64decode(it["data"]), it["media_type"]) for it in found["images"]
    )
    found["videos"] = tuple(
        Video(base64.b64decode(it["data"]), it["media_type"]) for it in found.get("videos", ())
    )
    found["tool_calls"] = tuple(ToolCall(**it) for it in found.get("tool_calls", ()))
    return Reply(**found)


def _read_embeddings(kept: bytes) -> Embeddings:
    found: dict[str, Any] = orjson.loads(kept)
    return Embeddings(found["vectors"], Usage(**found["usage"]), found["model"])
