"""Asking in batches: requests are gathered for a moment, handed in together, and answered within a
day at a lower price. To the engine it is a provider like any other, only a slow one.
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import orjson

from weighbridge.core.outcome import Failed, Usage
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Embeddings,
    Reply,
)
from weighbridge.providers.failures import malformed, unsupported

log = logging.getLogger(__name__)

GATHER_S = 2.0
"""A batch is handed in when no further request has come for so long."""
LONGEST_GATHER_S = 30.0
"""… or when its first request has waited so long, or it is full:"""
MOST_REQUESTS = 10_000
MOST_BYTES = 64 << 20
"""Both are below what the vendors allow (50,000 and 200 MB; 100,000 and 256 MB)."""

LEAST_TIMEOUT_S = 25 * 3600.0
"""A call has at least so long: the vendors give a batch 24 hours."""

HAND_IN_S = 600.0
"""The most seconds that handing in a batch may take."""

_POLL_FIRST_S, _POLL_LAST_S, _POLL_GROWTH = 5.0, 60.0, 1.5
_POLLS_THAT_MAY_FAIL = 30
_READINGS = 10
_CANCEL_S = 5.0
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")

Result: TypeAlias = Reply | CallFailed


class Batches(Protocol):
    """A vendor's interface for batches. Every method raises `CallFailed`."""

    def chat_body(self, request: ChatRequest) -> dict[str, Any]:
        """What a chat is sent as."""
        ...

    async def submit(self, bodies: Mapping[str, Mapping[str, Any]]) -> str:
        """Hand in a batch, each request under a name of ours; the batch's id."""
        ...

    async def ended(self, batch_id: str) -> Any | None:
        """What the endpoint says of a batch that has ended; None while it has not."""
        ...

    def results(self, ended: Any) -> AsyncIterator[tuple[str, Result]]:
        """What became of each request of a batch that has ended, by our name, in any order."""
        ...

    async def cancel(self, batch_id: str) -> None:
        """Have the endpoint begin no further request of a batch."""
        ...


@dataclass(slots=True)
class _Waiting:
    """A request that somebody waits for."""

    body: dict[str, Any]
    answer: asyncio.Future[Reply]


class BatchedProvider:
    """A provider that asks through batches.

    Results are matched by the names under which requests were handed in. A request that failed is
    tried again, if it may be, with the next batch. A batch that nobody waits for any more is
    cancelled at the endpoint.

    Args:
        batches: the vendor's interface.
        gather_s, longest_gather_s: when a batch is handed in, in seconds.
        sleep: as `asyncio.sleep`; between two looks at a batch.
    """

    def __init__(
        self,
        batches: Batches,
        *,
        gather_s: float = GATHER_S,
        longest_gather_s: float = LONGEST_GATHER_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._batches = batches
        self._gather_s = gather_s
        self._longest_gather_s = longest_gather_s
        self._sleep = sleep
        self._gathered: list[_Waiting] = []
        self._bytes = 0
        self._first_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[str] = set()

    async def chat(self, request: ChatRequest) -> Reply:
        """Continue a chat by one message, with the next batch."""
        loop = asyncio.get_running_loop()
        body = self._batches.chat_body(request)
        waiting = _Waiting(body, loop.create_future())
        if not self._gathered:
            self._first_at = loop.time()
        self._gathered.append(waiting)
        self._bytes += len(orjson.dumps(body))
        if self._timer is not None:
            self._timer.cancel()
        if len(self._gathered) >= MOST_REQUESTS or self._bytes >= MOST_BYTES:
            self._hand_in()
        else:
            left_s = self._first_at + self._longest_gather_s - loop.time()
            self._timer = loop.call_later(min(self._gather_s, left_s), self._hand_in)
        return await waiting.answer

    async def complete(self, request: CompletionRequest) -> Reply:  # noqa: ARG002 - the seam's
        """Only chats are asked in batches."""
        raise unsupported("a model with `batch = true` answers chats only")

    async def embed(self, texts: Sequence[str]) -> Embeddings:  # noqa: ARG002 - the seam's
        """Only chats are asked in batches."""
        raise unsupported("a model with `batch = true` answers chats only")

    async def close(self) -> None:
        """Cancel what is still under way, here and at the endpoint. May be called twice."""
        if self._timer is not None:
            self._timer.cancel()
        gathered, self._gathered, self._bytes = self._gathered, [], 0
        for waiting in gathered:
            waiting.answer.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*map(self._cancel, list(self._open)))

    def _hand_in(self) -> None:
        gathered, self._gathered, self._bytes = self._gathered, [], 0
        self._timer = None
        batch = {
            f"r{number}": waiting
            for number, waiting in enumerate(gathered)
            if not waiting.answer.done()
        }
        if batch:
            task = asyncio.create_task(self._carry(batch))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, batch: dict[str, _Waiting]) -> None:
        """Bring a batch to its end, and tell everybody who waits for a part of it."""
        try:
            await self._ask(batch)
        except CallFailed as failed:
            _tell_all(batch, failed)
        except asyncio.CancelledError:
            for waiting in batch.values():
                waiting.answer.cancel()
            raise
        except Exception as error:
            log.exception("a batch broke")
            failure = Failed("internal", f"the batch broke: {type(error).__name__}: {error}")
            _tell_all(batch, CallFailed(failure, retry=False))

    async def _ask(self, batch: dict[str, _Waiting]) -> None:
        batch_id = await self._batches.submit(
            {name: waiting.body for name, waiting in batch.items()}
        )
        log.info("the batch %s was handed in, with %d requests", batch_id, len(batch))
        self._open.add(batch_id)
        ended = await self._end_of(batch_id, batch)
        if ended is None:
            await self._cancel(batch_id)
            return
        self._open.discard(batch_id)
        await self._tell_results(ended, batch)
        _tell_all(batch, malformed(f"the batch {batch_id} has no result for this request"))

    async def _tell_results(self, ended: Any, batch: dict[str, _Waiting]) -> None:
        """Hand out the results. They are paid for, so reading them is tried again and again."""
        for left in range(_READINGS - 1, -1, -1):
            try:
                async for name, result in self._batches.results(ended):
                    waiting = batch.pop(name, None)
                    if waiting is None or waiting.answer.done():
                        continue
                    if isinstance(result, CallFailed):
                        waiting.answer.set_exception(result)
                    else:
                        waiting.answer.set_result(result)
            except CallFailed as failed:
                if not failed.retry or not left:
                    raise
            else:
                return
            await self._sleep(_POLL_FIRST_S)

    async def _end_of(self, batch_id: str, batch: Mapping[str, _Waiting]) -> Any | None:
        """What is said of the batch when it has ended; None when nobody waits for it any more."""
        delay_s, failures = _POLL_FIRST_S, 0
        while any(not waiting.answer.done() for waiting in batch.values()):
            await self._sleep(delay_s)
            delay_s = min(delay_s * _POLL_GROWTH, _POLL_LAST_S)
            try:
                ended = await self._batches.ended(batch_id)
            except CallFailed as failed:
                failures += 1
                if not failed.retry or failures > _POLLS_THAT_MAY_FAIL:
                    raise
                continue
            failures = 0
            if ended is not None:
                return ended
        return None

    async def _cancel(self, batch_id: str) -> None:
        """As well as it goes: the endpoint may be gone, and the batch may have ended meanwhile."""
        self._open.discard(batch_id)
        with suppress(CallFailed, TimeoutError):
            async with asyncio.timeout(_CANCEL_S):
                await self._batches.cancel(batch_id)


def checked_id(data: Any, what: str) -> str:
    """The id in an answer, which is to stand in an address.

    Raises:
        CallFailed: `malformed`, if there is none, or one that would lead elsewhere.
    """
    found = data.get("id") if isinstance(data, dict) else None
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise malformed(f"the answer has no id of {what}")
    return found


def not_done(kind: str, message: str) -> CallFailed:
    """A request of a batch that the endpoint never began."""
    return CallFailed(Failed(kind, message), retry=False)


def _tell_all(batch: Mapping[str, _Waiting], failed: CallFailed) -> None:
    """Fail whoever still waits. The model itself was not reached, so no call is counted."""
    for waiting in batch.values():
        if not waiting.answer.done():
            waiting.answer.set_exception(
                CallFailed(
                    failed.failure,
                    retry=failed.retry,
                    retry_after_s=failed.retry_after_s,
                    usage=Usage(),
                )
            )
