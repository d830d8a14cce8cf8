"""The models a judge may ask about one answer. What they consume is added up here, so that no judge
can forget it, and a repair or a failed try is counted like any other call."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from weighbridge.core.outcome import Usage
from weighbridge.embedded.choosing import LabelModel
from weighbridge.providers.base import (
    Askable,
    CallFailed,
    ChatRequest,
    CompletionRequest,
    Embeddings,
    ImagePart,
    Message,
    Reply,
)


class Kept(Protocol):
    """Where the images of answers are kept."""

    async def get(self, key: str) -> bytes:
        """The whole of one."""
        ...


class Panel:
    """Made by the engine for each case and epoch.

    Args:
        models: by the name that a judge says; None: the evaluation's own `judge`.
        timeout_s: the deadline of each call, in seconds.
        conversation: what the model under test was asked in this case.
        others: answers of other runs to this case, by the run's id.
        kept: where the images of the answer are; None: nowhere.

    Attributes:
        usage: of all calls so far, those that failed included.
    """

    __slots__ = ("_asked", "_kept", "_models", "_timeout_s", "conversation", "others", "usage")

    def __init__(
        self,
        models: Mapping[str | None, Askable],
        timeout_s: float,
        conversation: Sequence[Message] = (),
        others: Mapping[str, str] | None = None,
        kept: Kept | None = None,
    ) -> None:
        self._models = models
        self._timeout_s = timeout_s
        self._kept = kept
        self._asked: list[tuple[str | None, ChatRequest]] = []
        self.conversation = conversation
        self.others = others or {}
        self.usage = Usage()

    @property
    def used(self) -> bool:
        """Whether anything was asked, and answered or paid for."""
        return bool(self.usage.calls or self.usage.cached)

    def model(self, name: str | None) -> Askable:
        """The model itself, for its name and identity. Ask it through the panel."""
        return self._models[name]

    def is_embedded(self, name: str | None) -> bool:
        """Whether this name means the embedded judge: small classifiers, and never the small model
        that the same name stands for where an answer is wanted."""
        return self._models[name].identity.get("protocol") == "embedded"

    def weigher(self, name: str | None) -> LabelModel | None:
        """The model beside the embedded judge that weighs labels; None: none was added."""
        added: Any = self._models[name].identity.get("weigher")
        return None if added is None else LabelModel(added["model"], partial(self.chat, name))

    async def image_bytes(self, kept: Mapping[str, Any]) -> bytes | None:
        """An image of the answer; None: images are not at hand.

        Args:
            kept: where it is, as an answer's details have it: `{blob, media_type, …}`.

        Raises:
            Unavailable: it is gone from there.
        """
        return None if self._kept is None else await self._kept.get(kept["blob"])

    async def image(self, kept: Mapping[str, Any]) -> ImagePart | None:
        """As `image_bytes`, as a part of a message."""
        data = await self.image_bytes(kept)
        if data is None:
            return None
        return ImagePart(f"data:{kept['media_type']};base64,{base64.b64encode(data).decode()}")

    async def chat(self, name: str | None, request: ChatRequest) -> Reply:
        """As `Model.chat`. The same request a second time is a second try, and gets a `repeat` of
        its own: a cache would otherwise give back what was no use the first time."""
        before = self._asked.count((name, request))
        self._asked.append((name, request))
        if before:
            request = replace(request, repeat=request.repeat + before)
        try:
            reply = await self._models[name].chat(request, timeout_s=self._timeout_s)
        except CallFailed as failed:
            self.usage += failed.usage
            raise
        self.usage += reply.usage
        return reply

    async def complete(self, name: str | None, request: CompletionRequest) -> Reply:
        """As `Model.complete`."""
        try:
            reply = await self._models[name].complete(request, timeout_s=self._timeout_s)
        except CallFailed as failed:
            self.usage += failed.usage
            raise
        self.usage += reply.usage
        return reply

    async def embed(self, name: str | None, texts: Sequence[str]) -> Embeddings:
        """As `Model.embed`."""
        try:
            found = await self._models[name].embed(texts, timeout_s=self._timeout_s)
        except CallFailed as failed:
            self.usage += failed.usage
            raise
        self.usage += found.usage
        return found
