"""Messages of the protocol `anthropic` that come in events."""

from typing import Any

import orjson

from weighbridge.providers.base import Delta
from weighbridge.providers.failures import malformed, shorten

# What each kind of piece adds to: a field of the piece and of its block.
_FIELDS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
}


class MessageInPieces:
    """A message that is put together out of events.

    Attributes:
        ended: whether the last event has come.
    """

    def __init__(self) -> None:
        self.ended = False
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}

    def add(self, event: Any) -> Delta | None:
        """Take in an event; what it adds, if anything. Kinds that are not known are passed over.

        Raises:
            CallFailed: it is of another shape.
        """
        kind = event.get("type") if isinstance(event, dict) else None
        try:
            if kind == "message":  # an endpoint that does not stream
                return self._take_whole(event)
            if kind == "message_start":
                self._message = dict(event["message"])
            elif kind == "content_block_start":
                return self._begin(event["index"], event["content_block"])
            elif kind == "content_block_delta":
                return self._extend(event["index"], event["delta"])
            elif kind == "message_delta":
                self._close(event)
            elif kind == "message_stop":
                self.ended = True
            elif not isinstance(kind, str):
                raise malformed(f"an event has no `type`: {shorten(str(event))[:200]}")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise malformed(f"an event {kind!r} cannot be read: {error!r}") from None
        return None

    def whole(self) -> dict[str, Any]:
        """The message, in the shape of one that was not streamed."""
        if "content" in self._message and not self._blocks:
            return self._message
        return {**self._message, "content": [self._blocks[it] for it in sorted(self._blocks)]}

    def _take_whole(self, message: dict[str, Any]) -> Delta | None:
        self.ended, self._message = True, message
        blocks = message["content"]
        text = "".join(block["text"] for block in blocks if block["type"] == "text")
        return Delta(text) if text else None

    def _begin(self, index: int, block: dict[str, Any]) -> Delta | None:
        self._blocks[index] = dict(block)
        text = block.get("text") if block["type"] == "text" else None
        return Delta(text) if text else None

    def _extend(self, index: int, piece: dict[str, Any]) -> Delta | None:
        block = self._blocks[index]
        field = _FIELDS.get(piece["type"])
        if field is None:  # a signature or a citation
            return None
        more = piece[field]
        block[field] = block.get(field, "") + more
        if field == "text":
            return Delta(more) if more else None
        return Delta(thinking=more) if more and field == "thinking" else None

    def _close(self, event: dict[str, Any]) -> None:
        """How the message ended. Counts of tokens are those of the whole message so far."""
        self._message.update(event["delta"])
        counts = {name: it for name, it in (event.get("usage") or {}).items() if it is not None}
        self._message["usage"] = {**(self._message.get("usage") or {}), **counts}
        for block in self._blocks.values():
            said = block.pop("partial_json", "")
            if said:
                block["input"] = orjson.loads(said)
