"""Answers of the protocol `google` that come in pieces, each in the shape of a whole answer."""

from typing import Any

from weighbridge.providers.base import Delta
from weighbridge.providers.failures import malformed, shorten

_LOGPROBS = ("chosenCandidates", "topCandidates")


class ContentInPieces:
    """An answer that is put together out of pieces.

    Attributes:
        ended: whether the endpoint has said why it ended, or that it does not answer.
    """

    def __init__(self) -> None:
        self.ended = False
        self._data: dict[str, Any] = {}
        self._candidate: dict[str, Any] = {}
        self._parts: list[Any] = []
        self._logprobs: dict[str, list[Any]] = {}

    def add(self, piece: Any) -> Delta | None:
        """Take in a piece; what it adds, if anything.

        Raises:
            CallFailed: it is of another shape.
        """
        if not isinstance(piece, dict):
            raise malformed(f"a piece of the answer is not an object: {shorten(str(piece))[:200]}")
        candidates = piece.get("candidates")
        # Counts of tokens are those of the whole answer so far.
        self._data.update({name: it for name, it in piece.items() if name != "candidates"})
        if not candidates:
            self.ended = self.ended or "promptFeedback" in piece
            return None
        try:
            return self._extend(candidates[0])
        except (AttributeError, KeyError, TypeError) as error:
            raise malformed(f"a piece of the answer cannot be read: {error!r}") from None

    def whole(self) -> dict[str, Any]:
        """The answer, in the shape of one that was not streamed."""
        if not self._candidate:
            return self._data
        candidate = {**self._candidate, "content": {"parts": self._parts}}
        if self._logprobs:
            candidate["logprobsResult"] = self._logprobs
        return {**self._data, "candidates": [candidate]}

    def _extend(self, candidate: dict[str, Any]) -> Delta | None:
        self._candidate.update(candidate)
        self.ended = self.ended or bool(candidate.get("finishReason"))
        for name in _LOGPROBS:
            entries = (candidate.get("logprobsResult") or {}).get(name)
            if entries:
                self._logprobs.setdefault(name, []).extend(entries)
        parts = (candidate.get("content") or {}).get("parts") or []
        self._parts += parts
        texts = [(part["text"], bool(part.get("thought"))) for part in parts if part.get("text")]
        text = "".join(it for it, is_thought in texts if not is_thought)
        thinking = "".join(it for it, is_thought in texts if is_thought)
        return Delta(text, thinking) if text or thinking else None
