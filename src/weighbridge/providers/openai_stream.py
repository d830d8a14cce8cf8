"""Chat completions and completions of the protocol `openai` that come in chunks."""

from collections.abc import Mapping
from typing import Any

from weighbridge.providers.base import Delta
from weighbridge.providers.failures import malformed, shorten
from weighbridge.providers.wire import error_in

_THINKING = ("reasoning_content", "reasoning")


class Chunks:
    """An answer that is put together out of chunks.

    Attributes:
        ended: whether the endpoint has said why it ended.
    """

    def __init__(self) -> None:
        self.ended = False
        self._is_chat = True
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}
        self._images: list[Any] = []
        self._logprobs: dict[str, list[Any]] = {}
        self._head: dict[str, Any] = {}
        self._reason: Any = None

    def add(self, chunk: Any) -> Delta | None:
        """Take in a chunk; what it adds, if anything. One that holds a whole answer, as endpoints
        give it that do not stream, is taken in like any other.

        Raises:
            CallFailed: it is of another shape, or an error.
        """
        if isinstance(chunk, dict) and chunk.get("error"):  # OpenRouter puts choices beside it
            raise error_in(chunk["error"])
        choices = chunk.get("choices") if isinstance(chunk, dict) else None
        if not isinstance(choices, list):
            raise malformed(f"a chunk has no `choices`: {shorten(str(chunk))[:200]}")
        for name in ("usage", "model"):
            if chunk.get(name):
                self._head[name] = chunk[name]
        if not choices:  # the last one, with the usage; or the first, with what a filter found
            return None
        choice = choices[0]
        if not isinstance(choice, dict):
            raise malformed("`choices[0]` of a chunk is not an object")
        if choice.get("finish_reason"):
            self.ended, self._reason = True, choice["finish_reason"]
        self._add_logprobs(choice.get("logprobs"))
        return self._add_text(choice) if "text" in choice else self._add_message(choice)

    @property
    def text(self) -> str:
        """What there is of the text."""
        return "".join(self._texts)

    def answer(self) -> dict[str, Any]:
        """The answer, in the shape of one that was not streamed."""
        choice: dict[str, Any] = {"finish_reason": self._reason, "logprobs": self._logprobs or None}
        if self._is_chat:
            choice["message"] = {
                "content": self.text,
                _THINKING[0]: "".join(self._thoughts),
                "tool_calls": [self._calls[index] for index in sorted(self._calls)],
                "images": self._images,
            }
        else:
            choice["text"] = self.text
        return {**self._head, "choices": [choice]}

    def _add_text(self, choice: Mapping[str, Any]) -> Delta | None:
        self._is_chat = False
        text = choice["text"]
        if not isinstance(text, str):
            raise malformed("a chunk has no text in `choices[0].text`")
        self._texts.append(text)
        return Delta(text) if text else None

    def _add_message(self, choice: Mapping[str, Any]) -> Delta | None:
        if isinstance(choice.get("message"), dict):
            self.ended = True
        delta: Any = choice.get("delta") or choice.get("message") or {}
        if not isinstance(delta, dict):
            raise malformed("`choices[0].delta` of a chunk is not an object")
        text = text_of(delta.get("content")) + text_of(delta.get("refusal"))
        thinking = thinking_of(delta) or ""
        self._texts.append(text)
        self._thoughts.append(thinking)
        calls, images = delta.get("tool_calls"), delta.get("images")
        for place, call in enumerate(calls if isinstance(calls, list) else ()):
            self._add_call(call, place)
        if isinstance(images, list):
            self._images += images
        return Delta(text, thinking) if text or thinking else None

    def _add_call(self, call: Any, place: int) -> None:
        """A part of a call of a tool: its id and name come first, its arguments bit by bit."""
        if not isinstance(call, dict):
            raise malformed("a call of a tool in a chunk is not an object")
        index = call.get("index")
        known = self._calls.setdefault(
            index if isinstance(index, int) else place,
            {"id": "", "function": {"name": "", "arguments": ""}},
        )
        if isinstance(call.get("id"), str):
            known["id"] = known["id"] or call["id"]
        function = call.get("function")
        for name, more in function.items() if isinstance(function, dict) else ():
            if name in known["function"] and isinstance(more, str):
                known["function"][name] += more

    def _add_logprobs(self, found: Any) -> None:
        for name, entries in found.items() if isinstance(found, dict) else ():
            if isinstance(entries, list):
                self._logprobs.setdefault(name, []).extend(entries)


def thinking_of(message: Mapping[str, Any]) -> str | None:
    """What a reasoning model says to itself: `reasoning_content` (DeepSeek, older vLLM) or
    `reasoning` (vLLM, OpenRouter)."""
    for name in _THINKING:
        said = message.get(name)
        if isinstance(said, str) and said:
            return said
    return None


def text_of(content: Any) -> str:
    """Text, or the texts of parts, of which those that are not text (thinking) are left out.

    Raises:
        CallFailed: `malformed`, if it is something else.
    """
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            part["text"]
            for part in content
            if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    raise malformed("`choices[0].message.content` of the answer is not text")
