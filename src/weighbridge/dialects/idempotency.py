"""Requests that say which request they repeat: done once, answered as often as they are sent."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from weighbridge.core.caller import Caller
from weighbridge.errors import Conflict, Invalid
from weighbridge.store import idempotency
from weighbridge.store.engine import Store

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer to a request.

    Attributes:
        status: 2xx. body: JSON text.
        replayed: whether it is the answer that an earlier request got.
    """

    status: int
    body: bytes
    replayed: bool = False


class KeyReused(Invalid):
    """An idempotency key came with another request than the first time."""

    kind = "idempotency_key_reused"


def fingerprint_of(method: str, path: str, *content: bytes) -> str:
    """What makes two requests the same request."""
    digest = hashlib.sha256()
    for part in (method.encode(), path.encode(), *content):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


async def once(
    store: Store,
    caller: Caller,
    key: str | None,
    fingerprint: str,
    do: Callable[[], Awaitable[Answered]],
) -> Answered:
    """Do what a request asks for, or give the answer that it got before.

    Only an answer of success is kept (for a day): whatever ends in an error has had no effect, so
    the same key may be used to try again.

    Args:
        key: the request's `Idempotency-Key`; None: it is done whenever it comes.
        fingerprint: of the request.
        do: does it.

    Raises:
        Invalid: the key is not 1 to 255 visible ASCII characters.
        KeyReused: the key came before, with another request.
        Conflict: the first request with this key is still being answered.
    """
    if key is None:
        return await do()
    if not _KEY.fullmatch(key):
        raise Invalid("an Idempotency-Key has 1 to 255 visible ASCII characters")
    async with store.begin() as connection:
        first = await idempotency.claim(connection, caller.workspace_id, key, fingerprint)
    if first is not None:
        return _replayed(first, fingerprint)
    try:
        answered = await do()
    except BaseException:
        await asyncio.shield(_forget(store, caller, key))
        raise
    async with store.begin() as connection:
        await idempotency.settle(
            connection, caller.workspace_id, key, answered.status, answered.body.decode()
        )
    return answered


def _replayed(first: idempotency.FirstAnswer, fingerprint: str) -> Answered:
    if first.fingerprint != fingerprint:
        raise KeyReused(
            "this Idempotency-Key came before, with another request; a new request needs a new key"
        )
    if first.status is None or first.body is None:
        raise Conflict("the first request with this Idempotency-Key is still being answered")
    return Answered(first.status, first.body.encode(), replayed=True)


async def _forget(store: Store, caller: Caller, key: str) -> None:
    async with store.begin() as connection:
        await idempotency.forget(connection, caller.workspace_id, key)
