"""Server-sent events (`text/event-stream` of the HTML standard), read as they come in."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name (`message` where it has none) and its data."""

    name: str
    data: bytes


class EventReader:
    """Makes events out of bytes that were cut anywhere. Comments, ids and events without data are
    passed over."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []  # of a line that has not ended
        self._lines = 0
        self._name = b""
        self._data: list[bytes] = []

    def read(self, part: bytes) -> Iterator[Event]:
        """The events that end with this part of the stream."""
        held = bool(self._rest) and self._rest[-1].endswith(b"\r")
        self._rest.append(part)
        if held or b"\n" in part or b"\r" in part:
            text = b"".join(self._rest)
            # Whether a \r at the very end stands alone is known with the next part only.
            end = len(text) - text.endswith(b"\r")
            *lines, last = _LINE_END.split(text[:end])
            self._rest = [last + text[end:]]
            for line in lines:
                yield from self._take(line)

    def end(self) -> Iterator[Event]:
        """What is left when the stream has ended: endpoints forget the last blank line."""
        rest, self._rest = b"".join(self._rest), []
        for line in (*_LINE_END.split(rest), b""):
            yield from self._take(line)

    def _take(self, line: bytes) -> Iterator[Event]:
        if not self._lines:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        self._lines += 1
        if not line:
            if self._data:
                name = self._name.decode(errors="replace") or "message"
                yield Event(name, b"\n".join(self._data))
            self._name, self._data = b"", []
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            self._data.append(value)
        elif field == b"event":
            self._name = value
