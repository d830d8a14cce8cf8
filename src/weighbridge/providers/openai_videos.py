"""The protocol `openai-videos`: text in, a video out.

A video is made in the background: `POST /v1/videos` begins it, `GET /v1/videos/{id}` says how far
it is, `GET /v1/videos/{id}/content` gives its bytes. Source of the shapes: the vendor's API
reference and its published Python client (3.54).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from weighbridge.core.outcome import Usage
from weighbridge.providers.base import (
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Embeddings,
    Reply,
)
from weighbridge.providers.failures import call_failed, malformed, shorten, unsupported
from weighbridge.providers.openai import filtered
from weighbridge.providers.opening import Opened, Opening
from weighbridge.providers.transport import Transport
from weighbridge.providers.wire import (
    Address,
    bearer_headers,
    prompt_of,
    refuse_disguised_error,
    text_or_none,
    video_of,
)

LEAST_TIMEOUT_S = 900.0
_POLL_S = 2.0
_LOOKS = 5
_UNDER_WAY = frozenset({"queued", "in_progress", "pending", "processing"})
_FILTERS = ("moderation", "content_policy", "safety")

_Found = TypeVar("_Found")


class VideosEndpoint:
    """One model that films, at one OpenAI-compatible endpoint.

    Args:
        transport: the shared pool.
        base_url: up to and including the version.
        model: what the endpoint calls the model.
        api_key: sent as `Authorization: Bearer`; None: not sent.
        sleep: as `asyncio.sleep`.
    """

    def __init__(
        self,
        transport: Transport,
        base_url: str,
        model: str,
        api_key: str | None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._transport = transport
        self._model = model
        self._address = Address(base_url)
        self._headers = bearer_headers(api_key)
        self._sleep = sleep

    def chat_body(self, request: ChatRequest) -> dict[str, Any]:
        """What a chat is sent as: the texts of its messages, one below the other.

        Raises:
            CallFailed: `unsupported`, if it cannot be.
        """
        prompt = prompt_of(request, "openai-videos")
        body = {**request.params, "model": self._model, "prompt": prompt}
        return {name: value for name, value in body.items() if value is not None}

    async def chat(self, request: ChatRequest) -> Reply:
        """Film what the messages say."""
        body = self.chat_body(request)
        try:
            job = await self._transport.post_json(self._address.at("videos"), self._headers, body)
            job = await self._done(_checked(job))
        except CallFailed as failed:
            return filtered(failed)
        where = self._address.at(f"videos/{quote(job['id'], safe='')}/content")
        data = await self._patiently(lambda: self._transport.get_bytes(where, self._headers))
        return Reply(
            "", "stop", Usage(calls=1), text_or_none(job.get("model")), videos=(video_of(data),)
        )

    async def complete(self, request: CompletionRequest) -> Reply:  # noqa: ARG002 - the seam's
        """It only films."""
        raise unsupported("the protocol openai-videos has no completions")

    async def embed(self, texts: Sequence[str]) -> Embeddings:  # noqa: ARG002 - the seam's
        """It only films."""
        raise unsupported("the protocol openai-videos has no embeddings")

    async def close(self) -> None:
        """Nothing to let go of: the pool belongs to whoever made it."""

    async def _done(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job when it has ended well; the call's deadline ends the waiting."""
        where = self._address.at(f"videos/{quote(job['id'], safe='')}")
        while job.get("status") in _UNDER_WAY:
            await self._sleep(_POLL_S)
            found = await self._patiently(lambda: self._transport.get_json(where, self._headers))
            job = _checked(found)
        if job.get("status") != "completed":
            raise _not_made(job)
        return job

    async def _patiently(self, look: Callable[[], Awaitable[_Found]]) -> _Found:
        """The video is being paid for: a look that failed is no reason to begin another."""
        for tries_left in reversed(range(_LOOKS)):
            try:
                return await look()
            except CallFailed as failed:
                if not failed.retry or not tries_left:
                    failed.retry = False
                    raise
            await self._sleep(_POLL_S)
        raise AssertionError("there is at least one look")


async def open_endpoint(opening: Opening) -> Opened:
    """The factory of this protocol."""
    declared = opening.declared
    endpoint = VideosEndpoint(
        opening.transport, declared.base_url or "", declared.endpoint_model, opening.api_key
    )
    return Opened(endpoint, check=endpoint.chat_body, least_timeout_s=LEAST_TIMEOUT_S)


def _checked(job: Any) -> dict[str, Any]:
    refuse_disguised_error(job, "id")
    if not isinstance(job, dict) or not isinstance(job.get("id"), str):
        raise malformed(f"the answer is no video job: {shorten(str(job))[:200]}")
    return job


def _not_made(job: dict[str, Any]) -> CallFailed:
    error = job.get("error")
    told = error if isinstance(error, dict) else {}
    code = str(told.get("code") or "")
    message = str(told.get("message") or f"the video ended as {job.get('status')!r}")
    kind = "content_filter" if any(word in code for word in _FILTERS) else "server_error"
    return call_failed(kind, message, retry=False, status=200)
