"""Reads YAML (and so JSON) text as plain values, keeping the line of every field.

YAML is read as YAML 1.2 means it, and no further than JSON goes: `yes`, `no`, `on` and `off` are
words, so are dates, `1:30` and `007`; `true`, `false`, `null` and decimal numbers are what they
look like. The text is taken as a stream of events, so that limits hold before anything is built.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

from weighbridge.errors import FieldProblem, InvalidFields

Path: TypeAlias = tuple[str | int, ...]

MAX_BYTES = 1 << 20
"""The longest text, unless the caller says otherwise."""

MAX_DEPTH = 64
MAX_ALIASED = 10_000
"""The most values that aliases (`*name`) may repeat in all: a few lines of them can stand for more
than any memory holds."""

# The C parser where the library was built with it: ten times faster.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NUMBER = re.compile(r"[-+]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TAG = "tag:yaml.org,2002:"
_MAX_DIGITS = 400

# JSON writes 😀 as two escapes, which YAML has as one. Only in JSON are all escapes within quotes.
_JSON_PAIR = re.compile(
    r"((?<!\\)(?:\\\\)*)\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})", re.IGNORECASE
)


def parse_yaml(
    text: str, source: str, *, max_bytes: int = MAX_BYTES, too_long: str = ""
) -> tuple[object, dict[Path, int]]:
    """The value of YAML text, and the 1-based line of each field and item by its path.

    Args:
        source: name of the file, shown in front of messages.
        max_bytes: the longest text taken. too_long: what to do about a longer one.

    Raises:
        InvalidFields: broken YAML, a key twice, more than one document, an unknown tag, an alias to
            nothing, or a limit passed; with its line.
    """
    if len(text) > max_bytes or len(text.encode("utf-8", "surrogatepass")) > max_bytes:
        size = f"{max_bytes >> 20} MiB" if max_bytes >= 1 << 20 else f"{max_bytes >> 10} KiB"
        problem = f"over {size}; {too_long}" if too_long else f"over {size}"
        raise InvalidFields([FieldProblem("", problem)], source)
    if text.lstrip().startswith("{"):
        text = _JSON_PAIR.sub(_joined, text)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = ", ".join(part for part in (error.problem, error.context) if part)
        # The parser calls the end of a text that lacks its last line break a line of its own.
        line = min(mark.line, text.rstrip("\n").count("\n")) + 1 if mark else None
        raise InvalidFields([FieldProblem("", f"not YAML: {message}", line)], source) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"not YAML: character {error.character!r} is not allowed"
        raise InvalidFields([FieldProblem("", message, line)], source) from error
    except _RefusedError as error:
        raise InvalidFields([error.problem], source) from error
    return builder.value, builder.lines


def is_text(plain: str) -> bool:
    """Whether a plain scalar is read as text, and not as a number, a truth value or null."""
    return plain not in _WORDS and not _NUMBER.fullmatch(plain)


class _RefusedError(Exception):
    def __init__(self, path: Path, message: str, line: int) -> None:
        super().__init__(message)
        self.problem = FieldProblem(".".join(str(part) for part in path), message, line)


@dataclass(slots=True)
class _Open:
    """An object or array that has begun and not ended.

    Attributes:
        value: what is in it so far.
        path: where it is.
        anchor: its name, if it has one.
        key: in an object, the key whose value comes next.
        weight: values in it, itself and those repeated by aliases included.
    """

    value: dict[str, Any] | list[Any]
    path: Path
    anchor: str | None
    key: str | None = None
    weight: int = 1


@dataclass(slots=True)
class _Builder:
    """Makes a value out of YAML events."""

    value: object = None
    lines: dict[Path, int] = field(default_factory=dict)
    _open: list[_Open] = field(default_factory=list)
    _anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    _aliased: int = 0
    _documents: int = 0

    def take(self, event: yaml.Event) -> None:
        """Take the next event."""
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise _RefusedError((), "a second document begins; one a file", line)
        elif isinstance(event, yaml.ScalarEvent):
            if self._awaits_key():
                self._take_key(event.value, line)
            else:
                path = self._place(line)
                self._add(_scalar(event, path, line), 1, event.anchor)
        elif isinstance(event, yaml.AliasEvent):
            self._take_alias(event.anchor, line)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._begin(event, line)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            done = self._open.pop()
            self._add(done.value, done.weight, done.anchor)

    def _awaits_key(self) -> bool:
        return bool(self._open) and self._open[-1].key is None and self._in_object()

    def _in_object(self) -> bool:
        return isinstance(self._open[-1].value, dict)

    def _take_key(self, key: str, line: int) -> None:
        container = self._open[-1]
        path = (*container.path, key)
        if key in container.value:
            before = self.lines.get(path)
            raise _RefusedError(path, f"is there twice (first in line {before})", line)
        container.key = key
        self.lines[path] = line

    def _place(self, line: int) -> Path:
        """The path of the value that comes now."""
        if not self._open:
            self.lines[()] = line
            return ()
        container = self._open[-1]
        if container.key is not None:
            return (*container.path, container.key)
        path = (*container.path, len(container.value))
        self.lines[path] = line
        return path

    def _begin(self, event: Any, line: int) -> None:
        if self._awaits_key():
            raise _RefusedError(self._open[-1].path, "a key must be a plain word", line)
        path = self._place(line)
        if len(self._open) >= MAX_DEPTH:
            raise _RefusedError((), f"nested more than {MAX_DEPTH} deep", line)
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in (None, "!", _TAG + ("map" if mapping else "seq")):
            raise _RefusedError(path, f"tags are not read (`{event.tag}`)", line)
        self._open.append(_Open({} if mapping else [], path, event.anchor))

    def _take_alias(self, name: str | None, line: int) -> None:
        if self._awaits_key():
            raise _RefusedError(self._open[-1].path, "a key must be a plain word", line)
        path = self._place(line)
        if name is None or name not in self._anchors:
            raise _RefusedError(path, f"`*{name}` stands for nothing that is complete here", line)
        value, weight = self._anchors[name]
        self._aliased += weight
        if self._aliased > MAX_ALIASED:
            raise _RefusedError(path, f"aliases repeat more than {MAX_ALIASED:,} values", line)
        self._add(value, weight, None)

    def _add(self, value: Any, weight: int, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, weight)
        if not self._open:
            self.value = value
            return
        container = self._open[-1]
        container.weight += weight
        if isinstance(container.value, list):
            container.value.append(value)
        elif container.key is not None:
            container.value[container.key] = value
            container.key = None


def _joined(pair: "re.Match[str]") -> str:
    high, low = int(pair[2], 16), int(pair[3], 16)
    return f"{pair[1]}\\U{0x10000 + ((high - 0xD800) << 10) + low - 0xDC00:08X}"


def _scalar(event: yaml.ScalarEvent, path: Path, line: int) -> Any:
    text = event.value
    if event.tag not in (None, "!"):
        kind = event.tag.removeprefix(_TAG)
        if kind == "str":
            return text
        if kind not in ("int", "float", "bool", "null"):
            raise _RefusedError(path, f"tags are not read (`{event.tag}`)", line)
    elif not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if not _NUMBER.fullmatch(text):
        return text
    if len(text) > _MAX_DIGITS:
        raise _RefusedError(path, f"a number of {len(text)} digits; as text it needs quotes", line)
    if not any(mark in text for mark in ".eE"):
        return int(text)
    number = float(text)
    if not math.isfinite(number):
        raise _RefusedError(path, f"the number {text} is too large; as text it needs quotes", line)
    return number
